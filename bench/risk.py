"""How well risk puts attacks first: ``python -m bench.risk``, on simulated traffic.

* severity: days of ``--hosts`` hosts, each by a model of the day before. By what each incident is: how many have which
  severity, by rarity alone («before») and by risk; and by day the share of pairs (an incident of an attack, a benign
  one) of which the attack has the higher severity, or risk; pairs alike count half.
* hosts: three hours of ``--many`` hosts, each by a model of the same hours of the day before. Looked at at the end of
  each hour in which an attack has a flow: whether a host of an attack of that hour is among the three with the highest
  risks; and for each attack that raised anything by itself, at its last flow.

Weights were chosen by their reasons and looked at on seeds 101 to 106; 111 to 115 are reported. The last line is one
JSON object. Alerts are kept in ``--folder``: another run there takes seconds.

usage: python -m bench.risk [--seeds 111 112 …] [--hosts 25] [--many 200] [--kind KIND] [--folder FOLDER] [--no-days]
       [--no-hours]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from bench.incident_days import ATTACKS, DayOfAlerts, simulated
from detector.decisions.severity import Circumstances, Severity, risk_of, severity_of
from detector.incidents.book import IncidentBook
from detector.models.ensemble import Ensemble
from training.simulator.frames import ATTACK_ID

SEEDS = (111, 112, 113, 114, 115)

HOUR_S, MINUTE_S = 3600.0, 60.0

BEGINS_S, LASTS_S = 9 * HOUR_S, 3 * HOUR_S
"""The hours of a day that are simulated for many hosts."""

TOP = 3

BENIGN = "benign"


class Graded(NamedTuple):
    """An incident, as it was told last."""

    what: str
    """The kind of attack that most of its alerts are of, or benign."""
    before: int
    """Its risk by rarity alone."""
    risk: int


def graded(day: DayOfAlerts) -> list[Graded]:
    """The incidents of a day."""
    book = IncidentBook()
    put = [(book.put(alert).id, day.attacks.get(alert.uid or "")) for alert in day.alerts]
    book.close_all()
    last = {change.incident.id: change.incident for change in book.take()}
    within: dict[str, Counter[str]] = defaultdict(Counter)
    for name, attack in put:
        while into := last[name].merged_into:
            name = into  # noqa: PLW2901 - it is followed to the one that it became part of
        if attack is not None:
            within[name][attack.rsplit("-", 1)[0]] += 1
    return [
        Graded(
            within[name].most_common(1)[0][0] if within[name] else BENIGN,
            risk_of(Circumstances(decades=incident.decades)),
            incident.risk,
        )
        for name, incident in last.items()
        if not incident.merged_into
    ]


def in_order(incidents: Sequence[Graded]) -> dict[str, float]:
    """Of pairs of an attack's incident and a benign one, the share in which the attack's comes first."""
    attacks = [each for each in incidents if each.what != BENIGN]
    benign = [each for each in incidents if each.what == BENIGN]
    if not attacks or not benign:
        return {}

    def share(values: list[tuple[int, int]]) -> float:
        return float(np.mean([(one > other) + 0.5 * (one == other) for one, other in values]))

    pairs = [(attack, other) for attack in attacks for other in benign]
    return {
        "severity_before": share([(severity_of(one.before), severity_of(two.before)) for one, two in pairs]),
        "severity": share([(severity_of(one.risk), severity_of(two.risk)) for one, two in pairs]),
        "rarity": share([(one.before, two.before) for one, two in pairs]),
        "risk": share([(one.risk, two.risk) for one, two in pairs]),
    }


def severities(incidents: Iterable[Graded]) -> dict[str, dict[str, list[int]]]:
    """By what they are: how many incidents of each severity, the least first, before and after."""
    rows: dict[str, dict[str, list[int]]] = {}
    order = list(Severity)
    for each in incidents:
        row = rows.setdefault(each.what, {"before": [0] * len(order), "after": [0] * len(order)})
        row["before"][order.index(severity_of(each.before))] += 1
        row["after"][order.index(severity_of(each.risk))] += 1
    return dict(sorted(rows.items()))


class Attack(NamedTuple):
    """One attack: its flows' times, and its hosts."""

    times: list[float]
    hosts: frozenset[str]


def attacks_of(folder: Path) -> dict[str, Attack]:
    """The attacks of a folder: of each side the host that has half of the flows or more, if one does."""
    flows = pl.read_parquet(folder / ATTACKS)
    found = {}
    for (name,), of in flows.group_by(ATTACK_ID, maintain_order=True):
        hosts = {
            host for side in ("src_ip", "dst_ip") for host, count in Counter(of[side]).items() if 2 * count >= len(of)
        }
        found[str(name)] = Attack(sorted(of["ts"].to_list()), frozenset(hosts))
    return found


def hours(day: DayOfAlerts, attacks: Mapping[str, Attack]) -> tuple[list[bool], list[bool]]:
    """Whether a host of an attack is among the top ones: by hour with an attack; by raised attack."""
    end = max(attack.times[-1] for attack in attacks.values())
    begin = min(attack.times[0] for attack in attacks.values())
    ends = {name: _minute_after(attack.times[-1]) for name, attack in attacks.items()}
    hour_ends = {(np.floor(at / HOUR_S) + 1) * HOUR_S for attack in attacks.values() for at in attack.times}
    tops = _tops(day, begin, max(end + MINUTE_S, *hour_ends), {*ends.values(), *hour_ends})
    by_hour = [
        any(
            attack.hosts & tops[hour_end]
            for attack in attacks.values()
            if any(hour_end - HOUR_S <= at < hour_end for at in attack.times)
        )
        for hour_end in sorted(hour_ends)
    ]
    raised = {day.attacks.get(alert.uid or "") for alert in day.alerts}
    return by_hour, [bool(attack.hosts & tops[ends[name]]) for name, attack in attacks.items() if name in raised]


def _minute_after(at: float) -> float:
    return float(np.ceil((at + 1.0) / MINUTE_S) * MINUTE_S)


def _tops(day: DayOfAlerts, begin: float, end: float, looks: set[float]) -> dict[float, set[str]]:
    """The hosts with the highest risks at these times; time passes by the minute, with alerts as they come."""
    book, waiting = IncidentBook(), list(reversed(day.alerts))
    tops: dict[float, set[str]] = {}
    for minute in np.arange(np.floor(begin / MINUTE_S) * MINUTE_S - HOUR_S, end + MINUTE_S, MINUTE_S).tolist():
        came = []
        while waiting and waiting[-1].ts < minute:
            came.append(waiting.pop()._replace(partition=0))
        ts = np.array([*(alert.ts for alert in came), minute])
        book.hear(ts, np.zeros(len(ts), np.int32))
        for row, alert in enumerate(came):
            book.put(alert, row)
        book.pass_time()
        book.take()
        if minute in looks:
            highest = sorted(book.host_risks().items(), key=lambda each: (-each[1], each[0]))
            tops[minute] = {host for host, _ in highest[:TOP]}
    return tops


def main() -> None:
    """Measure, print, and end with the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="*", type=int, default=SEEDS)
    parser.add_argument("--hosts", type=int, default=25)
    parser.add_argument("--many", type=int, default=200)
    parser.add_argument("--kind", default=Ensemble.kind, help="kind of model")
    parser.add_argument("--folder", type=Path, help="where alerts are kept for another run")
    parser.add_argument("--no-days", action="store_true", help="leave severities out")
    parser.add_argument("--no-hours", action="store_true", help="leave hosts out")
    given = parser.parse_args()
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as passing:
        root = given.folder or Path(passing)
        if not given.no_days:
            found |= _days(root, given.seeds, given.hosts, given.kind)
        if not given.no_hours:
            found |= _hours(root, given.seeds, given.many, given.kind)
    print(json.dumps(found))


def _days(root: Path, seeds: Sequence[int], hosts: int, kind: str) -> dict[str, object]:
    each = {seed: graded(simulated(root / str(seed), seed, hosts, kind)) for seed in seeds}
    rows = severities(incident for of in each.values() for incident in of)
    print(f"incidents of {len(seeds)} days of {hosts} hosts by severity (low, medium, high, critical)")
    print(f"{'':18}{'by rarity alone':>22}{'by risk':>22}")
    for what, row in rows.items():
        before, after = (", ".join(f"{count:3}" for count in row[name]) for name in ("before", "after"))
        print(f"{what:18}{before:>22}{after:>22}")
    order = {seed: in_order(of) for seed, of in each.items()}
    print("pairs in order (an attack's incident above a benign one), by day")
    for name in ("severity_before", "severity", "rarity", "risk"):
        values = [row[name] for row in order.values() if row]
        print(f"{name:18}" + " ".join(f"{value:.3f}" for value in values) + f"   mean {np.mean(values):.3f}")
    return {"severities": rows, "pairs_in_order": order}


def _hours(root: Path, seeds: Sequence[int], hosts: int, kind: str) -> dict[str, object]:
    by_hour, by_attack = list[bool](), list[bool]()
    for seed in seeds:
        folder = root / f"{hosts}-{seed}"
        day = simulated(folder, seed, hosts, kind, begins_s=BEGINS_S, lasts_s=LASTS_S)
        of_hours, of_attacks = hours(day, attacks_of(folder))
        print(
            f"seed {seed}: hours {sum(of_hours)} of {len(of_hours)},"
            f" raised attacks {sum(of_attacks)} of {len(of_attacks)}"
        )
        by_hour += of_hours
        by_attack += of_attacks
    share, apart = float(np.mean(by_hour)), float(np.mean(by_attack))
    print(f"among the top {TOP} of {hosts}: a host of an attack of the hour in {share:.2f} of {len(by_hour)} hours,")
    print(f"each raised attack's own host at its last flow in {apart:.2f} of {len(by_attack)}")
    return {"hours": share, "hours_count": len(by_hour), "attacks": apart, "attacks_count": len(by_attack)}


if __name__ == "__main__":
    main()
