"""Finding the wanted fields of JSON objects without building the objects: a strict scanner, compiled.

It accepts a *subset* of JSON, checked in full (RFC 8259), and calls anything outside it doubtful: the caller then asks
a complete parser. What it accepts, a complete parser accepts with the same fields. Doubtful are escapes inside wanted
text or names, surrogates, very long numbers, nesting deeper than 16, a wanted field given twice, and of
course everything malformed. Every record must be followed by a zero byte, which ends any token, so that no
loop needs to count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from detector.kernels.bytes import byte_at, equal_bytes, hash_bytes, skip_digits, skip_plain
from detector.kernels.compiled import njit
from detector.records.syntax.keywords import ABSENT, CHILD, CODE, KeywordTable, build_keywords, find_keyword
from detector.records.syntax.spans import Kind

_DEPTH = 16
_LONGEST_NUMBER = 40
_LIST = -2
_ESCAPED = 99

_QUOTE, _BACKSLASH, _COMMA, _COLON, _MINUS, _PLUS, _POINT = (ord(sign) for sign in '"\\,:-+.')
_OPEN, _CLOSE, _OPEN_LIST, _CLOSE_LIST = (ord(sign) for sign in "{}[]")
_TEXT, _NUMBER, _TRUE, _FALSE, _NESTED, _NOTHING = (
    int(kind) for kind in (Kind.TEXT, Kind.NUMBER, Kind.TRUE, Kind.FALSE, Kind.NESTED, Kind.ABSENT)
)

# Names seen, by number: where one began and its length up to the value, the object it was in, what it is wanted as,
# what is inside it, and which came next. Number 0 is the beginning of a record. Any other number is where the name's
# hash points or one of the next few: the last of them is written over, so that names without end cost no more.
_SEEN = 512
_PROBES = 4
_BEGIN, _SIZE, _NODE, _FIELD, _CHILD, _NEXT = range(6)
_SEEN_COLUMNS = 6

_SIMPLE_ESCAPE = np.array([chr(c) in '"\\/bfnrt' for c in range(256)])
_HEX = np.array([chr(c) in "0123456789abcdefABCDEF" for c in range(256)])

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int32]


def build_paths(wanted: Sequence[Sequence[str]]) -> KeywordTable:
    """The wanted fields as a tree of names: node 0 is the record itself, other nodes are objects inside it.

    ``wanted[i]`` lists the spellings of field i, each a dotted path whose names may be grouped in any way.
    """
    numbers: dict[tuple[str, ...], int] = {(): 0}
    nodes: dict[tuple[int, str], int] = {}
    fields: dict[tuple[int, str], int] = {}
    for number, spellings in enumerate(wanted):
        for before, name, after in chain.from_iterable(map(groupings, spellings)):
            node = numbers.setdefault(before, len(numbers))
            if after is None:
                fields.setdefault((node, name), number)
            else:
                nodes[node, name] = numbers.setdefault(after, len(numbers))
    names = {**fields, **nodes}
    return build_keywords({name: (fields.get(name, ABSENT), nodes.get(name, ABSENT)) for name in names})


def groupings(path: str) -> Iterator[tuple[tuple[str, ...], str, tuple[str, ...] | None]]:
    """The names that may be met on a dotted path, from the longest: steps before, name, steps after; None at the end.

    ``a.b.c`` may be one name, ``c`` inside ``a.b``, ``b.c`` inside ``a``, or ``c`` inside ``b`` inside ``a``.
    """
    steps = tuple(path.split("."))
    for begin in range(len(steps)):
        for end in range(len(steps), begin, -1):
            yield steps[:begin], ".".join(steps[begin:end]), steps[:end] if end < len(steps) else None


@njit(cache=True, nogil=True, forceinline=True)
def scan_records(  # noqa: C901, PLR0917 - one loop, and a kernel takes its arrays one by one
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
    """Fill the spans (fields × records, ``kinds`` all zero) of every record; true where one is doubtful.

    ``letters``, ``entries`` and ``slots`` are the table of :func:`build_paths`.
    """
    doubtful = np.zeros(begins.size, dtype=np.bool_)
    nodes = np.zeros(_DEPTH, dtype=np.int32)
    # A producer writes its fields in one order. So each name is first held against the one that came next after the
    # same name before: if its bytes, from the quote to the value, are the same, so is what they mean.
    seen = np.full((1 + _SEEN + _PROBES, _SEEN_COLUMNS), ABSENT, dtype=np.int32)
    for row in range(begins.size):
        at = _skip_space(data, begins[row])
        depth, field, node, last = -1, -1, 0, 0
        if byte_at(data, at) != _OPEN:
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
                nodes[depth] = node if byte_at(data, begin) == _OPEN else _LIST
            if at < 0:
                break
            if field >= 0:
                if kinds[field, row] != 0 or kind == _ESCAPED:
                    at = -1
                    break
                kinds[field, row] = kind
                cell_begins[field, row] = begin + (kind == _TEXT)
                cell_ends[field, row] = end
            at, depth = _close(data, at, depth, nodes, kind == _NESTED)
            if at < 0 or depth < 0:
                break
            field, node = -1, -1
            if nodes[depth] == _LIST:
                continue
            guess = seen[last, _NEXT]
            if guess < 0 or not _is_seen(data, seen, guess, at, seen[guess, _SIZE], nodes[depth]):
                guess = _learn_name(data, at, nodes[depth], letters, entries, slots, seen)
                if guess < 0:
                    at = -1
                    break
                seen[last, _NEXT] = guess
            at += seen[guess, _SIZE]
            field, node, last = seen[guess, _FIELD], seen[guess, _CHILD], guess
        doubtful[row] = at != ends[row]
    return doubtful


@njit(cache=True, nogil=True)
def unwrap_lists(data: Bytes, begins: Ints, ends: Ints, kinds: Bytes) -> NDArray[np.bool_]:
    """Let each wanted list of one scalar be that scalar; true where the record is doubtful (fields × records)."""
    doubtful = np.zeros(begins.shape[1], dtype=np.bool_)
    for field in range(begins.shape[0]):
        for row in range(begins.shape[1]):
            if kinds[field, row] != _NESTED or byte_at(data, begins[field, row]) != _OPEN_LIST:
                continue
            begin = _skip_space(data, begins[field, row] + 1)
            if byte_at(data, begin) == _CLOSE_LIST:
                continue
            after, end, kind = _scan_value(data, begin)
            if after < 0 or kind == _NESTED or byte_at(data, after) != _CLOSE_LIST:
                continue
            doubtful[row] |= kind == _ESCAPED
            kinds[field, row] = kind
            begins[field, row] = begin + (kind == _TEXT)
            ends[field, row] = end
    return doubtful


@njit(cache=True, nogil=True, forceinline=True)
def _is_seen(  # noqa: PLR0917 - as above
    data: Bytes, seen: Ints, index: int, at: int, size: int, node: int
) -> bool:
    same = seen[index, _SIZE] == size and seen[index, _NODE] == node
    return same and equal_bytes(data, seen[index, _BEGIN], at, size)


@njit(cache=True, nogil=True, forceinline=True)
def _learn_name(  # noqa: PLR0917 - as above
    data: Bytes, at: int, node: int, letters: Bytes, entries: Ints, slots: Ints, seen: Ints
) -> int:
    # -> the number among those seen of the name that begins here, or -1 if it is not one and a colon
    begin = at
    at, end = _scan_name(data, at)
    if at < 0:
        return -1
    # Asked only when the order of fields changed.
    place = 1 + (hash_bytes(data, begin, at - begin) & (_SEEN - 1))
    last = place + _PROBES - 1
    while place < last and seen[place, _SIZE] >= 0:
        if _is_seen(data, seen, place, begin, at - begin, node):
            return place
        place += 1
    if _is_seen(data, seen, place, begin, at - begin, node):
        return place
    seen[place, _BEGIN], seen[place, _SIZE], seen[place, _NODE] = begin, at - begin, node
    seen[place, _FIELD], seen[place, _CHILD], seen[place, _NEXT] = -1, -1, -1
    if node >= 0:
        index = find_keyword(letters, entries, slots, data, begin + 1, end, node)
        if index >= 0:
            seen[place, _FIELD], seen[place, _CHILD] = entries[index, CODE], entries[index, CHILD]
    return place


@njit(cache=True, nogil=True, forceinline=True)
def _skip_space(data: Bytes, at: int) -> int:
    while True:
        sign = byte_at(data, at)
        if sign > 32 or not (sign == 32 or sign == 9 or sign == 10 or sign == 13):  # noqa: PLR1714 - faster
            return at
        at += 1


@njit(cache=True, nogil=True, forceinline=True)
def _close(data: Bytes, at: int, depth: int, nodes: Ints, opened: bool) -> tuple[int, int]:
    # Over closing brackets and the comma, to the next member or the end of all. -> (at or -1, depth)
    while depth >= 0:
        sign = byte_at(data, at)
        if sign == _COMMA and not opened:
            return _skip_space(data, at + 1), depth
        if sign == (_CLOSE_LIST if nodes[depth] == _LIST else _CLOSE):
            depth -= 1
            at = _skip_space(data, at + 1)
            opened = False
        elif opened:
            return at, depth
        else:
            return -1, depth
    return at, depth


@njit(cache=True, nogil=True, forceinline=True)
def _scan_name(data: Bytes, at: int) -> tuple[int, int]:
    # -> (where the value begins or -1, where the name ends)
    if byte_at(data, at) != _QUOTE:
        return -1, at
    end, escaped = _scan_text(data, at + 1)
    if end < 0 or escaped:
        return -1, end
    at = _skip_space(data, end + 1)
    return (_skip_space(data, at + 1) if byte_at(data, at) == _COLON else -1), end


@njit(cache=True, nogil=True, forceinline=True)
def _scan_text(data: Bytes, at: int) -> tuple[int, bool]:
    # -> (where the closing quote is or ABSENT, whether there was an escape)
    at = skip_plain(data, at)
    if byte_at(data, at) == _QUOTE:
        return at, False
    while byte_at(data, at) == _BACKSLASH:
        sign = data[at + 1]
        if _SIMPLE_ESCAPE[sign]:
            at += 2
        elif sign == ord("u") and _is_plain_unicode(data, at + 2):
            at += 6
        else:
            return ABSENT, True
        at = skip_plain(data, at)
    return (at if byte_at(data, at) == _QUOTE else ABSENT), True


@njit(cache=True, nogil=True, forceinline=True)
def _is_plain_unicode(data: Bytes, at: int) -> bool:
    # Four hex digits that are not a surrogate (D800 to DFFF), whose pairing is left to the complete parser.
    for step in range(4):
        if not _HEX[data[at + step]]:
            return False
    return not (data[at] | 32 == ord("d") and data[at + 1] > ord("7"))


@njit(cache=True, nogil=True, forceinline=True)
def _scan_value(data: Bytes, at: int) -> tuple[int, int, int]:
    # -> (where the next sign is or -1, where the cell ends, its kind); of an object or list only the opening bracket.
    sign = byte_at(data, at)
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


@njit(cache=True, nogil=True, forceinline=True)
def _scan_number(data: Bytes, at: int) -> int:
    begin = at
    if byte_at(data, at) == _MINUS:
        at += 1
    first = at
    at = skip_digits(data, at)
    if at == first or (at - first > 1 and byte_at(data, first) == ord("0")):
        return ABSENT
    if byte_at(data, at) == _POINT:
        first = at + 1
        at = skip_digits(data, first)
        if at == first:
            return ABSENT
    if byte_at(data, at) | 32 == ord("e"):
        first = at + 1 + (byte_at(data, at + 1) in (_MINUS, _PLUS))
        at = skip_digits(data, first)
        if at == first:
            return ABSENT
    return at if at - begin <= _LONGEST_NUMBER else ABSENT


@njit(cache=True, nogil=True, forceinline=True)
def _is_digit(sign: int) -> bool:
    return 48 <= sign <= 57


@njit(cache=True, nogil=True, forceinline=True)
def _scan_literal(data: Bytes, at: int) -> tuple[int, int]:
    # Every record is followed by a zero byte, but the last one by nothing else: compare step by step.
    if data[at] == ord("t") and data[at + 1] == ord("r") and data[at + 2] == ord("u") and data[at + 3] == ord("e"):
        return at + 4, _TRUE
    if data[at] == ord("n") and data[at + 1] == ord("u") and data[at + 2] == ord("l") and data[at + 3] == ord("l"):
        return at + 4, _NOTHING
    if data[at] == ord("f") and data[at + 1] == ord("a") and data[at + 2] == ord("l") and data[at + 3] == ord("s"):
        return (at + 5, _FALSE) if data[at + 4] == ord("e") else (ABSENT, _NOTHING)
    return ABSENT, _NOTHING
