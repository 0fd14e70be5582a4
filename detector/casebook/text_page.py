"""An incident's page as lines of text for a terminal."""

from __future__ import annotations

import textwrap

from detector.casebook.latest import Latest
from detector.casebook.told import Told
from detector.casebook.words import sections, title

LEAST_WIDTH = 40


def text_page(told: Told, latest: Latest, width: int = 100) -> str:
    """Headline and sections, wrapped at ``width`` columns."""
    parts = sections(told, latest)
    indent = max(len(part.name) for part in parts) + 4
    lines = [title(told)]
    for part in parts:
        for number, item in enumerate(part.items):
            first = f"  {part.name if number == 0 else '':<{indent - 2}}"
            lines += textwrap.wrap(
                item,
                max(width, LEAST_WIDTH + indent),
                initial_indent=first,
                subsequent_indent=" " * (indent + 2),
                break_long_words=False,
                break_on_hyphens=False,
            )
    return "\n".join(lines)
