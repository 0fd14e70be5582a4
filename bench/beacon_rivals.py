"""What finds beacons elsewhere, by published formulas, in code of our own: RITA's score and Elastic's rule.

Each takes a day's flows and gives one value per flow, that of its pair over the whole day: the higher, the more of a
beacon. Both look at connections from inside to outside alone, as RITA does and Elastic's rule is meant for.

**RITA** 5 (Active Countermeasures): a pair of four distinct times or more has the mean of four scores: of times, of
sizes (each 1 − |Bowley's skew| and 1 − MAD/median, halved), of the day's histogram (24 buckets: the coefficient of
variation, or two modes) and of its duration. Prevalence adds or takes 0.15: a destination of at most 2 % of the hosts,
or of half of them.

**Elastic** (its package *Network Beaconing Identification*): a pair's connections in 360 buckets of a minute. It is a
beacon where counts have a low variance, or where their autocovariance, relative to the variance, reaches 0.7 at some
lag. The rule is a yes or no; here it is ordered by the largest autocovariance, or 1 less the variance by the mean where
that is more. The best of the day's four windows of six hours counts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.net.directions import directions_of
from detector.records.flow import DIRECTIONS

Floats = NDArray[np.float64]

PAIR = ("src_ip", "dst_ip")

RARE, COMMON, PREVALENCE = 0.02, 0.5, 0.15

MINUTES, WINDOWS = 360, 4
"""Elastic's buckets of a minute, and how many such windows a day has."""

FEWEST_BUCKETS = 6
"""Minutes with a connection, of fewer of which no rhythm can be told."""


def of_pairs(flows: pl.DataFrame, score: Callable[[pl.DataFrame, float, float], float]) -> Floats:
    """Score each pair from inside to outside; give each flow its pair's, and −∞ to others; shape (rows,)."""
    numbered = flows.with_row_index("place").with_columns(pl.Series("way", directions_of(flows)))
    out = numbered.filter(pl.col("way") == DIRECTIONS.index("outbound"))
    values = np.full(len(flows), -np.inf)
    first, last = float(flows["ts"].min()), float(flows["ts"].max())  # type: ignore[arg-type]  # of floats
    hosts = out["src_ip"].n_unique()
    there = dict(out.group_by("dst_ip").agg(pl.col("src_ip").n_unique()).rows())
    for pair, group in out.group_by(PAIR):
        few = group.with_columns(pl.lit(there[pair[1]] / hosts).alias("prevalence"))
        values[group["place"].to_numpy()] = score(few, first, last)
    return values


def rita(flows: pl.DataFrame) -> Floats:
    """RITA's beacon score with its modifier by prevalence."""
    return of_pairs(flows, _rita)


def elastic(flows: pl.DataFrame) -> Floats:
    """Elastic's rule, ordered."""
    return of_pairs(flows, _elastic)


RIVALS = {"rita": rita, "elastic": elastic}


def _rita(pair: pl.DataFrame, first: float, last: float) -> float:
    ts = np.sort(pair["ts"].to_numpy().astype(np.int64))
    gaps = np.diff(ts)
    gaps = gaps[gaps > 0].astype(float)
    if len(np.unique(ts)) < 4 or len(gaps) < 3:
        return -math.inf
    sizes = pair["src_bytes"].fill_null(0).to_numpy().astype(float)
    of_times = (_even(gaps) + _near(gaps, 1.0)) / 2
    of_sizes = (_even(sizes) + _near(sizes, 0.0)) / 2
    counts, _ = np.histogram(ts, np.linspace(int(first), int(last), 25))
    score = (of_times + of_sizes + _histogram(counts) + _duration(ts, counts, first, last)) / 4
    prevalence = float(pair["prevalence"][0])
    return score + (PREVALENCE if prevalence <= RARE else -PREVALENCE if prevalence >= COMMON else 0.0)


def _even(values: Floats) -> float:
    """1 − |Bowley's skew|, by quartiles that are medians of halves."""
    ordered = np.sort(values)
    half = len(ordered) // 2
    low, middle, high = (
        float(np.median(part)) for part in (ordered[:half], ordered, ordered[half + len(ordered) % 2 :])
    )
    skewed = high - low >= 10 and middle not in {low, high}
    return 1.0 - abs((low + high - 2 * middle) / (high - low)) if skewed else 1.0


def _near(values: Floats, otherwise: float) -> float:
    """How close values are to their median: 1 − MAD / median, at least 0."""
    middle = float(np.median(values))
    return max(0.0, 1.0 - float(np.median(np.abs(values - middle))) / middle) if middle >= 1 else otherwise


def _histogram(counts: NDArray[np.int64]) -> float:
    varies = float(counts.std() / counts.mean()) if counts.any() else 2.0
    steady = 0.0 if varies > 1 else 1.0 - varies
    seen = int((counts > 0).sum())
    width = math.ceil(counts.max() * 0.05) or 1
    modes = Counter(int(count // width * width) for count in counts.tolist() if count > 0)
    two = sum(count for _, count in modes.most_common(2))
    return max(steady, min(1.0, two / max(seen - 1, 1)) if seen >= 11 else 0.0)


def _duration(ts: NDArray[np.int64], counts: NDArray[np.int64], first: float, last: float) -> float:
    if int((counts > 0).sum()) < 6:
        return 0.0
    longest = run = 0
    for count in [*counts.tolist()] * 2:
        run = run + 1 if count > 0 else 0
        longest = max(longest, run)
    return max(min(1.0, float(ts[-1] - ts[0]) / (last - first)), min(1.0, min(longest, 24) / 12))


def _elastic(pair: pl.DataFrame, first: float, last: float) -> float:  # noqa: ARG001 - as RITA's
    minutes = ((pair["ts"].to_numpy() - first) // 60).astype(np.int64)
    counts = np.bincount(minutes, minlength=MINUTES * WINDOWS)[: MINUTES * WINDOWS].astype(float)
    return max(map(_steady, np.split(counts, WINDOWS)))


def _steady(counts: Floats) -> float:
    """Of one window: how steady its counts are, or how much like themselves some minutes later."""
    if int((counts > 0).sum()) < FEWEST_BUCKETS:
        return -math.inf
    off = counts - counts.mean()
    variance = float(off @ off) / len(counts)
    if variance == 0.0:
        return 1.0
    again = np.correlate(off, off, "full")[len(counts) :] / len(counts) / variance
    return max(float(again.max()), 1.0 - variance / float(counts.mean()))
