"""The views by which flows are raised: each a declaration, and the one place to add another.

A view gives each flow a value, the higher the odder. Its own state, by partition, works values out as flows pass.
Calibration, budget, decision, rates, explanation and the words of an alert go by what is declared here, and so does
what is kept of partitions and shipped in bundles. A bundle that was made before a view was added is held to the views
that it knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from detector.decisions import evidence, reach, regular, volume
from detector.decisions.evidence import EvidenceState
from detector.decisions.passed import Passed
from detector.decisions.reach import ReachState
from detector.decisions.reach_kernel import DRIFT, LARGEST
from detector.decisions.reach_kernel import WATCHED_S as REACH_WATCHED_S
from detector.decisions.regular import PairState
from detector.decisions.regular_kernel import WATCHED_S
from detector.decisions.volume import VolumeState
from detector.decisions.volume_kernel import WATCHED_S as VOLUME_WATCHED_S
from detector.records.flow import DIRECTIONS


class ViewState(Protocol):
    """What one view or several work values out by: the same in any batches, and by partition like the windows."""

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions that there is state for."""
        ...

    @property
    def evicted(self) -> int:
        """How much that it knew had to make room, since it was made."""
        ...

    def assessed(self, flows: Passed) -> Mapping[str, NDArray[np.float64]]:
        """Take flows in record order; give each one's values (rows,) by the name of the view."""
        ...

    def freeze(self, partition: int) -> Callable[[], bytes]:
        """Copy the partition's state as it is now; what is given packs the copy, in any thread."""
        ...

    def snapshot(self, partition: int) -> bytes:
        """The partition's state as bytes."""
        ...

    def restore(self, partition: int, data: bytes) -> None:
        """Put back what ``snapshot`` gave. Raises InputError, and changes nothing, for bytes that are off."""
        ...

    def event_time_s(self, partition: int) -> float | None:
        """The partition's clock, seconds since 1970; None before its first record."""
        ...

    def begin(self, partition: int, data: bytes) -> None:
        """Restore what ``snapshot`` gave when training ended; records will tell whether they go on from there."""
        ...

    def is_tentative(self, partition: int) -> bool:
        """Whether too few records have come since it began to tell whether they go on from there."""
        ...

    def forget(self, *partitions: int) -> None:
        """Drop these partitions' state."""
        ...


@dataclass(frozen=True, slots=True)
class Tail:
    """How a view's values thin out beyond the highest of calibration: exponentially, in a unit of its own.

    −ln p does so itself, with a scale of 1; sums do in their logarithm, as a power of the sum (Hill 1975).
    """

    least_scale: float
    """How steep it may be: where calibration saw hardly any keys, its first is not infinitely odd."""
    least_sum: float | None = None
    """Of a sum: what is never beyond the highest of calibration, such as what a single flow can bring; else None."""

    def units(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values in the unit in which they thin out exponentially."""
        return values if self.least_sum is None else np.log(np.maximum(values, self.least_sum))

    def value(self, unit: float) -> float:
        """The value that so many units are."""
        return unit if self.least_sum is None else float(np.exp(min(unit, 700.0)))


class Lead(Enum):
    """What a sentence begins with."""

    REASONS = "what is unusual"
    AGAIN = "what goes on between the two"
    ANEW = "what else was begun"
    BY_THE_CLOCK = "how regularly one calls the other"
    WITHIN = "which hosts it begins to administer"
    MUCH = "how much it does where it has come lately"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A way for a flow to be odd."""

    name: str
    """Of its arrays in bundles and its field in alerts."""
    key: str
    """What it is the same for, in words."""
    state: tuple[str, Callable[[], ViewState]]
    """The state that it is worked out by, with the name that this is kept by; one of several views is made once."""
    tail: Tail
    odd_from: float
    """From which value a flow is odd at all: as one in a thousand, or as no single flow can be."""
    as_odd: str
    """The subject of the last words of an alert's sentence: how often benign traffic is so."""
    lead: Lead = Lead.REASONS
    share: float = 1.0
    """Of the budget: to it as the others' to theirs."""
    of_single_flows: bool = False
    """Whether it is made of what flows look like one by one: an alert is explained by that then."""
    columns: tuple[str, ...] = ()
    """Columns of numbers that its state asks for."""
    needs_s: float = 0.0
    """Seconds that must be watched to calibrate it: of fewer it has no values, and later all of them would be odd."""
    told: tuple[str, ...] = ()
    """What its state gives of each flow besides, by name, for the words of alerts."""
    joined: Callable[[Mapping[str, NDArray[np.float64]]], NDArray[np.float64]] | None = None
    """Its values (rows,) of what all states gave, by name, where one's own are not all of it."""
    directions: tuple[str, ...] = DIRECTIONS
    """In which it raises flows. In the others it has no value, and costs nothing."""
    counts_all: bool = False
    """Whether what training leaves out as oddest becomes known to its state, as it does in a daemon: where the state is
    itself the table of how often what occurs, it would lack its tail."""
    unseen_is_odd: bool = True
    """Whether whatever is above 0 may raise a flow where calibration never saw any; else only what is above
    ``odd_from``: among few flows a little of it is rare, and no more than that."""
    in_all: bool = False
    """Whether every bundle has it, and one without it is damaged; others were made before it was added."""


LEAST_SUM = 12.0
"""Nats of evidence or breadth that are never beyond the highest key of calibration: what a single flow can bring."""

_EVIDENCE = "evidence", EvidenceState

SURPRISE = View(
    name="surprise",
    key="the flow",
    state=_EVIDENCE,
    tail=Tail(least_scale=1.0),
    odd_from=7.0,
    as_odd="benign traffic is this odd",
    columns=evidence.COLUMNS,
    in_all=True,
)

EVIDENCE = View(
    name="evidence",
    key="source, destination and port",
    state=_EVIDENCE,
    tail=Tail(least_scale=0.25, least_sum=LEAST_SUM),
    odd_from=LEAST_SUM,
    as_odd="benign traffic keeps on being odd like this",
    lead=Lead.AGAIN,
    of_single_flows=True,
    in_all=True,
)

BREADTH = View(
    name="breadth",
    key="source and port, source and destination, or destination and port",
    state=_EVIDENCE,
    tail=Tail(least_scale=0.25, least_sum=LEAST_SUM),
    odd_from=LEAST_SUM,
    as_odd="benign hosts make this many odd new contacts",
    lead=Lead.ANEW,
    unseen_is_odd=False,
    in_all=True,
)

REGULARITY = View(
    name="regularity",
    key="source, destination and port",
    state=("pairs", PairState),
    tail=Tail(least_scale=0.25),
    odd_from=3.0,
    as_odd="benign hosts call somewhere by the clock like this",
    lead=Lead.BY_THE_CLOCK,
    share=2.0,
    needs_s=2.0 * WATCHED_S,
    columns=regular.COLUMNS,
    told=regular.TOLD,
)

REACH = View(
    name="reach",
    key="source",
    state=("reach", ReachState),
    tail=Tail(least_scale=0.25, least_sum=LARGEST - DRIFT),
    odd_from=LARGEST - DRIFT,
    as_odd="benign hosts begin to administer others like this",
    lead=Lead.WITHIN,
    needs_s=2.0 * REACH_WATCHED_S,
    columns=reach.COLUMNS,
    told=reach.TOLD,
)

EVIDENCES_POWER = 2.0
"""As a power of so much, or more, evidence thins out: by so many nats for each e times as much."""


def much_and_odd(found: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """How rare it is that a young pair does as much, and has as much evidence, in nats; 0 where it does not do much.

    The two know little of each other: one counts what is done, the other how odd each flow of it is.
    """
    nats: NDArray[np.float64] = found["volume"] + EVIDENCES_POWER * np.log1p(found[EVIDENCE.name])
    return np.where(found["volume"] > 0.0, nats, 0.0)


VOLUME = View(
    name="volume",
    key="source, destination and port",
    state=("volumes", VolumeState),
    tail=Tail(least_scale=0.5),
    odd_from=9.0,
    as_odd="benign hosts do this much at a new place",
    lead=Lead.MUCH,
    share=3.0,
    needs_s=2.0 * VOLUME_WATCHED_S,
    columns=volume.COLUMNS,
    told=volume.TOLD,
    joined=much_and_odd,
    directions=("outbound",),
    counts_all=True,
)

VIEWS = (SURPRISE, EVIDENCE, BREADTH, REGULARITY, REACH, VOLUME)


def told_within(views: Iterable[View], seconds: float) -> tuple[View, ...]:
    """Those that flows watched for so long can calibrate."""
    return tuple(view for view in views if seconds >= view.needs_s)


def fresh_states(views: Iterable[View] = VIEWS) -> dict[str, ViewState]:
    """The states that these views are worked out by, which know nothing yet; by the name that each is kept by."""
    return {name: make() for name, make in dict(view.state for view in views).items()}


def columns_of(views: Iterable[View]) -> tuple[str, ...]:
    """What they ask of a frame, beside what all do."""
    return tuple(dict.fromkeys(name for view in views for name in view.columns))
