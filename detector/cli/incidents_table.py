"""The list of incidents on a terminal: printed once, or kept current."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.cells import cell_len
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from detector.casebook.latest import Latest
from detector.casebook.words import COLUMNS, Row, rows

STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "dim"}

_WHO = COLUMNS.index(COLUMNS.who)

_LEAST_WHO = 16

_WIDEST = 4_096
"""Columns of what is no terminal."""

_FRAME_LINES = 3
"""Lines of the screen that are no incident's: the table's head, the line below, the cursor's."""


def print_rows(shown: Sequence[Row]) -> None:
    """Print the table: on a terminal as wide as that is, else as wide as it needs."""
    console = Console(highlight=False, markup=False, emoji=False)
    table = _table(shown)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, emoji=False, width=_WIDEST)
        table.columns[_WHO].min_width = max((cell_len(row.who) for row in (COLUMNS, *shown)), default=0)
    console.print(table)


class LiveTable:
    """The latest incidents, as many as there is room for, on a terminal."""

    def __init__(self, latest: Latest) -> None:
        self._latest = latest
        self._console = Console(highlight=False, markup=False, emoji=False)
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
        table = _table(there[-room:])
        table.caption = Text(f"{len(there):,} incidents; Ctrl-C ends")
        self._live.update(table, refresh=True)


def _table(shown: Sequence[Row]) -> Table:
    """Where there is too little room, who did it to whom is cut, and nothing else."""
    table = Table(box=None, pad_edge=False, caption_justify="left")
    for at, name in enumerate(COLUMNS):
        widest = max(cell_len(row[at]) for row in (COLUMNS, *shown))
        table.add_column(
            name,
            no_wrap=True,
            overflow="ellipsis",
            min_width=_LEAST_WHO if at == _WHO else widest,
            justify="right" if name == COLUMNS.alerts else "left",
        )
    for row in shown:
        table.add_row(*map(Text, row), style=STYLES.get(row.severity, ""))
    return table
