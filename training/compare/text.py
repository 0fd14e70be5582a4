"""A comparison as a table on a terminal of a hundred columns."""

from __future__ import annotations

from rich.table import Table

from detector.printable import printable
from training.compare import words
from training.compare.contract import Comparison
from training.text import plain_text

WIDTH = 100


def told(comparison: Comparison) -> str:
    """The table, who failed and why, and what to know."""
    table = Table(box=None, pad_edge=False, show_header=True, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for head in (*words.QUALITY, *words.COSTS):
        table.add_column(head, justify="right", no_wrap=True)
    for row in comparison.compared:
        if not row.failed:
            table.add_row(words.called(row), *words.quality(row), *words.costs(row))
    failed = [f"{words.called(row)}: no figures, {printable(row.failed)}" for row in comparison.compared if row.failed]
    below = (
        *failed,
        *words.legend(comparison),
        words.FOUND,
        words.about(comparison),
        words.how(comparison),
        *(f"note: {printable(note)}" for note in comparison.notes),
    )
    return "\n".join(line.rstrip() for line in plain_text(table, *below, width=WIDTH).split("\n"))
