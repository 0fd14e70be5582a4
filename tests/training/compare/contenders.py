"""Contenders that go wrong, importable by the process that each is measured in."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.compare.contract import Role
from training.compare.detectors import Matrix, Scores, Scoring


@dataclass(frozen=True, slots=True)
class Sound:
    """Scores by the first column, and prints a lot."""

    name: str = "sound"
    package: str = "tests"
    role: Role = "shelf"
    params: Mapping[str, Any] = field(default_factory=dict)

    def fit(self, train: Matrix, attack: NDArray[np.bool_], seed: int) -> Scoring:
        """Learn nothing."""
        sys.stdout.write(f"{train} {attack}")
        sys.stdout.flush()
        self.learn(seed)
        return self.score

    def learn(self, seed: int, /) -> None:
        """Go wrong at once, or don't."""

    def score(self, rows: Matrix) -> Scores:
        """A score for each, like any other."""
        return rows[:, 0].astype(np.float64)


class Raising(Sound):
    """Raises while it scores."""

    def score(self, rows: Matrix) -> Scores:
        """Refuse."""
        raise ValueError(f"{len(rows)} rows are not to its taste\nat all")


class Blank(Sound):
    """Scores that are no numbers."""

    def score(self, rows: Matrix) -> Scores:
        """Tell nothing."""
        return np.full(len(rows), np.nan)


class Dying(Sound):
    """Its process is killed, as by the kernel where memory runs out."""

    def learn(self, _: int, /) -> None:
        """End."""
        os.kill(os.getpid(), signal.SIGKILL)


class Hanging(Sound):
    """Trains once, then never again."""

    def learn(self, seed: int, /) -> None:
        """Take for ever in the second run."""
        while seed == 2:
            time.sleep(3600.0)


class Large(Sound):
    """Holds 300 MiB while it trains."""

    def learn(self, _: int, /) -> None:
        """Touch each page of them."""
        assert np.ones(300 << 17).sum() > 0
