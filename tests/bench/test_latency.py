"""What the latency bench sends."""

from __future__ import annotations

import time

import pytest

from bench.latency import send, so_many
from bench.speed import own_values


def test_nothing_is_sent_twice() -> None:
    """Flows that are sent again are usual, and would raise no alert: the sender ends where records do not suffice."""
    with pytest.raises(RuntimeError, match=r"there are 2 records, for 60"):
        send("127.0.0.1:1", "flows", [b"a\n", b"b\n"], 1.0, begin=time.time() - 30.0, seconds=60.0)


def test_as_many_are_written_as_are_sent() -> None:
    """Half a minute of warm-up and what is measured need so many records."""
    assert so_many(1_000.0, 50.0) == 80_001


def test_the_network_goes_on_where_training_ended() -> None:
    """Records after so many are those that follow them, however many are asked for."""
    whole = list(own_values(0, 30))
    assert list(own_values(20, 10)) == whole[20:]
    assert len(set(whole)) == 30
