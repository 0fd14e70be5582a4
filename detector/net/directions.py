"""From which side to which a flow goes, told by its addresses: four populations, of which each is odd in its own way.

An address is *inside* if it is private (``detector.net.addresses``) or of a network that is said to be; so is what
never leaves a network, multicast and broadcast. Thresholds, alerts and cards go by it alone; what a sensor says of a
flow's direction, by networks of its own, is a column of the record like any other.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.net.addresses import BROADCAST, MULTICAST, PRIVATE, read_addresses
from detector.net.networks import NOWHERE, Networks

_INSIDE = PRIVATE | MULTICAST | BROADCAST


def directions_of(frame: pl.DataFrame, inside: Networks = NOWHERE) -> NDArray[np.int64]:
    """Give the place in ``DIRECTIONS`` of :mod:`detector.records.flow` of each flow; shape (rows,)."""
    source, destination = (
        (read_addresses(frame[name], inside).kinds & _INSIDE > 0).astype(np.int64) for name in ("src_ip", "dst_ip")
    )
    return source + 2 * destination
