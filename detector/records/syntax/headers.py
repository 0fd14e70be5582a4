"""Header lines that only name the columns, as CSV files have them: a record that must hold certain names is one."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters

from detector.records.syntax.split_spans import Before, Layout, ReadHeader

HEADER_STARTS = (ascii_letters + '"').encode()
"""Signs that such a line begins with; records begin with a digit, or are looked at twice."""


def name_line(separators: str, *required: Sequence[str]) -> ReadHeader:
    """A reader of lines that name all columns (in lower case) of one of ``required``, between one of ``separators``."""
    # The longest name of each is asked for first: most broken records have it not, and cost no more.
    firsts = [max(names, key=len) for names in required]

    def read(line: str, before: Before) -> Layout | None:  # noqa: ARG001 - every such line says all
        lower = line.lower()
        for first in firsts:  # a loop, as any() of them would cost a broken record more than all the rest
            if first in lower:
                break
        else:
            return None
        separator = max(separators, key=line.count)
        names = tuple(clean_name(cell) for cell in line.split(separator))
        found = {name.lower() for name in names}
        return Layout(names, separator) if any(map(found.issuperset, required)) else None

    return read


def clean_name(cell: str) -> str:
    """A column's name without quotes, spaces around it, and AWS's ``${…}``."""
    return cell.strip().strip('"').removeprefix("${").removesuffix("}").strip()
