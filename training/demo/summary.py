"""What the demo ends with: figures gathered from the daemon's metrics and topics, and whether they agree."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import msgspec
from rich.console import Console
from rich.table import Table

from detector.records.flow import BENIGN


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


def problems(line: SummaryLine, findings: Findings) -> list[str]:
    """Everything that does not hold, each in words; empty when the demo did what it promises."""
    attacks = findings.alerts_by_kind.total() - findings.alerts_by_kind[BENIGN]
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
        "no attack was alerted on": attacks > 0,
        "the daemon did not swap to a retrained model": len(line.versions) >= 2,
    }
    return [problem for problem, holds in checks.items() if not holds]


def show(console: Console, line: SummaryLine, findings: Findings, wrong: list[str]) -> None:
    """Print it for people, then the line for programs."""
    table = Table(title="what was sent, and what was alerted on")
    table.add_column("kind")
    table.add_column("flows", justify="right")
    table.add_column("alerts", justify="right")
    for kind, flows in sorted(findings.flows_by_kind.items()):
        table.add_row(kind, f"{flows:,}", f"{findings.alerts_by_kind[kind]:,}")
    console.print(table)
    console.print(
        f"read {line.read:,} = scored {line.scored:,} + dead-lettered {line.dead_lettered:,} "
        f"+ passed over {line.passed_over:,}; alerts {line.alerts:,}; models {' → '.join(line.versions)}"
    )
    for problem in wrong:
        console.print(f"[bold red]wrong:[/] {problem}")
    console.file.write(msgspec.json.encode(line).decode() + "\n")
