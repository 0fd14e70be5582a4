"""How long a search may take, and what is told while it runs: a line for each trial that ended."""

from __future__ import annotations

from dataclasses import dataclass

from training.cards.words import span
from training.search.study import Study


@dataclass(frozen=True, slots=True)
class Budget:
    """When to stop: after so many trials in the study, or so many seconds of this run, whichever comes first."""

    trials: int | None
    seconds: float | None

    def done(self, begun: int, since_s: float) -> bool:
        """Whether no further trial is to begin."""
        return (self.trials is not None and begun >= self.trials) or self.late(since_s)

    def late(self, since_s: float) -> bool:
        """Whether the time is over."""
        return self.seconds is not None and since_s >= self.seconds


def progress(study: Study, words: str, budget: Budget, since_s: float, ended_before: int) -> str:
    """«trial 7 of 50: 0.4123; best 0.4330; 3.0 minutes left»; of them, so many had ended before this run."""
    ended, best = len(study.ended), study.best
    of = f" of {budget.trials}" if budget.trials else ""
    told = [f"trial {ended}{of}: {words}"]
    if best is not None and best.value is not None:
        told.append(f"best {best.value:.4f}")
    if left := _left(budget, ended, ended - ended_before, since_s):
        told.append(f"{left} left")
    return "; ".join(told)


def _left(budget: Budget, ended: int, here: int, since_s: float) -> str:
    """How long it will take, by what trials took so far."""
    left = [] if budget.seconds is None else [budget.seconds - since_s]
    if budget.trials is not None and here:
        left.append((budget.trials - ended) * since_s / here)
    return span(max(0.0, min(left))) if left else ""
