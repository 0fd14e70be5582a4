"""What a board is declared as: panels in rows, each with its questions to Prometheus or to triage's database."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Literal

Kind = Literal["timeseries", "stat", "table", "barchart"]
Shape = Literal["table", "time_series"]

WIDTH = 24
"""Of a board, as Grafana counts it."""

DAEMONS = '{instance=~"$instance"}'
"""The daemons that are chosen at the board's top."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to Prometheus. ``{}`` in it stands for the chosen daemons, ``{,…}`` for them and more labels."""

    expr: str
    legend: str = ""

    @property
    def full(self) -> str:
        """As Prometheus is asked, but for Grafana's variables."""
        return self.expr.replace("{}", DAEMONS).replace("{,", DAEMONS.replace("}", ", "))


@dataclass(frozen=True, slots=True)
class Sql:
    """A question to triage's PostgreSQL, with Grafana's macros and variables."""

    text: str
    shape: Shape = "table"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """How a table shows a column; ``link`` is where its cells lead, of Grafana's variables."""

    name: str
    unit: str = ""
    link: str = ""
    title: str = ""
    """Of the link."""
    hidden: bool = False


LABELS_ALONE = (Column(name="Time", hidden=True), Column(name="Value", hidden=True))
"""The columns of a table that shows which series there are."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel."""

    title: str
    asks: tuple[Ask | Sql, ...]
    _: KW_ONLY
    kind: Kind = "timeseries"
    about: str = ""
    """What it tells, and what to do where it looks odd."""
    unit: str = "short"
    least: float | None = 0
    most: float | None = None
    width: int = 0
    """Of 24; as much as the others of its row where none is said."""
    warn: float | None = None
    """From here on a value is shown in red."""
    stacked: bool = False
    names: bool = False
    """A ``stat`` that shows what the series are called, and not their values."""
    columns: tuple[Column, ...] = ()
    empty: str = ""
    """What is shown where there is nothing."""


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and its panels, from left to right in so many lines; ``height`` is of one, in units of 30 pixels."""

    title: str
    panels: tuple[Panel, ...]
    _: KW_ONLY
    height: int = 8
    lines: int = 1

    @property
    def width(self) -> int:
        """Of a panel that says none."""
        return WIDTH * self.lines // len(self.panels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Marks on every panel's time axis."""

    name: str
    ask: Ask
    title: str
    text: str = ""
    value_is_time: bool = False
    """The value is when it was, in milliseconds since 1970."""
    colour: str = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A choice at a board's top, of what a question gives; or, without one, a text that people type."""

    name: str
    label: str
    ask: Ask | Sql | None = None
    default: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A board; ``uid`` is in its address, so it stays."""

    uid: str
    title: str
    about: str
    rows: tuple[Row, ...]
    choices: tuple[Choice, ...] = ()
    notes: tuple[Note, ...] = ()
    span: str = "now-1h"
    refresh: str = "10s"

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All of them."""
        return tuple(panel for row in self.rows for panel in row.panels)


INSTANCE = Choice(name="instance", label="Daemon", ask=Ask("label_values(oddflow_build_info, instance)"))
