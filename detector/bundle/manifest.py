"""``model.json``: what a bundle is, where it came from, and what every other file in it must be.

The bytes are canonical: encoding what was decoded gives them again, and ``digest`` is the sha256 of that encoding
with ``digest`` empty. Since every other file's sha256 is inside, ``digest`` stands for the whole bundle.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec

from detector.errors import BundleError
from detector.features.spec import FeatureSpec
from detector.structs import resolved

FORMAT_VERSION = 6
"""6: it names the data set; 5: time is what was watched; 4: clusters have a remoteness; 3: the alert budget is shared
by direction; 2: evidence is made of single flows."""

READABLE = (5, FORMAT_VERSION)
"""Those of before that say all that is needed; what they lack is unset, so that their bytes stay what they were."""

MANIFEST = "model.json"
"""The file that makes a version one; on object stores it is written last."""

SIGNATURE = "model.sig"
"""May lie beside it, unlisted: see :mod:`detector.bundle.signature`."""

MAX_MANIFEST_BYTES = 4 << 20

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class LabelsTaught(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What people's labels taught a model."""

    false: int
    """Labels that call something harmless, and whose flows it was trained on."""
    true: int
    """Labels that call something an attack, and whose flows it was not trained on."""
    flows: int
    """That were called harmless."""
    weight: int
    """How often each of them counts, at most."""
    weighed_down: int = 0
    """Labels false that count less often."""
    leaves: bool = False
    """Whether a forest's leaves were learnt from them."""
    by: dict[str, int] = {}
    """Labels by who said them."""
    days: dict[str, int] = {}
    """Labels by the day on which they were said."""
    left_out: dict[str, int] = {}
    """Labels that taught nothing, by why."""

    @property
    def are_there(self) -> bool:
        """Whether anybody said anything, be it that it taught or not."""
        return bool(self.false or self.true or self.left_out)


class TrainingData(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a model was trained on."""

    rows: int
    """Rows that the model itself was trained on, of ``rows_read``."""
    rows_read: int = 0
    sources: tuple[str, ...] = ()
    """File names or topic ranges, without folders."""
    format: str = ""
    train_on: str = "all"
    start: float | None = None
    """When flows were first seen, by event times that can be believed, seconds since 1970."""
    end: float | None = None
    watched_s: float | None = None
    """Seconds between, less the pauses in which no flow was seen."""
    sha256: str = ""
    """Over the data as read."""
    dataset: str | msgspec.UnsetType = msgspec.UNSET
    """Name and version of the data set, such as ``office@20261129T053000Z-1f3a9c``; unset where files or a topic were
    read."""
    dataset_sha256: str | msgspec.UnsetType = msgspec.UNSET
    """Digest of that set's manifest."""
    taught: LabelsTaught | msgspec.UnsetType = msgspec.UNSET
    """Unset where nobody said anything."""


class Figure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A measured quality, and the range it is known to within."""

    value: float
    low: float | None = None
    high: float | None = None


class CalibrationInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the scores were calibrated."""

    rows: int
    seconds: float


class FileEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the bundle."""

    sha256: str
    bytes: int


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything about a bundle that is not an array."""

    format_version: int
    name: str
    version: str
    kind: str
    created: str
    """UTC, ISO 8601."""
    parent: str | None
    """The version that this one is to replace."""
    features: FeatureSpec
    features_hash: str
    training: TrainingData
    parameters: dict[str, Any]
    seeds: dict[str, int]
    libraries: dict[str, str]
    quality: dict[str, Figure]
    calibration: CalibrationInfo
    files: dict[str, FileEntry]
    digest: str = ""

    def sealed(self) -> Manifest:
        """The same with its digest filled in."""
        bare = msgspec.structs.replace(self, digest="")
        return msgspec.structs.replace(bare, digest=hashlib.sha256(bare.encode()).hexdigest())

    def encode(self) -> bytes:
        """The canonical bytes of ``model.json``."""
        return msgspec.json.format(msgspec.json.encode(self, order="deterministic"), indent=2) + b"\n"


def decode_manifest(data: bytes) -> Manifest:
    """Read ``model.json``; raises BundleError unless it is whole, canonical and of this format."""
    if len(data) > MAX_MANIFEST_BYTES:
        raise _broken(f"{len(data)} bytes are more than {MAX_MANIFEST_BYTES}")
    try:
        manifest = msgspec.json.decode(data, type=resolved(Manifest))
        whole = manifest.sealed() == manifest and manifest.encode() == data
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _broken(str(error).splitlines()[0]) from error
    if manifest.format_version not in READABLE:
        raise _broken(f"format version {manifest.format_version} is not {FORMAT_VERSION}: it needs another oddflow")
    if not whole:
        raise _broken("it is not what its digest says")
    for field in ("name", "version", "kind"):
        if not _NAME.fullmatch(getattr(manifest, field)):
            raise _broken(f"{field} is not a plain name of letters, digits, dots, dashes and underscores")
    if manifest.features.hash != manifest.features_hash:
        raise _broken("the features are not those of its features_hash")
    return manifest


def is_plain_name(text: str) -> bool:
    """Whether ``text`` can be a model's name or version: letters, digits, dots, dashes, underscores."""
    return _NAME.fullmatch(text) is not None


def _broken(why: str) -> BundleError:
    return BundleError(f"reading model.json: {why}; fetch the bundle again or train the model again")
