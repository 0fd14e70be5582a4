"""The pass over records, in their order: each record's windowed features, and the tables brought up to date.

A damped sum with half-life h is worth ``S ← S·2^(−Δt/h) + x`` at a flow with value x, Δt seconds after the key's last.
Distinct values are counted by a sketch of 64 marks, each the time that a value hashed to it was last seen: a value adds
``1 − 2^(−age/h)`` to its scale's sum, so that the sum is ``Σ 2^(−age/h)`` over the marks, and linear counting
(Whang et al. 1990) undoes collisions: ``n = −64·ln(1 − sum/64)``. Standard error 10 % at 30 to 100 distinct values,
17 % at 190; from 266 on it is full. One sketch serves all scales.

The kernel writes raw figures; :mod:`detector.features.windows` takes the logarithms of whole blocks, which is ten times
as fast. While it works on one record it asks memory for those to come: at 10,000 hosts little of the tables is cached.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from detector.features.meanings import SHORTEST_GAP_S
from detector.features.windows_plan import (
    AGE,
    FIRST_VALUE,
    GAP,
    GAP_SQUARED,
    INPUTS,
    MARKS,
    NEW,
    ONE,
    PASSED,
    PEER_AGE,
    PORT_AGE,
    KeyPlan,
    Plan,
)
from detector.kernels.clock import happened_at
from detector.kernels.hash_table import (
    HEADER_WORDS,
    Table,
    ask_for_bucket,
    bucket_of,
    claim,
    find,
    kernel,
    prefetch,
    sighted,
)

Numbers = NDArray[np.float32]
Floats = NDArray[np.float64]
Marks = NDArray[np.uint32]
Hashes = NDArray[np.uint64]

Places = NDArray[np.int32]

TICKS_PER_S = 100.0
"""Marks are times in 10 ms, modulo 2³², never 0 and so within 20 ms: over 248 days."""

FULLEST = 1.0 - 1.0 / MARKS
"""Where linear counting ends: 64 × ln 64 = 266."""

UNKNOWN_SPREAD = 2.0
"""The spread of log gaps before two are known: about what people's traffic has, so that it says nothing."""

BEFORE_FIRST = math.exp(-1.0)
"""What a key's first flow has for one second more than the time since the last: its logarithm is -1."""

KEYS = 8
"""Hashes a record has: of its three keys, of each sighting, and of its port."""

FLAGS, SIGHTINGS = 7, 4

SINCE, TOTAL, OLD, GAP_CHANGE, PORTS_AT, PEERS_AT, LOG_GAP, SUMS_END = range(8)
"""Places in ``KeyPlan.places``."""

FAR, NEAR = 12, 6
"""How many records ahead buckets, and then rows, are asked for."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2⁶⁴ / φ: spreads small numbers
_SALT = np.uint64(0xC2B2AE3D27D4EB4F)  # tells the same address as a source from it as a destination
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


class Room(NamedTuple):
    """Room for the kernel to work in, of one key of one record at a time."""

    times: Floats
    damped: Floats
    """What is left of one after each of the plan's times, then 0."""
    adds: Floats
    """What sums add."""
    sums: Floats
    """The sums, before they are rounded to be kept."""
    firsts: NDArray[np.bool_]
    """Which flags hold."""

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """Room for a plan."""
        dampings, sums = (max(len(lengths[n]) for lengths in plan.keys) for n in (1, 3))
        return cls(np.zeros(4), np.zeros(dampings + 1), np.zeros(INPUTS), np.zeros(sums), np.zeros(FLAGS, np.bool_))


_SMALLEST_POWER = 100
_POWERS = np.array([2.0**-n for n in range(_SMALLEST_POWER + 1)])


@kernel
def mixed(x: np.uint64) -> np.uint64:
    """Spread 64 bits over 64 bits, one to one (Stafford's variant 13 of MurmurHash3's finaliser)."""
    x ^= x >> np.uint64(30)
    x *= _M1
    x ^= x >> np.uint64(27)
    x *= _M2
    return x ^ (x >> np.uint64(31))


@kernel
def halved(times: float) -> float:
    """``2^(−times)`` for times ≥ 0 within 3e-7 of it: a table of whole powers and Taylor's series for the rest."""
    if times >= _SMALLEST_POWER:
        return 0.0
    whole = np.int64(times)
    x = (times - whole) * -0.6931471805599453
    series = 1.0 + x * (1.0 + x * (0.5 + x * (1 / 6 + x * (1 / 24 + x * (1 / 120 + x * (1 / 720 + x * (1 / 5040)))))))
    return float(series * _POWERS[whole])


@kernel
def mark_age(words: Marks, row: np.int64, at: Any, tick: np.uint32) -> float:
    """Seconds since the mark was last set, and set it now; very many if it never was. A late record leaves it."""
    before = words[row, at]
    if before == 0:
        words[row, at] = tick
        return 1e12
    age = np.int32(tick - before)
    if age <= 0:
        return 0.0
    words[row, at] = tick
    return float(age) / TICKS_PER_S


@kernel
def tell_moments(  # noqa: PLR0917
    table: Table, row: np.int64, fresh: bool, now: float, places: Places, line: Numbers
) -> tuple[float, float]:
    """Bring the key's header up to date and write what it tells; give the gap in seconds and its logarithm."""
    numbers = table.numbers
    if fresh:
        table.moments[row, 0] = table.moments[row, 1] = now
    last, first = table.moments[row, 0], table.moments[row, 1]
    table.moments[row, 0] = max(now, last)
    total = numbers[row, 4] + np.float32(1.0)
    numbers[row, 4] = total
    gap = abs(now - last)
    if places[SINCE] >= 0:
        line[places[SINCE]] = BEFORE_FIRST if fresh else 1.0 + gap
    if places[TOTAL] >= 0:
        line[places[TOTAL]] = total
    if places[OLD] >= 0:
        line[places[OLD]] = 1.0 + max(0.0, now - first)
    log_gap = 0.0
    if places[LOG_GAP] > 0:
        log_gap = math.log(gap + SHORTEST_GAP_S)
        if places[GAP_CHANGE] >= 0:
            line[places[GAP_CHANGE]] = abs(log_gap - numbers[row, 5]) if total > 2 else -1.0
        if not fresh:
            numbers[row, 5] = log_gap
    return now - last, log_gap


@kernel
def gap_figures(sum_: float, squares: float, weight: float, total: float, half_life_s: float) -> tuple[float, float]:
    """Mean log gap and its spread, of sums over gaps of that weight; stand-ins while too few are known."""
    if total < 2:
        return math.log(10.0 * half_life_s), UNKNOWN_SPREAD
    mean = sum_ / weight
    if total < 3:
        return mean, UNKNOWN_SPREAD
    return mean, math.sqrt(max(0.0, squares / weight - mean * mean))


@kernel
def damp(table: Table, row: np.int64, now: float, since: float, marks: Any, plan: KeyPlan, room: Room) -> None:  # noqa: PLR0917
    """Fill ``room.damped`` with what is left of one after each of the plan's times; ``marks``: of port and peer."""
    words, places, times, damped = table.words, plan.places, room.times, room.damped
    tick = np.uint32(np.int64(now * TICKS_PER_S) & 0xFFFFFFFF) | np.uint32(1)
    times[PASSED] = max(0.0, since)
    times[AGE] = max(0.0, now - table.moments[row, 1])
    if places[PORTS_AT] >= 0:
        times[PORT_AGE] = mark_age(words, row, places[PORTS_AT] + marks[0], tick)
    if places[PEERS_AT] >= 0:
        times[PEER_AGE] = mark_age(words, row, places[PEERS_AT] + marks[1], tick)
    for n in range(len(plan.rates)):
        damped[n] = halved(times[plan.times[n]] * plan.rates[n])
    damped[len(plan.rates)] = 0.0


@kernel
def tell_gaps(plan: KeyPlan, total: float, room: Room, line: Numbers) -> None:
    """Write the means and spreads of gaps."""
    sums, gaps = room.sums, plan.gaps
    for n in range(len(gaps)):
        # Every flow but the key's first has a gap.
        weight = max(sums[gaps[n, 2]] - room.damped[gaps[n, 3]], 1e-3)
        squares = sums[gaps[n, 1]] if gaps[n, 1] >= 0 else 0.0
        mean, spread = gap_figures(sums[gaps[n, 0]], squares, weight, total, plan.gap_half_lives[n])
        if gaps[n, 4] >= 0:
            line[gaps[n, 4]] = mean
        if gaps[n, 5] >= 0:
            line[gaps[n, 5]] = spread


@kernel
def count(  # noqa: PLR0917  (a kernel takes its arrays one by one)
    table: Table,
    row: np.int64,
    fresh: bool,
    now: float,
    new: float,
    marks: Any,
    plan: KeyPlan,
    room: Room,
    line: Numbers,
) -> None:
    """Bring a key up to date with a flow, whose values are in ``room.adds``, and write its raw columns to ``line``."""
    numbers, sums, damped, adds = table.numbers, room.sums, room.damped, room.adds
    since, log_gap = tell_moments(table, row, fresh, now, plan.places, line)
    damp(table, row, now, since, marks, plan, room)
    gaps = 0.0 if fresh else 1.0
    adds[GAP] = gaps * log_gap
    adds[GAP_SQUARED] = gaps * log_gap * log_gap
    adds[NEW] = new
    for n in range(len(plan.sums)):
        at = HEADER_WORDS + n
        sums[n] = numbers[row, at] * damped[plan.sums[n, 0]] + adds[plan.sums[n, 1]] - damped[plan.sums[n, 2]]
        numbers[row, at] = sums[n]
    for n in range(len(plan.grown)):
        line[plan.grown[n, 1]] = 1.0 + sums[plan.grown[n, 0]]
    for n in range(len(plan.shares)):
        line[plan.shares[n, 2]] = sums[plan.shares[n, 0]] * (1.0 / sums[plan.shares[n, 1]])
    tell_gaps(plan, numbers[row, 4], room, line)
    for n in range(len(plan.distinct)):
        line[plan.distinct[n, 1]] = 1.0 - min(max(sums[plan.distinct[n, 0]] / MARKS, 0.0), FULLEST)


@kernel
def empty(tables: Any, sightings: Any) -> None:
    """Forget all keys and sightings."""
    for table in tables:
        table.tags[:] = 0
        table.meta[0] = 0
    for tags in sightings:
        tags[:] = 0


@kernel
def ask_for_row(table: Table, key: np.uint64, places: Places, port: Any, peer: Any) -> None:
    """Prefetch what a record of this key will touch, if it has a row: its figures, and the marks of port and peer."""
    row = find(table, key)
    if row >= 0:
        for word in range(0, places[SUMS_END], 16):
            prefetch(table.words, row, word)
        if places[PORTS_AT] >= 0:
            prefetch(table.words, row, places[PORTS_AT] + port)
        if places[PEERS_AT] >= 0:
            prefetch(table.words, row, places[PEERS_AT] + peer)


@kernel
def keys_of(  # noqa: PLR0917
    sources: Hashes, destinations: Hashes, ports: Any, services: Hashes, rows: Any, keys: Hashes
) -> None:
    """Fill ``keys`` with the hashes of ``rows``: source, destination, pair; of each sighting; and of the port."""
    for n in range(len(rows)):
        i = rows[n]
        source = mixed(sources[i])
        destination = mixed(destinations[i] ^ _SALT)
        port = (np.uint64(ports[i]) + np.uint64(1)) * _GOLDEN
        pair = mixed(source * _GOLDEN + destination)
        keys[n, 0] = source
        keys[n, 1] = destination
        keys[n, 2] = pair
        keys[n, 3] = mixed(pair ^ port)
        keys[n, 4] = mixed(source ^ port ^ _SALT)
        keys[n, 5] = mixed(destination ^ port)
        keys[n, 6] = mixed(source * _SALT + services[i])
        keys[n, 7] = mixed(np.uint64(ports[i]))


@kernel
def mark_of(key: np.uint64) -> np.int64:
    """The mark that a hash has in a sketch."""
    return np.int64(key >> np.uint64(58))


@kernel
def ask_ahead(tables: Any, sightings: Any, keys: Hashes, n: int, plan: Plan) -> None:
    """Prefetch for the records FAR and NEAR ahead of record ``n``."""
    needs = plan.needs
    if n + FAR < len(keys):
        ahead = keys[n + FAR]
        for t in range(3):
            if needs[t]:
                ask_for_bucket(tables[t].tags, ahead[t])
        for s in range(SIGHTINGS):
            if needs[3 + s]:
                prefetch(sightings[s], bucket_of(ahead[3 + s], len(sightings[s])), 0)
    if n + NEAR < len(keys):
        ahead = keys[n + NEAR]
        source, destination, port = mark_of(ahead[0]), mark_of(ahead[1]), mark_of(ahead[7])
        if needs[0]:
            ask_for_row(tables[0], ahead[0], plan.keys[0].places, port, destination)
        if needs[1]:
            ask_for_row(tables[1], ahead[1], plan.keys[1].places, port, source)
        if needs[2]:
            ask_for_row(tables[2], ahead[2], plan.keys[2].places, port, np.int64(0))


@kernel
def tell_flags(firsts: Any, places: Places, line: Numbers) -> None:
    """Write which of the flags hold, in the order of FLAGS."""
    for flag in range(FLAGS):
        if places[flag] >= 0:
            line[places[flag]] = 1.0 if firsts[flag] else 0.0


@kernel
def advance(  # noqa: PLR0917  (a kernel takes its arrays one by one)
    tables: Any,
    sightings: Any,
    clock: Floats,
    bounds: Floats,
    plan: Plan,
    room: Room,
    rows: NDArray[np.int64],
    ts: Floats,
    sources: Hashes,
    destinations: Hashes,
    ports: NDArray[np.int64],
    services: Hashes,
    values: Numbers,
    out: Numbers,
    first_column: int,
    keys: Hashes,
) -> None:
    """Pass over records ``rows`` of one partition, in that order; fills ``out[rows, first_column:]`` with raw columns.

    ``values`` (records × 4): log bytes sent, log bytes received, failed, unanswered. ``keys`` (rows × KEYS) is room to
    work in.
    """
    keys_of(sources, destinations, ports, services, rows, keys)
    needs, adds, firsts = plan.needs, room.adds, room.firsts
    adds[ONE] = 1.0
    for n in range(len(rows)):
        ask_ahead(tables, sightings, keys, n, plan)
        i = rows[n]
        line = out[i, first_column:]
        now, void = happened_at(ts[i], clock, bounds[0], bounds[1])
        if void:
            empty(tables, sightings)
        for value in range(4):
            adds[FIRST_VALUE + value] = values[i, value]
        row_s = row_d = row_p = np.int64(0)
        new_s = new_d = new_p = False
        if needs[0]:
            row_s, new_s = claim(tables[0], keys[n, 0])
        if needs[1]:
            row_d, new_d = claim(tables[1], keys[n, 1])
        if needs[2]:
            row_p, new_p = claim(tables[2], keys[n, 2])
        firsts[0], firsts[1], firsts[2] = new_s, new_d, new_p
        for s in range(SIGHTINGS):
            firsts[3 + s] = needs[3 + s] and not sighted(sightings[s], keys[n, 3 + s])
        tell_flags(firsts, plan.flags, line)
        mark_s, mark_d, mark_p = mark_of(keys[n, 0]), mark_of(keys[n, 1]), mark_of(keys[n, 7])
        to, here = 1.0 if new_p or firsts[4] else 0.0, 1.0 if new_p or firsts[5] else 0.0
        if needs[0]:
            count(tables[0], row_s, new_s, now, to, (mark_p, mark_d), plan.keys[0], room, line)
        if needs[1]:
            count(tables[1], row_d, new_d, now, here, (mark_p, mark_s), plan.keys[1], room, line)
        if needs[2]:
            there = 1.0 if firsts[3] else 0.0
            count(tables[2], row_p, new_p, now, there, (mark_p, mark_p), plan.keys[2], room, line)
