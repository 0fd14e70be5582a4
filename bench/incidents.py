"""How well alerts become incidents: ``python -m bench.incidents``, also a part of ``bench.quality``.

Each day is judged by a model of another: trained and read as ``oddflow train`` and ``oddflow detect`` do, from files,
at ten false incidents a day. Incidents are those that a reader of their documents is shown. Told are, by kind of
attack: how many raised anything, and of those the share whose alerts are exactly one incident, whose chief incident
(with most of its alerts) has the right kind, and the right tactic; then benign incidents a day, and the share of those
that tell a tactic, which is a wrong one.

* simulated: a day without attacks to learn from, and the next with attacks, once as one partition has it and once over
  four, keyed by source (the same alerts, joined by four books, and put together by the reader);
* inside: real attacks, of captures, in half a day of real and simulated benign hosts, by a model of the half before;
* captures: each by a model of its own benign flows, so what is benign in them was learnt from. By label: the incidents
  that its alerts are in, and how many alerts are in which kind.

The last line is one JSON object. Alerts are kept in ``--folder``: another run there only joins them again, in seconds.

usage: python -m bench.incidents [--seeds 111 112 …] [--inside-seeds 0 …] [--hosts 25] [--kind KIND] [--folder FOLDER]
       [--data FOLDER] [--no-captures] [--list]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bench.incident_days import CAPTURES, DayOfAlerts, captured, hidden, simulated
from bench.quality_sets import data_folder
from detector.casebook.latest import Latest
from detector.casebook.told import Told, read_told
from detector.incidents.book import IncidentBook
from detector.incidents.document import write_incidents
from detector.incidents.kinds import KINDS, Kind
from detector.incidents.wholes import named
from detector.models.ensemble import Ensemble
from detector.transport.kafka.partitioner import partitions_of

PARTITIONS = 4

SEEDS = (111, 112, 113, 114, 115)

CALLS = ("command and control", "beacon")

RIGHT: Mapping[str, Sequence[str]] = {
    "vertical-scan": ("scan",),
    "horizontal-scan": ("sweep",),
    "ssh-brute-force": ("brute force",),
    "dns-tunnel": ("dns tunnel",),
    "exfiltration": ("exfiltration",),
    "beacon": ("beacon",),
    "syn-flood": ("flood",),
    "lateral-movement": ("lateral movement",),
    "scan": ("scan",),
    "sweep": ("sweep",),
    "flood": ("flood",),
    "c&c": CALLS,
    "njrat": CALLS,
    "remcos": CALLS,
}
"""What each kind of attack should be called: those that are simulated, then those inside."""

NAMED: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}

Row = dict[str, float]


@dataclass(slots=True)
class Day:
    """What a day's alerts became."""

    latest: Latest = field(default_factory=lambda: Latest(named=named))
    attacks: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """By attack: how many of its alerts each incident has, by the id that a reader is shown."""
    days: float = 1.0

    def chief(self, attack: str) -> Kind | None:
        """The kind of the incident with most of an attack's alerts; None where nothing was raised."""
        found = self.attacks.get(attack)
        told = self.latest.whole(found.most_common(1)[0][0]) if found else None
        return None if told is None else NAMED[told.ours.kind]

    @property
    def benign(self) -> list[Told]:
        """Incidents without an alert of an attack."""
        touched = {incident for found in self.attacks.values() for incident in found}
        return [told for told in self.latest.wholes() if told.ours.id not in touched]


def joined(of: DayOfAlerts, partitions: int = 1) -> Day:
    """Put a day's alerts together, by the time of their flows, as a topic of so many partitions keyed by source would.

    The alerts are those of one partition: flows are not judged again.
    """
    book, day = IncidentBook(), Day(days=of.days)
    came_by = partitions_of(pl.Series([alert.src_ip for alert in of.alerts], dtype=pl.String), partitions).tolist()
    put = [
        (book.put(alert._replace(partition=number)).id, of.attacks.get(alert.uid or ""))
        for alert, number in zip(of.alerts, came_by, strict=True)
    ]
    book.close_all()
    for record in write_incidents(book.take()):
        day.latest.put(read_told(record.value or b""))
    for incident, attack in put:
        shown = day.latest.whole(incident)
        if attack is not None and shown is not None:
            day.attacks[attack][shown.ours.id] += 1
    return day


def figures(days: Iterable[tuple[Day, Iterable[str]]]) -> dict[str, Row]:
    """Of several days, each with the ids of all its attacks: shares by kind of attack and over all."""
    by_kind: dict[str, list[Row]] = defaultdict(list)
    benign: list[Told] = []
    length = 0.0
    for day, attacks in days:
        length += day.days
        benign += day.benign
        for attack in attacks:
            by_kind[_kind_of(attack)].append(_figures(day, attack))
    rows = {kind: _mean(rows) for kind, rows in sorted(by_kind.items())}
    rows["all"] = _mean([row for each in by_kind.values() for row in each])
    rows["benign"] = _of_benign(benign, length)
    return rows


def _kind_of(attack: str) -> str:
    """The kind of an attack by its id, such as ``syn-flood-9``."""
    return attack if attack in RIGHT else attack.rsplit("-", 1)[0]


def _of_benign(benign: Sequence[Told], days: float) -> Row:
    kinds = [NAMED[told.ours.kind] for told in benign]
    return {
        "incidents": float(len(benign)),
        "incidents_a_day": len(benign) / max(days, 1e-9),
        "with_a_tactic": _share(kind.tactic is not None for kind in kinds),
        "with_a_likely_tactic": _share(
            kind.tactic is not None and kind.confidence in {"sure", "likely"} for kind in kinds
        ),
    }


def _figures(day: Day, attack: str) -> Row:
    chief = day.chief(attack)
    if chief is None:
        return {"raised": 0.0}
    right = RIGHT[_kind_of(attack)]
    return {
        "raised": 1.0,
        "one_incident": float(len(day.attacks[attack]) == 1),
        "right_kind": float(chief.name in right),
        "right_tactic": float(chief.tactic in {NAMED[name].tactic for name in right}),
    }


def _mean(rows: Sequence[Row]) -> Row:
    names = dict.fromkeys(name for row in rows for name in row)
    told = {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}
    return {"attacks": float(len(rows))} | told


def _share(those: Iterable[bool]) -> float:
    each = list(those)
    return sum(each) / len(each) if each else 0.0


def told_of(day: Day) -> dict[str, dict[str, float]]:
    """Of a capture: by label in how many incidents its alerts are, and how many in which kind; and what is benign."""
    told: dict[str, dict[str, float]] = {}
    for label, found in day.attacks.items():
        kinds: Counter[str] = Counter()
        for incident, count in found.items():
            if (whole := day.latest.whole(incident)) is not None:
                kinds[whole.ours.kind] += count
        told[label] = {"incidents": len(found), **kinds}
    return told | {"benign": _of_benign(day.benign, day.days)}


def table(rows: Mapping[str, Row]) -> str:
    """The figures for people."""
    lines = [f"{'':18}{'attacks':>9}{'raised':>9}{'one':>9}{'kind':>9}{'tactic':>9}"]
    for kind, row in rows.items():
        if kind != "benign":
            told = [row.get(name) for name in ("raised", "one_incident", "right_kind", "right_tactic")]
            cells = "".join(f"{'–' if value is None else f'{value:.2f}':>9}" for value in told)
            lines.append(f"{kind:18}{row['attacks']:9.0f}{cells}")
    lines.append("benign: " + ", ".join(f"{name} {value:.3g}" for name, value in rows["benign"].items()))
    return "\n".join(lines)


def listed(name: str, day: Day) -> Iterator[str]:
    """Each incident of a day with the attacks in it, a line each."""
    within: dict[str, list[str]] = defaultdict(list)
    for attack, found in day.attacks.items():
        for incident, count in found.items():
            within[incident].append(f"{attack} ({count})")
    for told in day.latest.wholes():
        of = ", ".join(within.get(told.ours.id, ["benign"]))
        yield f"{name} {told.ours.kind}: {told.headline}. {told.ours.size} [{of}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is measured."""

    seeds: Sequence[int] = SEEDS
    inside_seeds: Sequence[int] = (0,)
    hosts: int = 25
    kind: str = Ensemble.kind
    data: Path = field(default_factory=data_folder)
    captures: bool = True
    lists: bool = False
    """Whether each incident is named."""


def measure(asked: Asked, root: Path) -> dict[str, Any]:
    """Measure and print, with alerts kept under ``root``; gives the figures by what they are of."""
    found: dict[str, Any] = {}

    def show(title: str, days: Sequence[tuple[DayOfAlerts, str]], partitions: int = 1) -> None:
        each = [(joined(of, partitions), sorted(set(of.attacks.values()))) for of, _ in days]
        found[title] = figures(each)
        print(f"\nincidents: {title}\n{table(found[title])}", flush=True)
        if asked.lists:
            lines = [line for (day, _), (_, name) in zip(each, days, strict=True) for line in listed(name, day)]
            print("\n".join(lines))

    days = [(simulated(root / str(seed), seed, asked.hosts, asked.kind), str(seed)) for seed in asked.seeds]
    if days:
        seeds = f"simulated, {asked.hosts} hosts, seeds {', '.join(map(str, asked.seeds))}"
        show(seeds, days)
        show(f"{seeds}, {PARTITIONS} partitions", days, PARTITIONS)
    zeek = asked.data / "zeek"
    if not zeek.is_dir() and (asked.captures or asked.inside_seeds):
        print(f"{asked.data} is not there: no captures; name the folder with --data or ODDFLOW_DATA")
        return found
    inner = [
        (hidden(root / f"inside-{seed}", asked.data, seed, asked.kind), f"inside {seed}") for seed in asked.inside_seeds
    ]
    if inner:
        show(f"inside, seeds {', '.join(map(str, asked.inside_seeds))}", inner)
    for name in CAPTURES if asked.captures else ():
        path = zeek / f"{name}.conn.log.labeled.gz"
        day = joined(captured(root / path.name, path, asked.kind))
        found[name] = told_of(day)
        print(f"\nincidents: {name}, by a model of its benign flows")
        for label, told in found[name].items():
            print(f"  {label}: " + ", ".join(f"{key} {value:.3g}" for key, value in told.items()))
        if asked.lists:
            print("\n".join(listed(name, day)))
    return found


def main() -> None:
    """Measure, print, and end with the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="*", type=int, default=SEEDS)
    parser.add_argument("--inside-seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--hosts", type=int, default=25)
    parser.add_argument("--kind", default=Ensemble.kind, help="kind of model")
    parser.add_argument("--folder", type=Path, help="where alerts are kept for another run")
    parser.add_argument("--data", type=Path, default=data_folder(), help="folder of the captures")
    parser.add_argument("--no-captures", action="store_true", help="leave whole captures out")
    parser.add_argument("--list", action="store_true", help="name each incident")
    given = parser.parse_args()
    asked = Asked(
        seeds=given.seeds,
        inside_seeds=given.inside_seeds,
        hosts=given.hosts,
        kind=given.kind,
        data=given.data,
        captures=not given.no_captures,
        lists=given.list,
    )
    with tempfile.TemporaryDirectory() as passing:
        found = measure(asked, given.folder or Path(passing))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
