"""The thread that keeps the database current with the topics.

A batch that the database does not take is kept and tried again, so nothing is lost and nothing is skipped; meanwhile
nothing more is read. After a restart it goes on where the database says.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from sqlalchemy.exc import DataError, IntegrityError

from detector.errors import BrokerError
from detector.printable import printable
from triage.errors import StoreError
from triage.ingest.taking import Counted, Message, Place, Topics, pass_over, positions, take_batch, where_of
from triage.store.engine import Database
from triage.telemetry import Behind, BrokerFailed, DatabaseFailed, Taken, Tell, Worked

BATCH = 2_000
"""Messages in one transaction at most."""

WAIT_S = 0.5

AGAIN_S = 2.0
"""How long to wait after a failure."""


class Reads(Protocol):
    """What messages come from: :class:`triage.ingest.follower.Follower`."""

    def poll(self, most: int, timeout_s: float) -> list[Message]:
        """Give what is there. Raises BrokerError."""
        ...

    def behind(self) -> dict[str, int]:
        """How many records are not read yet, by topic."""
        ...

    def stop(self) -> None:
        """Close it."""
        ...


class Ingest:
    """Reads until it is stopped; ``open_reader`` begins at the offsets that it is given."""

    def __init__(
        self,
        database: Database,
        topics: Topics,
        open_reader: Callable[[dict[Place, int]], Reads],
        tell: Tell,
        again_s: float = AGAIN_S,
    ) -> None:
        self._database = database
        self._topics = topics
        self._open_reader = open_reader
        self._tell = tell
        self._again_s = again_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ingest", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End after the batch in hand."""
        self._stopping.set()
        self._thread.join(timeout_s)

    @property
    def alive(self) -> bool:
        """Whether it still reads."""
        return self._thread.is_alive()

    def _run(self) -> None:
        reader: Reads | None = None
        batch: list[Message] = []
        failed = False
        while not self._stopping.is_set():
            try:
                if reader is None:
                    with self._database.read() as session:
                        begin = positions(session)
                    reader = self._open_reader(begin)
                batch = batch or reader.poll(BATCH, WAIT_S)
                if batch:
                    self._put(batch)
                    batch = []
                self._tell(Worked("ingest", failed))
                failed = False
                for topic, records in reader.behind().items():
                    self._tell(Behind(topic, records))
            except (StoreError, BrokerError) as error:
                failed = True
                what = DatabaseFailed if isinstance(error, StoreError) else BrokerFailed
                self._tell(what("ingest", str(error)))
                self._stopping.wait(self._again_s)
        if reader is not None:
            reader.stop()

    def _put(self, batch: Sequence[Message]) -> None:
        """Put a batch; a message that no database takes is left out, so that it does not hold up those after it.

        So is one that breaks what reads it: others write to the topics, too, and reading anew would break again.
        """
        try:
            with self._database.write() as session:
                counted = take_batch(session, batch, self._topics)
        except Exception as error:
            if isinstance(error, StoreError) and not isinstance(error.__cause__, DataError | IntegrityError):
                raise
            if len(batch) > 1:
                half = len(batch) // 2
                self._put(batch[:half])
                self._put(batch[half:])
                return
            (message,) = batch
            with self._database.write() as session:
                pass_over(session, message)
            kind = self._topics.kinds[message.topic]
            what = str(error) if isinstance(error, StoreError) else f"{type(error).__name__} {error}"
            counted = {kind: Counted(message.topic, 1, 1, printable(f"{where_of(message)}: {what}"))}
        for kind, each in counted.items():
            self._tell(Taken(kind, each.documents, each.foreign, each.why, each.topic))
