"""Finding the wanted fields of JSON objects without building the objects: a strict scanner, compiled.

It accepts a *subset* of JSON, checked in full (RFC 8259), and calls anything outside it doubtful: the caller then asks
a complete parser. What it accepts, a complete parser accepts with the same fields. Doubtful are escapes inside wanted
text or names, surrogates, exponents, very long numbers, nesting deeper than 16, a wanted field given twice, and of
course everything malformed. Every record must be followed by a zero byte, which ends any token, so that no loop
needs to count.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detector.models.compiled import njit
from detector.records.cells import Kind
from detector.records.words import ABSENT, WordTable, build_words, find_word

_DEPTH = 16
_LONGEST_NUMBER = 40
_LIST = -2
_ESCAPED = 99

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


def build_paths(wanted: Sequence[Sequence[str]]) -> WordTable:
    """The wanted fields as a tree of names: node 0 is the record itself, other nodes are objects inside it.

    ``wanted[i]`` lists the spellings of field i, each taken both as a flat name and as a dotted path.
    """
    nodes: dict[tuple[int, str], int] = {}
    fields: dict[tuple[int, str], int] = {}
    for number, spellings in enumerate(wanted):
        for path in spellings:
            fields.setdefault((0, path), number)
            *parents, last = path.split(".")
            node = 0
            for parent in parents:
                node = nodes.setdefault((node, parent), len(nodes) + 1)
            fields.setdefault((node, last), number)
    names = {**fields, **nodes}
    return build_words({name: (fields.get(name, ABSENT), nodes.get(name, ABSENT)) for name in names})


@njit(cache=True, nogil=True)
def scan_records(  # noqa: C901, PLR0917 - a kernel takes its arrays one by one
    data: Bytes,
    begins: Ints,
    ends: Ints,
    letters: Bytes,
    entries: Ints,
    slots: Ints,
    cell_begins: Ints,
    cell_ends: Ints,
    kinds: Bytes,
) -> NDArray[np.bool_]:
    """Fill the cells (fields × records, ``kinds`` all zero) of every record; true where one is doubtful.

    ``letters``, ``entries`` and ``slots`` are the table of :func:`build_paths`.
    """
    doubtful = np.zeros(begins.size, dtype=np.bool_)
    nodes = np.zeros(_DEPTH, dtype=np.int32)
    for row in range(begins.size):
        at = _skip_space(data, begins[row])
        depth, field, node = -1, -1, 0
        if data[at] != _OPEN:
            at = -1
        while at >= 0:
            # Here a value begins at ``at``, wanted as ``field`` and, if an object, as ``node``.
            begin = at
            at, end, kind = _scan_value(data, at)
            if kind == _NESTED:
                depth += 1
                if depth == _DEPTH:
                    at = -1
                    break
                nodes[depth] = node if data[begin] == _OPEN else _LIST
            if field >= 0 and at >= 0:
                if kinds[field, row] != 0 or kind == _ESCAPED:
                    at = -1
                    break
                kinds[field, row] = kind
                cell_begins[field, row] = begin + (kind == _TEXT)
                cell_ends[field, row] = end
            if at >= 0:
                at, depth = _close(data, at, depth, nodes, kind == _NESTED)
            if at < 0 or depth < 0:
                break
            field, node = -1, -1
            if nodes[depth] != _LIST:
                begin = at + 1
                at, end = _scan_name(data, at)
                if at >= 0 and nodes[depth] >= 0:
                    index = find_word(letters, entries, slots, data, begin, end, nodes[depth])
                    if index >= 0:
                        field, node = entries[index, 3], entries[index, 4]
        doubtful[row] = at != ends[row]
    return doubtful


@njit(cache=True, nogil=True)
def _skip_space(data: Bytes, at: int) -> int:
    while data[at] <= 32 and (data[at] == 32 or data[at] == 9 or data[at] == 10 or data[at] == 13):
        at += 1
    return at


@njit(cache=True, nogil=True)
def _close(data: Bytes, at: int, depth: int, nodes: Ints, opened: bool) -> tuple[int, int]:
    # Over closing brackets and the comma, to the next member or the end of all. -> (at or -1, depth)
    while depth >= 0:
        sign = data[at]
        if sign == (_CLOSE_LIST if nodes[depth] == _LIST else _CLOSE):
            depth -= 1
            at = _skip_space(data, at + 1)
            opened = False
        elif opened:
            return at, depth
        elif sign == _COMMA:
            return _skip_space(data, at + 1), depth
        else:
            return -1, depth
    return at, depth


@njit(cache=True, nogil=True)
def _scan_name(data: Bytes, at: int) -> tuple[int, int]:
    # -> (where the value begins or -1, where the name ends)
    if data[at] != _QUOTE:
        return -1, at
    end, escaped = _scan_text(data, at + 1)
    if end < 0 or escaped:
        return -1, end
    at = _skip_space(data, end + 1)
    return (_skip_space(data, at + 1) if data[at] == _COLON else -1), end


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
    return not (data[at] | 32 == ord("d") and data[at + 1] > ord("7"))


@njit(cache=True, nogil=True)
def _scan_value(data: Bytes, at: int) -> tuple[int, int, int]:
    # -> (where the next sign is or -1, where the cell ends, its kind); of an object or list only the opening bracket.
    sign = data[at]
    if sign == _QUOTE:
        end, escaped = _scan_text(data, at + 1)
        after, kind = end + 1, (_ESCAPED if escaped else _TEXT)
    elif sign in (_OPEN, _OPEN_LIST):
        end, after, kind = at, at + 1, _NESTED
    elif sign == _MINUS or _is_digit(sign):
        end = _scan_number(data, at)
        after, kind = end, _NUMBER
    else:
        end, kind = _scan_literal(data, at)
        after = end
    if end < 0:
        return -1, end, kind
    return _skip_space(data, after), end, kind


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
    if data[at] | 32 == ord("e") or at - begin > _LONGEST_NUMBER:
        return ABSENT
    return at


@njit(cache=True, nogil=True)
def _skip_digits(data: Bytes, at: int) -> int:
    while _is_digit(data[at]):
        at += 1
    return at


@njit(cache=True, nogil=True)
def _is_digit(sign: int) -> bool:
    return 48 <= sign <= 57


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
