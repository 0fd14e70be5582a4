"""The partition of a key is the one that Kafka's clients choose."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as murmur2_of_kafka_python

from detector.transport.kafka.partitioner import murmur2, partitions_of

JAVA_CLIENT = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
"""Of the Java client's own test, UtilsTest.testMurmur2; signed, as Java has it."""


@pytest.mark.parametrize(("key", "signed"), JAVA_CLIENT.items())
def test_hash_is_the_java_clients(key: bytes, signed: int) -> None:
    """Known keys hash to what the Java client's test expects."""
    assert murmur2(key) == signed % (1 << 32)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=8), st.integers(1, 64))
def test_partitions_are_kafka_pythons(keys: list[str], partitions: int) -> None:
    """Any keys go where kafka-python sends them, whatever stands beside them."""
    expected = [(murmur2_of_kafka_python(key.encode()) & 0x7FFFFFFF) % partitions for key in keys]
    assert partitions_of(pl.Series(keys, dtype=pl.String), partitions).tolist() == expected


def test_no_key_counts_as_the_empty_text() -> None:
    """Null and the empty text share a partition, and no keys give none."""
    chosen = partitions_of(pl.Series([None, ""], dtype=pl.String), 7)
    assert chosen[0] == chosen[1]
    assert partitions_of(pl.Series([], dtype=pl.String), 7).dtype == np.int32


def test_no_partitions_are_refused() -> None:
    """Fewer than one partition is an error."""
    with pytest.raises(ValueError, match="at least 1"):
        partitions_of(pl.Series(["a"]), 0)
