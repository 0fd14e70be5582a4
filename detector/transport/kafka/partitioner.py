"""Which partition a record of a key comes to: Kafka's own rule, so that files are split as a topic would be.

Kafka's Java client, librdkafka's ``murmur2_random`` and kafka-python take ``murmur2(key) & 0x7fffffff`` modulo the
number of partitions (org.apache.kafka.common.utils.Utils.murmur2, after Austin Appleby's MurmurHash2, seed
0x9747b28c). librdkafka's own default is CRC-32: producers that key by source must set ``partitioner=murmur2_random``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.kernels.compiled import njit
from detector.kernels.texts import text_of

SEED, MULTIPLIER = np.uint32(0x9747B28C), np.uint32(0x5BD1E995)


def partitions_of(keys: pl.Series, partitions: int) -> NDArray[np.int32]:
    """Give the partition, of so many, that a record with each key (String; null as the empty text) comes to."""
    if partitions < 1:
        raise ValueError(f"{partitions} partitions: give at least 1")
    text = text_of(keys)
    chosen: NDArray[np.int32] = (_hashes(text.data, text.offsets) & 0x7FFFFFFF).astype(np.int64) % partitions
    return chosen.astype(np.int32)


def murmur2(key: bytes) -> int:
    """Hash a key as Kafka does: 32 bits, unsigned."""
    return int(_hashes(np.frombuffer(key, np.uint8), np.array([0, len(key)]))[0])


@njit(nogil=True, cache=True)
def _hashes(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Any:
    hashes = np.empty(len(offsets) - 1, np.uint32)
    for i in range(len(hashes)):
        hashes[i] = _murmur2(data, offsets[i], offsets[i + 1])
    return hashes


@njit(nogil=True, cache=True)
def _murmur2(data: NDArray[np.uint8], start: Any, end: Any) -> Any:
    h = SEED ^ np.uint32(end - start)
    whole = start + (end - start) // 4 * 4
    for at in range(start, whole, 4):
        k = np.uint32(0)
        for byte in range(4):
            k |= np.uint32(data[at + byte]) << np.uint32(8 * byte)
        k = np.uint32(k * MULTIPLIER)
        k = np.uint32((k ^ (k >> np.uint32(24))) * MULTIPLIER)
        h = np.uint32(np.uint32(h * MULTIPLIER) ^ k)
    if whole < end:
        for at in range(whole, end):
            h ^= np.uint32(data[at]) << np.uint32(8 * (at - whole))
        h = np.uint32(h * MULTIPLIER)
    h = np.uint32((h ^ (h >> np.uint32(13))) * MULTIPLIER)
    return h ^ (h >> np.uint32(15))
