"""Serves one way in a thread of its own: reads incidents with a group of its own, and commits what is settled.

Each way has its group, so none waits for another. While its receiver is away, its messages wait in the topic: reading
is paused, and the group keeps its place. After a restart the last documents before that place are read again, and not
sent: they say which incidents were told already, and how severe they were then.

Whatever goes wrong is told and begun again; nothing of it reaches the pipeline, which knows nothing of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping

from detector.deadline import Deadline
from detector.errors import BrokerError, OddflowError
from detector.notify.desk import Desk
from detector.notify.events import CourierFailed, NotifyBegun, PlacesNotCommitted
from detector.notify.message import Place
from detector.printable import printable
from detector.telemetry.events import Tell
from detector.transport.base import RawBatch, Source, StaleCommitError

READ_AGAIN = 5_000
"""Documents of a partition before its place that are read once more: some 25 MB."""

MOST_RECORDS = 500
MOST_BYTES = 8 << 20

POLL_S = 0.2

TURN_S = 5.0
"""How long to send without a look at the topic: a member that does not poll loses its partitions after minutes."""

COMMIT_S = 10.0

PAUSES_S = (1.0, 5.0, 30.0)
"""Before it begins again after an error."""


class Courier:
    """``open_source`` makes a source that is not started; not ``patient``: the first error at the start ends it."""

    def __init__(
        self,
        desk: Callable[[], Desk],
        open_source: Callable[[], Source],
        tell: Tell,
        *,
        group: str,
        patient: bool = True,
    ) -> None:
        self._make_desk = desk
        self._open_source = open_source
        self._tell = tell
        self._group = group
        self._patient = patient
        self._desk = desk()
        self._source: Source | None = None
        self._live_from: dict[int, int] = {}
        self._committed: dict[int, int] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"notify-{self.name}", daemon=True)
        self.error: OddflowError | None = None
        """What ended it, where it is not patient."""

    @property
    def name(self) -> str:
        """Of its way."""
        return self._desk.name

    @property
    def running(self) -> bool:
        """Whether its thread is."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Have it end soon."""
        self._stopping.set()

    def stop(self, deadline: Deadline) -> None:
        """End; an attempt that hangs is left behind at the deadline, and is made again after the next start."""
        self.ask_to_stop()
        self._thread.join(deadline.remaining_s)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._serve()
            except Exception as error:  # noqa: BLE001 - nothing that happens here may stop the daemon
                if not self._patient and isinstance(error, OddflowError):
                    self.error = error
                    return
                failures = 0 if time.monotonic() - began > PAUSES_S[-1] else failures
                pause_s = PAUSES_S[min(failures, len(PAUSES_S) - 1)]
                failures += 1
                self._tell(CourierFailed(self.name, printable(f"{type(error).__name__}: {error}"), pause_s))
                self._stopping.wait(pause_s)

    def _serve(self) -> None:
        """Read and send until asked to stop."""
        self._desk, self._committed, self._live_from = self._make_desk(), {}, {}
        self._source = source = self._open_source()
        try:
            source.start(self)
            self._patient = True
            self._tell(NotifyBegun(self.name, self._group))
            paused = False
            while not self._stopping.is_set():
                if paused != self._desk.full:
                    paused = self._desk.full
                    (source.pause if paused else source.resume)()
                self._take(source.poll(MOST_RECORDS, MOST_BYTES, POLL_S))
                self._send()
                self._commit(source)
            self._commit(source)
        finally:
            source.stop(Deadline.after(COMMIT_S))
            self._source = None

    def _take(self, batch: RawBatch | None) -> None:
        if batch is None:
            return
        for value, partition, offset, stamp in zip(
            batch.values, batch.partitions.tolist(), batch.offsets.tolist(), batch.timestamps_ms.tolist(), strict=True
        ):
            place = Place(partition, offset, stamp / 1000.0 if stamp >= 0 else None)
            self._desk.take(value, place, known=offset < self._live_from.get(partition, 0))

    def _send(self) -> None:
        until = Deadline.after(TURN_S)
        while not self._stopping.is_set() and not until.passed and self._desk.step():
            pass

    def _commit(self, source: Source) -> None:
        """Commit what is settled and was not; what does not work is tried in the next turn."""
        new = {number: at for number, at in self._desk.positions().items() if self._committed.get(number) != at}
        if not new:
            return
        try:
            source.commit(new, Deadline.after(COMMIT_S))
        except StaleCommitError:
            return  # those partitions are forgotten within the next poll
        except BrokerError as error:
            self._tell(PlacesNotCommitted(self.name, str(error)))
            return
        self._committed |= new

    # --- what the source tells ----------------------------------------------------------------------------------

    def on_assigned(self, partitions: Iterable[int]) -> None:
        """Partitions came: go some documents back, to know what was told."""
        added, source = list(partitions), self._source
        if source is None:
            return
        try:
            committed, oldest = source.committed(added), source.oldest(added)
        except BrokerError:  # then an incident that goes on may be told once more
            return
        self._live_from |= committed
        source.rewind(_earlier(committed, oldest))

    def on_revoked(self, partitions: Iterable[int]) -> None:
        """Partitions go: commit what is settled of them, and forget them."""
        if self._source is not None:
            self._commit(self._source)
        self.on_lost(partitions)

    def on_lost(self, partitions: Iterable[int]) -> None:
        """They are gone."""
        gone = list(partitions)
        self._desk.forget(gone)
        for number in gone:
            self._live_from.pop(number, None)
            self._committed.pop(number, None)

    def on_replaced(self, partitions: Iterable[int]) -> None:
        """It is another topic of the same name, from its beginning."""
        self.on_lost(partitions)


def _earlier(committed: Mapping[int, int], oldest: Mapping[int, int]) -> dict[int, int]:
    """Where to begin, some documents before what is committed, where the topic still has them."""
    starts = {number: max(at - READ_AGAIN, oldest.get(number, at)) for number, at in committed.items()}
    return {number: start for number, start in starts.items() if start < committed[number]}
