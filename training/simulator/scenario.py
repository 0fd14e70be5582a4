"""A stretch of traffic: benign activity and attacks on one network, as polars frames in time order.

Time is cut into slots. A slot's random numbers come from the seed and the slot alone; connections that come later than
their slot wait for theirs. So the traffic is the same whoever reads it, in pieces of any size, and memory is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl

from detector.errors import ConfigurationError
from training.simulator.activities import arrivals, bursts, noise
from training.simulator.attacks import ATTACKS, Attack, attack_seed, launch
from training.simulator.flows import Flows, Intents, join, take
from training.simulator.frames import to_frame
from training.simulator.hosts import Network, build_network
from training.simulator.outcomes import empty, realise
from training.simulator.polls import Tasks, build_tasks, runs
from training.simulator.stretch import Stretch

DEFAULT_START = 1_767_571_200.0
"""Monday, 2026-01-05, 00:00 UTC."""

TYPICAL_FLOWS_PER_HOST_S = 0.11
"""Mean over a working day, for planning; measured on 200 hosts."""

_SLOT_FLOWS = 60_000  # large enough for numpy, small enough for the cache and the memory
_LONGEST_SLOT_S = 600.0  # the rhythm is read once a slot
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
    attacks: Sequence[str] = tuple(ATTACKS)
    """Kinds of attack that take place, each at least once. Empty: none."""
    attack_share: float = 0.01
    """About how much of all flows belongs to attacks, divided evenly among the kinds."""
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
    def expected_flows(self) -> float:
        """About how many benign flows there will be; attacks are planned by it."""
        return TYPICAL_FLOWS_PER_HOST_S * self.hosts * self.duration_s

    @cached_property
    def _planned(self) -> list[tuple[Attack, Intents]]:
        return _plan(self) if self.attacks and self.attack_share > 0 else []

    @property
    def attack_list(self) -> tuple[Attack, ...]:
        """Every attack that takes place: planned ones, then injected ones."""
        return tuple(attack for attack, _ in [*self._planned, *self.extra])

    def inject(self, kind: str, at: float, flows: int | None = None) -> Attack:
        """Add one attack that begins at ``at``: to be called before that moment has been read from :meth:`frames`."""
        check_attacks([kind])
        number = len(self._planned) + len(self.extra)
        rng = np.random.default_rng(attack_seed(self.seed, number))
        self.extra.append(launch(kind, number, self.network, rng, start=at, flows=flows))
        return self.extra[-1][0]

    def frames(self, rows: int | None = None) -> Iterator[pl.DataFrame]:
        """All flows by ``ts``, in the columns of FRAME_SCHEMA; in frames of just ``rows`` if given (the last less)."""
        return self._slots() if rows is None else rechunk(self._slots(), rows)

    def _slots(self) -> Iterator[pl.DataFrame]:
        waiting = empty()
        done = 0
        for slot, (start, end) in enumerate(slot_bounds(self.start, self.end, self.expected_flows)):
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
        stretch = Stretch(self.network, self.network.awake((start + end) / 2), start, end, rng)
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


def slot_bounds(start: float, end: float, expected_flows: float) -> Iterator[tuple[float, float]]:
    """Cut time into slots of about :data:`_SLOT_FLOWS` flows each."""
    per_s = expected_flows / max(end - start, 1e-9)
    length = float(np.clip(_SLOT_FLOWS / max(per_s, 1e-9), _SHORTEST_SLOT_S, _LONGEST_SLOT_S))
    count = int(np.ceil((end - start) / length))
    for slot in range(count):
        yield start + slot * length, min(end, start + (slot + 1) * length)


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


def _plan(scenario: Scenario) -> list[tuple[Attack, Intents]]:
    """Draw attacks of every kind until each has used its part of the flows that attacks may have."""
    budget = scenario.attack_share / (1 - scenario.attack_share) * scenario.expected_flows / len(scenario.attacks)
    plan: list[tuple[Attack, Intents]] = []
    for kind in scenario.attacks:
        left = budget
        while left == budget or left >= ATTACKS[kind].fewest:
            number = len(plan)
            rng = np.random.default_rng(attack_seed(scenario.seed + int(scenario.start), number))
            flows = int(min(ATTACKS[kind].usual * rng.lognormal(0.0, 0.7), max(left, ATTACKS[kind].fewest)))
            at = scenario.start + rng.uniform(0.02, 0.92) * scenario.duration_s
            plan.append(launch(kind, number, scenario.network, rng, start=at, flows=flows))
            left -= plan[-1][0].flows
            if ATTACKS[kind].usual < 100 and len(plan) > 400:
                break
    return plan
