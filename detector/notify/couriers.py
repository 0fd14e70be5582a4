"""The couriers of all ways that are set, wired; for the daemon, and for ``oddflow notify``."""

from __future__ import annotations

from collections.abc import Iterator

from detector.deadline import Deadline
from detector.notify.courier import Courier
from detector.notify.desk import Desk
from detector.notify.events import IncidentsLost
from detector.notify.ways import Way, open_ways
from detector.settings.tree import Settings
from detector.telemetry.events import Event, Tell
from detector.transport.base import Source
from detector.transport.choose import open_reader
from detector.transport.events import (
    BrokerLost,
    BrokerReached,
    BrokerRestored,
    RecordsLost,
    TopicMissing,
    TopicReplaced,
)


class Couriers:
    """One for each way; ``alone``: without a daemon around them, which tells of brokers.

    Raises ConfigurationError for files of certificates that cannot be read.
    """

    def __init__(self, settings: Settings, tell: Tell, *, alone: bool = False) -> None:
        self._all = [_courier(settings, way, tell, alone=alone) for way in open_ways(settings)]

    def __iter__(self) -> Iterator[Courier]:
        return iter(self._all)

    def start(self) -> None:
        """Begin."""
        for courier in self._all:
            courier.start()

    def stop(self, deadline: Deadline) -> None:
        """End, all at once and within the deadline."""
        for courier in self._all:
            courier.ask_to_stop()
        for courier in self._all:
            courier.stop(deadline)


def group_of(settings: Settings, way: str) -> str:
    """The consumer group of a way."""
    return f"{settings.notify.group or f'{settings.kafka.group}-notify'}-{way}"


def _courier(settings: Settings, way: Way, tell: Tell, *, alone: bool) -> Courier:
    group = group_of(settings, way.name)

    def desk() -> Desk:
        return Desk(way, settings.notify, tell)

    def source() -> Source:
        return open_reader(settings, settings.output.incidents_topic, group, _translated(way.name, tell, alone=alone))

    return Courier(desk, source, tell, group=group, patient=not alone)


def _translated(way: str, tell: Tell, *, alone: bool) -> Tell:
    """What the reader of incidents tells, which is none of the figures of the pipeline's own topic."""

    def told(event: Event) -> None:
        match event:
            case RecordsLost(expected=expected, found=found):
                tell(IncidentsLost(way, found - expected))
            case TopicReplaced(unread=unread) if unread:
                tell(IncidentsLost(way, unread))
            case BrokerLost() | BrokerReached() | BrokerRestored() | TopicMissing() if alone:
                tell(event)

    return told
