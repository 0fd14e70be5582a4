"""What the demo shows while it runs: rate, lag, the model in use, and alerts as they come, with why."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from training.demo.gauges import Gauges

ALERTS_SHOWN = 12
RATE_SECONDS = 5.0
"""The rate is over this many seconds, so that it can be read."""


@dataclass(slots=True)
class Screen:
    """The live picture; on a terminal that cannot redraw, it prints a line now and then instead."""

    console: Console
    total_s: float
    started: float = field(default_factory=time.monotonic)
    doing: str = ""
    _gauges: Gauges = field(default_factory=Gauges)
    _history: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=200))
    _alerts: deque[RenderableType] = field(default_factory=lambda: deque(maxlen=ALERTS_SHOWN))
    _live: Live | None = None
    _printed_at: float = 0.0

    def __enter__(self) -> Self:
        self.started = time.monotonic()
        if self.console.is_terminal:
            self._live = Live(get_renderable=self._picture, console=self.console, refresh_per_second=4)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def step(self, text: str) -> None:
        """Say what is being done now."""
        self.doing = text
        if not self._live:
            self.console.print(f"[dim]{time.monotonic() - self.started:5.1f} s[/]  {text}")

    def show(self, gauges: Gauges) -> None:
        """Take the latest figures."""
        now = time.monotonic()
        self._gauges = gauges
        self._history.append((now, gauges.read))
        if not self._live and now - self._printed_at > RATE_SECONDS:
            self._printed_at = now
            self.console.print(f"        {self._line()}")

    def alert(self, document: dict[str, Any], kind: str) -> None:
        """Add an alert; ``kind`` is the simulator's truth, which the detector has not seen."""
        self._alerts.append(alert_line(document, kind))
        if not self._live:
            self.console.print(self._alerts[-1])

    @property
    def rate(self) -> float:
        """Records read a second, lately."""
        recent = [(at, read) for at, read in self._history if at >= self._history[-1][0] - RATE_SECONDS]
        if len(recent) < 2 or recent[-1][0] == recent[0][0]:
            return 0.0
        return (recent[-1][1] - recent[0][1]) / (recent[-1][0] - recent[0][0])

    def _line(self) -> str:
        g = self._gauges
        return (
            f"{self.rate:,.0f} records/s, lag {g.lag:,.0f}, read {g.read:,}, dead-lettered {g.dead_lettered:,}, "
            f"alerts {g.alerts:,}, model {g.version}"
        )

    def _picture(self) -> RenderableType:
        g = self._gauges
        table = Table.grid(padding=(0, 3))
        elapsed = time.monotonic() - self.started
        cells = {
            "records/s": f"{self.rate:,.0f}",
            "lag": f"{g.lag:,.0f}",
            "read": f"{g.read:,}",
            "scored": f"{g.scored:,}",
            "dead-lettered": f"{g.dead_lettered:,}",
            "alerts": f"{g.alerts:,}",
            "model": g.version or "–",
        }
        for _ in cells:
            table.add_column()
        table.add_row(*(Text(name, style="dim") for name in cells))
        table.add_row(*(Text(value, style="bold") for value in cells.values()))
        status = Text(f"{elapsed:.0f} of about {self.total_s:.0f} s: {self.doing}", style="cyan")
        alerts = Panel(Group(*self._alerts) if self._alerts else Text("none yet", style="dim"), title="alerts")
        return Group(status, table, alerts)


_STYLES = {"Critical": "bold red", "High": "red", "Medium": "yellow", "Low": "dim"}


def alert_line(document: dict[str, Any], kind: str) -> RenderableType:
    """One alert on one line: when, how severe, who to whom, why."""
    flow = document["evidences"][0]
    severity = str(document.get("severity", ""))
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f"{severity:<9}", style=_STYLES.get(severity, ""))
    text.append(f"{_ends(flow)}  ")
    text.append(str(document.get("message", "")), style="dim")
    text.append(f"  [{kind}]", style="magenta" if kind != "benign" else "green")
    return text


def _ends(flow: dict[str, Any]) -> str:
    source, destination = flow["src_endpoint"], flow["dst_endpoint"]
    return f"{source.get('ip')} → {destination.get('ip')}:{destination.get('port', '')}"
