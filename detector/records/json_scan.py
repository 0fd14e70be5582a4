"""Finding the wanted fields of JSON objects without building the objects: a strict scanner, compiled.

It accepts a *subset* of JSON, checked in full (RFC 8259), and calls anything outside it doubtful: the caller then asks a
complete parser. What it accepts, a complete parser accepts with the same fields. Doubtful are escapes inside wanted
text or names, surrogates, exponents, very long numbers, nesting deeper than 16, a wanted field given twice, and of
course everything malformed. Every record must be followed by a zero byte, which ends any token, so that no loop
needs to count.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detector.records.cells import Kind
from detector.records.words import ABSENT, WordTable, build_words, find_word

_DEPTH = 16
_LONGEST_NUMBER = 40

_QUOTE, _BACKSLASH, _COMMA, _COLON, _MINUS, _POINT = (ord(sign) for sign in '"\\,:-.')
_OPEN, _CLOSE, _OPEN_LIST, _CLOSE_LIST = (ord(sign) for sign in "{}[]")
_TEXT, _NUMBER, _TRUE, _FALSE, _NESTED, _NOTHING = (
    int(kind) for kind in (Kind.TEXT, Kind.NUMBER, Kind.TRUE, Kind.FALSE, Kind.NESTED, Kind.ABSENT)
)

# Bytes that a JSON string may hold as they are; UTF-8 was checked before.
_PLAIN = np.array([c >= 32 and c not in (_QUOTE, _BACKSLASH) for c in range(256)])
_SIMPLE_ESCAPE = np.array([chr(c) in '"\\/bfnrt' for c in range(256)])
_HEX = np.array([chr(c) in "0123456789abcdefABCDEF" for c in range(256)])

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]


class Paths(NamedTuple):
    """The wanted fields as a tree of names: node 0 is the record itself, other nodes are objects inside it."""

    fields: WordTable
    """(node, name) → number of the field, where a value is wanted."""
    objects: WordTable
    """(node, name) → node, where something inside is wanted."""


def build_paths(wanted: tuple[tuple[str, ...], ...]) -> Paths:
    """Build the tree; ``wanted[i]`` lists the spellings of field i, each both as a flat name and as a dotted path."""
    nodes: dict[tuple[int, str], int] = {}
    fields: list[tuple[int, str, int]] = []
    for number, spellings in enumerate(wanted):
        for path in spellings:
            fields.append((0, path, number))
            parts = path.split(".")
            node = 0
            for part in parts[:-1]:
                node = nodes.setdefault((node, part), len(nodes) + 1)
            fields.append((node, parts[-1], number))
    return Paths(
        build_words(fields), build_words((parent, name, node) for (parent, name), node in nodes.items())
    )


@njit(cache=True, nogil=True)
def scan_records(
    data: Bytes, begins: Ints, ends: Ints, paths: Paths, cell_begins: Ints, cell_ends: Ints, kinds: Bytes
) -> NDArray[np.bool_]:
    """Fill the cells (fields × records, ``kinds`` all zero) of every record; true where one is doubtful."""
    doubtful = np.zeros(begins.size, dtype=np.bool_)
    nodes = np.empty(_DEPTH, dtype=np.int32)
    for row in range(begins.size):
        end = _scan_record(
            data, begins[row], paths, cell_begins[:, row], cell_ends[:, row], kinds[:, row], nodes
        )
        doubtful[row] = end != ends[row]
    return doubtful


@njit(cache=True, nogil=True)
def _scan_record(
    data: Bytes, at: int, paths: Paths, cell_begins: Ints, cell_ends: Ints, kinds: Bytes, nodes: Ints
) -> int:
    # Returns where the record ended, or ABSENT. nodes[depth] is the node of each open object, -2 for a list.
    at = _skip_space(data, at)
    if data[at] != _OPEN:
        return ABSENT
    depth = -1
    node = 0
    field = -1
    while True:
        # Here a value begins at ``at``, wanted as ``field`` and, if an object, as ``node``.
        sign = data[at]
        if sign in (_OPEN, _OPEN_LIST):
            depth += 1
            if depth == _DEPTH:
                return ABSENT
            if field >= 0 and not _set(field, _NESTED, at, at, cell_begins, cell_ends, kinds):
                return ABSENT
            nodes[depth] = node if sign == _OPEN else -2
            at = _skip_space(data, at + 1)
            opened = True
        else:
            at = _scan_scalar(data, at, field, cell_begins, cell_ends, kinds)
            if at < 0:
                return ABSENT
            at = _skip_space(data, at)
            opened = False
        at, depth, separated = _close(data, at, depth, nodes, opened)
        if depth < 0:
            return at
        if not separated:
            return ABSENT
        if nodes[depth] == -2:
            field, node = -1, -1
        else:
            at, field, node = _scan_name(data, at, nodes[depth], paths)
            if at < 0:
                return ABSENT


@njit(cache=True, nogil=True, inline="always")
def _skip_space(data: Bytes, at: int) -> int:
    while data[at] <= 32 and data[at] in (32, 9, 10, 13):
        at += 1
    return at


@njit(cache=True, nogil=True)
def _close(data: Bytes, at: int, depth: int, nodes: Ints, opened: bool) -> tuple[int, int, bool]:
    # Step over closing brackets, then over the comma to the next member. -> (at, depth, whether a member follows)
    while depth >= 0:
        closing = _CLOSE_LIST if nodes[depth] == -2 else _CLOSE
        if data[at] == closing:
            depth -= 1
            at = _skip_space(data, at + 1)
            opened = False
        elif opened:
            return at, depth, True
        elif data[at] == _COMMA:
            return _skip_space(data, at + 1), depth, True
        else:
            return at, depth, False
    return at, depth, False


@njit(cache=True, nogil=True)
def _scan_name(data: Bytes, at: int, node: int, paths: Paths) -> tuple[int, int, int]:
    # -> (where the value begins or ABSENT, the wanted field or -1, the node or -1)
    if data[at] != _QUOTE:
        return ABSENT, -1, -1
    begin = at + 1
    at, escaped = _scan_text(data, begin)
    if at < 0 or escaped:
        return ABSENT, -1, -1
    field, child = -1, -1
    if node >= 0:
        field = find_word(paths.fields, data, begin, at, node)
        child = find_word(paths.objects, data, begin, at, node)
    at = _skip_space(data, at + 1)
    if data[at] != _COLON:
        return ABSENT, -1, -1
    return _skip_space(data, at + 1), field, child


@njit(cache=True, nogil=True)
def _scan_text(data: Bytes, at: int) -> tuple[int, bool]:
    # -> (where the closing quote is or ABSENT, whether there was an escape)
    escaped = False
    while True:
        while _PLAIN[data[at]]:
            at += 1
        if data[at] == _QUOTE:
            return at, escaped
        if data[at] != _BACKSLASH:
            return ABSENT, escaped
        escaped = True
        sign = data[at + 1]
        if _SIMPLE_ESCAPE[sign]:
            at += 2
        elif sign == ord("u") and _is_plain_unicode(data, at + 2):
            at += 6
        else:
            return ABSENT, escaped


@njit(cache=True, nogil=True)
def _is_plain_unicode(data: Bytes, at: int) -> bool:
    # Four hex digits that are not a surrogate (D800 to DFFF), whose pairing is left to the complete parser.
    for step in range(4):
        if not _HEX[data[at + step]]:
            return False
    return not (data[at] in (ord("d"), ord("D")) and data[at + 1] > ord("7"))


@njit(cache=True, nogil=True)
def _scan_scalar(data: Bytes, at: int, field: int, cell_begins: Ints, cell_ends: Ints, kinds: Bytes) -> int:
    # -> where it ended, or ABSENT
    begin = at
    sign = data[at]
    if sign == _QUOTE:
        at, escaped = _scan_text(data, at + 1)
        if at < 0 or (escaped and field >= 0):
            return ABSENT
        if field >= 0 and not _set(field, _TEXT, begin + 1, at, cell_begins, cell_ends, kinds):
            return ABSENT
        return at + 1
    if sign == _MINUS or ord("0") <= sign <= ord("9"):
        at, kind = _scan_number(data, at), _NUMBER
    else:
        at, kind = _scan_literal(data, at)
    if at >= 0 and field >= 0 and not _set(field, kind, begin, at, cell_begins, cell_ends, kinds):
        return ABSENT
    return at


@njit(cache=True, nogil=True, inline="always")
def _set(field: int, kind: int, begin: int, end: int, cell_begins: Ints, cell_ends: Ints, kinds: Bytes) -> bool:
    if kinds[field] != _NOTHING:
        return False
    kinds[field] = kind
    cell_begins[field] = begin
    cell_ends[field] = end
    return True


@njit(cache=True, nogil=True)
def _scan_number(data: Bytes, at: int) -> int:
    begin = at
    if data[at] == _MINUS:
        at += 1
    first = at
    at = _skip_digits(data, at)
    if at == first or (data[first] == ord("0") and at - first > 1):
        return ABSENT
    if data[at] == _POINT:
        first = at + 1
        at = _skip_digits(data, first)
        if at == first:
            return ABSENT
    if data[at] in (ord("e"), ord("E")) or at - begin > _LONGEST_NUMBER:
        return ABSENT
    return at


@njit(cache=True, nogil=True, inline="always")
def _skip_digits(data: Bytes, at: int) -> int:
    while ord("0") <= data[at] <= ord("9"):
        at += 1
    return at


@njit(cache=True, nogil=True)
def _scan_literal(data: Bytes, at: int) -> tuple[int, int]:
    # Every record is followed by a zero byte, but the last one by nothing else: compare step by step.
    if data[at] == ord("t") and data[at + 1] == ord("r") and data[at + 2] == ord("u") and data[at + 3] == ord("e"):
        return at + 4, _TRUE
    if data[at] == ord("n") and data[at + 1] == ord("u") and data[at + 2] == ord("l") and data[at + 3] == ord("l"):
        return at + 4, _NOTHING
    if data[at] == ord("f") and data[at + 1] == ord("a") and data[at + 2] == ord("l") and data[at + 3] == ord("s"):
        return (at + 5, _FALSE) if data[at + 4] == ord("e") else (ABSENT, _NOTHING)
    return ABSENT, _NOTHING
