"""Volume as a view: measured beside the others by ``bench.quiet``, and not among those that raise.

docs/research/volume.md says why. So nothing that a daemon starts with imports it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from detector.decisions.views import EVIDENCE, Tail, View
from detector.decisions.volume import COLUMNS, TOLD, VolumeState
from detector.decisions.volume_kernel import WATCHED_S

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
    share=2.0,
    needs_s=2.0 * WATCHED_S,
    columns=COLUMNS,
    told=TOLD,
    joined=much_and_odd,
)
