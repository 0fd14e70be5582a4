"""Documents from files: incidents, alerts, hosts' risks, labels, told apart line by line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from detector.errors import InputError
from detector.feedback.label import read_label
from detector.feedback.latest import Word
from detector.transport.lines import read_values
from detector.transport.paths import expanded
from triage.reading import alert_of, host_of, read_incident
from triage.store.chunks import chunks
from triage.store.engine import Database
from triage.store.labels import take
from triage.store.put import put_alerts, put_incidents, put_risks

LINES = 2_000
"""Of one transaction."""


def take_files(database: Database, paths: Sequence[str], clock: Callable[[], float] = time.time) -> Iterator[str]:
    """Take files in; what there was in each, in words. Raises InputError for one in which nothing is of ours."""
    for path in expanded(paths):
        counts, why = dict.fromkeys(PLURALS, 0), ""
        incidents = set[str]()
        for values in read_values(path, may_be_empty=True):
            for some in chunks(filter(None, values)):
                found, first = _told_apart(some, clock())
                why = why or first
                with database.write() as session:
                    put_incidents(session, found["incident"])
                    put_alerts(session, found["alert"])
                    put_risks(session, found["risk"])
                    take(session, found["label"])
                for kind, each in found.items():
                    counts[kind] += len(each)
                incidents.update(each.told.ours.id for each in found["incident"])
        counts["incident"] = len(incidents)  # of which each was told several times
        foreign = counts.pop("foreign")
        if foreign and not any(counts.values()):
            raise InputError(f"reading {path}: none of {foreign:,} lines is a document of oddflow's: {why}")
        parts = [f"{count:,} {PLURALS[kind][count != 1]}" for kind, count in counts.items() if count]
        more = f"; {foreign:,} lines are none: {why}" if foreign else ""
        yield f"{path}: {', '.join(parts) or 'nothing'}{more}"


PLURALS = {
    "incident": ("incident", "incidents"),
    "alert": ("alert", "alerts"),
    "risk": ("host's risk", "hosts' risks"),
    "label": ("label", "labels"),
    "foreign": ("", ""),
}


def _told_apart(lines: Sequence[bytes], now: float) -> tuple[dict[str, list[Any]], str]:
    """Documents by what they are, and why the first that is none is none."""
    reads: dict[str, Callable[[bytes], Any]] = {
        "incident": lambda line: read_incident(line, now),
        "alert": lambda line: alert_of(line, now),
        "risk": host_of,
        "label": lambda line: Word(read_label(line), 0, now),
    }
    found: dict[str, list[Any]] = {kind: [] for kind in PLURALS}
    why = ""
    for line in lines:
        if line.isspace():
            continue
        for kind, read in reads.items():
            try:
                found[kind].append(read(line))
            except InputError as error:
                first = str(error)
            else:
                break
        else:
            found["foreign"].append(line)
            why = why or first
    return found, why
