"""Bounds of the text that a record brings into a document: an id may be as long as a record, and stands there twice.

What is cut ends in an ellipsis, and the document tells how long it was and what its digest is, so that it can be found
again by both; the whole of it is in the record itself.
"""

from __future__ import annotations

import hashlib
from typing import Any

import polars as pl

MAX_TEXT_BYTES = 256
"""Many times what sources write as ids, services and states."""

ELLIPSIS = "…"


def bound_texts(flow: dict[str, Any], most: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A flow with its texts of ``most`` bytes of UTF-8 each, 0 for all of them; and what was cut, empty mostly.

    Each cut tells its ``field``, the ``bytes`` that the text had, and their ``sha256``.
    """
    long = [name for name, value in flow.items() if isinstance(value, str) and _exceeds(value, most)]
    if not long:
        return flow, []
    cuts = [_told(f"flow.{name}", flow[name].encode(errors="replace")) for name in long]
    return flow | {name: bound_text(flow[name], most) for name in long}, cuts


def bound_text(text: str, most: int) -> str:
    """The text if it has ``most`` bytes at most or ``most`` is 0, else as many of it, between characters, and ``…``."""
    if not _exceeds(text, most):
        return text
    return text[:most].encode(errors="replace")[:most].decode(errors="ignore") + ELLIPSIS


def bound_column(texts: pl.Series, most: int) -> pl.Series:
    """The same for a column; one look where there is nothing to cut."""
    longest = texts.str.len_bytes().max() if most else None
    if not isinstance(longest, int) or longest <= most:
        return texts
    return pl.Series(texts.name, bound_list(texts.to_list(), most), dtype=pl.String)


def bound_list(texts: list[str | None], most: int) -> list[str | None]:
    """The same for values, of which there are few: polars would wake every thread for them."""
    if not 0 < most < 4 * max(map(len, filter(None, texts)), default=0):
        return texts
    return [None if text is None else bound_text(text, most) for text in texts]


def _exceeds(text: str, most: int) -> bool:
    return 0 < most < len(text) * 4 and most < len(text.encode(errors="replace"))


def _told(field: str, whole: bytes) -> dict[str, Any]:
    return {"field": field, "bytes": len(whole), "sha256": hashlib.sha256(whole).hexdigest()}
