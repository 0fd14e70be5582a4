"""What the kernel has to do for the columns that are asked for, and nothing else: which sums it keeps, where, and why.

A column needs sums, a sum needs a damping, a distinct count needs a sketch, a count of what is new needs the tables
and sightings that tell. What no column needs is neither computed nor kept, and takes no memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.features.windows_columns import DISTINCT, LOGARITHM, Windows, law_of, scale_name
from detector.features.windows_statistics import FLAGS, KEYS, MOMENTS, STATISTICS
from detector.kernels.hash_table import HEADER_WORDS

MARKS = 64
"""Of a sketch."""

PASSED, AGE, PEER_AGE, PORT_AGE = range(4)
"""The times that are damped over: since the key's last flow, its first, and since a mark was set."""

ONE, FIRST_VALUE, GAP, GAP_SQUARED, NEW = 0, 1, 5, 6, 7
"""What sums add: one, the flow's four values, its log gap and that squared, whether it is the first of its kind."""

INPUTS = 8

NOWHERE = -1

_MEANS = ("out", "in", "failed", "unanswered")
_SUMS = ("flows", *_MEANS, "gap", "gap_squared", "peers", "ports", "new")
_ADDS = dict(zip(_SUMS, (ONE, 1, 2, 3, 4, GAP, GAP_SQUARED, ONE, ONE, NEW), strict=True))
_NEEDS = {
    **{name: ("flows", name) for name in _MEANS},
    "gap": ("flows", "gap"),
    "gap_spread": ("flows", "gap", "gap_squared"),
}
"""The sums behind a statistic, where they are not the one of its name."""

_SKETCH_AGES = {"peers": PEER_AGE, "ports": PORT_AGE}

_TABLES = {"source": (0,), "destination": (1,), "pair": (2,)}
_FLAG_NEEDS = {**_TABLES, "pair_port": (3,), "source_port": (4,), "destination_port": (5,), "source_service": (6,)}
_NEW_NEEDS = {"source": (2, 4), "destination": (2, 5), "pair": (3,)}
"""Which tables (0 to 2, as :data:`KEYS`) and sightings (3 to 6) tell what is new."""

NEEDS = 7


class KeyPlan(NamedTuple):
    """What is done for one key. Columns are places in a row of the raw matrix; sums and dampings are numbered."""

    places: NDArray[np.int32]
    """The columns of :data:`MOMENTS`, where the sketches of ports and peers begin in a row, whether log gaps are
    needed, and where the sums end; NOWHERE for what is not wanted."""
    rates: NDArray[np.float64]
    """Of each damping: per second."""
    times: NDArray[np.uint32]
    """Of each damping: one of PASSED, AGE, PEER_AGE, PORT_AGE."""
    sums: NDArray[np.uint32]
    """Of each sum: its damping, what it adds, and the damping to take off, or the number after the last for none."""
    grown: NDArray[np.uint32]
    """Columns that are one more than a sum: sum, column."""
    shares: NDArray[np.uint32]
    """Columns that are a share of the flows: sum, the sum of flows, column."""
    gaps: NDArray[np.int32]
    """A scale's gaps: their sum, of squares, of flows, the damping of the age, the columns of mean and spread."""
    gap_half_lives: NDArray[np.float64]
    distinct: NDArray[np.uint32]
    """Columns that count marks: sum, column."""


class Plan(NamedTuple):
    """What is done for a record: for its flags and for each of its keys."""

    needs: NDArray[np.bool_]
    """Which tables and sightings are needed."""
    flags: NDArray[np.int32]
    """The column of each flag, or NOWHERE."""
    keys: tuple[KeyPlan, KeyPlan, KeyPlan]


@dataclass(frozen=True, slots=True)
class Layout:
    """The windows and their plan, how wide rows are, what is kept, and how raw columns lie before their logarithms."""

    windows: Windows
    plan: Plan
    widths: tuple[int, ...]
    """Words of a row of each table."""
    kept: tuple[str, ...]
    """The names of all that is kept: windows with the same have the same state."""
    distinct: int
    logarithms: int
    """Where, in the raw matrix, distinct counts end, and then logarithms; what has neither comes last."""
    back: NDArray[np.intp] | None
    """Where each feature stands in the raw matrix; None if the order is the same."""

    @classmethod
    def of(cls, windows: Windows) -> Layout:
        """Find out what these windows need."""
        laws = np.array([law_of(column) for column in windows.columns], dtype=np.intp)
        ranks = np.argsort(laws, kind="stable")
        back = None if bool((np.diff(ranks) > 0).all()) else np.argsort(ranks)
        columns = {windows.columns[rank]: place for place, rank in enumerate(ranks.tolist())}
        makers = [_KeyMaker(key, windows.half_lives_s, columns) for key in KEYS]
        needs = _needs(columns, makers)
        flags = np.array([columns.get(f"{flag}_first", NOWHERE) for flag in FLAGS], np.int32)
        source, destination, pair = (maker.plan() for maker in makers)
        kept = [name for maker in makers for name in maker.kept()]
        kept += [f"need {place}" for place in np.flatnonzero(needs).tolist()]
        distinct = int((laws == DISTINCT).sum())
        return cls(
            windows,
            Plan(needs, flags, (source, destination, pair)),
            tuple(maker.width for maker in makers),
            tuple(kept),
            distinct,
            distinct + int((laws == LOGARITHM).sum()),
            back,
        )


@dataclass(slots=True)
class _KeyMaker:
    """Collects what the columns of one key need."""

    key: str
    half_lives_s: tuple[float, ...]
    columns: dict[str, int]
    dampings: dict[tuple[int, float], int] = field(default_factory=dict)
    sums: dict[tuple[str, float], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for scale in self.half_lives_s:
            wanted = {name for statistic in self._wanted(scale) for name in _NEEDS.get(statistic, (statistic,))}
            for name in filter(wanted.__contains__, _SUMS):
                self.sums[name, scale] = len(self.sums)

    @property
    def wanted(self) -> bool:
        """Whether any column is of this key."""
        return bool(self.sums) or any(f"{self.key}_{moment}" in self.columns for moment in MOMENTS)

    @property
    def width(self) -> int:
        """Words of a row, in whole cache lines."""
        return -(-self._sketch_at("") // 16) * 16

    def kept(self) -> list[str]:
        """The names of its sums, and whether it keeps the last gap."""
        names = [f"{self.key} {name} {scale:g}" for name, scale in self.sums]
        return [*names, f"{self.key} log gap"] if self._log_gap else names

    def sums_of(self, statistic: str) -> bool:
        """Whether a sum is kept at any scale."""
        return any(name == statistic for name, _ in self.sums)

    def plan(self) -> KeyPlan:
        """Put it all into arrays."""
        sums = [self._sum(name, scale) for name, scale in self.sums]
        gaps = [self._gap(scale) for scale in self.half_lives_s if ("gap", scale) in self.sums]
        # Asked for last: the others add dampings.
        dampings = list(self.dampings)
        sums = [(damping, adds, len(dampings) if less == NOWHERE else less) for damping, adds, less in sums]
        sketches = [self._sketch_at(name) if self.sums_of(name) else NOWHERE for name in ("ports", "peers")]
        moments = [self.columns.get(f"{self.key}_{moment}", NOWHERE) for moment in MOMENTS]
        return KeyPlan(
            places=np.array([*moments, *sketches, int(self._log_gap), HEADER_WORDS + len(self.sums)], np.int32),
            rates=np.array([1.0 / scale for _, scale in dampings]),
            times=np.array([time for time, _ in dampings], np.uint32),
            sums=_table(sums, 3, np.uint32),
            grown=_table(self._each(("flows", "new"), lambda name, scale: (self.sums[name, scale],)), 2, np.uint32),
            shares=_table(
                self._each(_MEANS, lambda name, scale: (self.sums[name, scale], self.sums["flows", scale])),
                3,
                np.uint32,
            ),
            gaps=_table(gaps, 6, np.int32),
            gap_half_lives=np.array([scale for scale in self.half_lives_s if ("gap", scale) in self.sums]),
            distinct=_table(self._each(_SKETCH_AGES, lambda name, scale: (self.sums[name, scale],)), 2, np.uint32),
        )

    @property
    def _log_gap(self) -> bool:
        return self.sums_of("gap") or f"{self.key}_gap_change" in self.columns

    def _column(self, statistic: str, scale: float) -> int:
        return self.columns.get(f"{self.key}_{statistic}_{scale_name(scale)}", NOWHERE)

    def _wanted(self, scale: float) -> list[str]:
        return [statistic for statistic in STATISTICS if self._column(statistic, scale) != NOWHERE]

    def _each(self, names: Iterable[str], sums: Callable[[str, float], tuple[int, ...]]) -> list[tuple[int, ...]]:
        """Of each wanted column of these statistics: its sums, and the column."""
        return [
            (*sums(name, scale), self._column(name, scale))
            for scale in self.half_lives_s
            for name in names
            if self._column(name, scale) != NOWHERE
        ]

    def _damping(self, time: int, scale: float) -> int:
        return self.dampings.setdefault((time, scale), len(self.dampings))

    def _sum(self, name: str, scale: float) -> tuple[int, int, int]:
        less = self._damping(_SKETCH_AGES[name], scale) if name in _SKETCH_AGES else NOWHERE
        return self._damping(PASSED, scale), _ADDS[name], less

    def _share(self, name: str, scale: float) -> tuple[int, int]:
        return self.sums[name, scale], self.sums["flows", scale]

    def _gap(self, scale: float) -> tuple[int, ...]:
        kept = self.sums
        sums = kept["gap", scale], kept.get(("gap_squared", scale), NOWHERE), kept["flows", scale]
        columns = self._column("gap", scale), self._column("gap_spread", scale)
        return (*sums, self._damping(AGE, scale), *columns)

    def _sketch_at(self, name: str) -> int:
        """Where a sketch begins in a row, or, for no name, where all end."""
        at = HEADER_WORDS + len(self.sums)
        for sketch in ("ports", "peers"):
            if sketch == name:
                return at
            at += MARKS * self.sums_of(sketch)
        return at


def _needs(columns: Iterable[str], makers: Iterable[_KeyMaker]) -> NDArray[np.bool_]:
    needs = np.zeros(NEEDS, np.bool_)
    for flag, needed in _FLAG_NEEDS.items():
        needs[list(needed)] |= f"{flag}_first" in columns
    for maker in makers:
        needs[list(_TABLES[maker.key])] |= maker.wanted
        needs[list(_NEW_NEEDS[maker.key])] |= maker.sums_of("new")
    return needs


def _table(rows: Sequence[tuple[int, ...]], width: int, dtype: Any) -> NDArray[Any]:
    return np.array(rows, dtype).reshape(len(rows), width)
