"""What young pairs have reached, counted by step of amount, and how rare it is that one reaches so much.

Counted are all pairs, those at a class of ports, at a port, and of a source at a class of ports. Classes are those of
ports that many, some and few of all pairs have. :mod:`detector.decisions.volume_kernel` passes over flows and fills it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from detector.features.windows_kernel import mixed
from detector.kernels.hash_table import claim, find, kernel

SHORT_S, MIDDLE_S, LONG_S = 600.0, 7_200.0, 86_400.0
"""Half-lives of amounts."""


class Amount(NamedTuple):
    """Something that a pair does more and more of."""

    what: str
    half_life_s: float
    first: float
    """What it takes to reach the first step."""
    factor: float
    """How much more each further step is."""


AMOUNTS = (
    Amount("bytes sent", SHORT_S, 32_768.0, 2.0),
    Amount("bytes sent", LONG_S, 32_768.0, 2.0),
    Amount("bytes sent beside the largest flow", MIDDLE_S, 32_768.0, 2.0),
    Amount("flows that sent more than came back", MIDDLE_S, 1.5, 1.45),
    Amount("connections", SHORT_S, 1.5, 1.6),
    Amount("connections", MIDDLE_S, 1.5, 1.6),
    Amount("visits", LONG_S, 1.5, 1.45),
    Amount("time connected", LONG_S, 120.0, 1.6),
    Amount("failed connections", MIDDLE_S, 1.5, 1.5),
)
"""In the order of a pair's words. Where a step begins is no limit: what is odd is told by how few reach it."""

TIMES = np.array([(SHORT_S, MIDDLE_S, LONG_S).index(each.half_life_s) for each in AMOUNTS])
"""The place of each one's half-life among the three."""

STEPS = 15

BOUNDS = np.array([[each.first * each.factor**step for step in range(STEPS)] for each in AMOUNTS])
"""From which amount on each step is reached; shape (amounts, steps)."""

OF_PORT, OF_CLASS, OF_SOURCE = 200.0, 200.0, 100.0
"""Pairs that the broader share counts for in that of a port, of a class and of a source."""

ENOUGH, THINNING, LEAST_THINNING = 4.0, 3, 0.3
"""Pairs that tell how many reach a step; beyond, counts go on to thin out as over so many steps, by a third each at
the least."""

LITTLE = 1e-6
"""Of a pair, that is never expected less."""

MANY, SOME = 0.05, 0.002
"""Shares of all pairs from which a port is of the class of many, and of that of some; of few otherwise."""

KEPT_A_DAY = 0.9
"""What is left each day of all that was counted: after a week half."""

PORTS = 65_537
"""The last place is that of flows without a port."""

ALL, CLASSES, BY_PORT, PLACES = 0, 1, 4, 260
"""Places of counts: of all pairs, of three classes, and of the first ports that had :data:`FEWEST` pairs."""

FEWEST = 32.0
"""Pairs of a port before it has counts of its own."""

COUNTED = len(AMOUNTS)
"""Of each place: row of its counts in which the first is how many pairs there were."""

USUALLY, ENOUGH_OWN = 0.05, 20
"""What fewer of a source's pairs reach than this share is not usual for it; told where it has so many."""

OWN_FULL = 250
"""Pairs of a source at which its counts are halved; each step has a byte."""

OWN_WIDTH = 40
_PAIRS, _STEPS = 0, 4
"""Words of a source: pairs, and the first of its steps' counts, a byte each and 16 bytes an amount."""
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Counts(NamedTuple):
    """What the pairs of a partition have reached."""

    met: Any
    """Pairs of each port; float32, shape (PORTS,)."""
    places: Any
    """Of each port its place among the next, 0 before it has one; uint32, shape (PORTS,)."""
    reached: Any
    """Pairs that reached each step; float32, shape (PLACES, amounts + 1, steps + 1)."""
    taken: Any
    """How many places ports have; int64, shape (1,)."""


@kernel
def begun(counts: Any, port: Any) -> Any:
    """Count a pair that begins at a port; give the class of that."""
    met, reached = counts.met, counts.reached
    met[port] += np.float32(1.0)
    reached[ALL, COUNTED, 0] += np.float32(1.0)
    share = met[port] / reached[ALL, COUNTED, 0]
    kind = 0 if share >= MANY else 1 if share >= SOME else 2
    reached[CLASSES + kind, COUNTED, 0] += np.float32(1.0)
    if counts.places[port] == 0 and met[port] >= FEWEST and counts.taken[0] < PLACES - BY_PORT:
        counts.places[port] = BY_PORT + counts.taken[0]
        counts.taken[0] += 1
    if counts.places[port] > 0:
        reached[counts.places[port], COUNTED, 0] += np.float32(1.0)
    return kind


@kernel
def begun_by(own: Any, source: Any, kind: Any) -> None:
    """Count a pair of a source that begins at a port of a class; halve its counts where they are full."""
    mine, _ = claim(own, of_class(source, kind))
    own.words[mine, _PAIRS] += np.uint32(1)
    if own.words[mine, _PAIRS] > OWN_FULL:
        for word in range(_STEPS, OWN_WIDTH):
            own.words[mine, word] = (own.words[mine, word] >> np.uint32(1)) & np.uint32(0x7F7F7F7F)
        own.words[mine, _PAIRS] >>= np.uint32(1)


@kernel
def climbed(  # noqa: PLR0917  (a kernel takes its arrays one by one)
    own: Any, reached: Any, kind: Any, place: Any, mine: Any, each: Any, before: Any, step: Any
) -> None:
    """Count the steps of an amount that a pair reached, from the one after ``before`` to ``step``."""
    for passed in range(before + 1, step + 1):
        reached[ALL, each, passed] += np.float32(1.0)
        reached[CLASSES + kind, each, passed] += np.float32(1.0)
        if place > 0:
            reached[place, each, passed] += np.float32(1.0)
        byte = 16 * each + passed
        if _held(own, mine, each, passed) < OWN_FULL:
            own.words[mine, _STEPS + (byte >> 2)] += np.uint32(1) << np.uint32(8 * (byte & 3))


@kernel
def fade(counts: Any) -> None:
    """Forget a day's part of all that was counted."""
    for port in range(PORTS):
        counts.met[port] *= np.float32(KEPT_A_DAY)
    for place in range(PLACES):
        for each in range(COUNTED + 1):
            for step in range(STEPS + 1):
                counts.reached[place, each, step] *= np.float32(KEPT_A_DAY)


@kernel
def of_class(source: Any, kind: Any) -> Any:
    """The key of a source's pairs at ports of a class."""
    return mixed(source + np.uint64(kind) * _GOLDEN)


@kernel
def usual_of(own: Any, source: Any, kind: Any, each: Any) -> Any:
    """What hardly any other pair of a source at a class of ports reaches of an amount; 0: it has too few to tell."""
    mine = find(own, of_class(source, kind))
    if mine < 0 or own.words[mine, _PAIRS] <= ENOUGH_OWN:
        return 0.0
    step = 1
    while step < STEPS and _held(own, mine, each, step) - 1.0 > USUALLY * (own.words[mine, _PAIRS] - 1.0):
        step += 1
    return BOUNDS[each, step - 1]


@kernel
def _held(own: Any, mine: Any, each: Any, step: Any) -> Any:
    """How many pairs of a source reached a step of an amount."""
    byte = 16 * each + step
    return np.float64((own.words[mine, _STEPS + (byte >> 2)] >> np.uint32(8 * (byte & 3))) & np.uint32(0xFF))


@kernel
def rarity(own: Any, reached: Any, kind: Any, place: Any, mine: Any, each: Any, step: Any) -> Any:  # noqa: PLR0917
    """How rare it is that a pair, not counted itself, reaches a step of an amount, in nats."""
    pairs, inside = max(reached[ALL, COUNTED, 0] - 1.0, 0.0), max(reached[CLASSES + kind, COUNTED, 0] - 1.0, 0.0)
    share = (_expected(reached, ALL, each, step) + LITTLE) / (pairs + 1.0)
    share = (_expected(reached, CLASSES + kind, each, step) + OF_CLASS * share) / (inside + OF_CLASS)
    if place > 0:
        at_port = max(reached[place, COUNTED, 0] - 1.0, 0.0)
        share = (_expected(reached, place, each, step) + OF_PORT * share) / (at_port + OF_PORT)
    share = max(
        share,
        (_held(own, mine, each, step) + OF_SOURCE * share) / (max(own.words[mine, _PAIRS] - 1.0, 0.0) + OF_SOURCE),
    )
    return -math.log(min(share, 1.0)) - math.log((inside + 1.0) / (pairs + 1.0))


@kernel
def _expected(reached: Any, place: Any, each: Any, step: Any) -> Any:
    """How many pairs reach a step: as many as did, or, beyond where :data:`ENOUGH` did, as they thin out before."""
    last = step
    while last > 0 and reached[place, each, last] < ENOUGH:
        last -= 1
    if last == 0 or last == step:  # noqa: PLR1714  (a set would be on the heap)
        return np.float64(reached[place, each, step])
    before = max(last - THINNING, 0)
    held = reached[place, each, before] if before > 0 else reached[place, COUNTED, 0]
    thins = max(math.log(held / reached[place, each, last]) / (last - before), LEAST_THINNING)
    return reached[place, each, last] * math.exp(-thins * (step - last))
