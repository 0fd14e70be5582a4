"""The pass over flows that tells volume: what a young pair has done, and how few others of its age did as much.

A *pair* (source, destination, destination port) is young for :data:`YOUNG_S` after its first flow, counts in part for
as long again, and begins anew after a silence of :data:`FORGOTTEN_S`. Of a young pair nine amounts are kept
(:data:`AMOUNTS`), each a damped sum, and of each the highest step that it has reached. Beside them is counted how many
pairs ever reached each step: of all, of a class of ports, of a port, and of this source at this class. So the pairs
themselves are the distribution, and nothing is trained.

When a pair reaches a step, its *volume* is how rare that is, in nats: the larger of two shares, of the network's pairs
at this port and of this source's, each held back by what is known more broadly (``(reached + weight · broader) / (pairs
+ weight)``), times the share of pairs that have ports of this class. The pair itself is not counted. It is divided
among those who go there: ``1 + (hosts − 1) / CROWD``. A pair keeps the highest that it had. Classes are those of
ports that many, some and few of all pairs have: what lasts at a port that hardly anybody uses is rarer than elsewhere.

A pair of which a person called a flow harmless is counted like any other, and has no volume from then on, however often
it begins anew.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from detector.decisions.volume_counts import (
    AMOUNTS,
    BOUNDS,
    COUNTED,
    ENOUGH,
    FEWEST,
    KEPT_A_DAY,
    LEAST_THINNING,
    LITTLE,
    LONG_S,
    MANY,
    MIDDLE_S,
    OF_CLASS,
    OF_PORT,
    OF_SOURCE,
    OWN_FULL,
    PLACES,
    PORTS,
    SHORT_S,
    SOME,
    STEPS,
    THINNING,
    TIMES,
    begun,
    begun_by,
    climbed,
    fade,
    of_class,
    rarity,
    usual_of,
)
from detector.features.windows_kernel import FAR, NEAR, halved, mixed
from detector.kernels.bitmap import mark, marked
from detector.kernels.clock import AHEAD_S, CLOCK_FIELDS, LATE_S, happened_at
from detector.kernels.hash_table import USED, ask_for_bucket, claim, find, kernel, prefetch

YOUNG_S = FORGOTTEN_S = 86_400.0

UPLOAD_BYTES = 4096.0
"""Of fewer bytes sent a flow is no upload, whatever came back."""

NEVER_S = 1e9
"""The gap before a pair's first flow: of what was before nothing is left."""

SHORTEST_S, VISIT_S = 2.0, 60.0
"""What follows sooner is of the same connection, and of the same visit."""

LONGEST_FLOW_S, LARGEST_FLOW = 1e7, 1e15
"""No flow lasts longer or sends more bytes: a wrong number says no more than that."""

CROWD = 3.0
"""By so many other hosts volume is halved."""

LEAST = 3.0
"""Nats below which there is no volume: what one pair in twenty does must cost no budget where nothing else is."""

WATCHED_S = 20 * 3600.0
"""Of so much time a partition's records must be known before any volume is told: as for regular pairs."""

PAIR_WIDTH, THERE_WIDTH = 16, 8
FIRST, MARKS, SUMS, LARGEST, REACHED, VOLUME = 2, 3, 4, 13, 14, 15
"""Words of a pair: when it began in seconds; marks; its amounts; the most that one flow sent; the steps of all amounts
but the last; its volume. Marks are the last amount's step, the amount that is told, the class, and whether a person
called it harmless: four bits each."""
HARMLESS = 1 << 12
"""The last of a pair's marks."""
_BITS, _BITS_END = 4, 6
"""Words 4 and 5 of a destination and port: its sources' bitmap."""
_BEGAN, _FADED = CLOCK_FIELDS, CLOCK_FIELDS + 1
"""Places beside the clock's: when the first record was, and when counts last faded."""

FIELDS = CLOCK_FIELDS + 2

HIGHEST = 60.0
"""More than any pair can have."""

DEFINED_BY = (
    *(figure for each in AMOUNTS for figure in each[1:]), YOUNG_S, STEPS, UPLOAD_BYTES, SHORTEST_S, VISIT_S,
    LONGEST_FLOW_S, LARGEST_FLOW, OF_PORT, OF_CLASS, OF_SOURCE, ENOUGH, THINNING, LEAST_THINNING, LITTLE, MANY, SOME,
    CROWD, LEAST, WATCHED_S, KEPT_A_DAY, FEWEST, OWN_FULL, LATE_S, AHEAD_S, PLACES,
)  # fmt: skip
"""What a state depends on: one of other values means something else."""


class Columns(NamedTuple):
    """Of flows; shape (rows,) each."""

    targets: Any
    services: Any
    sources: Any
    ports: Any
    ts: Any
    sent: Any
    received: Any
    lasted: Any
    failed: Any
    taught: Any
    """Above 0 where a person called a flow harmless."""


@kernel
def pass_by(  # noqa: PLR0917  (a kernel takes its arrays one by one)
    pairs: Any, own: Any, there: Any, counts: Any, clock: Any, rows: Any, flows: Any, volume: Any, what: Any,
    amount: Any, age: Any, hosts: Any, usual: Any,
) -> None:  # fmt: skip
    """Pass over records ``rows`` of one partition, in that order; fill the last six, (rows of all,) each, there."""
    for n in range(len(rows)):
        if n + FAR < len(rows):
            ask_for_bucket(pairs.tags, flows.targets[rows[n + FAR]])
        ahead = find(pairs, flows.targets[rows[n + NEAR]]) if n + NEAR < len(rows) else np.int64(-1)
        if ahead >= 0:
            prefetch(pairs.words, ahead, 0)
        i = rows[n]
        now, void = happened_at(flows.ts[i], clock, LATE_S, AHEAD_S)
        if void:
            _clear(pairs, own, there, counts)
        if void or clock[_BEGAN] == 0.0:
            clock[_BEGAN] = clock[_FADED] = now
        if now - clock[_FADED] >= LONG_S:
            fade(counts)
            clock[_FADED] = now
        row, fresh = claim(pairs, flows.targets[i])
        gap = max(0.0, now - pairs.moments[row, 0])
        if not fresh and gap > FORGOTTEN_S:
            fresh = True
            _forget(pairs, row)
        pairs.moments[row, 0] = now if fresh else max(now, pairs.moments[row, 0])
        port = flows.ports[i] if 0 <= flows.ports[i] < PORTS - 1 else PORTS - 1
        if fresh:
            gap = NEVER_S
            _begin(pairs, own, there, counts, row, flows, i, port, now)
        if flows.taught[i] > 0.0:
            pairs.words[row, MARKS] |= np.uint32(HARMLESS)
        lasted = now - pairs.words[row, FIRST]
        if lasted >= 2.0 * YOUNG_S:
            continue
        _add(pairs, own, there, counts, row, flows, i, port, gap, now - clock[_BEGAN] >= WATCHED_S)
        odd = np.float64(pairs.numbers[row, VOLUME]) * min(max(2.0 - lasted / YOUNG_S, 0.0), 1.0)
        if odd >= LEAST and not pairs.words[row, MARKS] & np.uint32(HARMLESS):
            volume[i] = odd
            told = np.int64((pairs.words[row, MARKS] >> np.uint32(4)) & np.uint32(15))
            what[i], amount[i] = told, BOUNDS[told, max(_reached(pairs.words, row, told), 1) - 1]
            age[i] = max(lasted, 0.0)
            hosts[i] = _others(there, flows.services[i]) + 1.0
            usual[i] = usual_of(own, flows.sources[i], _class(pairs.words, row), told)


@kernel
def _clear(pairs: Any, own: Any, there: Any, counts: Any) -> None:
    """Forget all."""
    pairs.tags[:] = 0
    pairs.meta[USED] = 0
    own.tags[:] = 0
    own.meta[USED] = 0
    there.tags[:] = 0
    there.meta[USED] = 0
    counts.met[:] = 0.0
    counts.places[:] = 0
    counts.reached[:] = 0.0
    counts.taken[0] = 0


@kernel
def _forget(pairs: Any, row: Any) -> None:
    """Forget what a pair did, but not what a person said of it."""
    for word in range(FIRST, PAIR_WIDTH):
        pairs.words[row, word] &= np.uint32(HARMLESS if word == MARKS else 0)


@kernel
def _begin(  # noqa: PLR0917
    pairs: Any, own: Any, there: Any, counts: Any, row: Any, flows: Any, i: Any, port: Any, now: Any
) -> None:
    """Count a pair that begins."""
    kind = begun(counts, port)
    pairs.words[row, FIRST] = np.uint32(np.int64(now) & 0xFFFFFFFF)
    pairs.words[row, MARKS] = np.uint32(kind << 8) | (pairs.words[row, MARKS] & np.uint32(HARMLESS))
    begun_by(own, flows.sources[i], kind)
    place, _ = claim(there, flows.services[i])
    bit = np.int64(mixed(flows.sources[i]) & np.uint64(63))
    mark(there.words, place, _BITS, bit)


@kernel
def _add(  # noqa: PLR0917
    pairs: Any, own: Any, there: Any, counts: Any, row: Any, flows: Any, i: Any, port: Any, gap: Any, telling: Any
) -> None:
    """Add a flow to its pair's amounts; where one reaches a step, count it, and weigh it if anything is told yet."""
    sent, received = min(max(flows.sent[i], 0.0), LARGEST_FLOW), max(flows.received[i], 0.0)
    lasted = min(max(flows.lasted[i], 0.0), LONGEST_FLOW_S)
    failed = 1.0 if flows.failed[i] > 0.0 else 0.0
    largest = np.float64(pairs.numbers[row, LARGEST])
    pairs.numbers[row, LARGEST] = max(largest, sent)
    upload = 1.0 if sent >= UPLOAD_BYTES and sent > received else 0.0
    connected = 1.0 - failed if gap >= SHORTEST_S else 0.0
    visit = 1.0 - failed if gap >= VISIT_S else 0.0
    fades = (halved(gap / SHORT_S), halved(gap / MIDDLE_S), halved(gap / LONG_S))
    more = (sent, sent, min(sent, largest), upload, connected, connected, visit, lasted, failed)
    for each in range(COUNTED):
        now = pairs.numbers[row, SUMS + each] * fades[TIMES[each]] + more[each]
        pairs.numbers[row, SUMS + each] = now
        step = _reached(pairs.words, row, each)
        if step < STEPS and now >= BOUNDS[each, step]:
            _climb(pairs, own, there, counts, row, flows, i, port, each, step, now, telling)


@kernel
def _reached(words: Any, row: Any, each: Any) -> Any:
    """The highest step that an amount has reached, from 1 on; 0 before it."""
    if each < 8:
        return np.int64((words[row, REACHED] >> np.uint32(4 * each)) & np.uint32(15))
    return np.int64(words[row, MARKS] & np.uint32(15))


@kernel
def _class(words: Any, row: Any) -> Any:
    """The class of a pair's port."""
    return np.int64((words[row, MARKS] >> np.uint32(8)) & np.uint32(3))


@kernel
def _climb(  # noqa: PLR0917
    pairs: Any, own: Any, there: Any, counts: Any, row: Any, flows: Any, i: Any, port: Any, each: Any, before: Any,
    now: Any, telling: Any,
) -> None:  # fmt: skip
    """Have an amount of a pair reach further steps: count them, and weigh the last."""
    words, step = pairs.words, before
    while step < STEPS and now >= BOUNDS[each, step]:
        step += 1
    if each < 8:
        words[row, REACHED] = (words[row, REACHED] & ~(np.uint32(15) << np.uint32(4 * each))) | np.uint32(
            step << (4 * each)
        )
    else:
        words[row, MARKS] = (words[row, MARKS] & ~np.uint32(15)) | np.uint32(step)
    kind, place = _class(words, row), np.int64(counts.places[port])
    mine, _ = claim(own, of_class(flows.sources[i], kind))
    if telling:
        rare = rarity(own, counts.reached, kind, place, mine, each, step)
        odd = rare / (1.0 + _others(there, flows.services[i]) / CROWD)
        if odd > pairs.numbers[row, VOLUME]:
            pairs.numbers[row, VOLUME] = min(odd, HIGHEST)
            words[row, MARKS] = (words[row, MARKS] & ~np.uint32(0xF0)) | np.uint32(each << 4)
    climbed(own, counts.reached, kind, place, mine, each, before, step)


@kernel
def _others(there: Any, service: Any) -> Any:
    """About how many sources but one have gone to a destination and port, by its bitmap."""
    place = find(there, service)
    if place < 0:
        return 0.0
    return max(marked(there.words, place, _BITS, _BITS_END) - 1.0, 0.0)
