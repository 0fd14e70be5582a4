"""Who tries: threads of this process. A split of a trial is a piece of work, which gives the same wherever it is done.

Threads, since training spends its time in compiled code that leaves the interpreter to others; each piece is trained by
one thread's arithmetic (``training.estimators``), so that how many there are changes no value.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import process_time
from typing import Protocol, Self

from training.search.material import Evaluated, Material
from training.train import Recipe

Done = Callable[["Result"], None]


class PieceLostError(Exception):
    """A piece of work was not done, though nothing is wrong with it: whoever did it is gone."""


class Result(Protocol):
    """A piece of work that has been done, or could not be."""

    def result(self) -> Evaluated:
        """What came of it; raises what went wrong, PieceLostError where it should be tried again."""
        ...


class Workers(Protocol):
    """Where pieces are done. Entered before the first, left after the last, which gives up what is not done."""

    @property
    def places(self) -> int:
        """How many pieces are done beside each other."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...

    def submit(self, number: int, recipe: Recipe, done: Done) -> None:
        """Try a recipe on a split; ``done`` is called with the result, in any thread."""
        ...

    def processor_s(self) -> float:
        """Seconds of processors that were used since they were entered."""
        ...

    def check(self) -> str:
        """Words for people on what keeps pieces from being done, empty while nothing does. Raises if nothing can."""
        ...


class Threads:
    """Threads of this process."""

    def __init__(self, material: Material, places: int) -> None:
        self._places = places
        self._material = material
        self._pool: ThreadPoolExecutor | None = None
        self._began = 0.0

    @property
    def places(self) -> int:
        """As many as there are threads."""
        return self._places

    def __enter__(self) -> Self:
        self._pool = ThreadPoolExecutor(self._places, thread_name_prefix="search")
        self._began = process_time()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def submit(self, number: int, recipe: Recipe, done: Done) -> None:
        """Try a recipe on a split."""
        if self._pool is None:
            raise RuntimeError("workers are entered before they are given work")
        self._pool.submit(self._material.evaluated, number, recipe).add_done_callback(done)

    def processor_s(self) -> float:
        """Of this process."""
        return process_time() - self._began

    def check(self) -> str:
        """Nothing keeps them."""
        return ""
