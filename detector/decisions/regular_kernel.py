"""The pass over flows that tells regular pairs: what a call is, how regular a pair, and what is kept of it.

A *call* is an answered flow of a pair (source, destination, destination port), :data:`SHORTEST_S` or more after the
pair's last call. After its fourth a pair is a *candidate*, and has two histograms in steps of a third of an octave: of
the seconds between its calls, and of what each sent. Both forget: they are halved whenever they hold :data:`FULL`.
Before its fourth, a call that follows much sooner than any before it (by :data:`LULL`) has the pair begin anew at the
call before: a visit hours ago is no part of a rhythm.

Its *rhythm*, in nats, is how much less likely its intervals are where calls come by chance::

    rhythm = min(n, ENOUGH) · KL(f ‖ BY_CHANCE) − PICKED

``f`` is the share of the intervals that lie in the fullest four steps, a factor of 2.5: all of them with a jitter of up
to 40 %. Half of those in the octave above count as well, where a call was missed. ``n`` is bounded, so that nothing is
odder for being frequent. Calls that differ in size count for less, down to :data:`UNLIKE` of it, and so do those that
were *watched* for less than :data:`WHOLE_S`: the sum of their intervals, without the silences between. Where another
place becomes the fullest, what is counted there is what was watched.

What a person called harmless (``taught``) is as usual as can be at once, by both of the habits that follow: its pair's
and its kind's. From then on these change as all do.

Two *habits* are subtracted, each with the weight that evidence has: that of the pair, and that of calls of this kind by
this source: as often, as large, to the same port, whoever answered. A service in a content network moves; its clients
go on as they did. Habits are means over time, of a day's half-life, begun at 0; that of a pair is no older than
:data:`RESTS` times what was watched of it. What is left is divided among those who call: ``1 + (hosts − 1) / CROWD``,
where hosts is how many sources had answers of this destination and port, by a bitmap of 64 (linear counting, Whang et
al. 1990). Less than :data:`LEAST` is nothing; nor is anything before :data:`WATCHED_S` of the partition were seen.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from detector.features.windows_kernel import FAR, NEAR, halved, mixed
from detector.kernels.bitmap import mark, marked
from detector.kernels.clock import AHEAD_S, CLOCK_FIELDS, LATE_S, happened_at
from detector.kernels.hash_table import USED, ask_for_bucket, claim, find, kernel, prefetch

SHORTEST_S = 2.0
"""What follows sooner is of the same call: a page's connections, a name and what it was asked for."""

STEPS_PER_OCTAVE, STEPS = 3, 48
"""Of both histograms: from 2 s to 36 h, and from 2 bytes to 131 kB."""

OCTAVES_PER_NAT = 1.4426950408889634

FULL = 96
"""Counts that a histogram holds before it is halved; one step has a byte."""

BY_CHANCE = 0.4
"""The most of chance's intervals that lie within a factor of 2.5: a Poisson process has 0.33, people 0.25."""

PICKED = 1.6
"""Nats off: the fullest of some five places that are apart is taken, so that a few calls are never regular."""

ENOUGH = 12.0
"""Intervals beyond which a pair is no more regular: a beacon of two hours has eleven in a day."""

UNLIKE, ALIKE_FROM, ALIKE_TO = 0.25, 0.5, 1.0
"""What counts of calls whose sizes differ; their shares within an octave from which more, and at which all counts."""

WHOLE_S = 3600.0
"""That a pair must be watched calling, before all of its rhythm counts."""

HABIT_HALF_LIFE_S = 86_400.0

HABIT_WEIGHT = 2.0

RIPE_S = 86_400.0
"""Before it is so old, a habit counts in proportion to its age: what began today is none."""

RESTS = 4.0
"""Times what was watched of a pair that its habit is old at most: six hours of work are a day, and minutes are none."""

LONGEST_GAP_S = 6 * 3600.0
"""A silence adds no more than this to a habit."""

TICK_S = 10.0
"""Unit of the word that tells when a pair's habit was last added to, modulo 2³²."""

FED_S = 600.0
"""Seconds between two additions to a kind's habit: it is a mean over time, and costs four look-ups."""

CROWD = 3.0
"""By so many other hosts what is left is halved."""

WATCHED_S = 20 * 3600.0
"""Of so much time a partition's records must be known before any pair is told regular: that something was never done
can be told only where there is a before. Nearly a day: training on two days judges each by the other."""

LEAST = 2.0
"""Nats below which a pair is not regular at all: what chance brings must cost no budget where nothing else is."""

CANDIDATE_CALLS = 4

PAIR_WIDTH, KEY_WIDTH = 32, 8
_BEGUN, ACTIVE = 2, 3
"""Words of a candidate: its first call, in seconds modulo 2³², and for how many seconds it was watched (a number)."""
COUNT, HABIT, MODES, _FED = 4, 5, 6, 7
"""Its further ones: intervals counted and habit (numbers), the fullest steps, when its kind was last added to."""
GAPS, SIZES = 8, 20
"""Words where its histograms begin, four steps each."""
_FIRST_GAPS, _FIRST_SIZES, _CALLS = 4, 5, 6
"""Words of a pair of fewer calls: steps of its intervals and its sizes so far, a byte each, and how many calls."""
_RIPE_BIT = 1 << 16
"""In the word of a candidate's fullest steps: its habit is ripe, whatever its age."""
_BITS, _BITS_END = 4, 6
"""Words 4 and 5 of a destination: its sources' bitmap."""
_KIND_HABIT, _KIND_RIPE = 4, 5
"""Words of a kind: its habit (a number), and whether that is ripe, whatever its age: 1 or 0."""
_BEGAN = CLOCK_FIELDS
"""Place beside the clock's: when the first record was."""

GAP_WINDOW, SIZE_WINDOW = 4, 3

LULL = GAP_WINDOW + STEPS_PER_OCTAVE
"""Steps by which intervals are longer than those of one rhythm, and than where a call was missed: a factor of five."""

_EACH = np.uint64(0x0101010101010101)
"""Multiplied by it, eight bytes are added up in the highest one: none of their sums is more than FULL."""

_SERVICE, _KIND = np.uint64(0x8F1BBCDCBFA53E0B), np.uint64(0xE7037ED1A0B428DB)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)

HIGHEST = ENOUGH * -math.log(BY_CHANCE) - PICKED
"""The most of any pair: 9.4 nats."""

DEFINED_BY = (
    SHORTEST_S, STEPS_PER_OCTAVE, STEPS, FULL, BY_CHANCE, PICKED, ENOUGH, UNLIKE, ALIKE_FROM, ALIKE_TO, WHOLE_S, LATE_S,
    AHEAD_S, HABIT_HALF_LIFE_S, HABIT_WEIGHT, RIPE_S, RESTS, WATCHED_S, LONGEST_GAP_S, FED_S, CROWD, LEAST,
    CANDIDATE_CALLS,
)  # fmt: skip
"""What a state depends on: one of other values means something else."""


@kernel
def pass_by(  # noqa: PLR0917  (a kernel takes its arrays one by one)
    pairs: Any, keys: Any, clock: Any, rows: Any, targets: Any, ports: Any, services: Any, ts: Any, sent: Any,
    failed: Any, taught: Any, regularity: Any, period: Any, jitter: Any, calls: Any, size: Any,
    alike: Any, span: Any, active: Any, hosts: Any,
) -> None:  # fmt: skip
    """Pass over records ``rows`` of one partition, in that order; fill the last nine, (rows of all,) each, there.

    ``taught`` is above 0 where a person called a flow harmless.
    """
    for n in range(len(rows)):
        _ask_ahead(pairs, keys, rows, n, targets, services)
        i = rows[n]
        now, void = happened_at(ts[i], clock, LATE_S, AHEAD_S)
        if void:
            _clear(pairs)
            _clear(keys)
        if void or clock[_BEGAN] == 0.0:
            clock[_BEGAN] = now
        if failed[i] > 0.0:
            continue
        pair = find(pairs, targets[i])
        if pair < 0:
            if not _met(keys, targets[i], services[i], ports[i], now, sent[i]):
                continue
            pair = _promoted(pairs, keys, targets[i])
        else:
            gap = now - pairs.moments[pair, 0]
            if gap < SHORTEST_S:
                continue
            claim(pairs, targets[i])
            pairs.moments[pair, 0] = now
            _interval(pairs, pair, gap)
            _count(pairs.words, pair, SIZES, _step(sent[i]), 8, SIZE_WINDOW)
            pairs.numbers[pair, COUNT] += np.float32(1.0)
            if pairs.numbers[pair, COUNT] > FULL:
                _halve(pairs, pair)
        _judge(
            pairs, keys, pair, i, ports[i], services[i], now, clock[_BEGAN], taught[i] > 0.0, regularity,
            period, jitter, calls, size, alike, span, active, hosts,
        )  # fmt: skip


@kernel
def _ask_ahead(pairs: Any, keys: Any, rows: Any, n: Any, targets: Any, services: Any) -> None:  # noqa: PLR0917
    """Ask memory for what records to come will need."""
    if n + FAR < len(rows):
        ask_for_bucket(pairs.tags, targets[rows[n + FAR]])
    if n + NEAR < len(rows):
        near = rows[n + NEAR]
        ahead = find(pairs, targets[near])
        if ahead >= 0:
            prefetch(pairs.words, ahead, 0)
            prefetch(pairs.words, ahead, 16)
        else:
            ask_for_bucket(keys.tags, targets[near])
            ask_for_bucket(keys.tags, services[near] ^ _SERVICE)


@kernel
def _clear(table: Any) -> None:
    """Forget all of a table."""
    table.tags[:] = 0
    table.meta[USED] = 0


@kernel
def _step(log: Any) -> Any:
    """The step of a histogram that a value of this natural logarithm lies in; of none or an unknown one, the first."""
    return min(max(int((log * OCTAVES_PER_NAT - 1.0) * STEPS_PER_OCTAVE), 0), STEPS - 1)


@kernel
def _held(words: Any, row: Any, first: Any, step: Any) -> Any:
    """How many a step of a histogram holds."""
    return np.int64((words[row, first + (step >> 2)] >> np.uint32(8 * (step & 3))) & np.uint32(0xFF))


@kernel
def _window(words: Any, row: Any, first: Any, step: Any, width: Any) -> Any:
    """How many the ``width`` steps from ``step`` on hold: four at most, and fewer where the histogram ends."""
    word = step >> 2
    if word >= STEPS // 4:
        return np.int64(0)
    held = np.uint64(words[row, first + word])
    if word + 1 < STEPS // 4:
        held |= np.uint64(words[row, first + word + 1]) << np.uint64(32)
    held = (held >> np.uint64(8 * (step & 3))) & ((np.uint64(1) << np.uint64(8 * width)) - np.uint64(1))
    return np.int64((held * _EACH) >> np.uint64(56))


@kernel
def _total(words: Any, row: Any, first: Any) -> Any:
    """How many all steps hold."""
    total = np.int64(0)
    for step in range(0, STEPS, 4):
        total += _window(words, row, first, step, 4)
    return total


@kernel
def _count(words: Any, row: Any, first: Any, step: Any, shift: Any, width: Any) -> None:  # noqa: PLR0917
    """Count one more in a step, and keep where the fullest ``width`` steps begin; of several the first found."""
    words[row, first + (step >> 2)] += np.uint32(1) << np.uint32(8 * (step & 3))
    mode: Any = _fullest(words, row, shift)
    most = _window(words, row, first, mode, width)
    for begin in range(max(0, step - width + 1), min(step, STEPS - width) + 1):
        here = _window(words, row, first, begin, width)
        if here > most:
            mode, most = begin, here
    words[row, MODES] = (words[row, MODES] & ~(np.uint32(0xFF) << np.uint32(shift))) | np.uint32(mode << shift)


@kernel
def _interval(pairs: Any, pair: Any, gap: Any) -> None:
    """Count an interval; it was watched, unless it is a silence: longer than one in which a call was missed."""
    step, before = _step(math.log(gap)), _fullest(pairs.words, pair, 0)
    _count(pairs.words, pair, GAPS, step, 0, GAP_WINDOW)
    fullest = _fullest(pairs.words, pair, 0)
    if abs(fullest - before) >= GAP_WINDOW:
        pairs.numbers[pair, ACTIVE] = np.float32(_counted(pairs.words, pair, fullest))
    elif step < fullest + LULL:
        pairs.numbers[pair, ACTIVE] += np.float32(gap)


@kernel
def _counted(words: Any, pair: Any, fullest: Any) -> Any:
    """Seconds that the intervals in the fullest steps are together."""
    return _window(words, pair, GAPS, fullest, GAP_WINDOW) * 2.0 ** _middle(words, pair, GAPS, fullest, GAP_WINDOW)


@kernel
def _fullest(words: Any, row: Any, shift: Any) -> Any:
    """Where the fullest steps of a histogram begin."""
    return np.int64((words[row, MODES] >> np.uint32(shift)) & np.uint32(0xFF))


@kernel
def _halve(pairs: Any, pair: Any) -> None:
    """Forget half of both histograms."""
    for word in range(GAPS, PAIR_WIDTH):
        pairs.words[pair, word] = (pairs.words[pair, word] >> np.uint32(1)) & np.uint32(0x7F7F7F7F)
    pairs.numbers[pair, COUNT] = np.float32(_total(pairs.words, pair, GAPS))


@kernel
def _met(keys: Any, target: Any, service: Any, source: Any, now: Any, sent: Any) -> Any:  # noqa: PLR0917
    """Note a flow of a pair that is no candidate; whether it is one now. ``source`` is a hash of it and the port."""
    there, fresh = claim(keys, service ^ _SERVICE)
    if fresh:
        keys.moments[there, 1] = now
    keys.moments[there, 0] = now
    bit = np.int64(source & np.uint64(63))
    mark(keys.words, there, _BITS, bit)
    row, fresh = claim(keys, target)
    before = np.int64(keys.words[row, _CALLS])
    gap = now - keys.moments[row, 0]
    if fresh:
        keys.moments[row, 1] = now
    elif gap < SHORTEST_S:
        return False
    else:
        step = _step(math.log(gap))
        if before > 1 and _shortest(keys.words[row, _FIRST_GAPS], before - 1) >= step + LULL:
            before = _begun_anew(keys, row, before)
        keys.words[row, _FIRST_GAPS] |= np.uint32(step) << np.uint32(8 * (before - 1))
    keys.moments[row, 0] = now
    keys.words[row, _FIRST_SIZES] |= np.uint32(_step(sent)) << np.uint32(8 * before)
    keys.words[row, _CALLS] = np.uint32(before + 1)
    return before + 1 == CANDIDATE_CALLS


@kernel
def _shortest(steps: Any, count: Any) -> Any:
    """The least of so many steps, a byte each."""
    least = np.int64(steps & np.uint32(0xFF))
    for place in range(1, count):
        least = min(least, np.int64((steps >> np.uint32(8 * place)) & np.uint32(0xFF)))
    return least


@kernel
def _begun_anew(keys: Any, row: Any, before: Any) -> Any:
    """Forget of a pair that is no candidate all calls but the last; how many are left."""
    keys.moments[row, 1] = keys.moments[row, 0]
    keys.words[row, _FIRST_GAPS] = 0
    keys.words[row, _FIRST_SIZES] = (keys.words[row, _FIRST_SIZES] >> np.uint32(8 * (before - 1))) & np.uint32(0xFF)
    return np.int64(1)


@kernel
def _promoted(pairs: Any, keys: Any, target: Any) -> Any:
    """Make a pair of enough calls a candidate; what is left of it elsewhere begins anew, should it be evicted."""
    light = find(keys, target)
    pair, _ = claim(pairs, target)
    pairs.moments[pair, 0] = keys.moments[light, 0]
    pairs.words[pair, _BEGUN] = np.uint32(np.int64(keys.moments[light, 1]) & 0xFFFFFFFF)
    for call in range(CANDIDATE_CALLS):
        size = np.int64((keys.words[light, _FIRST_SIZES] >> np.uint32(8 * call)) & np.uint32(0xFF))
        _count(pairs.words, pair, SIZES, size, 8, SIZE_WINDOW)
        if call:
            gap = np.int64((keys.words[light, _FIRST_GAPS] >> np.uint32(8 * (call - 1))) & np.uint32(0xFF))
            _count(pairs.words, pair, GAPS, gap, 0, GAP_WINDOW)
    pairs.numbers[pair, COUNT] = np.float32(CANDIDATE_CALLS - 1)
    pairs.numbers[pair, ACTIVE] = np.float32(_counted(pairs.words, pair, _fullest(pairs.words, pair, 0)))
    for word in range(_FIRST_GAPS, KEY_WIDTH):
        keys.words[light, word] = 0
    return pair


@kernel
def _judge(  # noqa: PLR0917
    pairs: Any, keys: Any, pair: Any, i: Any, source: Any, service: Any, now: Any, began: Any, taught: Any,
    regularity: Any, period: Any, jitter: Any, calls: Any, size: Any, alike: Any, span: Any, active: Any, hosts: Any,
) -> None:  # fmt: skip
    """Weigh a candidate after a call, add to its habits, and tell of it where it is regular as it never was."""
    words = pairs.words
    count = np.float64(pairs.numbers[pair, COUNT])
    gaps, sizes = _fullest(words, pair, 0), _fullest(words, pair, 8)
    usual = _window(words, pair, GAPS, gaps, GAP_WINDOW)
    missed = _window(words, pair, GAPS, gaps + GAP_WINDOW, STEPS_PER_OCTAVE)
    share = min((usual + 0.5 * missed) / count, 1.0)
    raw, same, watched = 0.0, 0.0, np.float64(pairs.numbers[pair, ACTIVE])
    age = np.float64((np.int64(now) - np.int64(words[pair, _BEGUN])) & 0xFFFFFFFF)
    tick = max(np.uint32(np.int64(now / TICK_S) & 0xFFFFFFFF), np.uint32(1))
    if not words[pair, _FED]:
        words[pair, _FED] = tick
    elapsed = np.float64(np.int32(tick - words[pair, _FED])) * TICK_S
    habit = np.float64(pairs.numbers[pair, HABIT])
    ripe = 1.0 if words[pair, MODES] & np.uint32(_RIPE_BIT) else _ripe(min(age, RESTS * watched))
    usually = HABIT_WEIGHT * habit * ripe
    if share > BY_CHANCE and (elapsed >= FED_S or usually < HIGHEST):
        # Halving rounds off a little of either histogram, so that there may be a size more than calls.
        same = min(_window(words, pair, SIZES, sizes, SIZE_WINDOW) / (count + 1.0), 1.0)
        raw = _rhythm(share, count, same) * min(watched / WHOLE_S, 1.0)
    if taught and raw >= LEAST:
        _teach(pairs, keys, pair, source, now)
        usually = HABIT_WEIGHT * HIGHEST
        habit = np.float64(HIGHEST)
    more = raw - usually
    if more > 0.0:
        far, large = _middle(words, pair, GAPS, gaps, GAP_WINDOW), _middle(words, pair, SIZES, sizes, SIZE_WINDOW)
        kind = find(keys, _kind(source, math.floor(far + 0.5), math.floor(large + 0.5)))
        if kind >= 0:
            ripe = 1.0 if keys.words[kind, _KIND_RIPE] else _ripe(now - keys.moments[kind, 1])
            of_kind = np.float64(keys.numbers[kind, _KIND_HABIT]) * ripe
            more = min(more, raw - HABIT_WEIGHT * of_kind)
        others = 0.0
        if more >= LEAST:
            there = find(keys, service ^ _SERVICE)
            others = max(marked(keys.words, there, _BITS, _BITS_END) - 1.0, 0.0) if there >= 0 else 0.0
            more /= 1.0 + others / CROWD
        if more >= LEAST and now - began >= WATCHED_S:
            regularity[i] = more
            period[i], jitter[i] = 2.0**far, _spread(words, pair, gaps, far)
            calls[i], size[i], alike[i], hosts[i] = count + 1.0, 2.0**large, same, others + 1.0
            span[i], active[i] = age, min(watched, age)
    if elapsed >= FED_S:
        words[pair, _FED] = tick
        part = 1.0 - halved(min(elapsed, LONGEST_GAP_S) / HABIT_HALF_LIFE_S)
        pairs.numbers[pair, HABIT] = habit + part * (raw - habit)
        if raw > 0.0:
            _feed_kinds(keys, words, pair, source, now, raw)


@kernel
def _rhythm(share: Any, count: Any, same: Any) -> Any:
    """How regular calls are: by the share of their intervals that is usual, how many, and how many are of a size."""
    rhythm = share * math.log(share / BY_CHANCE)
    if share < 1.0:
        rhythm += (1.0 - share) * math.log((1.0 - share) / (1.0 - BY_CHANCE))
    likeness = min(max((same - ALIKE_FROM) / (ALIKE_TO - ALIKE_FROM), 0.0), 1.0)
    return max(min(count, ENOUGH) * rhythm - PICKED, 0.0) * (UNLIKE + (1.0 - UNLIKE) * likeness)


@kernel
def _teach(pairs: Any, keys: Any, pair: Any, source: Any, now: Any) -> None:
    """Make a pair's calls, and such of this source to others, as usual as can be."""
    words, most = pairs.words, np.float32(HIGHEST)
    pairs.numbers[pair, HABIT] = most
    words[pair, MODES] |= np.uint32(_RIPE_BIT)
    gaps, sizes = _fullest(words, pair, 0), _fullest(words, pair, 8)
    far, large = _middle(words, pair, GAPS, gaps, GAP_WINDOW), _middle(words, pair, SIZES, sizes, SIZE_WINDOW)
    for f in range(2):
        for s in range(2):
            row, fresh = claim(keys, _kind(source, math.floor(far) + f, math.floor(large) + s))
            if fresh:
                keys.moments[row, 1] = now
            keys.moments[row, 0] = max(now, keys.moments[row, 0])
            keys.numbers[row, _KIND_HABIT] = most
            keys.words[row, _KIND_RIPE] = np.uint32(1)


@kernel
def _ripe(age: Any) -> Any:
    """How much of a habit of this age, in seconds, counts."""
    return min(max(age, 0.0) / RIPE_S, 1.0)


@kernel
def _middle(words: Any, row: Any, first: Any, mode: Any, width: Any) -> Any:
    """The mean of the fullest steps, as a binary logarithm."""
    total, weighed = 0, 0.0
    for step in range(mode, mode + width):
        held = _held(words, row, first, step)
        total += held
        weighed += held * (step + 0.5)
    return 1.0 + weighed / (max(total, 1) * STEPS_PER_OCTAVE)


@kernel
def _spread(words: Any, row: Any, mode: Any, middle: Any) -> Any:
    """By how much of their middle the usual intervals differ: a standard deviation, less what steps alone make."""
    total, weighed = 0, 0.0
    for step in range(mode, mode + GAP_WINDOW):
        held = _held(words, row, GAPS, step)
        off = 1.0 + (step + 0.5) / STEPS_PER_OCTAVE - middle
        total += held
        weighed += held * off * off
    return math.sqrt(max(weighed / max(total, 1), 0.0)) * 0.6931471805599453


@kernel
def _kind(source: Any, octave: Any, size: Any) -> Any:
    """The key of calls of a kind by a source: so often, so large; ``source`` has the port in it."""
    return mixed((source ^ _KIND) + np.uint64(int(octave) * 64 + int(size)) * _GOLDEN)


@kernel
def _feed_kinds(keys: Any, words: Any, pair: Any, source: Any, now: Any, raw: Any) -> None:  # noqa: PLR0917
    """Add a pair's calls to the habits of those kinds that they are nearest to."""
    gaps, sizes = _fullest(words, pair, 0), _fullest(words, pair, 8)
    far, large = _middle(words, pair, GAPS, gaps, GAP_WINDOW), _middle(words, pair, SIZES, sizes, SIZE_WINDOW)
    for f in range(2):
        for s in range(2):
            _feed(keys, _kind(source, math.floor(far) + f, math.floor(large) + s), now, raw)


@kernel
def _feed(keys: Any, kind: Any, now: Any, raw: Any) -> None:
    """Add to a kind's habit, which begins at 0."""
    row, fresh = claim(keys, kind)
    gap = FED_S if fresh else max(0.0, now - keys.moments[row, 0])
    if fresh:
        keys.moments[row, 1] = now
    keys.moments[row, 0] = max(now, keys.moments[row, 0])
    part = 1.0 - halved(min(gap, LONGEST_GAP_S) / HABIT_HALF_LIFE_S)
    habit = np.float64(keys.numbers[row, _KIND_HABIT])
    keys.numbers[row, _KIND_HABIT] = habit + part * (raw - habit)
