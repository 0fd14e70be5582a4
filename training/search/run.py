"""The search itself: asks the study for trials, has each tried split after split, and gives up those that lag behind.

Only this thread speaks to the study. Whatever ends the search, the trials that are running then are marked as cut off
in the study, or, where the process was killed, by the next search that opens it; nothing else is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from time import monotonic

import numpy as np
from optuna.trial import Trial

from detector.errors import ConfigurationError, InputError, OddflowError
from training.search.interrupts import Interrupts
from training.search.progress import Budget, progress
from training.search.space import Space
from training.search.study import Study
from training.search.workers import PieceLostError, Result, Workers
from training.train import Recipe

LOOK_S = 0.5
"""How often the clock is looked at while nothing ends."""

MOST_FAILED = 20
"""So many trials in a row that could not be trained are enough to give up: the fault is not theirs."""

MOST_LOST = 3
"""So often one piece of a trial may be lost with who did it: then it is the trial that kills them."""

Tell = Callable[[str], None]


@dataclass(slots=True)
class _Running:
    trial: Trial
    recipe: Recipe
    values: list[float] = field(default_factory=list)
    lost: int = 0
    """Pieces of it that were lost, in a row."""


@dataclass(slots=True)
class Search:
    """One run of it; ``splits`` is how many each trial has."""

    study: Study
    space: Space
    base: Recipe
    workers: Workers
    budget: Budget
    splits: int
    tell: Tell
    _running: dict[int, _Running] = field(default_factory=dict)
    _results: SimpleQueue[tuple[int, Result]] = field(default_factory=SimpleQueue)
    _began: float = 0.0
    _spent: tuple[float, float] = (0.0, 0.0)
    _failed: int = 0
    _before: int = 0

    def run(self) -> None:
        """Search until the budget is spent; at least until one trial is complete, however late it is.

        Raises InputError where trial after trial cannot be trained, and what the workers raise.
        """
        self._began, self._before = monotonic(), len(self.study.ended)
        interrupts = Interrupts()
        with interrupts.noted():
            try:
                with self.workers:
                    while self._begin_trials() or self._running:
                        self._take_one()
                        interrupts.check()
            finally:
                for each in self._running.values():
                    self.study.lose(each.trial)
                self._running.clear()
                self._spend()

    def _begin_trials(self) -> bool:
        """Begin as many as there is room for; whether any more will be."""
        while not self._stopped() and len(self._running) < self.workers.places:
            trial, choice = self.study.ask(len(self._running))
            each = self._running[trial.number] = _Running(trial, self.space.recipe(self.base, choice))
            self._next_split(each)
        return not self._stopped()

    def _stopped(self) -> bool:
        since = monotonic() - self._began
        if self.budget.late(since) and self.study.best is None:
            return bool(self._running)
        return self.budget.done(len(self.study.counted), since)

    def _next_split(self, each: _Running) -> None:
        number = each.trial.number
        self.workers.submit(len(each.values), each.recipe, lambda result: self._results.put((number, result)))

    def _take_one(self) -> None:
        """Wait for a split's result, and decide on its trial."""
        result = None
        with suppress(Empty):
            number, result = self._results.get(timeout=LOOK_S)
        if self.budget.late(monotonic() - self._began) and self.study.best is not None:
            for each in self._running.values():
                self.study.lose(each.trial)
            self._running.clear()
            return
        if result is None:
            if hindered := self.workers.check():
                self.tell(hindered)
            return
        each = self._running[number]
        try:
            value = result.result().value
        except PieceLostError as error:
            self._lose_piece(each, str(error))
        except (ConfigurationError, InputError) as error:
            self._fail(each, str(error))
        except OddflowError:
            raise
        except Exception as error:  # noqa: BLE001 - what a library makes of a strange choice must not end the search
            self._fail(each, f"{type(error).__name__}: {error}")
        else:
            self._go_on(each, value)

    def _go_on(self, each: _Running, value: float) -> None:
        """Keep what a split gave, and decide on the trial."""
        each.values.append(value)
        each.lost = self._failed = 0
        mean = float(np.mean(each.values))
        each.trial.report(mean, len(each.values))
        if len(each.values) == self.splits:
            self._end(each, f"{mean:.4f}", lambda: self.study.complete(each.trial, mean))
        elif each.trial.should_prune():
            words = f"given up after {len(each.values)} of {self.splits} splits, at {mean:.4f}"
            self._end(each, words, lambda: self.study.prune(each.trial))
        else:
            self._next_split(each)

    def _lose_piece(self, each: _Running, why: str) -> None:
        """Try it again, unless it is the trial that ends its workers."""
        each.lost += 1
        if each.lost < MOST_LOST:
            self.tell("a split was lost with its worker: trying it again")
            self._next_split(each)
        else:
            self._end(each, f"cost {MOST_LOST} workers their lives", lambda: self.study.fail(each.trial, why))

    def _fail(self, each: _Running, why: str) -> None:
        """Count a trial that could not be trained. Raises InputError where none can."""
        why = " ".join(why.split())
        self._end(each, f"could not be trained: {why}", lambda: self.study.fail(each.trial, why))
        self._failed += 1
        if self._failed >= MOST_FAILED:
            raise InputError(f"searching: {self._failed} trials in a row could not be trained: {why}")

    def _end(self, each: _Running, words: str, keep: Callable[[], None]) -> None:
        keep()
        del self._running[each.trial.number]
        self._spend()
        self.tell(progress(self.study, words, self.budget, monotonic() - self._began, self._before))

    def _spend(self) -> None:
        now = (monotonic() - self._began, self.workers.processor_s())
        self.study.add_cost(now[0] - self._spent[0], now[1] - self._spent[1])
        self._spent = now
