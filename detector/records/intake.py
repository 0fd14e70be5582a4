"""The first look at raw values, whatever their format: one buffer, and what cannot be text is turned away."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.kernels.bytes import PADDING
from detector.records.flow import Reject, RejectReason

MAX_RECORD_BYTES = 1 << 20
"""Kafka's own default bound of a message; a flow record has a few hundred bytes."""


@dataclass(frozen=True, slots=True)
class Intake:
    """Values end to end, each followed by a zero byte, so that a scanner stops without counting.

    Value ``rows[i]`` is ``data[begins[i]:ends[i]]``, less a byte-order mark before it; it is UTF-8, and not empty.
    """

    joined: bytes
    data: NDArray[np.uint8]
    """The same bytes, as kernels take them."""
    begins: NDArray[np.int32]
    ends: NDArray[np.int32]
    rows: NDArray[np.int32]
    rejects: list[Reject]
    single: NDArray[np.bool_]
    """Which of the values are known to be one record each, however they look."""

    def values(self, indices: NDArray[np.intp]) -> list[bytes]:
        """The bytes of the values ``rows[indices]``."""
        spans = zip(self.begins[indices].tolist(), self.ends[indices].tolist(), strict=True)
        return [self.joined[begin:end] for begin, end in spans]

    def choose(self, mask: NDArray[np.bool_]) -> Intake:
        """Only the values where ``mask`` is true, without the rejects."""
        return Intake(
            self.joined, self.data, self.begins[mask], self.ends[mask], self.rows[mask], [], self.single[mask]
        )


def take_in(values: Sequence[bytes | None], max_record_bytes: int = MAX_RECORD_BYTES) -> Intake:
    """Join ``values`` and set aside those that are empty, larger than ``max_record_bytes``, or not UTF-8.

    Together they must be smaller than 2 GiB: positions are 32 bits wide.
    """
    present = [value or b"" for value in values]
    sizes = np.fromiter(map(len, present), dtype=np.int64, count=len(present))
    rejects: dict[int, Reject] = {}
    if sizes.size and (sizes.min() == 0 or sizes.max() > max_record_bytes):
        for row in np.flatnonzero((sizes == 0) | (sizes > max_record_bytes)).tolist():
            rejects[row] = _bad_size(row, len(present[row]), max_record_bytes)
            present[row] = b""
            sizes[row] = 0
    joined = b"\0".join([*present, bytes(PADDING)])
    ends = np.cumsum(sizes + 1) - 1
    begins = ends - sizes
    if not joined.isascii():
        if not _is_utf8(joined):
            rejects.update((row, reject) for row, reject in _not_utf8(present))
        begins += 3 * np.array([value.startswith(BOM_UTF8) for value in present], dtype=np.int64)
    kept = np.ones(len(present), dtype=np.bool_)
    kept[list(rejects)] = False
    return Intake(
        joined,
        np.frombuffer(joined, dtype=np.uint8),
        begins[kept].astype(np.int32),
        ends[kept].astype(np.int32),
        np.flatnonzero(kept).astype(np.int32),
        [rejects[row] for row in sorted(rejects)],
        np.zeros(int(kept.sum()), dtype=np.bool_),
    )


def _bad_size(row: int, size: int, bound: int) -> Reject:
    if size == 0:
        return Reject(row, RejectReason.EMPTY, "record: no bytes in it")
    return Reject(row, RejectReason.TOO_LARGE, f"record: {size} bytes, more than the {bound} allowed")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _not_utf8(values: list[bytes]) -> Iterator[tuple[int, Reject]]:
    for row, value in enumerate(values):
        if value.isascii():
            continue
        try:
            value.decode()
        except UnicodeDecodeError as error:
            detail = f"record: byte {error.start} is not UTF-8 ({error.reason})"
            yield row, Reject(row, RejectReason.NOT_UTF8, detail)
