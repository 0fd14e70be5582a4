"""What a hunt found, for a terminal and for a program; the page tells more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from detector.printable import printable
from training.cards.words import moment
from training.hunt.hunting import Found, Hunted

LINES = 10
"""Incidents that a terminal is told of."""


def as_text(hunted: Hunted, output: Path) -> str:
    """Some lines for a person: the gravest of each host, and where the page is."""
    lines = [_line(number, each) for number, each in enumerate(hunted.incidents[:LINES], 1)]
    more = len(hunted.incidents) - LINES
    if more > 0:
        lines.append(f"     and {more:,} more")
    count, hosts = len(hunted.every), len(hunted.incidents)
    what = f"{count:,} incident{'' if count == 1 else 's'} of {hosts:,} host{'' if hosts == 1 else 's'}"
    lines.append(f"{what} in {len(hunted.read.frame):,} flows: see {output}")
    return "\n".join(map(printable, lines))


def _line(number: int, found: Found) -> str:
    severity, began = found.document["severity"], moment(found.ours["first_seen"])[:16]
    return f"{number:>3}  {severity:<8}  {began}  {found.document['message']}"


def as_json(hunted: Hunted, output: Path) -> dict[str, Any]:
    """All of it for a program: every incident, and what the page says of the logs."""
    read, trained = hunted.read, hunted.trained
    return {
        "page": str(output),
        "flows": len(read.frame),
        "raised": hunted.raised,
        "told": hunted.told,
        "budget": hunted.budget,
        "sources": list(read.sources),
        "format": read.format,
        "start": trained.watched.start,
        "end": trained.watched.end,
        "watched_s": trained.watched.seconds,
        "calibration_rows": trained.calibration.rows,
        "calibration_s": trained.calibration.seconds,
        "rejected_by_reason": dict(read.rejected),
        "passed_over": dict(read.passed_over),
        "incidents": [
            _incident(each) | {"further": [_incident(more) for more in each.further]} for each in hunted.incidents
        ],
    }


def _incident(found: Found) -> dict[str, Any]:
    return {
        "false_incidents_per_day": found.per_day,
        "flows": len(found.rows),
        "why": found.why,
        "document": found.document,
    }
