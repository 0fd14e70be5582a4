"""Reading what Zstandard has compressed, one frame after the other (RFC 8878), and noticing where it is cut off."""

from __future__ import annotations

from typing import BinaryIO

from zstandard import ZstdDecompressor

CHUNK_BYTES = 1 << 17


class Zstandard:
    """A compressed file; the library's own reader takes one that is cut off for one that has ended."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._frame = ZstdDecompressor().decompressobj()
        self._begun = False
        self._ahead = b""

    def read1(self, size: int, /) -> bytes:  # noqa: ARG002 - as much as a chunk gives
        """Some bytes; none at the end. Raises EOFError where that comes too early, ZstdError for what is damaged."""
        while True:
            chunk = self._ahead or self._file.read(CHUNK_BYTES)
            if not chunk:
                if self._begun:
                    raise EOFError
                return b""
            data = self._frame.decompress(chunk)
            self._ahead, self._begun = self._frame.unused_data, not self._frame.eof
            if self._frame.eof:
                self._frame = ZstdDecompressor().decompressobj()
            if data:
                return data
