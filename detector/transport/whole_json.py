"""JSON that a person, or ``jq``, has laid out over several lines, as values; any other lines stay as they are.

A file is looked at by its first line: where that ends within an object or a list, and not in the middle of a word as
one that was cut off would, values end where brackets do. Of a list at the top, each element is a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LINES = 5_000
"""Values that are given at once."""

_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"')
_SIGN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},]')
_UNFINISHED = re.compile(rb"\s*(\{(.*[{\[])?|\[\s*(\{.*[{\[,])?)\s*", re.DOTALL)
"""A first line that a layout may have: ``{``, ``{"records": [``, ``[``, ``[{``, or ``[{…},``."""

MAX_VALUE_BYTES = 64 << 20
"""Of more than this, a bracket is missing."""


def whole_json(lines: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
    """The values in ``lines``, which come in lists."""
    seen: list[list[bytes]] = []
    for some in lines:
        seen.append(some)
        first = next((line for line in some if line.strip()), None)
        if first is not None:
            break
    else:
        yield from seen
        return
    if not _is_laid_out(first):
        yield from seen
        yield from lines
        return
    found: list[bytes] = []
    for value in _values(line for some in _chained(seen, lines) for line in some):
        found.append(value)
        if len(found) >= LINES:
            yield found
            found = []
    yield found


def _chained(seen: list[list[bytes]], lines: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
    yield from seen
    yield from lines


def _is_laid_out(line: bytes) -> bool:
    signs = _TEXT.sub(b"", line)
    unclosed = sum(map(signs.count, (b"{", b"["))) > sum(map(signs.count, (b"}", b"]")))
    return unclosed and _UNFINISHED.fullmatch(signs) is not None


def _values(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Values as brackets tell. What is outside of any, or not closed at the end, is a value by itself."""
    depth, floor, kept, size = 0, 0, list[bytes](), 0
    for line in lines:
        begin = 0
        for match in _SIGN.finditer(line):
            sign = match[0]
            if sign in (b"{", b"["):
                if depth == 0 and sign == b"[":
                    floor, begin = 1, match.end()
                depth += 1
            elif sign in (b"}", b"]"):
                depth = max(depth - 1, 0)
                if depth < floor:  # the list at the top has ended
                    yield from _closed(kept, line[begin : match.start()])
                    floor, begin = 0, match.end()
                elif depth == 0:
                    yield from _closed(kept, line[begin : match.end()])
                    begin = match.end()
            elif sign == b"," and depth == floor:
                yield from _closed(kept, line[begin : match.start()])
                begin = match.end()
        size = size + len(line) + 1 if kept else len(line) - begin
        if size > MAX_VALUE_BYTES:
            raise OSError(f"a JSON value is longer than {MAX_VALUE_BYTES >> 20} MiB; is a bracket missing?")
        kept.append(line[begin:] + b"\n")
    yield from _closed(kept, b"")


def _closed(kept: list[bytes], last: bytes) -> Iterator[bytes]:
    value = b"".join([*kept, last]).strip()
    kept.clear()
    if value:
        yield value
