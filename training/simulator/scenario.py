"""A stretch of traffic: benign activity and attacks on one network, as polars frames in time order.

Time is cut into slots. A slot's random numbers come from the seed and the slot alone; connections that come later than
their slot wait for theirs. So the traffic is the same whoever reads it, in pieces of any size, and memory is bounded.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import polars as pl

from detector.errors import ConfigurationError
from training.simulator.activities import arrivals, bursts, noise
from training.simulator.attacks import ATTACKS, USUAL_ATTACKS, Attack, attack_seed, launch, plan
from training.simulator.expected import Expectation
from training.simulator.flows import Flows, Intents, join, take
from training.simulator.frames import to_frame
from training.simulator.hosts import Network, build_network
from training.simulator.outcomes import empty, realise
from training.simulator.polls import Tasks, build_tasks, runs
from training.simulator.stretch import Stretch

DEFAULT_START = 1_767_571_200.0
"""Monday, 2026-01-05, 00:00 UTC."""

_SLOT_FLOWS = 60_000  # large enough for numpy, small enough for the cache and the memory
_LONGEST_SLOT_S = 7200.0
_SHORTEST_SLOT_S = 1.0


@dataclass(frozen=True)
class Scenario:
    """What to simulate. The same values give the same flows, byte for byte."""

    seed: int = 1
    hosts: int = 200
    start: float = DEFAULT_START
    """Seconds since 1970 UTC. Another start is another day of the same organisation."""
    duration_s: float = 86_400.0
    intensity: float = 1.0
    """How busy people are; machines keep to their clocks."""
    attacks: Sequence[str] = USUAL_ATTACKS
    """Kinds of attack that take place, each at least once. Empty: none."""
    attack_share: float = 0.01
    """About how much of all flows belongs to attacks; where that is little, each kind still has one small attack."""
    background: bool = True
    """Whether the Internet's noise reaches our public addresses; it is labelled benign."""
    extra: list[tuple[Attack, Intents]] = field(default_factory=list, compare=False)
    """Attacks added by hand with :meth:`inject`."""

    def __post_init__(self) -> None:
        check_attacks(self.attacks)
        for name, value in (
            ("duration_s", self.duration_s), ("intensity", self.intensity), ("attack_share", self.attack_share)
        ):  # fmt: skip
            if not (np.isfinite(value) and value >= 0):
                raise ConfigurationError(f"simulating with {name} = {value}: give a number of at least 0")
        if self.attack_share > 0.5:
            raise ConfigurationError(f"simulating with attack_share = {self.attack_share}: give at most 0.5")

    @property
    def end(self) -> float:
        """The moment after the last flow."""
        return self.start + self.duration_s

    @cached_property
    def network(self) -> Network:
        """The inside hosts."""
        return build_network(self.hosts, self.seed)

    @cached_property
    def _tasks(self) -> Tasks:
        return build_tasks(self.network)

    @cached_property
    def expectation(self) -> Expectation:
        """How much benign traffic this network makes, and when."""
        return Expectation(self.network, self._tasks, self.intensity, self.background)

    @cached_property
    def expected_flows(self) -> float:
        """About how many benign flows there will be; attacks are planned by it."""
        return self.expectation.total(self.start, self.end)

    def lasting(self, flows: int) -> Scenario:
        """The same, but for as long as it takes to about so many flows."""
        share = self.attack_share if self.attacks else 0.0
        return replace(self, duration_s=max(1.0, self.expectation.duration(self.start, round(flows * (1 - share)))))

    @cached_property
    def _planned(self) -> list[tuple[Attack, Intents]]:
        if not self.attacks or self.attack_share == 0:
            return []
        share = self.attack_share / (1 - self.attack_share)
        return plan(self.attacks, self.network, self.seed, self.start, self.end, flows=share * self.expected_flows)

    @property
    def attack_list(self) -> tuple[Attack, ...]:
        """Every attack that takes place: planned ones, then injected ones."""
        return tuple(attack for attack, _ in [*self._planned, *self.extra])

    def inject(self, kind: str, at: float, flows: int | None = None) -> Attack:
        """Add one attack that begins at ``at``: to be called before that moment has been read from :meth:`frames`."""
        check_attacks([kind])
        number = len(self._planned) + len(self.extra)
        rng = np.random.default_rng(attack_seed(self.seed, number))
        self.extra.append(launch(kind, number, self.network, rng, start=at, end=self.end, flows=flows))
        return self.extra[-1][0]

    def frames(self, rows: int | None = None, *, endless: bool = False) -> Iterator[pl.DataFrame]:
        """All flows by ``ts``, in the columns of FRAME_SCHEMA; in frames of just ``rows`` if given (the last less).

        ``endless`` goes on after the end, without attacks.
        """
        slots = self._slots(math.inf if endless else self.end)
        return slots if rows is None else rechunk(slots, rows)

    def _slots(self, until: float) -> Iterator[pl.DataFrame]:
        waiting = empty()
        done = 0
        for slot, (start, end) in enumerate(
            slot_bounds(self.start, until, self.expected_flows / max(self.duration_s, 1.0))
        ):
            waiting = join([waiting, self._begin(start, end, slot)])
            due = waiting.ts < end
            flows, waiting = take(waiting, due), take(waiting, ~due)
            flows = take(flows, np.argsort(flows.ts, kind="stable"))
            if len(flows):
                attacks = self.attack_list
                yield to_frame(flows, [a.id for a in attacks], [a.kind for a in attacks], done, self.seed)
            done += len(flows)

    def _begin(self, start: float, end: float, slot: int) -> Flows:
        """All that is begun within a slot."""
        rng = np.random.default_rng([self.seed, 3, int(self.start * 1e3), slot])
        stretch = Stretch.of(self.network, start, end, rng)
        parts = bursts(stretch, self.intensity)
        parts += arrivals(stretch)
        parts.append(runs(self._tasks, stretch))
        if self.background:
            parts += noise(stretch)
        benign = realise(join(parts), rng)
        begun = [intents for attack, intents in [*self._planned, *self.extra] if start <= attack.start < end]
        return join([benign, *(realise(intents, rng) for intents in begun)])


def check_attacks(names: Sequence[str]) -> None:
    """Raises ConfigurationError for a name that is no kind of attack."""
    for name in names:
        if name not in ATTACKS:
            raise ConfigurationError(
                f"simulating attack {name!r}: there is no such kind; choose from {', '.join(ATTACKS)}"
            )


def slot_bounds(start: float, end: float, flows_per_s: float) -> Iterator[tuple[float, float]]:
    """Cut time into slots of about :data:`_SLOT_FLOWS` flows each."""
    length = float(np.clip(_SLOT_FLOWS / max(flows_per_s, 1e-9), _SHORTEST_SLOT_S, _LONGEST_SLOT_S))
    for slot in itertools.count():
        begin = start + slot * length
        if begin >= end:
            return
        yield begin, min(end, begin + length)


def rechunk(frames: Iterator[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    """The same rows in frames of exactly ``rows``, but for the last."""
    held: list[pl.DataFrame] = []
    count = 0
    for frame in frames:
        held.append(frame)
        count += len(frame)
        if count < rows:
            continue
        whole = pl.concat(held)
        full = count // rows * rows
        yield from whole[:full].iter_slices(rows)
        held, count = [whole[full:]], count - full
    if count:
        yield pl.concat(held)
