"""Hosts that were new where they were judged, and will not be for a daemon that has seen all of the training time.

Each of n stretches of time is judged by the n - 1 others. A host that was away on one of two days is a new host to what
judges the other: all that it does then is odd, and would set the thresholds. But a daemon begins with both days and
knows it. Fewer hosts are new to it: where Q1 hosts are in one stretch and Q2 in two, the share

    (n - 1) Q1 / ((n - 1) Q1 + 2 Q2)

of those that were new to a stretch each (Chao 1987; Colwell et al. 2012), which is exact where all are there equally
often, as a network's own hosts about are. So many of them count as new still; the others are left out.

Targets are new more often than that, and no rule was found that tells how often by a few stretches: see
docs/explanation/design.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detector.records.flow import DIRECTIONS

_FROM_INSIDE = [place for place, name in enumerate(DIRECTIONS) if name in {"outbound", "internal"}]


def share_still_new(once: int, twice: int, stretches: int) -> float:
    """Of hosts that one of so many stretches alone has, how many one more would have anew: 0 to 1.

    ``once`` and ``twice`` are how many hosts are in one and in two of them.
    """
    fewer = (stretches - 1) * once
    return fewer / (fewer + 2 * twice) if fewer else 1.0


def met_anew(
    sources: NDArray[np.uint64], directions: NDArray[np.int64], stretches: NDArray[np.intp], count: int
) -> NDArray[np.bool_]:
    """Which rows (rows,) tell what a daemon will meet: all but those of inside hosts that it would know by then.

    ``sources`` are hashes of addresses; of the hosts of one stretch alone, those with the lowest are left out.
    ``count`` is how many stretches there are.
    """
    kept = np.ones(len(sources), np.bool_)
    rows = np.flatnonzero(np.isin(directions, _FROM_INSIDE))
    hosts, number = np.unique(sources[rows], return_inverse=True)
    seen = np.zeros((len(hosts), count), np.bool_)
    seen[number, stretches[rows]] = True
    times = seen.sum(axis=1)
    alone = np.flatnonzero(times == 1)
    share = share_still_new(len(alone), int((times == 2).sum()), count)
    known = np.zeros(len(hosts), np.bool_)
    known[alone[: round((1.0 - share) * len(alone))]] = True
    kept[rows] = ~known[number]
    return kept
