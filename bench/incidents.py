"""How well alerts become incidents: ``python -m bench.incidents``, on simulated days and labelled captures.

A model is trained on a simulated day without attacks, as ``oddflow train`` does, and the daemon reads the day after,
with attacks, from a file. Told are: the attacks that raised anything, and of those the share whose alerts are exactly
one incident, whose chief incident (with most of its alerts) has the right kind, and the right tactic; benign incidents
a day; and the share of those that tell a tactic, which is a wrong one. With ``--capture`` a model is trained on the
benign flows of a labelled Zeek log and reads it whole; told are, by label, the incidents that its alerts are in, and
how many alerts are in which kind. The last line is one JSON object. Alerts are kept in ``--folder``: another run there
only joins them again, in seconds.

usage: python -m bench.incidents [--seeds 111 112 113 114 115 116] [--hosts 25] [--kind KIND] [--folder FOLDER] [--list]
       [--capture FILE …]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bench.quality_sets import read_zeek
from detector.alerts.grading import FIRST_CONTACT
from detector.alerts.raised import RAISED_COLUMNS, Origin, Raised
from detector.decisions.severity import decades_beyond
from detector.incidents.book import Change, IncidentBook
from detector.incidents.kinds import KINDS
from detector.incidents.words import message
from detector.models.ensemble import Ensemble
from detector.records.flow import BENIGN, LABEL
from detector.scoring.kept_flows import load_model
from detector.settings.load import load_settings
from detector.settings.tree import Alerts
from training.simulator.frames import ATTACK_ID
from training.simulator.scenario import DEFAULT_START, Scenario

DAY_S = 86_400.0

ATTACK_SHARE = 0.03

RIGHT: Mapping[str, str] = {
    "vertical-scan": "scan",
    "horizontal-scan": "sweep",
    "ssh-brute-force": "brute force",
    "dns-tunnel": "dns tunnel",
    "exfiltration": "exfiltration",
    "beacon": "beacon",
    "syn-flood": "flood",
    "lateral-movement": "lateral movement",
}
"""What each kind of simulated attack should be called."""

TACTICS = {kind.name: kind.tactic for kind in KINDS}


@dataclass(slots=True)
class Day:
    """What a day's alerts became: incidents as they were last told, by id, and what each alert's flow was."""

    last: dict[str, Change] = field(default_factory=dict)
    attacks: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """By attack: how many of its alerts each incident has."""
    days: float = 1.0

    def final(self, incident: str) -> str:
        """The incident that one was merged into, or itself."""
        while into := self.last[incident].incident.merged_into:
            incident = into
        return incident


def run(*arguments: str, **environment: str) -> None:
    """Run a command of ours. Raises CalledProcessError where it fails."""
    command = [sys.executable, "-m", "detector", *arguments]
    subprocess.run(command, check=True, env=os.environ | environment, stdout=subprocess.DEVNULL)


def simulated(folder: Path, seed: int, hosts: int, kind: str) -> None:
    """Put a day's alerts, and which of its flows are of which attack, into a folder, unless they are there."""
    if (folder / "alerts.jsonl").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    train, day, registry = (str(folder / name) for name in ("train.json.gz", "day.json.gz", "registry"))
    options = ("--hosts", str(hosts), "--seed", str(seed), "--duration", "1d")
    run("simulate", *options, "--attacks", "none", "--start", "2026-01-05T00:00", "--output", train)
    run("simulate", *options, "--attack-share", str(ATTACK_SHARE), "--start", "2026-01-06T00:00", "--output", day)
    run("train", "--data", train, "--format", "zeek", "--registry", registry, "--kind", kind)
    detect(day, registry, folder)


def detect(flows: str, registry: str, folder: Path) -> None:
    """Have the daemon read a file; its alerts, all of them, are in the folder then."""
    alerts = folder / "alerts.part"
    run(
        *("detect", "--input", flows, "--format", "zeek", "--registry", registry, "--output", str(alerts)),
        ODDFLOW_ALERTS__REPEAT="all",
    )
    alerts.rename(folder / "alerts.jsonl")


def captured(path: Path, folder: Path, kind: str) -> Day:
    """What the alerts of a labelled capture become, by a model of its benign flows; labels are its attacks."""
    if not (folder / "alerts.jsonl").exists():
        folder.mkdir(parents=True, exist_ok=True)
        registry = str(folder / "registry")
        given = ("--data", str(path), "--format", "zeek", "--registry", registry)
        run("train", *given, "--train-on", "normal", "--kind", kind)
        detect(str(path), registry, folder)
    attacks = read_zeek(path).filter(pl.col(LABEL) != BENIGN).select("uid", LABEL)
    return joined(raised(folder), dict(attacks.iter_rows()))


def told_of(day: Day) -> dict[str, dict[str, int]]:
    """By label: in how many incidents its alerts are, and how many of them are in which kind."""
    told: dict[str, dict[str, int]] = {}
    for label, found in day.attacks.items():
        kinds: Counter[str] = Counter()
        for incident, count in found.items():
            kinds[day.last[incident].kind.name] += count
        told[label] = {"incidents": len(found), **kinds}
    return told


def attack_ids(folder: Path, seed: int, hosts: int) -> dict[str, str]:
    """The attack of each flow that is of one, by the flow's id."""
    kept = folder / "attacks.parquet"
    if not kept.exists():
        scenario = Scenario(
            seed=seed, hosts=hosts, start=DEFAULT_START + DAY_S, duration_s=DAY_S, attack_share=ATTACK_SHARE
        )
        flows = [frame.select("uid", ATTACK_ID).drop_nulls() for frame in scenario.frames()]
        pl.concat(flows).write_parquet(kept)
    return dict(pl.read_parquet(kept).iter_rows())


def raised(folder: Path) -> list[Raised]:
    """The alerts of a folder, as incidents take them."""
    settings = load_settings(None, {"model.registry": str(folder / "registry")}, {})
    names = load_model(settings).extractor.spec.names
    first = names.index(FIRST_CONTACT) if FIRST_CONTACT in names else None
    documents = [json.loads(line) for line in (folder / "alerts.jsonl").read_bytes().splitlines()]
    positions = [document["unmapped"]["oddflow"]["position"] for document in documents]
    version = documents[0]["unmapped"]["oddflow"]["model"]["version"] if documents else ""
    origin = Origin(
        "",
        [each["offset"] for each in positions],
        [each.get("part", -1) for each in positions],
        version,
        lambda place: str(documents[place]["unmapped"]["oddflow"]["severity_why"]).partition(";")[0],
    )
    return [_raised(document, place, origin, first) for place, document in enumerate(documents)]


def _raised(document: Mapping[str, Any], place: int, origin: Origin, first_contact: int | None) -> Raised:
    ours, connection = document["unmapped"]["oddflow"], document["evidences"][0]["connection_info"]
    rate = ours["suspicion"]["false_incidents_per_day"]
    return Raised(
        **{name: ours["flow"].get(name) for name in RAISED_COLUMNS},
        direction="internal" if connection["direction"] == "Lateral" else connection["direction"].lower(),
        first_contact=None if first_contact is None else bool(ours["vector"][first_contact]),
        score=ours["score"],
        p_value=ours["p_value"],
        decades=float(decades_beyond(np.array([rate]), Alerts().false_incidents_per_day)[0]),
        partition=ours["position"]["partition"],
        place=place,
        origin=origin,
    )


def joined(alerts: Sequence[Raised], attacks: Mapping[str, str]) -> Day:
    """Put a day's alerts together, by the time of their flows."""
    book, day = IncidentBook(), Day()
    put = [(book.put(alert).id, attacks.get(alert.uid or "")) for alert in alerts]
    book.close_all()
    for change in book.take():
        day.last[change.incident.id] = change
    for incident, attack in put:
        if attack is not None:
            day.attacks[attack][day.final(incident)] += 1
    return day


Row = dict[str, float]


def figures(days: Iterable[tuple[Day, Iterable[str]]]) -> dict[str, Row]:
    """Of several days, each with the ids of all its attacks: shares by kind of attack and over all."""
    by_kind: dict[str, list[Row]] = defaultdict(list)
    benign: list[Change] = []
    length = 0.0
    for day, attacks in days:
        length += day.days
        touched = {incident for found in day.attacks.values() for incident in found}
        benign += [
            change for name, change in day.last.items() if name not in touched and not change.incident.merged_into
        ]
        for attack in attacks:
            by_kind[attack.rsplit("-", 1)[0]].append(_figures(day, attack))
    rows = {kind: _mean(rows) for kind, rows in sorted(by_kind.items())}
    rows["all"] = _mean([row for each in by_kind.values() for row in each])
    rows["benign"] = {
        "incidents_a_day": len(benign) / max(length, 1e-9),
        "with_a_tactic": _share(change.kind.tactic is not None for change in benign),
        "with_a_likely_tactic": _share(
            change.kind.tactic is not None and change.kind.confidence in {"sure", "likely"} for change in benign
        ),
    }
    return rows


def _figures(day: Day, attack: str) -> Row:
    found = day.attacks.get(attack)
    if not found:
        return {"raised": 0.0}
    chief = day.last[found.most_common(1)[0][0]].kind
    right = RIGHT[attack.rsplit("-", 1)[0]]
    return {
        "raised": 1.0,
        "one_incident": float(len(found) == 1),
        "right_kind": float(chief.name == right),
        "right_tactic": float(chief.tactic == TACTICS[right]),
    }


def _mean(rows: Sequence[Row]) -> Row:
    names = dict.fromkeys(name for row in rows for name in row)
    told = {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}
    return {"attacks": float(len(rows))} | told


def _share(those: Iterable[bool]) -> float:
    each = list(those)
    return sum(each) / len(each) if each else 0.0


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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", nargs="*", type=int, default=[111, 112, 113, 114, 115, 116])
    parser.add_argument("--hosts", type=int, default=25)
    parser.add_argument("--kind", default=Ensemble.kind, help="kind of model")
    parser.add_argument("--folder", type=Path, help="where alerts are kept for another run")
    parser.add_argument("--list", action="store_true", help="name each incident")
    parser.add_argument("--capture", nargs="*", type=Path, default=[], help="labelled Zeek logs")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as passing:
        root = asked.folder or Path(passing)
        days = []
        for seed in asked.seeds:
            folder = root / str(seed)
            simulated(folder, seed, asked.hosts, asked.kind)
            attacks = attack_ids(folder, seed, asked.hosts)
            day = joined(raised(folder), attacks)
            days.append((day, sorted(set(attacks.values()))))
            if asked.list:
                listed(seed, day)
        captures = {path.name: captured(path, root / path.name, asked.kind) for path in asked.capture}
    rows = figures(days)
    print(table(rows))
    for name, day in captures.items():
        print(f"{name}: {told_of(day)}")
        if asked.list:
            listed(name, day)
    print(json.dumps(rows | {name: told_of(day) for name, day in captures.items()}))


def listed(seed: int | str, day: Day) -> None:
    """Name each incident of a day with the attacks in it."""
    within: dict[str, list[str]] = defaultdict(list)
    for attack, found in day.attacks.items():
        for incident, count in found.items():
            within[incident].append(f"{attack} ({count})")
    for name, change in day.last.items():
        if not change.incident.merged_into:
            of = ", ".join(within.get(name, ["benign"]))
            print(f"{seed} {change.kind.name}: {message(change.incident, change.kind)} [{of}]")


if __name__ == "__main__":
    main()
