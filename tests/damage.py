"""Bytes that are not what was written."""

from __future__ import annotations

from hypothesis import strategies as st


def damaged(data: st.DataObject, good: bytes) -> tuple[bytes, bytes]:
    """The same with one byte changed, and cut off before that: anywhere, as is drawn."""
    place = data.draw(st.integers(0, len(good) - 1))
    bad = bytearray(good)
    bad[place] ^= data.draw(st.integers(1, 255))
    return bytes(bad), good[:place]
