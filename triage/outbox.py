"""Sends what was said here, to each topic in the order in which it was said, until it is acknowledged.

Labels and suppressions are put into the outbox in the transaction that keeps them. They leave it only once the brokers
have acknowledged them, so whoever is killed in between sends them again, with the same ids: at least once, and twice is
as good as once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from detector.deadline import Deadline
from detector.errors import BrokerError, OutputError
from detector.transport.base import Channel, OutRecord, Sink
from triage.errors import StoreError
from triage.store.engine import Database
from triage.store.tables import OUTBOX
from triage.telemetry import BrokerFailed, DatabaseFailed, Sent, Tell, Worked

AT_ONCE = 500

LOOK_S = 0.5
"""So often it is looked whether something waits, though nobody says so: others may write to the database, too."""

AGAIN_S = 2.0
"""How long to wait after a failure."""

SEND_S = 10.0
"""How long to wait for acknowledgement before it is sent anew."""

CHANNELS = {"feedback": Channel.FEEDBACK, "suppressions": Channel.SUPPRESSIONS}

O = OUTBOX.c  # noqa: E741 - its columns


class Outbox:
    """Sends until it is stopped; ``open_sinks`` has, by channel, what makes a sink that is not started."""

    def __init__(
        self, database: Database, open_sinks: Mapping[str, Callable[[], Sink]], tell: Tell, again_s: float = AGAIN_S
    ) -> None:
        self._database = database
        self._open_sinks = open_sinks
        self._tell = tell
        self._again_s = again_s
        self._sinks: dict[str, Sink] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End after what is in hand; the rest is sent after the next start."""
        self._stopping.set()
        self._thread.join(timeout_s)

    @property
    def alive(self) -> bool:
        """Whether it still sends."""
        return self._thread.is_alive()

    def send_waiting(self) -> int:
        """Send what waits now; how many. Raises StoreError, BrokerError, OutputError; what is not sent stays.

        What waits for one channel, as for a topic that is not there, does not hold up what is for the other.
        """
        sent, failed = 0, list[BrokerError | OutputError]()
        for channel in CHANNELS:
            with self._database.read() as session:
                rows = session.execute(
                    select(OUTBOX).where(O.channel == channel).order_by(O.number).limit(AT_ONCE)
                ).all()
            try:
                if rows:
                    self._send(channel, rows)
                    sent += len(rows)
            except (BrokerError, OutputError) as error:
                failed.append(error)
        if failed:
            raise failed[0]
        return sent

    def _send(self, channel: str, rows: Sequence[Any]) -> None:
        if channel not in self._open_sinks:  # its topic was taken out of the settings
            raise OutputError(f"sending {channel}: there is no topic; set feedback.topic, or suppression.topic")
        try:
            if channel not in self._sinks:
                sink = self._open_sinks[channel]()
                sink.start()
                self._sinks[channel] = sink
            self._sinks[channel].send(CHANNELS[channel], [OutRecord(row.value, row.key) for row in rows])
            self._sinks[channel].flush(Deadline.after(SEND_S))
        except (BrokerError, OutputError):
            self._close(channel)
            raise
        with self._database.write() as session:
            session.execute(delete(OUTBOX).where(O.number.in_([row.number for row in rows])))
        self._tell(Sent(channel, len(rows)))

    def _close(self, channel: str) -> None:
        if (sink := self._sinks.pop(channel, None)) is not None:
            sink.stop(Deadline.after(0.0))

    def _run(self) -> None:
        failed = False
        while not self._stopping.is_set():
            wait_s = LOOK_S
            try:
                wait_s = 0.0 if self.send_waiting() else LOOK_S
                self._tell(Worked("outbox", failed))
                failed = False
            except (StoreError, BrokerError, OutputError) as error:
                failed, wait_s = True, self._again_s
                what = DatabaseFailed if isinstance(error, StoreError) else BrokerFailed
                self._tell(what("outbox", str(error)))
            self._stopping.wait(wait_s)
        for channel in list(self._sinks):
            self._close(channel)


def waiting(session: Session) -> tuple[int, float | None]:
    """How many wait, and since when the oldest does, in seconds since 1970."""
    row = session.execute(select(func.count(), func.min(O.created)).select_from(OUTBOX)).one()
    return row[0], row[1]
