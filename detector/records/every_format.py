"""The table of flow formats: one row and one module each.

To add a format: write a module that opens a decoder, and give it a row.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from detector.errors import ConfigurationError
from detector.records.decoder import Options
from detector.records.flow import Decoder
from detector.records.formats.argus import open_argus
from detector.records.formats.cicflowmeter import open_cicflowmeter
from detector.records.formats.collectors import open_nfdump, open_nprobe, open_pmacct
from detector.records.formats.goflow2 import open_goflow2
from detector.records.formats.mapping import open_mapping
from detector.records.formats.nsl_kdd import EXTRA, open_nsl_kdd
from detector.records.formats.suricata import open_suricata
from detector.records.formats.unsw_nb15 import open_unsw_nb15
from detector.records.formats.vpcflow import open_vpcflow
from detector.records.formats.zeek_any import open_zeek
from detector.records.formats.zeek_json import open_zeek_json
from detector.records.formats.zeek_tsv import open_zeek_tsv
from detector.records.intake import MAX_RECORD_BYTES


@dataclass(frozen=True, slots=True)
class Format:
    """One format: its name in the settings, a line about it, and how its decoder is opened."""

    name: str
    description: str
    open: Callable[[Options], Decoder]
    extra: tuple[str, ...] = ()
    """Columns (Float64) beyond the canonical ones, which only sets for evaluation have."""
    has_columns: bool = False
    """Whether records are separated values, whose columns the settings may name."""
    is_json: bool = False
    """Whether records are JSON objects: then they may be encoded by a schema as well."""
    labels: bool = True
    """Whether a record can say if it is an attack."""


_ROWS = (
    Format("zeek", "Zeek conn log, JSON or TSV, as each value tells", open_zeek, has_columns=True, is_json=True),
    Format("zeek-json", "Zeek conn log, JSON", open_zeek_json, is_json=True),
    Format("zeek-tsv", "Zeek conn log, tab-separated, with its #fields lines", open_zeek_tsv, has_columns=True),
    Format("suricata", "Suricata EVE, flow events", open_suricata, is_json=True),
    Format("goflow2", "goflow2 JSON: NetFlow v5 and v9, IPFIX, sFlow", open_goflow2, is_json=True, labels=False),
    Format("nprobe", "nProbe JSON, by names or numbers of fields", open_nprobe, is_json=True, labels=False),
    Format("pmacct", "pmacct JSON", open_pmacct, is_json=True, labels=False),
    Format("nfdump", "nfdump JSON", open_nfdump, is_json=True, labels=False),
    Format("argus", "Argus flows as ra writes them, commas or tabs", open_argus, has_columns=True),
    Format("cicflowmeter", "CICFlowMeter CSV, NTLFlowLyzer", open_cicflowmeter, has_columns=True),
    Format(
        "vpcflow", "AWS VPC flow logs, versions 2 to 10", open_vpcflow, has_columns=True, is_json=True, labels=False
    ),
    Format("unsw-nb15", "UNSW-NB15 raw flows, for evaluation", open_unsw_nb15, has_columns=True),
    Format("nsl-kdd", "NSL-KDD, for evaluation", open_nsl_kdd, EXTRA, has_columns=True),
    Format("mapping", "other JSON, its fields named in the settings", open_mapping, is_json=True),
)

FORMATS: dict[str, Format] = {row.name: row for row in _ROWS}


def open_decoder(
    name: str,
    *,
    labels: bool = False,
    mapping: Mapping[str, str | Sequence[str]] | None = None,
    extra: Mapping[str, str | Sequence[str]] | None = None,
    columns: Sequence[str] = (),
    log_paths: Sequence[str] = ("conn",),
    unpack: Sequence[str] = (),
    max_record_bytes: int = MAX_RECORD_BYTES,
) -> Decoder:
    """A new decoder of the format ``name``, with the column ``label`` if ``labels``.

    ``mapping`` (canonical field → path in the record) and ``extra`` (further numbers) are for the format ``mapping``
    alone, ``columns`` (their names in order, where no header line says them) for separated values, ``log_paths`` (of
    the logs that hold connections) for Zeek. ``unpack`` are paths to the record within each message, in any format.
    Records larger than ``max_record_bytes`` are rejected. Raises ConfigurationError for an unknown format, and for a
    mapping, columns or paths that cannot work.
    """
    row = FORMATS.get(name)
    if row is None:
        near = difflib.get_close_matches(name, FORMATS, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(FORMATS)}"
        raise ConfigurationError(f"opening format {name!r}: there is no such format; {hint}")
    if name != "mapping" and (mapping or extra):
        raise ConfigurationError(
            f"opening format {name!r}: it has its own fields and takes no {'mapping' if mapping else 'extra'};"
            " use the format 'mapping'"
        )
    if columns and not row.has_columns:
        able = ", ".join(one.name for one in FORMATS.values() if one.has_columns)
        raise ConfigurationError(
            f"input.columns: records of format {name!r} name their fields themselves; it is for {able}"
        )
    return row.open(
        Options(
            labels=labels,
            mapping=dict(mapping or {}),
            extra=dict(extra or {}),
            columns=tuple(columns),
            log_paths=tuple(log_paths),
            unpack=tuple(unpack),
            max_record_bytes=max_record_bytes,
        )
    )
