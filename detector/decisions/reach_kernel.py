"""What makes a host's reach odd, and the pass over flows that adds it up.

A *contact* is the first answered flow of a source to a port of remote administration of a destination inside. Its
*sort* is told by what both hosts are, by the port, by how many others use it there, and by whether the source ever
used it anywhere. A host of which :data:`SERVES` others are clients is a server here; a source is a server,
another host inside, or one outside.

How odd a contact is goes by how often hosts of its source's role make one of its sort, per host and day::

    rarity = −ln min(1, (minutes with a contact of the sort + LONE) / (hosts of the role · days watched))

Both fade by :data:`SORT_HALF_LIFE_S`. In a silence of the whole partition nobody watched: how long it was watched then
fades as what was met does, and what was usual before is no rarer after it.

What is beyond :data:`DRIFT` is added up by source, and fades with :data:`HALF_LIFE_S`. A source that reaches out every
day has a *habit*: what it added up before its last long rest, by which the sum is divided. An administrator's host or a
scanner so has little of either: what it does is usual for it, and soon for its role.

State, by a row of 16 words for each key: of a contact what it added; of a host its sum, its habit and who its clients
are; of a port there, of a role and of a sort the hosts that are known to use it, counted by a bitmap of 256.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from detector.features.windows_kernel import halved, mixed
from detector.kernels.bitmap import is_marked, mark, marked
from detector.kernels.clock import AHEAD_S, CLOCK, CLOCK_FIELDS, LATE_S, MOVED, happened_at
from detector.kernels.hash_table import USED, claim, find, kernel

HALF_LIFE_S = 1800.0

DRIFT = 1.0
"""Nats of rarity that do not count: what a host of the role does every third day."""

LARGEST = 6.0
"""Nats that one contact adds at most, DRIFT among them: of what no host ever did."""

LONE = 0.5
"""What is added to how often a sort was met: what was never met is no rarer than half a time."""

SERVES = 4.0
"""Hosts that reach a host, from which on it is a server."""

CROWD = 3.0
"""Other hosts that use a port there, from which on many do."""

FED_S = 60.0
"""Contacts of a sort within such a time count as one: an attack in haste makes its own sort no usual one."""

SORT_HALF_LIFE_S = 2 * 86_400.0
"""Of how often a sort is met."""

KNOWN_S = SORT_HALF_LIFE_S / 0.6931471805599453
"""The most of the time watched that such a count is of: older contacts have faded."""

HABIT_HALF_LIFE_S = 3 * 86_400.0

HABIT = 30.0
"""A habit of so many nats halves the sum: about ten contacts that nobody else makes."""

REST_S = 6 * 3600.0
"""Without a contact for so long, what a source did before becomes its habit: an attack is none within its day."""

WATCHED_S = 20 * 3600.0
"""Of so much time a partition's records must be known before anything is odd: nearly a day, as for regular pairs."""

LEAST = 3.0
"""Nats below which nothing is odd: what chance brings must cost no budget where nothing else is."""

BOUND = 10_000.0
"""The most of a sum, a habit or a count."""

WIDTH = 16
SUM, HABITS, RECENT, COUNT = 4, 5, 6, 7
"""Of a host: its sum, its habit, what becomes one after a rest, and contacts, fading like the sum."""
ADDED = 4
"""Of a contact: what it added."""
MET = 4
"""Of a sort: how often, fading."""
_BITS, _PLACES = 8, 256
BEGAN = CLOCK_FIELDS
"""Place beside the clock's: when the first record was."""

_HOST, _ROLE, _SORT = np.uint64(0x8F1BBCDCBFA53E0B), np.uint64(0xE7037ED1A0B428DB), np.uint64(0x589965CC75374CC3)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_DAY_S = 86_400.0

DEFINED_BY = (
    HALF_LIFE_S, DRIFT, LARGEST, LONE, SERVES, CROWD, FED_S, SORT_HALF_LIFE_S, HABIT_HALF_LIFE_S, HABIT, REST_S,
    WATCHED_S, LEAST, BOUND, LATE_S, AHEAD_S,
)  # fmt: skip
"""What a state depends on: one of other values means something else."""


@kernel
def pass_by(  # noqa: PLR0917  (a kernel takes its arrays one by one)
    table: Any, clock: Any, rows: Any, targets: Any, ports: Any, services: Any, sources: Any, destinations: Any,
    administers: Any, failed: Any, ts: Any, reach: Any, contacts: Any, kin: Any, likewise: Any,
) -> None:  # fmt: skip
    """Pass over records ``rows`` of one partition, in that order; fill the last four, (rows of all,) each, there."""
    for n in range(len(rows)):
        i = rows[n]
        before, moves = clock[CLOCK], clock[MOVED]
        now, void = happened_at(ts[i], clock, LATE_S, AHEAD_S)
        if void:
            table.tags[:] = 0
            table.meta[USED] = 0
        if void or clock[BEGAN] == 0.0:
            clock[BEGAN] = now
        elif clock[MOVED] > moves:
            left = halved((now - before) / SORT_HALF_LIFE_S)
            clock[BEGAN] = now - min(before - clock[BEGAN], KNOWN_S) * left
        if administers[i] == 0.0 or failed[i] > 0.0:
            continue
        watched = now - clock[BEGAN]
        contact, fresh = claim(table, targets[i])
        if fresh:
            added = _made(
                table,
                ports[i],
                services[i],
                sources[i],
                destinations[i],
                administers[i],
                now,
                watched,
                i,
                kin,
                likewise,
            )
            contact, _ = claim(table, targets[i])  # what it was added to may have taken its row
            table.moments[contact, 1] = now
            table.numbers[contact, ADDED] = added
        else:
            young = now - table.moments[contact, 1] < HALF_LIFE_S
            added = np.float64(table.numbers[contact, ADDED]) if young else 0.0
        if added > 0.0 and watched >= WATCHED_S:
            _tell(table, sources[i], now, i, reach, contacts)


@kernel
def _made(  # noqa: PLR0917
    table: Any, port: Any, service: Any, source: Any, destination: Any, number: Any, now: Any, watched: Any, i: Any,
    kin: Any, likewise: Any,
) -> Any:  # fmt: skip
    """Add a contact to all that knows of such; what it adds to its source's sum, in nats."""
    served, _ = claim(table, destination ^ _HOST)
    reached_by = _hosts(table, served)
    _mark(table, served, source)
    own, _ = claim(table, source ^ _HOST)
    server = _hosts(table, own) >= SERVES
    there, _ = claim(table, service)
    users = _hosts(table, there)
    _mark(table, there, source)
    _, never = claim(table, port)
    what = np.uint64(server) | np.uint64(number < 0.0) << np.uint64(1)
    role, _ = claim(table, mixed(_ROLE + what))
    _mark(table, role, source)
    hosts = _hosts(table, role)
    crowd = 0 if users < 0.5 else 1 if users < CROWD - 0.5 else 2
    told = what | np.uint64(reached_by >= SERVES) << np.uint64(2) | np.uint64(crowd) << np.uint64(3)
    told |= np.uint64(never) << np.uint64(5) | np.uint64(abs(number)) << np.uint64(6)
    sort, fresh = claim(table, mixed((_SORT ^ told) * _GOLDEN))
    last = now if fresh else table.moments[sort, 0]
    met = np.float64(table.numbers[sort, MET]) * halved(max(0.0, now - last) / SORT_HALF_LIFE_S)
    days = min(watched, KNOWN_S) / _DAY_S
    rarity = min(max(math.log(max(hosts * days, 1e-9) / (met + LONE)), 0.0), LARGEST)
    kin[i], likewise[i] = max(hosts - 1.0, 0.0), _hosts(table, sort) - _is_marked(table, sort, source)
    if fresh or now - last >= FED_S:
        table.moments[sort, 0] = now
        table.numbers[sort, MET] = min(met + 1.0, BOUND)
    _mark(table, sort, source)
    added = max(rarity - DRIFT, 0.0)
    own, _ = claim(table, source ^ _HOST)
    _add(table, own, now, added)
    return added


@kernel
def _add(table: Any, host: Any, now: Any, added: Any) -> None:
    """Add a contact to what its source reaches; after a rest what there was becomes habit."""
    before = table.moments[host, 0]
    gap = max(0.0, now - before) if before else 0.0
    if gap > REST_S:
        table.numbers[host, HABITS] = min(table.numbers[host, HABITS] + table.numbers[host, RECENT], BOUND)
        table.numbers[host, RECENT] = 0.0
    left = halved(gap / HALF_LIFE_S)
    table.numbers[host, HABITS] *= halved(gap / HABIT_HALF_LIFE_S)
    table.numbers[host, SUM] = min(table.numbers[host, SUM] * left + added, BOUND)
    table.numbers[host, COUNT] = min(table.numbers[host, COUNT] * left + (added > 0.0), BOUND)
    table.numbers[host, RECENT] = min(table.numbers[host, RECENT] + added, BOUND)
    table.moments[host, 0] = max(now, before)


@kernel
def _tell(table: Any, source: Any, now: Any, i: Any, reach: Any, contacts: Any) -> None:  # noqa: PLR0917
    """What is left of what a source reaches, against its habit; nothing if it had to make room."""
    host = find(table, source ^ _HOST)
    if host < 0:
        return
    left = halved(max(0.0, now - table.moments[host, 0]) / HALF_LIFE_S)
    value = np.float64(table.numbers[host, SUM]) * left / (1.0 + np.float64(table.numbers[host, HABITS]) / HABIT)
    if value >= LEAST:
        reach[i], contacts[i] = value, np.float64(table.numbers[host, COUNT]) * left


@kernel
def _place(host: Any) -> Any:
    """A host's place in a bitmap."""
    return np.int64(mixed(host * _GOLDEN) & np.uint64(_PLACES - 1))


@kernel
def _mark(table: Any, row: Any, host: Any) -> None:
    """Count a host in a row's bitmap."""
    mark(table.words, row, _BITS, _place(host))


@kernel
def _is_marked(table: Any, row: Any, host: Any) -> Any:
    """1 if the host, or one that shares its place, is counted in a row's bitmap; else 0."""
    return is_marked(table.words, row, _BITS, _place(host))


@kernel
def _hosts(table: Any, row: Any) -> Any:
    """About how many hosts a row's bitmap has counted: 1,420 at most."""
    return marked(table.words, row, _BITS, WIDTH)
