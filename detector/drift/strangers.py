"""Whether flows come from hosts that a model's training saw, or from another device or network.

A model knows hosts by what its training ended with: the windows in its bundle. Where most flows from inside are of
hosts that are not in there, windows have no past of them, and habits, ages and first contacts tell of the model's
network, not of this one. Sources on the Internet are left out: they are new everywhere. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from detector.bundle.loaded_model import LoadedModel
from detector.features.replay import fresh_windows
from detector.features.windows_keys import hashes_of
from detector.net.addresses import PRIVATE, read_addresses

STRANGE = 0.5
"""Of flows from inside hosts, so many are of hosts that training never saw: another device, or another network."""

LEAST_FLOWS = 100
"""Of fewer nothing is said."""

WINDOWS = "windows"


@dataclass(frozen=True, slots=True)
class Strangers:
    """Of flows from inside hosts, how many training did not know, and how many such hosts there are."""

    flows: int
    strange: int
    hosts: int
    strange_hosts: int

    @property
    def share(self) -> float:
        """Of the flows, 0 to 1; 0 of none."""
        return self.strange / self.flows if self.flows else 0.0

    @property
    def elsewhere(self) -> bool:
        """Whether the flows are of another device or network than the model."""
        return self.flows >= LEAST_FLOWS and self.share >= STRANGE

    def told(self, model: str) -> str:
        """In words, where it is elsewhere: what that means and what to do. ``model`` is its name and version."""
        return (
            f"{self.strange:,} of {self.flows:,} flows from inside ({self.share:.1%}) are of {self.strange_hosts:,} of"
            f" {self.hosts:,} hosts that training never saw: model {model} was trained on another device or network."
            " What it knows of single flows carries over; its windows, habits and thresholds do not. Train one on its"
            " own traffic (oddflow train)"
        )


def strangers(model: LoadedModel, frame: pl.DataFrame) -> Strangers | None:
    """Count flows by whether training saw their sources; None where the model does not know its sources.

    Raises InputError for windows that are not the model's.
    """
    windows = fresh_windows(model.extractor)
    if model.beginning is None or windows is None:
        return None
    for partition, parts in model.beginning.partitions.items():
        if WINDOWS in parts:
            windows.restore(partition, parts[WINDOWS])
    if not windows.keeps_sources:
        return None
    hosts = frame.group_by("src_ip").len()
    inside = read_addresses(hosts["src_ip"], model.extractor.inside).kinds & PRIVATE > 0
    hosts = hosts.filter(pl.Series(inside))
    new, flows = ~windows.knows(hashes_of(hosts["src_ip"])), hosts["len"].to_numpy()
    return Strangers(int(flows.sum()), int(flows[new].sum()), len(hosts), int(np.count_nonzero(new)))
