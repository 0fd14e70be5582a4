"""What the demo shows while it runs: rate, lag, the model in use, and incidents as they come, in words."""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from detector.casebook.told import Told
from detector.cli.incidents_table import STYLES
from training.demo.gauges import Gauges

INCIDENTS_SHOWN = 12
RATE_SECONDS = 5.0
"""The rate is over this many seconds, so that it can be read."""

FIGURES_SECONDS = 20.0
"""Where nothing can be redrawn, a line of figures is printed so often."""


@dataclass(slots=True)
class Screen:
    """The live picture; on a terminal that cannot redraw, it prints a line now and then instead."""

    console: Console
    started: float = field(default_factory=time.monotonic)
    doing: str = ""
    _gauges: Gauges = field(default_factory=Gauges)
    _history: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=200))
    _incidents: dict[str, Told] = field(default_factory=dict)
    """Those told last, the latest at the end."""
    _printed: set[tuple[str, str]] = field(default_factory=set)
    """Incidents and kinds."""
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
        if not self._live and now - self._printed_at > FIGURES_SECONDS:
            self._printed_at = now
            self.console.print(f"        {self._line()}", no_wrap=True, overflow="ellipsis")

    def incident(self, told: Told) -> None:
        """Take what was told of an incident; where nothing can be redrawn, print it once for each kind that it is of.

        Not while it is of low severity and one alert, or no kind's: most such grow, or become part of another.
        """
        ids = {told.ours.id, *(part.ours.id for part in told.parts)}
        for name in ids:
            self._incidents.pop(name, None)
        if told.ours.merged_into:
            return
        self._incidents[told.ours.id] = told
        faint = not told.level and (told.ours.alerts == 1 or told.ours.kind == OTHER)
        of_kind = {(name, told.ours.kind) for name in ids}
        if not self._live and not faint and not of_kind & self._printed:
            self._printed |= of_kind
            self.console.print(incident_line(told), no_wrap=True, overflow="ellipsis")

    @property
    def rate(self) -> float:
        """Records read a second, lately."""
        recent = [(at, read) for at, read in self._history if at >= self._history[-1][0] - RATE_SECONDS]
        if len(recent) < 2 or recent[-1][0] == recent[0][0]:
            return 0.0
        return (recent[-1][1] - recent[0][1]) / (recent[-1][0] - recent[0][0])

    def _line(self) -> str:
        """Figures; while nothing is read, what is awaited."""
        if not self.rate:
            return f"still: {self.doing}"
        g = self._gauges
        return (
            f"{self.rate:,.0f} records/s, lag {lag_words(g.lag)}, read {g.read:,}, dead-lettered {g.dead_lettered:,}, "
            f"alerts {g.alerts:,}, model {g.version or '–'}"
        )

    def _picture(self) -> RenderableType:
        g = self._gauges
        table = Table.grid(padding=(0, 3))
        elapsed = time.monotonic() - self.started
        cells = {
            "records/s": f"{self.rate:,.0f}",
            "lag": lag_words(g.lag),
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
        status = Text(f"{elapsed:.0f} s: {self.doing}", style="cyan")
        latest = [incident_line(told) for told in list(self._incidents.values())[-INCIDENTS_SHOWN:]]
        incidents = Panel(Group(*latest) if latest else Text("none yet", style="dim"), title="incidents")
        return Group(status, table, incidents)


OTHER = "other"
"""The kind of incidents that no rule names."""


def lag_words(lag: float) -> str:
    """Records behind the topic's end; a dash while that is not known."""
    return f"{lag:,.0f}" if math.isfinite(lag) else "–"


def incident_line(told: Told) -> Text:
    """One incident on one line: how severe, what, how large."""
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f"{told.severity.upper():<9}", style=STYLES[told.severity])
    text.append(told.headline)
    text.append(f"  {told.ours.size}", style="dim")
    return text
