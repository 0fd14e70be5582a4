"""False incidents counted by who: in the logs that are hunted, attacks are among the flows that calibrate.

A daemon's budget counts targets (source, destination, port), and calibration takes its flows for benign. Here a scan
of a thousand ports would be a thousand of the oddest targets, and use a budget of ten up a hundred times. So the
flows that are odd at all are counted by *who*: the source or the destination, whichever has more odd targets.

**Raised** is who is among the oddest, as many as the budget allows for the time. **Graded** they are against those who
do not *stand out*: whom fewer than :data:`STANDS_OUT` would reach, by the tail of all less odd ones. The oddest are
looked at one after the other, and the last that stands out takes all odder ones along, so that two alike do not hide
each other (the generalised many-outlier procedure: Rosner 1983).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.decisions.assessment import Assessment
from detector.decisions.budget import IncidentCalibration
from detector.decisions.passed import evidence_keys
from detector.features.windows_keys import hashes_of
from detector.net.directions import directions_of
from detector.net.networks import Networks
from detector.records.flow import DIRECTIONS

ALONG = 0.7
"""Share of what makes a flow odd at all, by any view, from which it is put into an incident of its edge."""

STANDS_OUT = 0.1
"""So many as odd would be expected among those who are less odd, at most."""

DEEPEST = 50
"""So many of each view and direction, the oddest, are looked at."""


@dataclass(frozen=True, slots=True)
class ByWho:
    """Two calibrations by who: of everyone, which tells who is raised, and of those who do not stand out."""

    everyone: IncidentCalibration
    rest: IncidentCalibration

    @classmethod
    def of(cls, frame: pl.DataFrame, assessment: Assessment, seconds: float, inside: Networks) -> Self:
        """Learn from a frame of flows, in order of time, that were watched for so many ``seconds``.

        Raises InputError where there are none, or they span no time.
        """
        who, directions, ts = who_of(frame, assessment), directions_of(frame, inside), frame["ts"].to_numpy()
        everyone = IncidentCalibration.fit(who, directions, ts, assessment, seconds)
        rest = np.flatnonzero(~np.isin(who, who[standing_out(everyone, assessment, directions)]))
        if not len(rest):
            return cls(everyone, everyone)
        return cls(
            everyone, IncidentCalibration.fit(who[rest], directions[rest], ts[rest], assessment.take(rest), seconds)
        )

    def budget(self, asked: float) -> float:
        """What is asked for a day, or the least that raises the oddest of each view and direction."""
        least = max(int(each.incidents[0]) / each.days for each in (self.everyone, self.rest))
        return max(asked, least)


def who_of(frame: pl.DataFrame, assessment: Assessment) -> NDArray[np.uint64]:
    """Whom each flow counts for, as a hash (rows,): of an odd one its source or destination, else its target."""
    who = evidence_keys(frame).targets.copy()
    rows = odd(assessment)
    few, target = frame[rows], pl.struct("src_ip", "dst_ip", "dst_port")
    targets = few.select(
        target.n_unique().over("src_ip").alias("of_source"), target.n_unique().over("dst_ip").alias("of_destination")
    )
    by_source = (targets["of_source"] >= targets["of_destination"]).to_numpy()
    who[rows] = np.where(by_source, hashes_of(few["src_ip"]), hashes_of(few["dst_ip"]))
    return who


def along_with(frame: pl.DataFrame, assessment: Assessment, raised: NDArray[np.intp]) -> NDArray[np.intp]:
    """The rows ``raised`` and, ascending, those of their edges that are odd at a laxer level.

    An edge is a pair of addresses, a source and a port, or a destination and a port: so a scan, a sweep and a flood
    have all their flows.
    """
    lax, keys = odd(assessment, ALONG), evidence_keys(frame)
    shared = [np.isin(edges[lax], edges[raised]) for edges in (keys.pairs, keys.ports, keys.services)]
    return np.union1d(raised, lax[np.logical_or.reduce(shared)])


def odd(assessment: Assessment, share: float = 1.0) -> NDArray[np.intp]:
    """The rows that are odd at all by any view, or reach a share of it."""
    reached = [
        values >= share * view.odd_from for view, values in zip(assessment.views, assessment.values, strict=True)
    ]
    return np.flatnonzero(np.logical_or.reduce(reached))


def standing_out(
    everyone: IncidentCalibration, assessment: Assessment, directions: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which flows (rows,) reach what stands out, by any view and in their direction's table."""
    tables = everyone.tables[directions]
    found = np.zeros(len(tables), np.bool_)
    for place, view in enumerate(everyone.views):
        found |= assessment[view.name] >= _least_standing_out(everyone, place)[tables]
    return found


def _least_standing_out(everyone: IncidentCalibration, view: int) -> NDArray[np.float64]:
    """The lowest value of the view at a place that stands out, for each table; infinite where none does."""
    tops = everyone.tops[view]
    least = np.full(len(tops), np.inf)
    for depth in range(min(DEEPEST, tops.shape[1] - 1)):
        values = tops[:, depth]
        expected = _expected(everyone, view, depth + 1, values)
        stands = (values > 0) & (expected <= STANDS_OUT)
        least[stands] = values[stands]
    return least


def _expected(everyone: IncidentCalibration, view: int, first: int, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many would reach each table's value (tables,), by those of its table from place ``first`` on."""
    tables = len(values)
    tops = tuple(each[:, first:] for each in everyone.tops)
    count = tops[view].shape[1]
    expected = np.empty(tables)
    for table in range(tables):
        less_odd = replace(
            everyone,
            tops=tops,
            tables=np.full(len(DIRECTIONS), table),
            incidents=np.arange(1, count + 1),
        )
        alone = Assessment.blank(1, everyone.views)
        alone.values[view][:] = values[table]
        expected[table] = less_odd.rates(alone, np.zeros(1, np.int64))[0] * less_odd.days
    return expected
