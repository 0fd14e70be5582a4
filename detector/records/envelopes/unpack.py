"""Envelopes: what a shipper put around a record is taken off, along a path that the settings name.

A path is the names of members with dots between, in any grouping: ``logEvents.message`` finds
``{"logEvents": [{"message": …}]}`` and ``{"logEvents.message": …}``. It goes through each element of a list, and
through text that is JSON by itself; the step ``@cee:`` goes to what follows that word in a text, which is how syslog
says that JSON begins. At its end is a record, as an object or as text, or a list of them; lines of one text are a
record each. Of several paths, the first counts that leads anywhere.

One record is looked at after the other, by msgspec, and only its members on the way are ever made into objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import msgspec

from detector.errors import ConfigurationError
from detector.records.envelopes.pieces import Pieces, UnusableMessageError, records_of, too_many
from detector.records.flow import OTHER_LOG, RejectReason
from detector.structs import resolved

COOKIE = "@cee:"

Steps = tuple[str, ...]

_WHITE = b" \t\r\n"

_MOST_LISTS = 8
"""So many lists may lie right within each other: each is read by itself, and a thousand cost a thousand times one."""


class Unpacker:
    """Takes the envelopes off messages."""

    def __init__(self, paths: Sequence[str]) -> None:
        """Raises ConfigurationError for what is no path."""
        self._paths = [_steps_of(path) for path in paths]
        self._told = " or ".join(paths)

    def unpack(self, values: Iterable[bytes | None], max_record_bytes: int) -> Pieces:
        """The records in messages; what is empty or too large stays as it is, for who reads it to refuse."""
        pieces = Pieces()
        for row, value in enumerate(values):
            if not value or len(value) > max_record_bytes:
                pieces.whole(row, value)
                continue
            try:
                found, others = self._records(value)
            except UnusableMessageError as error:
                pieces.refuse(row, error)
                continue
            pieces.skip(OTHER_LOG, others)
            if found or not others:
                pieces.several(row, len(value), found)
        return pieces

    def _records(self, value: bytes) -> tuple[list[bytes], int]:
        """The records of a message, and how many there are in it of something else."""
        try:
            found = self._found(value)
            if found is not None:
                return found, 0
            if _is_tagged(value):
                return [], 1
            error = UnusableMessageError(
                RejectReason.MISSING_FIELD, f"{self._told} is missing, where input.unpack looks for the record"
            )
        except RecursionError:
            error = UnusableMessageError(RejectReason.NOT_JSON, "record: nested too deep")
        except ValueError as wrong:  # msgspec's own errors, and UnicodeError
            reason = RejectReason.NOT_UTF8 if isinstance(wrong, UnicodeError) else RejectReason.NOT_JSON
            error = UnusableMessageError(reason, f"record: {wrong}")
        parts = records_of(value)
        if parts == [value]:
            raise error
        if many := too_many(len(parts), len(value)):
            raise many
        each = [self._of_part(part) for part in parts]
        return [record for records in each for record in records], sum(not records for records in each)

    def _of_part(self, part: bytes) -> list[bytes]:
        """The records in one of several parts; itself where it cannot be unpacked, so that it is refused."""
        try:
            found = self._found(part)
            return [] if found is None and _is_tagged(part) else found or [part]
        except (ValueError, RecursionError, UnusableMessageError):
            return [part]

    def _found(self, value: bytes) -> list[bytes] | None:
        for steps in self._paths:
            found: list[bytes] = []
            if _follow(value, steps, found):
                return found
        return None


def _is_tagged(value: bytes) -> bool:
    """Whether the only member is an object; asked only where it is not that of a path."""
    if value.lstrip(_WHITE)[:1] != b"{":
        return False
    members = msgspec.json.decode(value, type=dict[str, msgspec.Raw])
    return len(members) == 1 and all(bytes(member)[:1] == b"{" for member in members.values())


def _steps_of(path: str) -> Steps:
    steps = tuple(path.split("."))
    if not all(step.strip() for step in steps):
        raise ConfigurationError(f"input.unpack: {path!r} is no path; write it as outer.inner, such as message")
    return steps


def _follow(raw: bytes, steps: Steps, found: list[bytes], lists: int = 0) -> bool:
    """Add the records at the end of ``steps`` to ``found``; whether there was such an end.

    ``lists`` are right around it. Raises ValueError, and UnusableMessageError for more elements than can be flows.
    """
    sign = raw.lstrip(_WHITE)[:1]
    if sign == b"[":
        return _follow_each(raw, steps, found, lists + 1)
    if not steps:
        return _end(raw, sign, found)
    if steps[0] == COOKIE:
        text = _text(raw) if sign == b'"' else raw
        _, cookie, rest = text.partition(COOKIE.encode())
        return bool(cookie) and _follow_text(rest, steps[1:], found)
    if sign == b'"':
        return _follow_text(_text(raw), steps, found)
    return sign == b"{" and _follow_member(raw, steps, found)


def _follow_member(raw: bytes, steps: Steps, found: list[bytes]) -> bool:
    """Go on in the first member of an object that leads anywhere."""
    kind, names = _members(steps)
    members = msgspec.json.decode(raw, type=resolved(kind))
    for name, rest in names:
        member = getattr(members, name)
        if member is not msgspec.UNSET and _follow(bytes(member), rest, found):
            return True
    return False


def _follow_text(text: bytes, steps: Steps, found: list[bytes]) -> bool:
    """Go on within a text, which holds JSON unless it is the end."""
    if not steps:
        _add_text(text, found)
        return True
    return text.lstrip(_WHITE)[:1] in (b"{", b"[") and _follow(text, steps, found)


def _follow_each(raw: bytes, steps: Steps, found: list[bytes], lists: int) -> bool:
    """Go on in every element of a list. One that leads nowhere is a record itself, for who reads it to refuse."""
    if lists > _MOST_LISTS:
        raise ValueError("lists are nested too deep")
    elements = [bytes(element) for element in msgspec.json.decode(raw, type=list[msgspec.Raw])]
    if error := too_many(len(elements), len(raw)):
        raise error
    before, anywhere = len(found), not elements
    for element in elements:
        led = _follow(element, steps, found, lists)
        anywhere = anywhere or led
        if not led:
            found.append(element)
    if not anywhere:
        del found[before:]
    return anywhere


def _end(raw: bytes, sign: bytes, found: list[bytes]) -> bool:
    if sign == b"{":
        found.append(raw)
    elif sign == b'"':
        _add_text(_text(raw), found)
    else:
        return False  # null, as if it was not there; a number or a truth value holds no record
    return True


def _add_text(text: bytes, found: list[bytes]) -> None:
    """Add a text, or each of its lines; tabs around it may be empty columns."""
    text = text.strip(b" \r\n")
    if b"\n" in text or text[:1] == b"[":
        found.extend(records_of(text))
    else:
        found.append(text)


def _text(raw: bytes) -> bytes:
    return msgspec.json.decode(raw, type=str).encode()


@cache
def _members(steps: Steps) -> tuple[type[Any], list[tuple[str, Steps]]]:
    """A struct of the members that ``steps`` may begin with, by any grouping of names, the longest name first."""
    ends = [end for end in range(len(steps), 0, -1) if COOKIE not in steps[:end]]
    fields = [(f"m{end}", msgspec.Raw | msgspec.UnsetType, msgspec.UNSET) for end in ends]
    names = {f"m{end}": ".".join(steps[:end]) for end in ends}
    return msgspec.defstruct("Members", fields, rename=names), [(f"m{end}", steps[end:]) for end in ends]
