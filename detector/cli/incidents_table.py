"""The list of incidents on a terminal: printed once, or kept current."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Literal, Self

from rich.cells import cell_len
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from detector.casebook.hosts import HostRow
from detector.casebook.latest import Latest
from detector.casebook.words import COLUMNS, Row, moment, rows

STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "dim"}

_WHO = COLUMNS.index(COLUMNS.who)

_LEAST_WHO = 16

_GAP = 2
"""Blanks between two columns."""

_WIDEST = 4_096
"""Columns of what is no terminal."""

_FRAME_LINES = 3
"""Lines of the screen that are no incident's: the table's head, the line below, the cursor's."""


def print_rows(shown: Sequence[Row]) -> None:
    """Print the table: on a terminal as wide as that is, else as wide as it needs."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, emoji=False, width=_WIDEST)
    console.print(incidents_table(shown, console.width))


def print_hosts(shown: Sequence[HostRow]) -> None:
    """Print hosts, the highest risk first."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, emoji=False, width=_WIDEST)
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    table.add_column("risk", justify="right", no_wrap=True)
    table.add_column("severity", no_wrap=True)
    table.add_column("host", no_wrap=True)
    table.add_column("last seen (UTC)", no_wrap=True)
    table.add_column("incidents")
    for row in shown:
        cells = (f"{row.risk:.0f}", row.severity, row.host, moment(row.last_seen), f"{row.incidents:,}; {row.what}")
        table.add_row(*map(Text, cells), style=STYLES.get(row.severity, ""))
    console.print(table)


class LiveTable:
    """The latest incidents, as many as there is room for, on a terminal."""

    def __init__(self, latest: Latest, console: Console | None = None) -> None:
        self._latest = latest
        self._console = console or Console(highlight=False, markup=False, emoji=False)
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> Self:
        self._live.start()
        self.refresh()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def refresh(self) -> None:
        """Show what there is now."""
        room = max(self._console.height - _FRAME_LINES, 1)
        there = rows(self._latest)
        table = incidents_table(there[-room:], self._console.width)
        table.caption = Text(f"{len(there):,} incidents; Ctrl-C ends")
        self._live.update(table, refresh=True)


def incidents_table(shown: Sequence[Row], width: int) -> Table:
    """The table in so many columns: where there is too little room, who did it to whom is cut, and nothing else."""
    widths = [max(cell_len(row[at]) for row in (COLUMNS, *shown)) for at in range(len(COLUMNS))]
    others = sum(widths) - widths[_WHO] + _GAP * (len(widths) - 1)
    widths[_WHO] = max(min(widths[_WHO], width - others), _LEAST_WHO)
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), caption_justify="left")
    for name, wide in zip(COLUMNS, widths, strict=True):
        justify: Literal["left", "right"] = "right" if name in {COLUMNS.risk, COLUMNS.alerts} else "left"
        table.add_column(name, no_wrap=True, overflow="ellipsis", min_width=wide, max_width=wide, justify=justify)
    for row in shown:
        table.add_row(*map(Text, row), style=STYLES.get(row.severity, ""))
    return table
