"""The envelope that state is kept in: whole, of either packing, or refused."""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zstandard import ZstdCompressor

from detector.errors import InputError
from detector.kernels.table_bytes import Envelope

HEAD = struct.Struct("<4s16sIQ")

ENVELOPE = Envelope.by("notes", b"OFX\x01", (1.0, 2.0))

LONGEST = 1 << 20


def kept(packed: bytes, length: int) -> bytes:
    """An envelope around any packed body, which says that it has so many bytes."""
    return HEAD.pack(ENVELOPE.magic, ENVELOPE.digest, zlib.crc32(packed), length) + packed


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_what_was_sealed_is_read(parts: list[bytes]) -> None:
    """The parts come back as one, and the same parts are the same bytes."""
    sealed = ENVELOPE.seal(parts)
    assert ENVELOPE.open(sealed, LONGEST) == b"".join(parts)
    assert ENVELOPE.seal(parts) == sealed


def test_what_an_earlier_build_deflated_is_read() -> None:
    """State and bundles of before Zstandard go on."""
    body = bytes(range(256)) * 40
    assert ENVELOPE.open(kept(zlib.compress(body, 1), len(body)), LONGEST) == body


@pytest.mark.parametrize("pack", [ZstdCompressor().compress, zlib.compress])
@pytest.mark.parametrize("change", [1, -1, 1000])
def test_a_length_that_is_not_the_bodys_is_refused(pack: object, change: int) -> None:
    """Whatever a damaged head says, no more room is made than for what is there."""
    assert callable(pack)
    body = b"flows " * 500
    with pytest.raises(InputError, match=r"restoring notes: it.* (does not match|goes on behind its end)"):
        ENVELOPE.open(kept(pack(body), len(body) + change), LONGEST)


def test_a_body_that_would_be_too_long_is_refused_before_it_is_unpacked() -> None:
    """A few bytes that stand for gigabytes are not unpacked."""
    packed = ZstdCompressor().compress(bytes(1 << 24))
    assert len(packed) < 10_000
    with pytest.raises(InputError, match="its length is out of bounds"):
        ENVELOPE.open(kept(packed, 1 << 24), LONGEST)


@pytest.mark.parametrize("tail", [b"x", ZstdCompressor().compress(b"more")])
def test_what_stands_behind_the_body_is_refused(tail: bytes) -> None:
    """One frame is all there is."""
    body = b"flows " * 500
    with pytest.raises(InputError, match="restoring notes"):
        ENVELOPE.open(kept(ZstdCompressor().compress(body) + tail, len(body)), LONGEST)


@given(st.data())
def test_any_packed_bytes_are_refused_as_state_is(data: st.DataObject) -> None:
    """What begins like a frame, and is none, is told as damaged state."""
    packed = bytearray(ZstdCompressor().compress(b"flows of a network " * 30))
    place = data.draw(st.integers(4, len(packed) - 1))
    packed[place : place + 1] = data.draw(st.binary(max_size=3))
    with suppress(InputError):
        assert len(ENVELOPE.open(kept(bytes(packed), 19 * 30), LONGEST)) == 19 * 30
