"""What is told of a set: a table of many, one in plain words, or data for a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from detector.listed import listed
from detector.printable import printable
from training.cards.words import moment, span
from training.data.chosen import sampled
from training.data.manifest import SetInfo

SHOWN = 5
"""Names of sources that are shown; the manifest has all."""


def as_data(info: SetInfo) -> dict[str, Any]:
    """All of it, for a program."""
    found: dict[str, Any] = msgspec.to_builtins(info)
    return found


def told(info: SetInfo) -> str:
    """A set in plain words, a fact a line."""
    facts = {
        "set": info.reference,
        "built": f"{info.created} by oddflow {info.oddflow}",
        "flows": f"{info.rows:,}, {sum(entry.bytes for entry in info.files.values()):,} bytes",
        "from": listed(info.ranges, SHOWN),
        "format": info.format,
        "period": f"{moment(info.start)} to {moment(info.end)}",
        "watched": f"{span(info.watched_s)} of it",
        "labels": f"{_counts(info.labels)} ({_origin(info)})",
        "left out": "; ".join(f"{each.rows:,} {each.why}" for each in info.left_out) or "nothing was asked for",
        "could not be used": _counts(info.rejected) or "none",
        "passed over": _counts(info.passed_over) or "none",
        "sample": sampled(info) if info.source_share < 1 else "all sources",
        "sha256 of the records": info.sha256,
        "digest": info.digest,
    }
    return "\n".join(printable(f"{name + ':':<23}{text}") for name, text in facts.items())


def show_table(infos: Sequence[SetInfo]) -> None:
    """A line a version, on standard output."""
    table = Table(box=None, pad_edge=False)
    for head in ("set", "built", "flows", "from", "watched", "labels"):
        table.add_column(head, overflow="fold", justify="right" if head == "flows" else "left")
    for info in infos:
        table.add_row(
            info.reference,
            info.created,
            f"{info.rows:,}",
            printable(moment(info.start)),
            span(info.watched_s),
            printable(_counts(info.labels)),
        )
    Console().print(table, markup=False, highlight=False)


def _origin(info: SetInfo) -> str:
    if info.labels_from == "none":
        return "no flow has a label"
    by = f", --attacker {' '.join(info.attackers)}" if info.attackers else ""
    return f"by the {info.labels_from}{by}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())
