"""What a search found, as text for people and JSON for programs."""

from __future__ import annotations

import json
from pathlib import Path

from rich.table import Table

from detector.printable import printable
from training.evaluation.search_page import capital, chosen_words, cost_words, side
from training.search.searching import Found
from training.text import plain_text


def as_text(found: Found, output: Path, command: str) -> str:
    """The verdict, both recipes side by side, what was chosen and what it cost, and what to run next."""
    table = Table(box=None, pad_edge=False)
    for place, head in enumerate(("on the untouched stretch", "usual", "chosen", "gain", "interval of the gain")):
        table.add_column(head, justify="right" if place else "left")
    for each in found.search.beside:
        table.add_row(*side(each))
    return "\n".join(
        [
            f"{capital(found.search.verdict)}.",
            plain_text(table, width=140),
            chosen_words(found.search),
            cost_words(found.search),
            *(f"note: {note}" for note in found.report.notes),
            f"written to {printable(str(output))}; train by it: {printable(command)}",
        ]
    )


def as_json(found: Found, output: Path, command: str) -> str:
    """The same for a program."""
    report = json.loads(found.report.encode())
    return json.dumps({"settings": str(output), "train": command, "report": report}, indent=2)
