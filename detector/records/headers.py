"""Header lines that only name the columns, as CSV files have them: a record that must hold certain names is one."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters

from detector.records.split_cells import Before, Layout, ReadHeader

HEADER_STARTS = (ascii_letters + '"').encode()
"""Signs that such a line begins with; records begin with a digit, or are looked at twice."""


def name_line(required: Sequence[str], separators: str) -> ReadHeader:
    """A reader of lines that name all ``required`` columns (in lower case), between one of ``separators``."""

    def read(line: str, before: Before) -> Layout | None:  # noqa: ARG001 - every such line says all
        lower = line.lower()
        for name in required:  # a loop, as all() of them would cost a broken record more than all the rest
            if name not in lower:
                return None
        separator = max(separators, key=line.count)
        names = tuple(clean_name(cell) for cell in line.split(separator))
        found = {name.lower() for name in names}
        return Layout(names, separator) if found.issuperset(required) else None

    return read


def any_line(*readers: ReadHeader) -> ReadHeader:
    """A reader of lines that one of ``readers`` reads."""

    def read(line: str, before: Before) -> Layout | None:
        for reader in readers:
            layout = reader(line, before)
            if layout is not None:
                return layout
        return None

    return read


def clean_name(cell: str) -> str:
    """A column's name without quotes, spaces around it, and AWS's ``${…}``."""
    return cell.strip().strip('"').removeprefix("${").removesuffix("}").strip()
