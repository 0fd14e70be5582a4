"""Which version an alias pointed to, when, by whom and why: the lines of ``history.jsonl``, and what follows."""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

Action = Literal["promote", "rollback", "reject"]
"""``reject``: the gate refused the version, and the alias ``rejected`` points to it."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One move of an alias. Keys that a later release adds are passed over."""

    at: datetime
    action: Action
    alias: str
    version: str
    previous: str | None = None
    by: str = ""
    reason: str = ""


_decoder = msgspec.json.Decoder(Entry)


def read_entries(data: bytes) -> list[Entry]:
    """Read the lines, oldest first. A line that cannot be read is passed over: it must not block a rollback."""
    entries = []
    for line in data.splitlines():
        try:
            entries.append(_decoder.decode(line))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
    return entries


def write_entry(entry: Entry) -> bytes:
    """One line, newline included."""
    return msgspec.json.encode(entry) + b"\n"


def user() -> str:
    """Who runs this; a container's user may have no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def lineage(entries: Iterable[Entry], alias: str) -> list[str]:
    """The versions that the alias went through to where it is, oldest first; what was rolled back is not in it."""
    line: list[str] = []
    for entry in entries:
        if entry.alias != alias:
            continue
        if entry.action == "rollback" and entry.version in line:
            del line[_last(line, entry.version) + 1 :]
        elif not line or line[-1] != entry.version:
            line.append(entry.version)
    return line


def before(line: list[str], version: str) -> list[str]:
    """What came before ``version``'s last place in a lineage, latest first."""
    if version not in line:
        return []
    return [each for each in reversed(line[: _last(line, version)]) if each != version]


def _last(line: list[str], version: str) -> int:
    """The latest place of ``version``, which must be in it."""
    return len(line) - 1 - line[::-1].index(version)
