"""The page about exporters (``docs/reference/exporters.md``), from the formats' declarations and
:mod:`detector.reference.shipping`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from detector.records.flow import COLUMNS, LABEL
from detector.records.formats import argus, cicflowmeter, collectors, goflow2, suricata, unsw_nb15, vpcflow, zeek_conn
from detector.reference import shipping
from detector.reference.shipping import Way, points

INTRODUCTION = """\
# Exporters

<!-- Made from detector/records/formats and detector/reference by `make docs`; change it there. -->

For each exporter: which fields are read and what becomes of them, how its records get into Kafka, and what is lost on
the way. [formats.md](formats.md) says what holds for all formats, and which reasons a reject can have. What no format
here reads, `format = "mapping"` does.

Three things hold for every way into Kafka:

* *Key by source.* A source's flows should be in one partition, in order: features look back by source. Without a key a
  model still works, and sees less. Which hash a shipper uses matters only to training on files, which splits them by
  Kafka's own murmur2; training on the topic (`oddflow train --topic`) always agrees.
* *Nothing removes doubles.* Shippers deliver at least once: after a restart some records come again, and count again.
* *Flows are told when they end.* Their order in a partition is not that of their starts; minutes are usual.
"""


@dataclass(frozen=True, slots=True)
class Exporter:
    """One section: what reads an exporter's records, and how they come."""

    title: str
    formats: tuple[str, ...]
    sources: Mapping[str, str]
    """Canonical column → what it is made of, its fields in backticks."""
    spellings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Wanted fields, each with its other spellings."""
    passed_over: Mapping[str, str] = field(default_factory=dict)
    """Kind → which records are no flows."""
    rejected: str = ""
    """What is rejected that one might not expect."""
    notes: tuple[str, ...] = ()
    ways: tuple[Way, ...] = ()


def _collector(title: str, name: str, of: collectors.Collector, ways: tuple[Way, ...], *notes: str) -> Exporter:
    rejected = "Records without any time, or without an address of either version of IP."
    return Exporter(title, (name,), of.sources(), of.wanted(), of.passed_over(), rejected, notes, ways)


EXPORTERS = (
    Exporter(
        "Zeek",
        ("zeek", "zeek-json", "zeek-tsv"),
        zeek_conn.SOURCES,
        {name: also for name, also in (zeek_conn.FIELDS | zeek_conn.LABEL_FIELDS).items() if name != zeek_conn.MARK},
        zeek_conn.PASSED_OVER,
        "Tab-separated lines of another width than their `#fields` line, `input.columns` or Zeek itself gives them.",
        points("""
            * Names may be nested (`{"id": {"orig_h": …}}`), dotted, or with another `Log::default_scope_sep`.
            * `ts` may be seconds, milliseconds or ISO 8601 (`LogAscii::json_timestamps`).
            * Tab-separated: `#separator`, `#fields`, `#path`, `#unset_field` and `#empty_field` hold for their own
              stream (a partition or a file) until the next. Before any header, and after a restart, a line has the
              columns of `input.columns`; else those that Zeek writes by itself: 21, up to two more at the end, or
              `_node_name` first. The last two are labels only if they look so (`Malicious`, `Benign` …).
            * `conn_long` tells a connection again and again while it lasts. `conn` tells it whole at its end, so that
              only `conn` is read unless `input.log_paths` names others. Records of `conn_long` that have neither
              `_path` nor a header cannot be told from conn: do not send them to the same topic.
        """),
        shipping.ZEEK,
    ),
    Exporter(
        "Suricata",
        ("suricata",),
        suricata.SOURCES,
        dict.fromkeys(suricata.FIELDS, ()),
        suricata.PASSED_OVER,
        "Records without `event_type`.",
        (),
        shipping.SURICATA,
    ),
    Exporter(
        "goflow2",
        ("goflow2",),
        goflow2.SOURCES,
        goflow2.WANTED,
        {},
        "Frames without IP addresses (`bad_address`).",
        points("""
            * A record is one direction of a flow (of sFlow, one sampled packet): the destination's counts are null.
            * NetFlow 5 has no fields for ICMP's type and code: they are in the destination port, and are taken apart.
        """),
        shipping.GOFLOW2,
    ),
    Exporter(
        "Akvorado",
        ("goflow2",),
        {},
        ways=shipping.AKVORADO,
        notes=points("""
            * Its columns have the names of goflow2 1.
        """),
    ),
    _collector("nProbe", "nprobe", collectors.NPROBE, shipping.NPROBE),
    _collector("pmacct", "pmacct", collectors.PMACCT, shipping.PMACCT),
    _collector("nfdump", "nfdump", collectors.NFDUMP, shipping.NFDUMP),
    Exporter(
        "Argus",
        ("argus",),
        argus.SOURCES,
        argus.WANTED,
        argus.PASSED_OVER,
        "Flows between hardware addresses, such as LLC (`bad_address`).",
        points("""
            * Columns are known by the titles that `ra` prints and by its own names of fields, in any order, with
              commas or tabs. Before any header line they are `input.columns`, else binetflow's.
        """),
        shipping.ARGUS,
    ),
    Exporter(
        "AWS VPC flow logs",
        ("vpcflow",),
        vpcflow.SOURCES,
        vpcflow.WANTED,
        vpcflow.PASSED_OVER,
        "Lines in an order that neither a header line, `input.columns` nor AWS itself tells.",
        points("""
            * Known without a header: all fields up to version 2, 3, 4, 5, 7, 8, 9 and 10, in the order of AWS's table
              or of the alphabet, and a transit gateway's default format.
            * JSON objects and Parquet rows are read as well as lines; `-` is no value in either.
        """),
        shipping.VPC,
    ),
    Exporter(
        "CICFlowMeter and NTLFlowLyzer",
        ("cicflowmeter",),
        cicflowmeter.SOURCES,
        cicflowmeter.WANTED,
        cicflowmeter.PASSED_OVER,
        "Files without `Timestamp`, which hold no usable record.",
        points("""
            * The files of 2017 write 1 to 5 in the afternoon without PM, and are taken as they are written.
            * Files without addresses get `0.0.0.0` for both ends: nothing by host can be learnt from them.
        """),
    ),
    Exporter(
        "UNSW-NB15", ("unsw-nb15",), unsw_nb15.SOURCES, dict.fromkeys(unsw_nb15.WANTED, ()), unsw_nb15.PASSED_OVER
    ),
)
"""Every exporter, in the order of the page."""


def exporters_page() -> str:
    """``docs/reference/exporters.md``."""
    return INTRODUCTION + "".join(_section(exporter) for exporter in EXPORTERS)


def _section(exporter: Exporter) -> str:
    formats = " or ".join(f"`{name}`" for name in exporter.formats)
    parts = [f"\n## {exporter.title}\n\n`input.format` is {formats}.\n"]
    if exporter.sources:
        parts.append(_table(("column", "made of"), _sources(exporter)))
    if spelt := _spelt(exporter.spellings):
        parts.append(_table(("field", "also spelt"), spelt))
    if exporter.passed_over:
        kinds = [(f"`{kind}`", which) for kind, which in exporter.passed_over.items()]
        parts.append(_table(("passed over as", "which"), kinds))
    if exporter.rejected:
        parts.append(f"\nRejected: {exporter.rejected}\n")
    if exporter.notes:
        parts.append("\n" + "".join(f"* {note}\n" for note in exporter.notes))
    return "".join([*parts, *map(_way, exporter.ways)])


def _sources(exporter: Exporter) -> list[tuple[str, str]]:
    columns = [*(column.name for column in COLUMNS), LABEL]
    return [(f"`{name}`", exporter.sources[name]) for name in columns if name in exporter.sources]


def _spelt(spellings: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    return [(f"`{name}`", ", ".join(f"`{one}`" for one in others)) for name, others in spellings.items() if others]


def _table(head: tuple[str, str], rows: Sequence[tuple[str, str]]) -> str:
    lines = [head, ("---", "---"), *rows]
    return "\n" + "".join(f"| {left} | {right} |\n" for left, right in lines)


def _way(way: Way) -> str:
    blocks = [*way.snippets, ("toml", way.settings)]
    shown = "".join(f"\n```{language}\n{text}\n```\n" for language, text in blocks)
    lost = "".join(f"* {each}\n" for each in way.lost)
    return f"\n### {way.title}\n{shown}\nLost on the way, or to know ([its documentation]({way.source})):\n\n{lost}"
