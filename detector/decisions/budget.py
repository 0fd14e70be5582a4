"""A budget of false incidents, and how many of them each flow would cost by each of its views.

An *incident* is a distinct key (source, destination, destination port) that is raised within a day. On calibration
time that was not trained on and is taken for benign, each key has its highest surprise, evidence and breadth, in each
direction (:mod:`detector.net.directions`). At depth d the d keys with the highest of each, in each direction, are
raised: 12·d at most.

So each way to be raised has an equal share of the budget, and so has each direction: a pair that is noisy for hours,
and tops the evidence, costs one incident, and leaves the thresholds of surprise and breadth, which find scans, where
they were; what hosts do on the Internet, where each day has many odd targets, does not set the threshold for what they
do among themselves. A direction of fewer than :data:`LEAST_KEYS` keys is held against the keys of all.

A flow's *rate* says it in one number: with a budget of so many false incidents per day it is just raised.
``raised = rates <= budget``.

Beyond the highest key of calibration, rates fall exponentially with surprise, which is −ln p, and as a power of
evidence and breadth, which are sums and grow with whatever goes on: as steeply as the highest :data:`TAIL_KEYS` do.
Rates order flows; what is told of one is no less than what so many keys support (``least_told``). Where no key had any
breadth, only breadth that is odd by itself is raised (``View.unseen_is_odd``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from detector.decisions.assessment import Assessment
from detector.decisions.views import VIEWS, Tail, View
from detector.errors import InputError
from detector.models.arrays import broken, check_names, take
from detector.models.base import Arrays
from detector.models.tail import supported_nats
from detector.records.flow import DIRECTIONS

DAY_S = 86_400.0

KEPT = 4096
"""Keys kept of each ranking; rates beyond are told as those of the last."""

LEAST_KEYS = 50
"""A direction that has fewer is held against the keys of all."""

TAIL_KEYS = 10

LEAST_RATE = 1e-300
"""Beyond it two flows would be equally odd."""

_PART = "incident budget"


@dataclass(frozen=True, slots=True)
class IncidentCalibration:
    """What the oddest benign keys reach. ``rates`` and the budget are in false incidents per day of event time.

    Tables: the first is of all keys, each further one of those of one direction.
    """

    views: tuple[View, ...]
    tops: tuple[NDArray[np.float64], ...]
    """Of each view the highest values of the oddest keys, descending; shape (tables, keys), after a direction's last
    key 0."""
    tables: NDArray[np.int64]
    """Shape (directions,): the table that flows of each direction are held against."""
    incidents: NDArray[np.int64]
    """How many distinct keys are raised at depth 1, 2, …; shape (keys,)."""
    seconds: float
    """Event time of the calibration."""

    @classmethod
    def fit(
        cls,
        keys: NDArray[np.uint64],
        directions: NDArray[np.int64],
        ts: NDArray[np.float64],
        assessment: Assessment,
        seconds: float | None = None,
    ) -> Self:
        """Learn from calibration flows (rows,), in any order; they span ``seconds``, None for what ``ts`` spans.

        Raises InputError if there are none, or they span no time.
        """
        if not len(keys):
            raise InputError("calibrating incidents: no rows were held out; give more data")
        span = float(np.ptp(ts)) if seconds is None else float(seconds)
        if not (np.isfinite(span) and span > 0):
            raise InputError("calibrating incidents: the held-out flows span no time; give flows with times")
        days = np.floor((ts - ts.min()) / DAY_S).astype(np.uint64)
        # A key on another day is another incident: an analyst meets it again.
        distinct, number = np.unique(keys ^ (days * np.uint64(0x9E3779B97F4A7C15)), return_inverse=True)
        tables, members = np.zeros(len(DIRECTIONS), np.int64), [np.arange(len(keys))]
        for place in range(len(DIRECTIONS)):
            rows = np.flatnonzero(directions == place)
            if len(np.unique(number[rows])) >= LEAST_KEYS:
                tables[place] = len(members)
                members.append(rows)
        tops = tuple(
            np.stack([_highest(number[rows], values[rows], len(distinct)) for rows in members])
            for values in (
                _counted(view, each, directions) for view, each in zip(assessment.views, assessment.values, strict=True)
            )
        )
        bare = cls(assessment.views, tops, tables=tables, incidents=np.empty(0, np.int64), seconds=span)
        depths = np.full(len(distinct), np.inf)
        np.minimum.at(depths, number, bare._depths(assessment, directions).min(axis=0))
        depth = np.arange(1, tops[0].shape[1] + 1)
        raised = np.searchsorted(np.sort(depths), depth, side="right")
        # Keys that tie, and all beyond the last that is kept, share one depth: a table has no more than d at depth d.
        return replace(bare, incidents=np.clip(raised, depth, most_per_depth(bare.views) * depth).astype(np.int64))

    @property
    def days(self) -> float:
        """Event time of the calibration in days."""
        return self.seconds / DAY_S

    @property
    def least_told(self) -> float:
        """The fewest false incidents per day that may be told of a flow: what the tail of so many keys supports."""
        nats = supported_nats(min(TAIL_KEYS, self.tops[0].shape[1] - 1))
        return float(self.incidents[0]) / self.days * float(np.exp(-nats))

    @property
    def apart(self) -> list[str]:
        """The directions that have a table of their own."""
        return [name for name, table in zip(DIRECTIONS, self.tables.tolist(), strict=True) if table]

    def rates(self, assessment: Assessment, directions: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give the budget, in false incidents per day, that just raises each flow (rows,); the odder, the lower."""
        depth: NDArray[np.float64] = self._depths(assessment, directions).min(axis=0)
        within = np.interp(depth, np.arange(1.0, len(self.incidents) + 1.0), self.incidents.astype(np.float64))
        rates: NDArray[np.float64] = np.maximum(np.where(depth < 1.0, depth * self.incidents[0], within), LEAST_RATE)
        return rates / self.days

    def oddest_views(self, assessment: Assessment, directions: NDArray[np.int64]) -> NDArray[np.intp]:
        """The place among the views of that by which each flow is oddest (rows,); the first of several."""
        views: NDArray[np.intp] = np.argmin(self._depths(assessment, directions), axis=0)
        return views

    def _depths(self, assessment: Assessment, directions: NDArray[np.int64]) -> NDArray[np.float64]:
        """How many keys of its table reach each flow's value, by the view's share of the budget; (views, rows)."""
        tables = self.tables[directions]
        depths = np.empty((len(self.views), len(tables)))
        for table in np.unique(tables).tolist():
            rows = np.flatnonzero(tables == table)
            for place, (view, tops) in enumerate(zip(self.views, self.tops, strict=True)):
                values = _counted(view, assessment[view.name][rows], directions[rows])
                depths[place, rows] = _depth(view, tops[table], values)
        return depths

    def thresholds(self, incidents_per_day: float) -> dict[str, NDArray[np.float64]]:
        """The value, by the view's name, from which a flow of each direction is raised at this budget.

        Infinite where the view raises none.
        """
        allowed = incidents_per_day * self.days
        depth = float(np.searchsorted(self.incidents, allowed, side="right")) or allowed / float(self.incidents[0])
        return {
            view.name: np.where(
                _raises(view),
                np.array([_value(view, each, depth) for each in tops])[self.tables],
                np.inf,
            )
            for view, tops in zip(self.views, self.tops, strict=True)
        }

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything needed to restore it."""
        ranked = {view.name: tops for view, tops in zip(self.views, self.tops, strict=True)}
        return {**ranked, "tables": self.tables, "incidents": self.incidents, "seconds": np.array([self.seconds])}

    @classmethod
    def from_arrays(cls, arrays: Arrays, views: tuple[View, ...] = VIEWS) -> Self:
        """Restore it, of those of ``views`` that it was calibrated by; raises BundleError for anything off."""
        views = tuple(view for view in views if view.in_all or view.name in arrays)
        check_names(arrays, (*(view.name for view in views), "tables", "incidents", "seconds"), _PART)
        high = float(np.finfo(float).max)
        first = take(arrays, views[0].name, _PART, dtype=np.float64, shape=(None, None), low=0.0, high=high)
        shape, count = first.shape, first.shape[1]
        if count > KEPT:
            raise broken(_PART, f"{count} keys are more than {KEPT}")
        ranked = tuple(
            take(arrays, view.name, _PART, dtype=np.float64, shape=shape, low=0.0, high=high) for view in views
        )
        most = most_per_depth(views)
        tables = take(arrays, "tables", _PART, dtype=np.int64, shape=(len(DIRECTIONS),), low=0, high=shape[0] - 1)
        incidents = take(arrays, "incidents", _PART, dtype=np.int64, shape=(count,), low=1, high=most * count)
        seconds = take(arrays, "seconds", _PART, dtype=np.float64, shape=(1,), low=1e-6, high=1e12)
        if any(bool(np.any(np.diff(values, axis=1) > 0)) for values in ranked):
            raise broken(_PART, "its keys do not descend")
        if bool(np.any(np.diff(incidents) < 0)) or bool(np.any(incidents < np.arange(1, count + 1))):
            raise broken(_PART, "its incidents do not rise with depth")
        return cls(views, ranked, tables, incidents, float(seconds[0]))


def most_per_depth(views: tuple[View, ...]) -> int:
    """Keys that are raised per depth, at most."""
    return math.ceil(sum(view.share for view in views)) * len(DIRECTIONS)


def _raises(view: View) -> NDArray[np.bool_]:
    """In which directions it raises flows; shape (directions,)."""
    return np.isin(DIRECTIONS, view.directions)


def _counted(view: View, values: NDArray[np.float64], directions: NDArray[np.int64]) -> NDArray[np.float64]:
    """A view's values of flows (rows,); 0 in directions in which it raises none."""
    return np.where(_raises(view)[directions], values, 0.0)


def _highest(number: NDArray[np.intp], values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """The highest value of each of ``count`` keys, in descending order, KEPT at most; 0 of a key that has none."""
    tops = np.zeros(count)
    np.maximum.at(tops, number, values)
    highest: NDArray[np.float64] = np.sort(tops)[::-1][:KEPT].copy()
    return highest


def _scale(tail: Tail, tops: NDArray[np.float64]) -> float:
    """By how much the tail's values rise, in its unit, while e times fewer keys reach them; the least scale or more."""
    units = tail.units(tops[: TAIL_KEYS + 1])
    return max(float(np.mean(units[:-1]) - units[-1]), tail.least_scale) if len(units) > 1 else tail.least_scale


def _least(view: View, tops: NDArray[np.float64]) -> float:
    """What a value must be above to raise anything."""
    return 0.0 if view.unseen_is_odd or tops[0] > 0 else view.odd_from


def _depth(view: View, tops: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many keys reach each value, between keys in proportion; beyond the first by the tail, below 1.

    Divided by the view's share; but all keys reach no value, whatever its share: it raises nothing.
    """
    tail = view.tail
    # The shallowest depth of a tied value is where all that tie are raised.
    last = np.append(np.flatnonzero(tops[1:] != tops[:-1]), len(tops) - 1)
    distinct, reached = -tops[last], last + 1.0
    depth = np.interp(-values, distinct, reached)
    beyond = values > tops[0]
    above = tail.units(values[beyond]) - tail.units(tops[:1])
    depth[beyond] = np.exp(-above / _scale(tail, tops)) * min(1.0, reached[0])
    return np.where(values > _least(view, tops), depth / view.share, float(len(tops)))


def _value(view: View, tops: NDArray[np.float64], incidents: float) -> float:
    """The lowest value that no more keys reach than the view's share of so many incidents."""
    depth, tail = incidents * view.share, view.tail
    if depth >= len(tops):
        return 0.0
    if depth >= 1.0:
        value = float(np.nextafter(tops[int(depth)], np.inf))
    else:
        value = tail.value(float(tail.units(tops[:1])[0] - _scale(tail, tops) * np.log(max(depth, LEAST_RATE))))
    return max(value, float(np.nextafter(_least(view, tops), np.inf)))
