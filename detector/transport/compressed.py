"""Reading compressed files: members one after the other, a bounded piece at a time, and nothing left out in silence.

A file may be several compressed ones, one after the other, as pbzip2 and pixz write them and ``cat`` makes them. What
the libraries' own readers do at the end of one is not enough: with bzip2 and xz they take a damaged next member for the
end of the file, and with Zstandard one that is cut off. Zeros after a member are padding, whoever wrote them.
"""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Callable
from typing import BinaryIO, Protocol

from zstandard import ZstdDecompressor, ZstdError

CHUNK_BYTES = 1 << 17

PIECE_BYTES = 1 << 20
"""At most so much is decompressed at once: some bytes of bzip2 may be 45 MB of zeros."""

STEP_BYTES = 1 << 10
"""So many compressed bytes are taken at once: Zstandard's take no bound, and may be 32,768 times as many."""


class DamagedError(Exception):
    """What was to be decompressed is no such thing; says what the library did."""


class Member(Protocol):
    """Decompresses one member, as the standard library's decompressors do."""

    @property
    def eof(self) -> bool:
        """Whether its end was reached."""
        ...

    @property
    def needs_input(self) -> bool:
        """Whether what it was given is decompressed."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What it was given beyond its end."""
        ...

    def decompress(self, data: bytes, most: int, /) -> bytes:
        """Some of what these bytes, and those before, make."""
        ...


class Members:
    """A compressed file; ``begin`` makes what reads a member."""

    def __init__(self, file: BinaryIO, begin: Callable[[], Member]) -> None:
        self._file = file
        self._begin = begin
        self._member: Member | None = None
        self._chunk, self._at = b"", 0
        self._data = memoryview(b"")

    def read1(self, size: int, /) -> bytes:
        """Up to ``size`` bytes; none at the end.

        Raises EOFError where that comes too early, and DamagedError.
        """
        while not self._data:
            if self._member is None:
                if not self._goes_on():
                    return b""
                self._member = self._begin()
            self._data = memoryview(self._some(self._member))
        data, self._data = bytes(self._data[:size]), self._data[size:]
        return data

    def _some(self, member: Member) -> bytes:
        taken = self._take() if member.needs_input else b""
        if not taken and member.needs_input:
            raise EOFError
        try:
            data = member.decompress(taken, PIECE_BYTES)
        except (OSError, lzma.LZMAError, ZstdError) as error:  # each library has its own
            raise DamagedError(str(error)) from error
        if member.eof:
            self._at -= len(member.unused_data)
            self._member = None
        return data

    def _goes_on(self) -> bool:
        """Whether there is another member: skips the padding before it. The first has none: it was seen to begin."""
        while taken := self._take():
            if rest := taken.lstrip(b"\0"):
                self._at -= len(rest)
                return True
        return False

    def _take(self) -> bytes:
        if self._at >= len(self._chunk):
            self._chunk, self._at = self._file.read(CHUNK_BYTES), 0
        taken = self._chunk[self._at : self._at + STEP_BYTES]
        self._at += len(taken)
        return taken


class _ZstandardMember:
    """One frame. The library's decompressor takes no bound of what it gives, and keeps nothing back."""

    needs_input = True

    def __init__(self) -> None:
        self._frame = ZstdDecompressor().decompressobj()

    @property
    def eof(self) -> bool:
        return self._frame.eof

    @property
    def unused_data(self) -> bytes:
        return self._frame.unused_data

    def decompress(self, data: bytes, most: int, /) -> bytes:  # noqa: ARG002 - see the class
        return self._frame.decompress(data)


def open_bzip2(file: BinaryIO) -> Members:
    """Read what bzip2 compressed."""
    return Members(file, bz2.BZ2Decompressor)


def open_xz(file: BinaryIO) -> Members:
    """Read what xz compressed."""
    return Members(file, lzma.LZMADecompressor)


def open_zstandard(file: BinaryIO) -> Members:
    """Read what Zstandard compressed (RFC 8878)."""
    return Members(file, _ZstandardMember)
