"""Trials on a Dask cluster: the study stays here, the workers of the cluster try recipes on splits.

What trials are tried on is sent once, packed, as a piece of work of its own: a worker that lacks it has it from another
one, or from the scheduler, so that no worker's end takes it away. A piece whose worker dies is done by another; one
that has cost several workers their lives fails its trial. Workers may come and go while it runs.

Every worker must have this version of oddflow and of the libraries that values depend on. Dask sends code and data as
pickles, over plain TCP unless it is told otherwise (``tls://``): whoever reaches the scheduler can run code on all of
them.
"""

from __future__ import annotations

import logging
import pickle
import platform
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from threading import Lock
from time import monotonic, process_time
from typing import Any, Self

import zstandard
from distributed import Client, KilledWorker
from distributed.client import FutureCancelledError

from detector.errors import BrokerError, ConfigurationError
from training.search.material import Evaluated, Material
from training.search.workers import Done, PieceLostError
from training.train import Recipe

PATIENCE_S = 10.0
"""How long a scheduler may take to answer, and a cluster to have its first worker."""

ALONE_S = 60.0
"""So long without any worker, and the search ends; it can be gone on with."""

SAME = ("numpy", "scikit-learn", "pyod", "numba", "distributed")
"""Libraries that values, or talking to each other, depend on."""

Versions = dict[str, str]


class ClusterError(BrokerError):
    """A Dask cluster that cannot be reached any more, or has no workers."""


class Cluster:
    """The workers of a Dask cluster, at most ``most`` pieces at a time (None: one a thread of theirs)."""

    def __init__(self, material: Material, address: str, most: int | None) -> None:
        self._packed = zstandard.compress(pickle.dumps(material, protocol=5), 1)
        self._address = address
        self._most = most
        self._client: Any = None  # a library's without types
        self._material: Any = None
        self._lock = Lock()
        self._spent_s = 0.0
        self._began = 0.0
        self._alone_since: float | None = None

    def __enter__(self) -> Self:
        self._began = process_time()
        self._client = connected(self._address)
        try:
            check_versions(self._client, self._address)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
                key = f"oddflow-search-{sha256(self._packed).hexdigest()[:16]}"
                self._material = self._client.submit(unpacked, self._packed, key=key)
        except BaseException:
            self._client.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        if self._client is not None:
            self._client.close()

    @property
    def places(self) -> int:
        """Threads of all workers that there are now; 0 where none is left."""
        threads = sum(self._threads().values())
        return threads if self._most is None else min(threads, self._most)

    def submit(self, number: int, recipe: Recipe, done: Done) -> None:
        """Have a worker try a recipe on a split."""
        future = self._open.submit(evaluated, self._material, number, recipe, versions(), pure=False)
        future.add_done_callback(lambda ended: done(_Piece(ended, self._spend)))

    def processor_s(self) -> float:
        """Of this process and of the workers; twice where one of them does two pieces at a time."""
        with self._lock:
            return process_time() - self._began + self._spent_s

    def check(self) -> str:
        """Tell of a cluster without workers; raises ClusterError where it stays so, or is gone."""
        if self._threads():
            self._alone_since = None
            return ""
        first = self._alone_since is None
        self._alone_since = self._alone_since or monotonic()
        if monotonic() - self._alone_since > ALONE_S:
            raise ClusterError(
                f"--dask {self._address}: it has had no worker for {ALONE_S:.0f} s; start some by `dask worker"
                f" {self._address}`, and run the same command again to go on"
            )
        return f"{self._address} has no worker left; waiting for one" if first else ""

    @property
    def _open(self) -> Any:
        if self._client is None:
            raise RuntimeError("workers are entered before they are given work")
        return self._client

    def _threads(self) -> dict[str, int]:
        client = self._open
        gone = f"--dask {self._address}: the scheduler is gone; start it anew, and run the same command again to go on"
        if client.status != "running":
            raise ClusterError(gone)
        try:
            found: dict[str, int] = client.nthreads()
        except (OSError, TimeoutError) as error:
            raise ClusterError(gone) from error
        return found

    def _spend(self, seconds: float) -> None:
        with self._lock:
            self._spent_s += seconds


@dataclass(frozen=True, slots=True)
class _Piece:
    """A piece of work that has ended."""

    future: Any
    spend: Callable[[float], None]

    def result(self) -> Evaluated:
        """What came of it. Raises PieceLostError where its workers died, else what it raised."""
        try:
            found: Evaluated = self.future.result()
        except (KilledWorker, FutureCancelledError) as error:
            raise PieceLostError(str(error).splitlines()[0]) from error
        self.spend(found.processor_s)
        return found


def connected(address: str) -> Any:
    """Reach a scheduler that has workers. Raises ConfigurationError, soon, where there is none."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what goes wrong is told below, once
    try:
        client: Any = Client(address, timeout=PATIENCE_S, set_as_default=False)  # type: ignore[no-untyped-call]  # it has no types
    except (OSError, TimeoutError, ValueError) as error:
        why = str(error).splitlines()[0] if str(error) else f"no answer within {PATIENCE_S:.0f} s"
        raise ConfigurationError(
            f"--dask {address}: no scheduler answers ({why}); give an address such as tcp://10.0.0.5:8786, and start"
            " one there by `dask scheduler`"
        ) from error
    try:
        client.wait_for_workers(1, timeout=PATIENCE_S)
    except TimeoutError as error:
        client.close()
        raise ConfigurationError(
            f"--dask {address}: it has no workers; start some by `dask worker {address} --nthreads 1`"
        ) from error
    return client


def check_versions(client: Any, address: str) -> None:
    """Hold the workers against this process. Raises ConfigurationError naming what differs, and where."""
    try:
        found: dict[str, Versions] = client.run(versions)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"--dask {address}: its workers lack {error.name}; install this version of oddflow[search] there"
        ) from error
    for worker, theirs in found.items():
        if differing := differences(theirs, versions()):
            raise ConfigurationError(f"--dask {address}: worker {worker} has {differing}; install the same there")


def differences(theirs: Versions, ours: Versions) -> str:
    """What differs, in words; empty where nothing does."""
    return ", ".join(
        f"{name} {theirs.get(name, 'missing')}, not {mine}" for name, mine in ours.items() if theirs.get(name) != mine
    )


def versions() -> Versions:
    """What values depend on, in this process."""
    return {
        "oddflow": version("oddflow"),
        "Python": platform.python_version(),
        **{name: version(name) for name in SAME},
    }


def unpacked(packed: bytes) -> Material:
    """What trials are tried on, in a worker."""
    material: Material = pickle.loads(zstandard.decompress(packed))  # noqa: S301 - packed above, sent by Dask
    return material


def evaluated(material: Material, number: int, recipe: Recipe, expected: Versions) -> Evaluated:
    """Try a recipe on a split, in a worker. Raises ForeignWorkerError in one of other versions."""
    if differing := differences(versions(), expected):
        raise ForeignWorkerError(f"a worker on {platform.node()} has {differing}; install the same there")
    return material.evaluated(number, recipe)


class ForeignWorkerError(ClusterError):
    """A worker of other versions, which came while it ran."""
