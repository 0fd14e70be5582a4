"""One retraining of a model at a time: a lease with an owner and a time, ``<model>/retrain.lease``.

Whoever holds it renews it; one that is not renewed ends by itself, and at once where its owner ran on this machine and
is no more. One that slept so long that another took it learns that before its next step. Times are of the owners'
clocks: they may differ by less than the lease lasts. Object stores have no locks: there it is read again after it was
written, and of two in the very same moment both may still believe it theirs.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from detector.errors import OddflowError, RegistryError
from detector.registry.names import checked
from detector.registry.odd import OddFileError
from detector.registry.storage import Storage
from detector.structs import resolved

LASTS_S = 300.0
"""Without being renewed."""
RENEWED_EVERY_S = 60.0
MAX_BYTES = 1 << 12


class BusyError(OddflowError):
    """Another process retrains the same model."""

    exit_code = 10
    retryable = True


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """Who retrains, and until when."""

    host: str
    """The machine, and the namespace that its process numbers are of."""
    pid: int
    since: float
    """Seconds since 1970."""
    until: float

    @property
    def told(self) -> str:
        """For people."""
        moments = (f"{datetime.fromtimestamp(each, UTC):%Y-%m-%dT%H:%M:%SZ}" for each in (self.since, self.until))
        since, until = moments
        return f"process {self.pid} on {self.host.partition('/')[0]} is at it, since {since}; its lease ends {until}"

    def is_over(self, now: float) -> bool:
        """Whether nobody holds it any more."""
        return now >= self.until or (self.host == this_host() and (self.pid == os.getpid() or not _lives(self.pid)))


def this_host() -> str:
    """This machine and its namespace of process numbers: containers may share a name."""
    with suppress(OSError):
        return f"{socket.gethostname()}/{Path('/proc/self/ns/pid').stat().st_ino}"
    return socket.gethostname()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Leases:
    """The lease of one model."""

    def __init__(self, storage: Storage, model: str, shown: str, now: Callable[[], float] = time.time) -> None:
        self._storage = storage
        self._model = checked("model", model)
        self._path = f"{model}/retrain.lease"
        self._shown = shown
        self._now = now
        self.until = 0.0
        """Until when this process holds it if it is renewed no more; seconds since 1970."""

    @contextmanager
    def held(self) -> Iterator[Callable[[], None]]:
        """Hold it, and renew it by a thread. Raises BusyError where another does; RegistryError.

        Gives what raises BusyError once another has taken it.
        """
        mine = self._take()
        over = threading.Event()
        thread = threading.Thread(target=self._renew, args=(mine, over), name="retrain-lease", daemon=True)
        thread.start()
        try:
            yield lambda: self._still(mine)
        finally:
            over.set()
            thread.join(RENEWED_EVERY_S)
            with suppress(OSError, BusyError):
                self._still(mine)
                self._storage.replace(self._path, msgspec.json.encode(msgspec.structs.replace(mine, until=0.0)))

    def _take(self) -> Lease:
        try:
            with self._storage.exclusive(self._model):
                now = self._now()
                there = self._read()
                if there is not None and not there.is_over(now):
                    raise BusyError(
                        f"retraining {self._model} in registry {self._shown}: {there.told}; wait, or end it"
                    )
                mine = Lease(host=this_host(), pid=os.getpid(), since=now, until=now + LASTS_S)
                self._storage.replace(self._path, msgspec.json.encode(mine))
                if self._read() != mine:
                    raise BusyError(f"retraining {self._model} in registry {self._shown}: another began just now")
                self.until = mine.until
                return mine
        except OSError as error:
            raise RegistryError(
                f"locking the retraining of {self._model} in registry {self._shown}: {error}; check that it may be"
                " written"
            ) from error

    def _read(self) -> Lease | None:
        """Who holds it; None where nobody does, or where the file says nothing."""
        try:
            return msgspec.json.decode(self._storage.read(self._path, MAX_BYTES), type=resolved(Lease))
        except (FileNotFoundError, OddFileError, msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def _still(self, mine: Lease) -> None:
        """Raise BusyError where another holds it now. Raises OSError."""
        there = self._read()
        if there is not None and (there.host, there.pid, there.since) != (mine.host, mine.pid, mine.since):
            raise BusyError(
                f"retraining {self._model} in registry {self._shown}: this process was not heard of for so long that"
                f" another took over: {there.told}"
            )

    def _renew(self, mine: Lease, over: threading.Event) -> None:
        while not over.wait(RENEWED_EVERY_S):
            with suppress(OSError, BusyError):  # away for a while: the lease lasts longer than one look
                self._still(mine)
                until = self._now() + LASTS_S
                self._storage.replace(self._path, msgspec.json.encode(msgspec.structs.replace(mine, until=until)))
                self.until = until
