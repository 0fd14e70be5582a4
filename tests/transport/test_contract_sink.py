"""What every sink promises: acknowledged when flush returns, exact bytes, errors that name the channel."""

from __future__ import annotations

import pytest

from detector.deadline import Deadline
from detector.errors import OddflowError
from detector.transport.base import Channel, OutRecord
from tests.transport.arena import Arena, values
from tests.transport.conftest import Running


def test_flushed_is_acknowledged(arena: Arena, running: Running) -> None:
    """When flush returns, everything sent is there, each channel in its order."""
    sink = running.sink(arena.sink())
    sink.send(Channel.ALERTS, values(500))
    sink.send(Channel.SCORES, values(3))
    sink.send(Channel.ALERTS, values(500, 500))
    sink.flush(Deadline.after(20))
    assert [one.value for one in arena.written(Channel.ALERTS)] == [one.value for one in values(1000)]
    assert [one.value for one in arena.written(Channel.SCORES)] == [one.value for one in values(3)]


def test_flush_can_be_repeated(arena: Arena, running: Running) -> None:
    """A flush with nothing to do succeeds and writes nothing again."""
    sink = running.sink(arena.sink())
    sink.flush(Deadline.after(20))
    sink.send(Channel.ALERTS, values(2))
    sink.flush(Deadline.after(20))
    sink.flush(Deadline.after(20))
    assert len(arena.written(Channel.ALERTS)) == 2


def test_dead_letters_keep_their_exact_bytes(arena: Arena, running: Running) -> None:
    """Any bytes come back as they were, with their key and headers: not UTF-8, empty, with newlines, null."""
    letters = [
        OutRecord(bytes(range(256)), b"\xfe\xff", [("oddflow.error.reason", b"not-json")]),
        OutRecord("naïve\n{}".encode(), b"key", [("oddflow.error.reason", b"too-long"), ("source", b"sensor 1")]),
        OutRecord(b"", b"", [("oddflow.error.reason", b"empty")]),
        OutRecord(None, b"key", [("oddflow.error.reason", b"null")]),
    ]
    sink = running.sink(arena.sink())
    sink.send(Channel.DEAD_LETTERS, letters)
    sink.flush(Deadline.after(20))
    written = arena.written(Channel.DEAD_LETTERS)
    assert [(one.value, one.key) for one in written] == [(one.value, one.key) for one in letters]
    assert [list(one.headers) for one in written] == [list(one.headers) for one in letters]


def test_a_large_dead_letter_passes(arena: Arena, running: Running) -> None:
    """A value just under a topic's usual bound of a mebibyte is taken."""
    sink = running.sink(arena.sink())
    sink.send(Channel.DEAD_LETTERS, [OutRecord(b"\xff" * 1_000_000)])
    sink.flush(Deadline.after(20))
    assert [len(one.value or b"") for one in arena.written(Channel.DEAD_LETTERS)] == [1_000_000]


def test_a_channel_that_goes_nowhere_is_named(arena: Arena, running: Running) -> None:
    """Sending to a channel that is not set up is an error with its name; the others still work."""
    sink = running.sink(arena.sink([Channel.ALERTS]))
    with pytest.raises(OddflowError, match="scores"):
        sink.send(Channel.SCORES, values(1))
    sink.send(Channel.ALERTS, values(1))
    sink.flush(Deadline.after(20))
    assert len(arena.written(Channel.ALERTS)) == 1


def test_a_stopped_sink_says_so(arena: Arena) -> None:
    """Sending before the start or after a stop is an error; stopping twice is not."""
    sink = arena.sink()
    with pytest.raises(OddflowError, match="not started"):
        sink.send(Channel.ALERTS, values(1))
    sink.start()
    sink.stop(Deadline.after(10))
    sink.stop(Deadline.after(10))
    with pytest.raises(OddflowError, match="not started"):
        sink.send(Channel.ALERTS, values(1))


@pytest.mark.timeout(60)
def test_stop_ends_within_its_deadline(arena: Arena, running: Running) -> None:
    """Stopping with unflushed records ends in time, and what had been flushed is there."""
    sink = running.sink(arena.sink())
    sink.send(Channel.ALERTS, values(5))
    sink.flush(Deadline.after(20))
    sink.send(Channel.ALERTS, values(5, 5))
    deadline = Deadline.after(15)
    sink.stop(deadline)
    assert not deadline.passed
    assert [one.value for one in arena.written(Channel.ALERTS)][:5] == [one.value for one in values(5)]


def test_a_record_is_sent_once(arena: Arena, running: Running) -> None:
    """Records that are equal to each other are still as many as were sent."""
    sink = running.sink(arena.sink())
    sink.send(Channel.ALERTS, [OutRecord(b"same", b"same")] * 50)
    sink.flush(Deadline.after(20))
    assert len(arena.written(Channel.ALERTS)) == 50
