"""The list of incidents on terminals of several widths."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from detector.casebook.words import COLUMNS, Row
from detector.cli.incidents_table import LiveTable, incidents_table
from tests.casebook.documents import ocsf
from tests.casebook.test_casebook import latest_of

ROW = Row(
    "2026-01-05 10:05:33",
    "critical",
    "91",
    "scan",
    "182.231.113.64 → 203.0.113.10 port 22",
    "1,076",
    "open",
    "ee9ad9bc",
)


def printed(width: int) -> list[str]:
    """The table's lines on a console so wide."""
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(incidents_table([ROW], width))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]  # StringIO


@pytest.mark.parametrize("width", [88, 96, 116, 200])
def test_only_who_did_it_to_whom_is_cut(width: int) -> None:
    """On a narrow terminal addresses are cut, with a sign that says so; every other column stays whole."""
    head, line = printed(width)
    assert max(len(head), len(line)) <= width
    assert [name for name in COLUMNS if name not in head] == []
    assert [cell for cell in ROW if cell not in line and cell != ROW.who] == []
    assert (ROW.who in line, "…" in line) == ((True, False) if width > 106 else (False, True))


def test_the_live_table_shows_the_latest() -> None:
    """A live table has as many incidents as fit, the latest ones, and tells how many there are."""
    latest = latest_of(*(ocsf(id=f"{number:08}", last_seen=float(number)) for number in range(9)))
    out = io.StringIO()
    console = Console(file=out, width=120, height=6, force_terminal=True)
    with LiveTable(latest, console):
        pass
    assert ("00000008" in out.getvalue(), "00000005" in out.getvalue(), "9 incidents" in out.getvalue()) == (
        *(True, False),
        True,
    )
