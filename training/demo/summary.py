"""What the demo ends with: figures gathered from the daemon's metrics and topics, and whether they agree."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import msgspec


class SummaryLine(msgspec.Struct, frozen=True):
    """The last line that the demo prints, for programs."""

    read: int
    scored: int
    dead_lettered: int
    passed_over: int
    alerts: int
    versions: list[str]
    balanced: bool


@dataclass(slots=True)
class Findings:
    """Counted outside the daemon: what was produced, and what was found on its topics."""

    produced: int = 0
    broken: int = 0
    dead_letters_on_topic: int = 0
    alerts_on_topic: int = 0
    alerts_by_kind: Counter[str] = field(default_factory=Counter)
    flows_by_kind: Counter[str] = field(default_factory=Counter)
    versions: list[str] = field(default_factory=list)


def problems(line: SummaryLine, findings: Findings, attacks: frozenset[str]) -> list[str]:
    """Everything that does not hold, each in words; empty when the demo did what it promises."""
    checks = {
        f"the daemon read {line.read} of {findings.produced} records": line.read == findings.produced,
        "read is not scored + dead-lettered + passed over": line.balanced,
        f"{line.dead_lettered} dead letters for {findings.broken} broken records": line.dead_lettered
        == findings.broken,
        f"{findings.dead_letters_on_topic} of {line.dead_lettered} dead letters are on their topic": (
            findings.dead_letters_on_topic == line.dead_lettered
        ),
        f"{findings.alerts_on_topic} of {line.alerts} alerts are on their topic": findings.alerts_on_topic
        == line.alerts,
        "no alerts were raised": line.alerts > 0,
        "the daemon did not swap to a retrained model": len(line.versions) >= 2,
    }
    missed = sorted(kind for kind in attacks if not findings.alerts_by_kind[kind])
    if missed:
        checks[f"no alert on any flow of {', '.join(missed)}"] = False
    return [problem for problem, holds in checks.items() if not holds]
