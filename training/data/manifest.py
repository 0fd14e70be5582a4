"""``croissant.json``: what a data set is, where it came from and what its file must be.

JSON-LD of MLCommons Croissant 1.0, which ``mlcroissant`` loads without a network. What Croissant has no word for is
:class:`SetInfo`, under the key ``oddflow:set``. ``digest`` in it is the sha256 of the whole document with ``digest``
empty; since the file's sha256 is inside, it stands for the whole set.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import polars as pl

from detector.errors import InputError
from detector.records.flow import COLUMNS, LABEL, PART
from detector.scoring.dataset import OFFSET, SOURCE
from detector.structs import resolved

FORMAT_VERSION = 1

MANIFEST = "croissant.json"
"""The file that makes a version one; on object stores it is written last."""

FLOWS = "flows.parquet"
"""The one other file."""

OWN = "oddflow:set"

MAX_MANIFEST_BYTES = 16 << 20
"""Some hundred thousand names of files."""

_TYPES = {pl.String(): "sc:Text", pl.Float64(): "sc:Float", pl.Int32(): "sc:Integer", pl.Int64(): "sc:Integer"}

_MEANINGS = {column.name: f"{column.meaning}{f', {column.unit}' if column.unit else ''}" for column in COLUMNS} | {
    LABEL: "benign, or the attack's name; null if unknown",
    SOURCE: "the place of its file or partition in oddflow:set's sources",
    OFFSET: "the number of its record in that file, from 0, or its offset in the partition",
    PART: "its place in a message of several records, from 0; -1 where it is one by itself",
}

_TERMS = (
    *("citeAs", "column", "extract", "field", "fileProperty", "fileObject", "fileSet", "format", "includes"),
    *("isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex"),
    *("repeated", "replace", "samplingRate", "separator", "source", "subField", "transform", "equivalentProperty"),
)

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS},
    "oddflow": "urn:oddflow:",
    OWN: {"@id": OWN, "@type": "@json"},
}
"""The words of Croissant 1.0, and ours."""


class FileEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the set."""

    sha256: str
    bytes: int


class LeftOut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Flows that were asked to be left out."""

    why: str
    """In words, such as ``flows before 2026-11-24T00:00:00Z``."""
    rows: int


class SetInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything about a set that is not a flow."""

    format_version: int = FORMAT_VERSION
    name: str
    version: str
    created: str
    """UTC, ISO 8601."""
    oddflow: str
    """The version that built it."""
    rows: int
    columns: tuple[str, ...]
    sources: tuple[str, ...]
    """Names of the files without folders, or ``topic/partition``, by their place in the column ``source``."""
    ranges: tuple[str, ...]
    """The same, of a topic with the offsets that are in it."""
    topic: str | None
    partitions: int
    """Of the topic; 1 where the flows came from files."""
    format: str
    """Of the records."""
    start: float
    """Start of the first flow, seconds since 1970."""
    end: float
    """Start of the last one."""
    watched_s: float
    """Seconds between, less the pauses in which no flow was seen."""
    sha256: str
    """Over the records as read."""
    rejected: Mapping[str, int]
    """Records that could not be used, by reason; ``time_apart``: far from when all others were."""
    passed_over: Mapping[str, int]
    samples: Mapping[str, str]
    """By reason, the first such record: its place and what is wrong with it."""
    left_out: tuple[LeftOut, ...]
    labels: Mapping[str, int]
    """Rows by label."""
    labels_from: str
    """``format``, ``attackers``, ``format and attackers``, or ``none``."""
    attackers: tuple[str, ...]
    source_share: float
    """Share of the source addresses whose flows are in it; below 1 only from an archive that is a sample."""
    files: Mapping[str, FileEntry]
    digest: str = ""

    @property
    def reference(self) -> str:
        """How flags and models name it."""
        return f"{self.name}@{self.version}"


def write_manifest(info: SetInfo, schema: Mapping[str, pl.DataType]) -> tuple[SetInfo, bytes]:
    """Give ``info`` with its digest, and the bytes of the manifest of flows of ``schema``."""
    bare = msgspec.structs.replace(info, digest="")
    document = _document(bare, schema)
    sealed = msgspec.structs.replace(bare, digest=hashlib.sha256(_encode(document)).hexdigest())
    return sealed, _encode(_document(sealed, schema))


def read_manifest(data: bytes, place: str) -> SetInfo:
    """Read a manifest's bytes; raises InputError, naming ``place``, unless it is whole and of this format."""
    try:
        document = json.loads(data)
        info = msgspec.convert(document[OWN], resolved(SetInfo))
        document[OWN]["digest"] = ""
        whole = hashlib.sha256(_encode(document)).hexdigest() == info.digest
    except (ValueError, TypeError, KeyError, RecursionError, msgspec.MsgspecError) as error:
        raise _broken(place, f"{type(error).__name__}: {error}".splitlines()[0]) from error
    if info.format_version != FORMAT_VERSION:
        raise _broken(place, f"format version {info.format_version} is not {FORMAT_VERSION}: it needs another oddflow")
    if not whole:
        raise _broken(place, "it is not what its digest says")
    if set(info.files) != {FLOWS}:
        raise _broken(place, f"it lists other files than {FLOWS}")
    return info


def moment(seconds: float) -> str:
    """A time as ISO 8601; the number itself where no calendar has it."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return f"{seconds:g}"


def _document(info: SetInfo, schema: Mapping[str, pl.DataType]) -> dict[str, Any]:
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"flows/{name}",
            "name": f"flows/{name}",
            "description": _MEANINGS.get(name, "a column of its format"),
            "dataType": _TYPES[dtype],
            "source": {"fileObject": {"@id": FLOWS}, "extract": {"column": name}},
        }
        for name, dtype in schema.items()
    ]
    distribution = [
        {
            "@type": "cr:FileObject",
            "@id": name,
            "name": name,
            "contentUrl": name,
            "contentSize": f"{entry.bytes} B",
            "encodingFormat": "application/x-parquet",
            "sha256": entry.sha256,
        }
        for name, entry in info.files.items()
    ]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": info.name,
        "description": f"{info.rows:,} network flows, {moment(info.start)} to {moment(info.end)}",
        "url": f"urn:oddflow:{info.reference}",
        "license": "not for publication: it holds addresses of hosts",
        "citeAs": info.reference,
        "version": "1.0.0",
        "datePublished": info.created,
        OWN: msgspec.to_builtins(info),
        "distribution": distribution,
        "recordSet": [{"@type": "cr:RecordSet", "@id": "flows", "name": "flows", "field": fields}],
    }


def _encode(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _broken(place: str, why: str) -> InputError:
    return InputError(f"reading data set {place}: {MANIFEST} is corrupt ({why}); build the set again")
