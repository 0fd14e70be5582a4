"""All splits by time of a recipe: what its report tells of them, and what a champion is held against.

Runs go side by side in a pool. Where there are too many flows, they are of some of the sources, whole.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

from threadpoolctl import threadpool_limits

from detector.errors import InputError
from detector.features.extra import has_addresses
from training.evaluation.blocks import sampled_sources
from training.evaluation.marked import Marked
from training.evaluation.report import Protocol
from training.evaluation.time_splits import TimeRun, cuts_of, time_run
from training.stretches import cores
from training.train import Recipe, TellStep


@dataclass(frozen=True, slots=True)
class ByTime:
    """What came of the splits by time."""

    marked: Marked
    """The flows that they were made of, without transplanted attacks."""
    runs: tuple[TimeRun, ...]
    """In order of time; none that could not be tested."""
    protocol: Protocol
    """By which they were tested: ``attacks`` is where they came from."""


@dataclass(frozen=True, slots=True)
class Begun:
    """Runs by time that are under way."""

    marked: Marked
    protocol: Protocol
    futures: tuple[Future[TimeRun], ...]

    @classmethod
    def of(cls, whole: Marked, recipe: Recipe, protocol: Protocol, pool: ThreadPoolExecutor, notes: list[str]) -> Self:
        """Begin; ``notes`` gain what a reader of the figures should know."""
        if not protocol.time_splits:
            return cls(whole, protocol, ())
        if not has_addresses(whole.frame):
            notes.append("flows have no addresses, by which incidents are counted: there are random splits alone")
            return cls(whole, protocol, ())
        kept = sampled_sources(whole.frame["src_ip"], protocol.most_flows, protocol.seed, whole.attack)
        few = whole if kept.all() else whole.take(kept)
        if not kept.all():
            notes.append(
                f"splits by time are of {len(few.frame):,} flows of {few.frame['src_ip'].n_unique():,} sources; false"
                " incidents a day are of these, asked and obtained alike"
            )
            if missed := int((whole.attack & ~kept).sum()):
                notes.append(f"{missed:,} flows that are labelled attacks are not among these: their sources have more")
        cuts = cuts_of(few, protocol)
        if not cuts:
            notes.append("flows span no time: there are random splits alone")
        longest_first = [pool.submit(time_run, cut, few, recipe, protocol) for cut in reversed(cuts)]
        return cls(few, protocol, tuple(longest_first[::-1]))

    def gathered(self, notes: list[str], tell: TellStep) -> ByTime:
        """Wait for them."""
        runs = []
        for number, each in enumerate(self.futures, 1):
            try:
                runs.append(each.result())
                tell(f"tested {number} of {len(self.futures)} splits by time")
            except InputError as error:
                notes.append(f"split by time {number} of {len(self.futures)} could not be tested: {error}")
        if runs and not any(run.judged.attack.any() for run in runs):
            notes.append("no attack is in the flows tested by time: what is found of them is not known")
        return ByTime(self.marked, tuple(runs), self.protocol)


def by_time(whole: Marked, recipe: Recipe, protocol: Protocol) -> ByTime:
    """Test by time alone. Raises InputError, with the reason, where no run can be tested."""
    notes: list[str] = []
    with threadpool_limits(1), ThreadPoolExecutor(cores()) as pool:
        found = Begun.of(whole, recipe, protocol, pool, notes).gathered(notes, lambda _: None)
    if not found.runs:
        raise InputError("; ".join(notes) or "no split by time was asked for")
    return found
