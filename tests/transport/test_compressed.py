"""Compressed files: several members, padding, damage, and what is far larger than it looks."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
from zstandard import ZstdCompressor

from detector.errors import InputError
from detector.transport.compressed import Members, open_bzip2, open_xz, open_zstandard
from detector.transport.lines import read_values

Compress = Callable[[bytes], bytes]


def zstandard(data: bytes) -> bytes:
    """With a checksum, so that damage shows."""
    return ZstdCompressor(write_checksum=True).compress(data)


COMPRESSED: dict[str, Compress] = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "zstd": zstandard}
every = pytest.mark.parametrize("compress", COMPRESSED.values(), ids=COMPRESSED)

LINES = [b'{"number": %d}' % number for number in range(5_000)]
HALVES = [b"\n".join(LINES[:2_500]) + b"\n", b"\n".join(LINES[2_500:]) + b"\n"]


def read(path: Path, data: bytes) -> list[bytes]:
    """The values of a file of these bytes."""
    path.write_bytes(data)
    return [value for values in read_values(path) for value in values]


@every
def test_members_follow_each_other_with_padding_between(tmp_path: Path, compress: Compress) -> None:
    """Each member's lines are read, also of one that is empty; zeros after a member are none."""
    one, other = map(compress, HALVES)
    assert read(tmp_path / "a", one + other) == LINES
    assert read(tmp_path / "b", compress(b"") + one + other + compress(b"")) == LINES
    assert read(tmp_path / "c", one + bytes(4) + other + bytes(5_120)) == LINES


@every
def test_a_member_that_is_damaged_or_cut_off_is_an_error_wherever_it_is(tmp_path: Path, compress: Compress) -> None:
    """The first one, or one after a whole one: what is in it is never left out in silence."""
    one, other = map(compress, HALVES)
    for before in (b"", one, one + bytes(8)):
        for end in (len(other) - 3, len(other) // 2, 12):
            with pytest.raises(InputError, match="cut off"):
                read(tmp_path / "a", before + other[:end])
    flipped = bytearray(other)
    flipped[len(other) // 2] ^= 0x55
    for after in (b"not compressed\n", bytes(flipped)):
        with pytest.raises(InputError, match="damaged"):
            read(tmp_path / "b", one + after)


@pytest.mark.parametrize(
    ("compressor", "opened"),
    [
        (bz2.BZ2Compressor, open_bzip2),
        (lzma.LZMACompressor, open_xz),
        (lambda: ZstdCompressor().compressobj(), open_zstandard),
    ],
    ids=["bzip2", "xz", "zstd"],
)
@pytest.mark.slow
def test_what_is_far_larger_than_it_looks_is_read_piece_by_piece(
    compressor: Callable[[], bz2.BZ2Compressor], opened: Callable[[io.BytesIO], Members]
) -> None:
    """No piece is larger than asked for, and what is held at once is bounded."""
    writing, zeros = compressor(), bytes(1 << 20)
    small = b"".join([*(writing.compress(zeros) for _ in range(200)), writing.flush()])
    reader, whole, most = opened(io.BytesIO(small)), 0, 0
    while data := reader.read1(1 << 16):
        whole += len(data)
        most = max(most, len(data) + len(reader._data))
    assert whole == 200 << 20
    assert most <= 32 << 20
