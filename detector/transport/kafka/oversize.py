"""A record larger than its topic takes, made to fit: cut and saying so, or in parts that are the whole together. Pure.

* A dead letter keeps as many of its first bytes as go; headers tell how many it had, and their SHA-256.
* A document loses its ``vector``, then the ends of its longest texts. Its list ``cut`` names each by field (from the
  document's top), with its length in bytes and its SHA-256; the position of its record stays, and with it the place
  of the whole.
* In parts, the value is cut into pieces; headers tell the number of each, how many there are, and the whole's SHA-256.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec

from detector.transport.base import Channel, OutRecord

BATCH_BYTES = 61 + 32
"""What Kafka adds: a batch's head (KIP-98), and lengths and deltas of the one record in it."""

HEADER_BYTES = 8
"""Lengths of a header's name and value."""

LEAST_BYTES = 1_024
"""Below it, no document could still say what it is and that it was cut; no topic is made so."""

ELLIPSIS = "…"

LEAST_TEXT = 64
"""Texts that are not longer are left alone: ids, addresses, names."""

_PREFIX = "oddflow."
_OURS = (("unmapped", "oddflow"), ("oddflow",))
"""Where OCSF and ECS have the part that is ours; elsewhere it is the whole document."""


def sent_bytes(record: OutRecord) -> int:
    """How large a batch of this record alone is, uncompressed."""
    headers = sum(len(name.encode()) + len(value or b"") + HEADER_BYTES for name, value in record.headers)
    return BATCH_BYTES + len(record.value or b"") + len(record.key or b"") + headers


def fitted(channel: Channel, record: OutRecord, most_bytes: int) -> OutRecord:
    """Cut a record so that ``sent_bytes`` of it is at most ``most_bytes``, and have it say so.

    Raises ValueError where even what must stay is more.
    """
    if sent_bytes(record) <= most_bytes:
        return record
    cut = None if channel is Channel.DEAD_LETTERS else _document(record, most_bytes)
    found = cut or _first_bytes(record, most_bytes)
    if sent_bytes(found) > most_bytes:
        raise ValueError(f"{sent_bytes(found)} bytes are needed to say what it is")
    return found


def in_parts(record: OutRecord, most_bytes: int) -> list[OutRecord]:
    """The record as several of at most ``most_bytes``, whose values are the whole's, one after the other.

    Raises ValueError where its key and headers alone are more.
    """
    whole = record.value or b""
    digest = hashlib.sha256(whole).hexdigest().encode()
    room = most_bytes - sent_bytes(OutRecord(b"", record.key, [*record.headers, *_part(digest, 10**9, 10**9)]))
    if room < 1:
        raise ValueError(f"key and headers leave no room in {most_bytes} bytes")
    pieces = [whole[start : start + room] for start in range(0, len(whole), room)] or [whole]
    return [
        OutRecord(piece, record.key, [*record.headers, *_part(digest, number, len(pieces))])
        for number, piece in enumerate(pieces)
    ]


def _part(digest: bytes, number: int, count: int) -> list[tuple[str, bytes | None]]:
    told = {"sha256": digest, "number": b"%d" % number, "count": b"%d" % count}
    return [(f"{_PREFIX}part.{name}", value) for name, value in told.items()]


def _first_bytes(record: OutRecord, most_bytes: int) -> OutRecord:
    """Keep the first bytes of the value, after what of key and foreign headers fits into half of the room."""
    told: list[tuple[str, bytes | None]] = []

    def tell(name: str, whole: bytes, kept: int) -> None:
        told.append((f"{_PREFIX}error.{name}_bytes", b"%d" % len(whole)))
        told.append((f"{_PREFIX}error.{name}_kept_bytes", b"%d" % kept))
        told.append((f"{_PREFIX}error.{name}_sha256", hashlib.sha256(whole).hexdigest().encode()))

    headers = list(record.headers)
    own = [header for header in headers if header[0].startswith(_PREFIX)]
    if sent_bytes(OutRecord(b"", None, headers)) > most_bytes // 2 and len(own) < len(headers):
        foreign = b"".join(name.encode() + (value or b"") for name, value in headers if not name.startswith(_PREFIX))
        tell("headers", foreign, 0)
        headers = own
    key = record.key
    if key is not None and len(key) > most_bytes // 4:
        tell("key", key, most_bytes // 4)
        key = key[: most_bytes // 4]
    value = record.value or b""
    tell("value", value, len(value))
    room = most_bytes - sent_bytes(OutRecord(b"", key, [*headers, *told]))
    told[-2] = (told[-2][0], b"%d" % max(min(room, len(value)), 0))
    return OutRecord(value[: max(room, 0)], key, [*headers, *told])


def _document(record: OutRecord, most_bytes: int) -> OutRecord | None:
    """Cut a JSON object; None if the value is none, or cutting all that may be cut is not enough."""
    try:
        document = msgspec.json.decode(record.value or b"")
    except msgspec.DecodeError:
        return None
    if not isinstance(document, dict):
        return None
    path, ours = _ours(document)
    said = [one for one in ours.get("cut", []) if isinstance(one, dict)]
    cuts: list[dict[str, Any]] = []
    if "vector" in ours:
        cuts.append(_told(".".join((*path, "vector")), msgspec.json.encode(ours.pop("vector"))))
    while True:
        ours["cut"] = [*said, *cuts]
        found = OutRecord(msgspec.json.encode(document), record.key, record.headers)
        over = sent_bytes(found) - most_bytes
        if over <= 0:
            return found
        longest = max(_texts(document), key=lambda each: len(each[2]), default=None)
        if longest is None or len(longest[2].encode()) <= LEAST_TEXT:
            return None
        holder, at, text, field = longest
        whole = text.encode()
        keep = max(len(whole) - over - 256, LEAST_TEXT // 2)  # 256: what telling it takes
        holder[at] = whole[:keep].decode(errors="ignore") + ELLIPSIS
        if all(cut["field"] != field for cut in cuts):
            cuts.append(_told(field, whole))


def _ours(document: dict[str, Any]) -> tuple[tuple[str, ...], dict[str, Any]]:
    for path in _OURS:
        found: Any = document
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        if isinstance(found, dict):
            return path, found
    if "class_uid" in document:  # OCSF has a place for what is ours, and none beside it
        unmapped = document.setdefault("unmapped", {})
        return _OURS[0], unmapped.setdefault("oddflow", {})
    return (), document


def _told(field: str, whole: bytes) -> dict[str, Any]:
    return {"field": field, "bytes": len(whole), "sha256": hashlib.sha256(whole).hexdigest()}


def _texts(holder: Any, path: str = "") -> Iterator[tuple[Any, Any, str, str]]:
    """Every text in a document: what holds it, its name or place there, itself, and the way to it."""
    items = holder.items() if isinstance(holder, dict) else enumerate(holder) if isinstance(holder, list) else ()
    for name, value in items:
        way = f"{path}.{name}" if path else str(name)
        if way.rpartition(".")[2] in {"sha256", "field"}:
            continue
        if isinstance(value, str):
            yield holder, name, value, way
        else:
            yield from _texts(value, way)
