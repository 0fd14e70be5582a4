"""What comparing two models came to, as figures that can be added up over daemons. Pure.

A daemon writes its own to the registry, ``<model>/shadow/<challenger>/<member>.json``; whoever asks adds up those that
are fresh. Flows and incidents are those of the sampled sources alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from detector.shadow.written import Written, readable

FIGURES_VERSION = 1

SHIFT_STEP, SHIFT_BINS = 0.05, 241
"""Bins of the shift of p-values, in powers of ten: from −6 to 6, the outermost with all beyond."""

DAY_S = 86_400.0


class Figures(Written, kw_only=True):
    """One daemon's, or several daemons' added up."""

    figures_version: int = FIGURES_VERSION
    champion: str
    challenger: str
    share: float
    """Of sources, that are sampled."""
    failed: str = ""
    """Why the challenger is compared no more; empty where it is."""
    covered_s: float = 0.0
    """Time of the flows themselves that was compared; of several daemons the longest."""
    offered: int = 0
    """Flows of every source, that the champion judged meanwhile."""
    dropped: int = 0
    """Of these, flows that were left out since the challenger was late: windows lack them."""
    sources: int = 0
    both: int = 0
    """Flows that both raised, one alone, and neither."""
    champion_only: int = 0
    challenger_only: int = 0
    neither: int = 0
    incidents_both: int = 0
    incidents_gained: int = 0
    """That the challenger found, and the champion did not."""
    incidents_lost: int = 0
    shift: list[int] = msgspec.field(default_factory=lambda: [0] * SHIFT_BINS)
    """Flows by how much rarer the challenger holds them: log10 of the champion's p-value over the challenger's."""
    champion_s: float = 0.0
    champion_rows: int = 0
    challenger_s: float = 0.0

    @property
    def flows(self) -> int:
        """Sampled flows that were compared."""
        return self.both + self.champion_only + self.challenger_only + self.neither

    @property
    def agreement(self) -> float | None:
        """The share of flows decided alike."""
        return (self.both + self.neither) / self.flows if self.flows else None

    @property
    def jaccard(self) -> float | None:
        """Of the flows that either raised, the share that both did; None where neither raised any."""
        either = self.both + self.champion_only + self.challenger_only
        return self.both / either if either else None

    @property
    def kappa(self) -> float | None:
        """Cohen's: agreement beyond chance; None where one of them raised all or none."""
        if not self.flows:
            return None
        first, second = ((self.both + only) / self.flows for only in (self.champion_only, self.challenger_only))
        by_chance = first * second + (1 - first) * (1 - second)
        alike = (self.both + self.neither) / self.flows
        return (alike - by_chance) / (1 - by_chance) if by_chance < 1 else None

    @property
    def shift_decades(self) -> float | None:
        """The median shift; above 0 where the challenger holds flows to be rarer."""
        counts = np.cumsum(self.shift)
        if not counts[-1]:
            return None
        middle = int(np.searchsorted(counts, (counts[-1] + 1) // 2))
        return round((middle - SHIFT_BINS // 2) * SHIFT_STEP, 2)

    @property
    def champion_us(self) -> float | None:
        """Microseconds a record, of the champion."""
        return 1e6 * self.champion_s / self.champion_rows if self.champion_rows else None

    @property
    def challenger_us(self) -> float | None:
        """Likewise of the challenger."""
        return 1e6 * self.challenger_s / self.flows if self.flows else None

    @property
    def latency_ratio(self) -> float | None:
        """The challenger's time a record, over the champion's."""
        first, second = self.champion_us, self.challenger_us
        return None if not first or second is None else second / first

    @property
    def dropped_share(self) -> float:
        """Of the flows that were offered, those that were left out."""
        return self.dropped / self.offered if self.offered else 0.0

    @property
    def gained_per_day(self) -> float | None:
        """Incidents gained a day of the flows' time, as estimated for all sources."""
        return self._per_day(self.incidents_gained)

    @property
    def lost_per_day(self) -> float | None:
        """Likewise, those lost."""
        return self._per_day(self.incidents_lost)

    def _per_day(self, count: int) -> float | None:
        return count / self.share * DAY_S / self.covered_s if self.covered_s > 0 and self.share > 0 else None

    def decided(self, champion: NDArray[np.bool_], challenger: NDArray[np.bool_]) -> None:
        """Count flows by who raised them; shape (rows,) each."""
        both = int((champion & challenger).sum())
        only, other = int(champion.sum()) - both, int(challenger.sum()) - both
        self.both += both
        self.champion_only += only
        self.challenger_only += other
        self.neither += len(champion) - both - only - other

    def shifted(self, champion: NDArray[np.float64], challenger: NDArray[np.float64]) -> None:
        """Count flows by their p-values; shape (rows,) each."""
        tiny = np.finfo(np.float64).tiny
        decades = np.log10(np.maximum(champion, tiny)) - np.log10(np.maximum(challenger, tiny))
        places = np.clip(np.rint(decades / SHIFT_STEP) + SHIFT_BINS // 2, 0, SHIFT_BINS - 1).astype(np.intp)
        self.shift = (np.asarray(self.shift) + np.bincount(places, minlength=SHIFT_BINS)).tolist()

    def copy(self) -> Self:
        """The same, that later flows do not change."""
        return msgspec.structs.replace(self, shift=list(self.shift))


SUMMED = (
    *("offered", "dropped", "sources", "both", "champion_only", "challenger_only", "neither"),
    *("incidents_both", "incidents_gained", "incidents_lost", "champion_s", "champion_rows", "challenger_s"),
)


def total(parts: Sequence[Figures]) -> Figures | None:
    """Figures of one pair of models, added up; None of none. A source that several daemons read counts for each.

    The share is that of the flows' daemons, weighed by what each compared.
    """
    if not parts:
        return None
    flows = sum(part.flows for part in parts)
    share = sum(part.share * part.flows for part in parts) / flows if flows else parts[0].share
    return Figures(
        champion=parts[0].champion,
        challenger=parts[0].challenger,
        share=share,
        failed="; ".join(sorted({part.failed for part in parts if part.failed})),
        covered_s=max(part.covered_s for part in parts),
        shift=np.sum([part.shift for part in parts], axis=0).tolist(),
        **{name: sum(getattr(part, name) for part in parts) for name in SUMMED},
    )


def read_figures(files: Iterable[bytes]) -> list[Figures]:
    """Those that can be read; what is damaged, or of another version, is passed over."""
    found = readable(files, Figures)
    return [each for each in found if each.figures_version == FIGURES_VERSION and len(each.shift) == SHIFT_BINS]


def told(figures: Figures) -> dict[str, float | int | str | None]:
    """What people and programs are shown of them."""
    names = (
        *("share", "flows", "sources", "covered_s", "dropped_share", "agreement", "kappa", "jaccard", "both"),
        *("champion_only", "challenger_only", "neither", "incidents_both", "incidents_gained", "incidents_lost"),
        *("gained_per_day", "lost_per_day", "shift_decades", "champion_us", "challenger_us", "latency_ratio", "failed"),
    )
    return {name: getattr(figures, name) for name in names}
