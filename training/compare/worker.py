"""What one contender does in a process of its own: train and score each run, and tell what that took.

The process does nothing else, so that its memory is the contender's. Times are of the processor, on all its threads
together (there is one, but for libraries that do not let themselves be told): what else the machine does hardly counts.
"""

from __future__ import annotations

import os
import resource
import sys
import warnings
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from time import process_time

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from detector.errors import InputError
from training.compare.detectors import Contender

WARM_ROWS = 500
"""Trained on before the first run, so that what is imported and compiled on first use is in no figure."""

MOST_WORDS = 200
"""Characters of what went wrong."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run's rows, in files of a folder, and its seed."""

    folder: Path
    number: int
    seed: int

    def write(self, train: NDArray[np.float32], attack: NDArray[np.bool_], test: NDArray[np.float32]) -> None:
        """Keep the rows to train on, which of them are attacks, and those to test."""
        for name, array in (("train", train), ("attack", attack), ("test", test)):
            np.save(self._path(name), array)

    def read(self, name: str) -> NDArray[np.float32]:
        """Get one of the three."""
        found: NDArray[np.float32] = np.load(self._path(name))
        return found

    def _path(self, name: str) -> Path:
        return self.folder / f"{self.number}-{name}.npy"


@dataclass(frozen=True, slots=True)
class Ready:
    """All is imported: the time begins."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One run ended."""

    scores: NDArray[np.float64]
    """Of the test rows."""
    train_s: float
    score_s: float


@dataclass(frozen=True, slots=True)
class Done:
    """All runs ended."""

    peak_bytes: int
    """Beyond what was held before the first training."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It cannot."""

    why: str


Said = Ready | Ran | Done | Failed


def work(connection: Connection, contender: Contender, runs: tuple[Run, ...]) -> None:
    """Run all, and send what came of each; whatever goes wrong is sent as well."""
    _hush()
    try:
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _warm_up(contender, runs[0])
            _forget_peak()
            _all(connection, contender, runs)
    except Exception as error:  # noqa: BLE001 - a detector may raise anything
        words = str(error).strip().splitlines() or [""]
        connection.send(Failed(f"{type(error).__name__}: {words[0]}"[:MOST_WORDS].removesuffix(": ")))
    connection.close()


def _all(connection: Connection, contender: Contender, runs: tuple[Run, ...]) -> None:
    held = None
    connection.send(Ready())
    for run in runs:
        train, test = run.read("train"), run.read("test")
        attack = run.read("attack").astype(np.bool_)
        held = peak_bytes() if held is None else held
        began = process_time()
        score = contender.fit(train, attack, run.seed)
        fitted = process_time()
        scores = np.asarray(score(test), np.float64)
        scored = process_time()
        if scores.shape != (len(test),) or np.isnan(scores).any():
            raise InputError("some of its scores are no numbers")
        connection.send(Ran(np.nan_to_num(scores), fitted - began, scored - fitted))
    connection.send(Done(max(0, peak_bytes() - (held or 0))))


def _warm_up(contender: Contender, run: Run) -> None:
    train, attack = run.read("train"), run.read("attack").astype(np.bool_)
    few = slice(None, None, max(1, len(train) // WARM_ROWS))
    try:
        contender.fit(train[few], attack[few], run.seed)(train[few])
    except Exception:  # noqa: BLE001 - too few rows for it; what else is wrong shows in the runs
        return


def peak_bytes() -> int:
    """The most memory that this process has held so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _forget_peak() -> None:
    """Compiling took more memory than what is compiled; Linux can forget that."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _hush() -> None:
    """Nothing that a library prints belongs on the terminal of who compares."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
