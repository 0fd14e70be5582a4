"""The nearest of many clusters, by distances of which each weighs features its own way: all of it in float32.

What is told is exact: of the full sums, each taken feature by feature in their order, the least, and the first point
that has it. Most sums are never taken. A sum over some features, in whatever order, is no more than the full one but
for rounding, which is bounded (:func:`slack_of`). So a point whose sum so far is beyond what another's full sum can be
is out of the running. First all points are summed up over the :data:`NEAR` features that tell them apart best, side by
side; then those that are left one by one, over the others, until they are out. Of the one that remains, or of the few
that rounding cannot tell apart, the full sum is taken.

Which features these are changes the time that it takes and nothing else.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from detector.kernels.compiled import compiled, njit
from detector.kernels.hash_table import kernel

Floats = NDArray[np.float32]

NEAR = 16
"""Features of the first pass, a multiple of :data:`AT_ONCE`: fewer leave too many points, more cost more than those."""

AT_ONCE = 4
"""Features of it that are added between one store of the sums and the next."""

WIDTH = 8
"""Points are padded to so many: a vector register's."""

PART = 32
"""Further features between one look at the bound and the next. From so many on they are added in vector registers."""

ROWS = 8
"""Rows done together, so that their full sums need not wait for each other."""

STRAY = 1.5
"""Of how many spreads the rows are scattered that features are chosen by: a row that is usual needs no choice."""

HEAVY = 3.0
"""Degrees of freedom of their scatter, Student's: now and then one is far out."""

LEAST = np.float32(1e-28)
"""Beyond anything that underflow takes from a sum: 10⁴ features × the largest weight × the smallest float32."""

SAMPLE = 64
"""Points that features are chosen by, and rows."""


class Points(NamedTuple):
    """Points laid out for the kernel; ``wide`` is their number padded to :data:`WIDTH`."""

    centres: Floats
    """Shape (points, features), in scales."""
    weights: Floats
    """The same shape: per scale²."""
    begins: Floats
    """Shape (points,): what each sum begins with, from 0."""
    order: NDArray[np.int64]
    """Shape (features,): the most telling first."""
    near_centres: Floats
    """Shape (near, wide): of the first features of ``order``."""
    near_weights: Floats
    near_begins: Floats
    """Shape (wide,): +inf for what is padding."""
    far_centres: Floats
    """Shape (points, the other features padded to :data:`PART`), in that order."""
    far_weights: Floats
    slack: np.float32
    """By what share a sum may be off."""

    @classmethod
    def of(cls, centres: Floats, weights: Floats, begins: Floats) -> Self:
        """Lay out points of these ``centres`` and ``weights`` (features × points)."""
        n_features, n_points = centres.shape
        order = telling(centres, weights, begins, NEAR + PART)
        near = min(NEAR, n_features // AT_ONCE * AT_ONCE)
        first, others, wide = order[:near], order[near:], padded(n_points, WIDTH)
        far = n_points, padded(n_features - near, PART)
        return cls(
            np.ascontiguousarray(centres.T),
            np.ascontiguousarray(weights.T),
            begins,
            order,
            filled((near, wide), centres[first]),
            filled((near, wide), weights[first]),
            np.concatenate([begins, np.full(wide - n_points, np.inf, np.float32)]),
            filled(far, centres[others].T),
            filled(far, weights[others].T),
            slack_of(n_features),
        )


def slack_of(n_features: int) -> np.float32:
    """By what share sums of so many features may be off.

    Each of n terms that are not negative, and each addition, is off by 2⁻²⁴ of itself at most, in any order: a sum by n
    times that, and a bit (Higham, *Accuracy and Stability of Numerical Algorithms*, 2002, section 4.2). Two sums are
    held against each other, twice over; the rest is to spare.
    """
    return np.float32(8 * (n_features + 8) * 2.0**-24)


def padded(count: int, to: int) -> int:
    """The least multiple of ``to`` that is not below ``count``."""
    return -(-count // to) * to


def filled(shape: tuple[int, int], values: Floats) -> Floats:
    """``values`` in the corner of zeros."""
    room = np.zeros(shape, np.float32)
    room[: values.shape[0], : values.shape[1]] = values
    return room


def telling(centres: Floats, weights: Floats, begins: Floats, count: int) -> NDArray[np.int64]:
    """Put features (features × points) in an order, the first ``count`` of them by how well they tell points apart.

    By made-up rows that are scattered around centres: one after the other, the feature that brings their distances from
    points furthest towards the one from the nearest.
    """
    n_features, n_points = centres.shape
    rng = np.random.default_rng(0)
    few = np.arange(0, n_points, -(-n_points // SAMPLE))
    at, weigh = centres[:, few, None].astype(np.float64), weights[:, few, None].astype(np.float64)
    own = rng.integers(0, n_points, SAMPLE)
    astray = rng.standard_t(HEAVY, (n_features, SAMPLE)) * STRAY / np.sqrt(np.maximum(weights[:, own], LEAST))
    away = (at - (centres[:, own] + astray)[:, None, :]) ** 2 * weigh
    start = np.broadcast_to(begins[few, None], away.shape[1:]).astype(np.float64)
    enough = np.maximum((away.sum(axis=0) + start).min(axis=0), LEAST)
    left, chosen = list(range(n_features)), list[int]()
    while len(chosen) < min(count, n_features):
        told = [float((np.minimum(away[feature] + start, enough) / enough).sum()) for feature in left]
        best = left.pop(int(np.argmax(told)))
        chosen.append(best)
        start += away[best]
    return np.array(chosen + left, np.int64)


@compiled
def nearest_weighted(  # noqa: PLR0917 - a kernel takes its arrays one by one
    matrix: Floats,
    centre: NDArray[np.float64],
    scale: NDArray[np.float64],
    clip: float,
    points: Points,
    out: NDArray[np.float64],
    places: NDArray[np.int32],
) -> None:
    """Give the least weighted squared distance of each scaled row into ``out``, and to which point into ``places``.

    Callers' bounds leave no sum infinite.
    """
    n_features, (n_near, wide) = points.centres.shape[1], points.near_centres.shape
    values, terms = np.zeros((ROWS, n_features), np.float32), np.zeros((ROWS, n_features), np.float32)
    far, sums = np.zeros(points.far_centres.shape[1], np.float32), np.empty((2, wide), np.float32)
    flags, left = np.zeros(wide, np.uint8), np.zeros(wide + 1, np.int64)
    chosen, totals = np.zeros(ROWS, np.int64), np.empty(ROWS, np.float32)
    eights, bits, mask = flags.view(np.uint64), sums.view(np.int32), mask_of(wide)
    for start in range(0, len(matrix), ROWS):
        count = min(ROWS, len(matrix) - start)
        scale_rows(matrix, start, count, centre, scale, clip, values)
        for row in range(count):
            if row % 2 == 0:
                sum_near(values, row, points, sums)
            # Never a padded point, whatever a row holds.
            guess = min(place_of_least(bits, row % 2, mask), np.int64(len(points.begins) - 1))
            total = points.begins[guess] + over_all(values, row, points, guess)
            bound = total + total * points.slack + LEAST
            n_left = within(sums, row % 2, bound, flags, eights, left)
            if n_left > 1:
                for feature in range(n_near, n_features):
                    far[feature - n_near] = values[row, points.order[feature]]
                n_left = narrowed(sums, row % 2, bound, far, points, left, n_left)
            chosen[row] = left[0] if n_left == 1 else first_of(values, row, points, left, n_left, guess)
        take_sums(values, points, chosen, terms, totals)
        for row in range(count):
            out[start + row], places[start + row] = totals[row], chosen[row]


@kernel
def mask_of(wide: int) -> np.int32:
    """The bits of a float32 that remain when the lowest make room for the number of a point."""
    room = np.int32(1)
    while room < wide:
        room *= np.int32(2)
    return np.int32(~(room - np.int32(1)))


@kernel
def scale_rows(  # noqa: PLR0917
    matrix: Any, start: Any, count: Any, centre: Any, scale: Any, clip: Any, values: Any
) -> None:
    """Scale ``count`` rows from ``start`` on, into ``values``."""
    for row in range(count):
        for feature in range(values.shape[1]):
            scaled = (matrix[start + row, feature] - centre[feature]) / scale[feature]
            values[row, feature] = np.float32(min(max(scaled, -clip), clip))


@kernel
def sum_near(values: Any, row: Any, points: Points, sums: Any) -> None:
    """Sum up ``row`` and the one after it over the first features, for all points: ``sums`` (2, wide)."""
    order, centres, weights = points.order, points.near_centres, points.near_weights
    for point in range(sums.shape[1]):
        sums[0, point] = sums[1, point] = points.near_begins[point]
    for n in range(0, len(centres), AT_ONCE):
        a, b, c, d = order[n], order[n + 1], order[n + 2], order[n + 3]
        a0, b0, c0, d0 = values[row, a], values[row, b], values[row, c], values[row, d]
        a1, b1, c1, d1 = values[row + 1, a], values[row + 1, b], values[row + 1, c], values[row + 1, d]
        for point in range(sums.shape[1]):
            one, two = sums[0, point], sums[1, point]
            at, weight = centres[n, point], weights[n, point]
            one += (a0 - at) * (a0 - at) * weight
            two += (a1 - at) * (a1 - at) * weight
            at, weight = centres[n + 1, point], weights[n + 1, point]
            one += (b0 - at) * (b0 - at) * weight
            two += (b1 - at) * (b1 - at) * weight
            at, weight = centres[n + 2, point], weights[n + 2, point]
            one += (c0 - at) * (c0 - at) * weight
            two += (c1 - at) * (c1 - at) * weight
            at, weight = centres[n + 3, point], weights[n + 3, point]
            one += (d0 - at) * (d0 - at) * weight
            two += (d1 - at) * (d1 - at) * weight
            sums[0, point], sums[1, point] = one, two


@kernel
def place_of_least(bits: Any, which: Any, mask: Any) -> np.int64:
    """The place of about the least sum: as integers, floats that are not negative are in the same order."""
    low = np.int32(0x7FFFFFFF)
    for point in range(bits.shape[1]):
        low = min(low, (bits[which, point] & mask) | np.int32(point))
    return np.int64(low & ~mask)


@kernel
def within(sums: Any, which: Any, bound: Any, flags: Any, eights: Any, left: Any) -> np.int64:  # noqa: PLR0917
    """List the points whose sums are within ``bound`` in ``left``; give how many they are."""
    for point in range(sums.shape[1]):
        flags[point] = np.uint8(sums[which, point] <= bound)
    count = 0
    for eight in range(len(eights)):
        if eights[eight] != 0:
            for point in range(WIDTH * eight, WIDTH * eight + WIDTH):
                left[count] = point
                count += flags[point]
    return np.int64(count)


@kernel
def narrowed(  # noqa: PLR0917
    sums: Any, which: Any, bound: Any, far: Any, points: Points, left: Any, n_left: Any
) -> np.int64:
    """Keep those of ``left`` whose sums over all features are within the bound, which falls; give how many."""
    count = 0
    for n in range(n_left):
        point, at = left[n], 0
        total = sums[which, point]
        while at < len(far) and total <= bound:
            total += over_part(far, points, point, at)
            at += PART
        if total <= bound:
            left[count] = point
            count += 1
            bound = min(bound, total + total * points.slack + LEAST)
    return np.int64(count)


@kernel
def first_of(values: Any, row: Any, points: Points, left: Any, n_left: Any, guess: Any) -> np.int64:  # noqa: PLR0917
    """Which of ``left`` has the least full sum, the first of several; ``guess`` where there is none."""
    place, least = guess, np.float32(np.inf)
    for n in range(n_left):
        point = left[n]
        total = points.begins[point]
        for feature in range(points.centres.shape[1]):
            away = values[row, feature] - points.centres[point, feature]
            total += away * away * points.weights[point, feature]
        if total < least:
            place, least = point, total
    return np.int64(place)


@kernel
def take_sums(values: Any, points: Points, chosen: Any, terms: Any, totals: Any) -> None:
    """Take the full sums of each row to its point, feature by feature in their order: the rows side by side."""
    centres, weights, begins = points.centres, points.weights, points.begins
    for row in range(ROWS):
        point = chosen[row]
        for feature in range(centres.shape[1]):
            away = values[row, feature] - centres[point, feature]
            terms[row, feature] = away * away * weights[point, feature]
    s0, s1, s2, s3 = begins[chosen[0]], begins[chosen[1]], begins[chosen[2]], begins[chosen[3]]
    s4, s5, s6, s7 = begins[chosen[4]], begins[chosen[5]], begins[chosen[6]], begins[chosen[7]]
    for feature in range(centres.shape[1]):
        s0 += terms[0, feature]
        s1 += terms[1, feature]
        s2 += terms[2, feature]
        s3 += terms[3, feature]
        s4 += terms[4, feature]
        s5 += terms[5, feature]
        s6 += terms[6, feature]
        s7 += terms[7, feature]
    totals[0], totals[1], totals[2], totals[3] = s0, s1, s2, s3
    totals[4], totals[5], totals[6], totals[7] = s4, s5, s6, s7


any_order: Any = njit(
    nogil=True, cache=True, error_model="numpy", _nrt=False, forceinline=True, fastmath={"reassoc", "nsz"}
)
"""For sums that only rule points out: terms may be added in any order, side by side."""


@any_order
def over_all(values: Any, row: Any, points: Points, point: Any) -> np.float32:
    """A row's sum over all features."""
    total = np.float32(0.0)
    for feature in range(points.centres.shape[1]):
        away = values[row, feature] - points.centres[point, feature]
        total += away * away * points.weights[point, feature]
    return total


@any_order
def over_part(far: Any, points: Points, point: Any, begin: Any) -> np.float32:
    """A row's sum over :data:`PART` of the further features."""
    total = np.float32(0.0)
    for n in range(PART):
        away = far[begin + n] - points.far_centres[point, begin + n]
        total += away * away * points.far_weights[point, begin + n]
    return total
