"""What the demo ends with: what became of each attack, and whether the daemon's metrics and topics agree."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from detector.casebook.latest import Latest
from detector.casebook.told import Told
from training.demo.traffic import Attack


class SummaryLine(msgspec.Struct, frozen=True):
    """The last line that the demo prints, for programs."""

    read: int
    scored: int
    dead_lettered: int
    passed_over: int
    alerts: int
    incidents: int
    versions: list[str]
    balanced: bool
    answered: bool
    """Whether a false incident was labelled, suppressed, and met again by a model that learnt from the label."""


@dataclass(slots=True)
class Backup:
    """What became of the false alarm."""

    alerts_raised: int = 0
    alerts_hidden: int = 0
    incidents: Counter[str] = field(default_factory=Counter)
    """How many of those raised are of each, by id."""
    answered: bool = False
    in_force_s: float = 0.0
    """Seconds from the analyst's word until the daemon's metrics show the suppression."""
    hidden: int = 0
    """Alerts that the suppression hid when it came again …"""
    raised_again: int = 0
    """… and those that it did not."""
    repeated: int = 0
    """Alerts of the model with the label, without the suppression."""
    hidden_later: int = 0

    def take(self, alert: Mapping[str, Any], *, hidden: bool) -> None:
        """Count one of its alerts."""
        if hidden:
            self.alerts_hidden += 1
            return
        self.alerts_raised += 1
        self.incidents[alert["metadata"]["correlation_uid"]] += 1

    @property
    def incident(self) -> str:
        """That with most of its alerts; empty where there is none."""
        return next((name for name, _ in self.incidents.most_common(1)), "")

    @property
    def words(self) -> str:
        """What was seen, for people."""
        return (
            f"the backup: {self.hidden:,} alerts hidden by the suppression, in force after {self.in_force_s:.1f} s; "
            f"{self.repeated:,} raised by the model with the label, without it"
        )


@dataclass(slots=True)
class Raised:
    """The alerts of one attack."""

    alerts: int = 0
    first: float = math.inf
    """The earliest flow among them, seconds since 1970."""
    incidents: Counter[str] = field(default_factory=Counter)
    """How many of them are of each, by id."""


@dataclass(slots=True)
class Findings:
    """Counted outside the daemon: what was produced, and what was found on its topics."""

    produced: int = 0
    broken: int = 0
    benign_flows: int = 0
    dead_letters_on_topic: int = 0
    alerts_on_topic: int = 0
    benign_alerts: int = 0
    raised: dict[str, Raised] = field(default_factory=dict)
    """By attack."""
    versions: list[str] = field(default_factory=list)
    backup: Backup = field(default_factory=Backup)

    def take(self, attack: str | None, alert: Mapping[str, Any]) -> None:
        """Count an alert of an attack, None for benign."""
        if attack is None:
            self.benign_alerts += 1
            return
        raised = self.raised.setdefault(attack, Raised())
        raised.alerts += 1
        raised.first = min(raised.first, alert["start_time"] / 1000.0)
        raised.incidents[alert["metadata"]["correlation_uid"]] += 1


class Outcome(NamedTuple):
    """What became of an attack."""

    attack: str
    flows: int
    alerts: int
    after_s: float
    """Seconds of event time from its first flow to the first that was raised; infinite for one that was missed."""
    incidents: tuple[Told, ...]
    """That with most of its alerts first."""


def outcomes(attacks: Mapping[str, Attack], findings: Findings, incidents: Latest) -> list[Outcome]:
    """What became of each attack, in order of time."""
    found = []
    for name, attack in sorted(attacks.items(), key=lambda item: item[1].began):
        raised = findings.raised.get(name, Raised())
        met: dict[str, Told] = {}
        for incident, _ in raised.incidents.most_common():
            if (told := incidents.whole(incident)) is not None:
                met.setdefault(told.ours.id, told)
        found.append(Outcome(name, attack.flows, raised.alerts, raised.first - attack.began, tuple(met.values())))
    return found


def problems(line: SummaryLine, findings: Findings) -> list[str]:
    """Everything that does not hold, each in words; empty when the demo did what it promises."""
    checks = {
        f"the daemon read {line.read} of {findings.produced} records": line.read == findings.produced,
        "read is not scored + dead-lettered + passed over": line.balanced,
        f"{line.dead_lettered} dead letters for {findings.broken} broken records": (
            line.dead_lettered == findings.broken
        ),
        f"{findings.dead_letters_on_topic} of {line.dead_lettered} dead letters are on their topic": (
            findings.dead_letters_on_topic == line.dead_lettered
        ),
        f"{findings.alerts_on_topic} of {line.alerts} alerts are on their topic": (
            findings.alerts_on_topic == line.alerts
        ),
        "no attack was alerted on": bool(findings.raised),
        "no incident was told": line.incidents > 0,
        "the daemon did not swap to a retrained model": len(line.versions) >= 2,
        "nobody answered a false incident": line.answered,
        "the suppression hid nothing": not line.answered or findings.backup.hidden > 0,
        "the suppressed backup was raised all the same": not findings.backup.raised_again,
        "the model with the label raised the backup again": not findings.backup.repeated,
        "something was hidden without a suppression": not findings.backup.hidden_later,
    }
    return [problem for problem, holds in checks.items() if not holds]


def show(console: Console, line: SummaryLine, found: Iterable[Outcome], findings: Findings, wrong: list[str]) -> None:
    """Print it for people, then the line for programs."""
    table = Table(
        title="what was hidden in the hour, and what was told of it",
        box=SIMPLE_HEAD,
        padding=(0, 1),
        collapse_padding=True,
    )
    for name in ("attack", "raised", "told as", "technique", "after"):
        table.add_column(name, no_wrap=True)
    for each in found:
        table.add_row(each.attack, f"{each.alerts:,}/{each.flows:,}", *_told(each))
    console.print(table)
    attacks = {told.ours.id for each in found for told in each.incidents}
    console.print(
        f"{line.incidents:,} incidents, {len(attacks):,} of them attacks; {findings.benign_alerts:,} of "
        f"{findings.benign_flows:,} benign flows raised"
    )
    console.print(
        f"read {line.read:,} = scored {line.scored:,} + dead-lettered {line.dead_lettered:,} "
        f"+ passed over {line.passed_over:,}; alerts {line.alerts:,}; models {' → '.join(line.versions)}"
    )
    if findings.backup.answered:
        console.print(findings.backup.words)
    for problem in wrong:
        console.print(f"[bold red]wrong:[/] {problem}")
    console.file.write(msgspec.json.encode(line).decode() + "\n")


def _told(outcome: Outcome) -> tuple[str, str, str]:
    """What was told of an attack: its kind, technique and when."""
    if not outcome.incidents:
        return "[red]missed[/]", "", ""
    first = outcome.incidents[0]
    more = len(outcome.incidents) - 1
    return (
        first.ours.kind + (f" +{more}" if more else ""),
        ", ".join(technique.id for technique in first.techniques[:1]),
        span(outcome.after_s),
    )


def span(seconds: float) -> str:
    """Such as ``12 s`` or ``4 min``."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
