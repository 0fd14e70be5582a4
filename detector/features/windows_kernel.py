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
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.features.windows_table import HEADER_WORDS, SUMS, Table, bucket_of, claim, find, kernel, prefetch, sighted

Numbers = NDArray[np.float32]
Floats = NDArray[np.float64]
Marks = NDArray[np.uint32]
Hashes = NDArray[np.uint64]

MARKS = 64
TICKS_PER_S = 100.0
"""Marks are times in 10 ms, modulo 2³², never 0 and so within 20 ms: over 248 days."""

FULLEST = 1.0 - 1.0 / MARKS
"""Where linear counting ends: 64 × ln 64 = 266."""

UNKNOWN_SPREAD = 2.0
"""The spread of log gaps before two are known: about what people's traffic has, so that it says nothing."""

BEFORE_FIRST = math.exp(-1.0)
"""What a key's first flow has for one second more than the time since the last: its logarithm is -1."""

SHORTEST_GAP_S = 0.01

STEPS_AHEAD, STEPS_BACK = 8, 64
"""Records in succession that must agree on a time far ahead, or far back, before the clock follows them. Back needs
more: a sensor that ends long connections at once tells many old start times in a row."""

CLOCK, CANDIDATE, AGREEING, LATE, AHEAD, MOVED, STARTED = 0, 1, 2, 3, 4, 5, 6
"""Places in a partition's ``clock`` array (float64): its time, a rival time and how many agree on it, and counts."""

CLOCK_FIELDS = 7

KEYS = 8
"""Hashes a record has: of its three keys, of each sighting, and of its port."""

FLAGS = 7
MOMENT_COLUMNS = 4

FAR, NEAR = 12, 6
"""How many records ahead buckets, and then rows, are asked for."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2⁶⁴ / φ: spreads small numbers
_SALT = np.uint64(0xC2B2AE3D27D4EB4F)  # tells the same address as a source from it as a destination
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)

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
def happened_at(ts: float, clock: Floats, late_s: float, ahead_s: float) -> tuple[float, bool]:
    """Give the time that a record counts as, and whether the clock went back so far that all state is void."""
    now = clock[CLOCK]
    if clock[STARTED] == 0.0:
        clock[STARTED] = 1.0
        clock[CLOCK] = ts
        return ts, False
    if now - late_s <= ts <= now + ahead_s:
        clock[AGREEING] = 0.0
        clock[CLOCK] = max(now, ts)
        return ts, False
    ahead = ts > now
    clock[AHEAD if ahead else LATE] += 1.0
    if abs(ts - clock[CANDIDATE]) <= ahead_s:
        clock[AGREEING] += 1.0
    else:
        clock[AGREEING] = 1.0
    clock[CANDIDATE] = ts
    if clock[AGREEING] < (STEPS_AHEAD if ahead else STEPS_BACK):
        return now, False
    clock[AGREEING] = 0.0
    clock[MOVED] += 1.0
    clock[CLOCK] = ts
    return ts, not ahead


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
def moments(  # noqa: PLR0917
    table: Table, row: np.int64, fresh: bool, now: float, found: Numbers, at: int
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
    log_gap = math.log(gap + SHORTEST_GAP_S)
    found[at] = BEFORE_FIRST if fresh else 1.0 + gap
    found[at + 1] = total
    found[at + 2] = 1.0 + max(0.0, now - first)
    found[at + 3] = abs(log_gap - numbers[row, 5]) if total > 2 else -1.0
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
def count(  # noqa: PLR0917  (a kernel takes its arrays one by one)
    table: Table,
    row: np.int64,
    fresh: bool,
    now: float,
    values: Numbers,
    new: float,
    peer: np.int64,
    port: np.int64,
    half_lives: Floats,
    found: Numbers,
    at: int,
) -> None:
    """Bring one key up to date with a flow, and write its raw columns to ``found[at …]``.

    ``values``: log bytes sent, log bytes received, failed, unanswered. ``peer``, ``port``: marks, or -1 for none.
    """
    numbers, words = table.numbers, table.words
    since, log_gap = moments(table, row, fresh, now, found, at)
    passed, age, total = max(0.0, since), max(0.0, now - table.moments[row, 1]), numbers[row, 4]
    marks = HEADER_WORDS + SUMS * len(half_lives)
    tick = np.uint32(np.int64(now * TICKS_PER_S) & 0xFFFFFFFF) | np.uint32(1)
    port_age = mark_age(words, row, marks + port, tick)
    peer_age = mark_age(words, row, marks + MARKS + peer, tick) if peer >= 0 else 0.0
    gaps = 0.0 if fresh else 1.0
    at += MOMENT_COLUMNS
    for scale in range(len(half_lives)):
        rate = 1.0 / half_lives[scale]
        damp = halved(passed * rate)
        s = HEADER_WORDS + scale * SUMS
        flows = numbers[row, s] * damp + 1.0
        share = 1.0 / flows
        numbers[row, s] = flows
        found[at] = 1.0 + flows
        for i in range(4):
            value = numbers[row, s + 1 + i] * damp + values[i]
            numbers[row, s + 1 + i] = value
            found[at + 1 + i] = value * share
        sum_ = numbers[row, s + 5] * damp + gaps * log_gap
        squares = numbers[row, s + 6] * damp + gaps * log_gap * log_gap
        numbers[row, s + 5] = sum_
        numbers[row, s + 6] = squares
        # Every flow but the key's first has a gap.
        weight = max(flows - halved(age * rate), 1e-3)
        found[at + 5], found[at + 6] = gap_figures(sum_, squares, weight, total, half_lives[scale])
        peers = numbers[row, s + 7] * damp + 1.0 - halved(peer_age * rate)
        ports = numbers[row, s + 8] * damp + 1.0 - halved(port_age * rate)
        news = numbers[row, s + 9] * damp + new
        numbers[row, s + 7] = peers
        numbers[row, s + 8] = ports
        numbers[row, s + 9] = news
        found[at + 7] = 1.0 - min(max(peers / MARKS, 0.0), FULLEST)
        found[at + 8] = 1.0 - min(max(ports / MARKS, 0.0), FULLEST)
        found[at + 9] = 1.0 + news
        at += SUMS


@kernel
def empty(tables: Any, sightings: Any) -> None:
    """Forget all keys and sightings."""
    for table in tables:
        table.tags[:] = 0
        table.meta[0] = 0
    for tags in sightings:
        tags[:] = 0


@kernel
def ask_for_row(table: Table, key: np.uint64, header_words: int, port: Any, peer: Any) -> None:
    """Prefetch what a record of this key will touch, if it has a row: its figures, and the marks of port and peer."""
    row = find(table, key)
    if row >= 0:
        for word in range(0, header_words, 16):
            prefetch(table.words, row, word)
        prefetch(table.words, row, header_words + port)
        if peer >= 0:
            prefetch(table.words, row, header_words + MARKS + peer)


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
def ask_for_bucket(tags: Marks, key: np.uint64) -> None:
    """Prefetch the key's bucket."""
    bucket = bucket_of(key, len(tags))
    prefetch(tags, bucket, 0)
    prefetch(tags, bucket, 16)


@kernel
def ask_ahead(tables: Any, sightings: Any, keys: Hashes, n: int, header_words: int) -> None:
    """Prefetch for the records FAR and NEAR ahead of record ``n``."""
    if n + FAR < len(keys):
        ahead = keys[n + FAR]
        ask_for_bucket(tables[0].tags, ahead[0])
        ask_for_bucket(tables[1].tags, ahead[1])
        ask_for_bucket(tables[2].tags, ahead[2])
        prefetch(sightings[0], bucket_of(ahead[3], len(sightings[0])), 0)
        prefetch(sightings[1], bucket_of(ahead[4], len(sightings[1])), 0)
        prefetch(sightings[2], bucket_of(ahead[5], len(sightings[2])), 0)
        prefetch(sightings[3], bucket_of(ahead[6], len(sightings[3])), 0)
    if n + NEAR < len(keys):
        ahead = keys[n + NEAR]
        source, destination, port = mark_of(ahead[0]), mark_of(ahead[1]), mark_of(ahead[7])
        ask_for_row(tables[0], ahead[0], header_words, port, destination)
        ask_for_row(tables[1], ahead[1], header_words, port, source)
        ask_for_row(tables[2], ahead[2], header_words, port, np.int64(-1))


@kernel
def advance(  # noqa: PLR0917  (a kernel takes its arrays one by one)
    tables: Any,
    sightings: Any,
    clock: Floats,
    bounds: Floats,
    half_lives: Floats,
    order: NDArray[np.int32],
    rows: NDArray[np.int64],
    ts: Floats,
    sources: Hashes,
    destinations: Hashes,
    ports: NDArray[np.int64],
    services: Hashes,
    values: Numbers,
    out: Numbers,
    keys: Hashes,
    found: Numbers,
) -> None:
    """Pass over records ``rows`` of one partition, in that order; fills ``out[rows]`` with raw columns.

    ``order[c]`` is the place, among all raw columns, of column ``c``. ``values`` (records × 4) as in :func:`count`.
    ``keys`` (at least rows × KEYS) and ``found`` (all raw columns) are room to work in.
    """
    keys_of(sources, destinations, ports, services, rows, keys)
    header_words = HEADER_WORDS + SUMS * len(half_lives)
    width = MOMENT_COLUMNS + SUMS * len(half_lives)
    nobody = np.int64(-1)
    for n in range(len(rows)):
        ask_ahead(tables, sightings, keys, n, header_words)
        i = rows[n]
        now, void = happened_at(ts[i], clock, bounds[0], bounds[1])
        if void:
            empty(tables, sightings)
        row_s, new_s = claim(tables[0], keys[n, 0])
        row_d, new_d = claim(tables[1], keys[n, 1])
        row_p, new_p = claim(tables[2], keys[n, 2])
        new_service = not sighted(sightings[0], keys[n, 3])
        new_port = not sighted(sightings[1], keys[n, 4])
        new_here = not sighted(sightings[2], keys[n, 5])
        new_kind = not sighted(sightings[3], keys[n, 6])
        for flag, value in enumerate((new_s, new_d, new_p, new_service, new_port, new_here, new_kind)):
            found[flag] = 1.0 if value else 0.0
        mark_s, mark_d, mark_p = mark_of(keys[n, 0]), mark_of(keys[n, 1]), mark_of(keys[n, 7])
        flow, to, here = values[i], 1.0 if new_p or new_port else 0.0, 1.0 if new_p or new_here else 0.0
        service = 1.0 if new_service else 0.0
        count(tables[0], row_s, new_s, now, flow, to, mark_d, mark_p, half_lives, found, FLAGS)
        count(tables[1], row_d, new_d, now, flow, here, mark_s, mark_p, half_lives, found, FLAGS + width)
        count(tables[2], row_p, new_p, now, flow, service, nobody, mark_p, half_lives, found, FLAGS + 2 * width)
        for column in range(len(order)):
            out[i, column] = found[order[column]]
