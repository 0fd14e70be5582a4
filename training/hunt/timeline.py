"""Time as a picture: strips of inline SVG that stretch with the page; their labels are text beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 240
"""Of a strip: on a wide page a few pixels each."""

HEIGHT = 24

LEAST_HEIGHT = 3.0
"""Of a bar that stands for one flow, so that it is seen."""


@dataclass(frozen=True, slots=True)
class Axis:
    """From one moment to another, in seconds since 1970."""

    start: float
    end: float

    def bins(self, ts: NDArray[np.float64]) -> NDArray[np.intp]:
        """The bin of each moment; those before and after are in the first and the last."""
        share = (ts - self.start) / max(self.end - self.start, 1e-9)
        places: NDArray[np.intp] = np.clip((share * BINS).astype(np.intp), 0, BINS - 1)
        return places

    def ticks(self, count: int) -> list[float]:
        """So many moments, evenly spread, from the first to the last."""
        moments: list[float] = np.linspace(self.start, self.end, count).tolist()
        return moments


def bars(axis: Axis, ts: NDArray[np.float64], title: str, css: str = "") -> str:
    """How many flows began when, as bars; their height grows with the logarithm. ``title`` is escaped already."""
    counts = np.bincount(axis.bins(ts), minlength=BINS)
    heights = np.where(
        counts > 0, np.maximum(np.log1p(counts) / np.log1p(max(counts.max(), 1)) * HEIGHT, LEAST_HEIGHT), 0.0
    )
    path = "".join(
        f"M{place} {HEIGHT}v-{heights[place]:.3g}h1v{heights[place]:.3g}z" for place in np.flatnonzero(counts).tolist()
    )
    return (
        f'<svg class="strip {css}" viewBox="0 0 {BINS} {HEIGHT}" preserveAspectRatio="none" role="img"'
        f' aria-label="{title}"><title>{title}</title><path d="{path}"/></svg>'
    )
