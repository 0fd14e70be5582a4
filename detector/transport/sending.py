"""Sends a few records and is done: what a command needs of a sink."""

from __future__ import annotations

from collections.abc import Sequence

from detector.deadline import Deadline
from detector.transport.base import Channel, OutRecord, Sink

SEND_S = 30.0
"""How long to wait until they are acknowledged."""


def send_once(sink: Sink, channel: Channel, records: Sequence[OutRecord]) -> None:
    """Send by a sink that is not yet started, and stop it. Raises BrokerError where they are not acknowledged."""
    sink.start()
    try:
        sink.send(channel, records)
        sink.flush(Deadline.after(SEND_S))
    finally:
        sink.stop(Deadline.after(SEND_S))
