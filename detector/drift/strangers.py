"""Whether flows come from hosts that a model's training saw, or from another device or network.

A model knows hosts by what its training ended with: the windows in its bundle. Where most flows from inside are of
hosts that are not in there, windows have no past of them, and habits, ages and first contacts tell of the model's
network, not of this one. Sources on the Internet are left out: they are new everywhere. Pure.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl

from detector.bundle.loaded_model import LoadedModel
from detector.drift.turning import Block, Turning
from detector.errors import InputError
from detector.features.replay import fresh_windows
from detector.features.windows_keys import hashes_of
from detector.features.windows_known import KnownSources
from detector.net.addresses import PRIVATE, read_addresses
from detector.net.networks import Networks

STRANGE = 0.5
"""Of flows from inside hosts, so many are of hosts that training never saw: another device, or another network."""

FAMILIAR = 0.25
"""Below it, the daemon takes them for the model's own again."""

LEAST_FLOWS = 100
"""Of fewer nothing is said."""

BLOCK_FLOWS = 1_000
"""So many flows from inside are looked at together by the daemon, and what a batch adds beyond."""

EVERY = 32
"""Of flows one is looked at, once a first block has told; until then all are."""

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
            " own traffic (oddflow train), and until then name this version in model.of_elsewhere"
        )


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """The hosts that a model's training ended with."""

    sources: KnownSources
    inside: Networks
    """Beside private addresses; the model's."""

    @classmethod
    def of(cls, model: LoadedModel) -> Self | None:
        """Those of its bundle; None where it does not know its sources. Raises InputError for windows of another."""
        windows = fresh_windows(model.extractor)
        if model.beginning is None or windows is None or not windows.keeps_sources:
            return None
        for partition, parts in model.beginning.partitions.items():
            if WINDOWS in parts:
                windows.restore(partition, parts[WINDOWS])
        return cls(windows.known_sources(), model.extractor.inside)

    def of_inside(self, sources: pl.Series) -> pl.Series:
        """Those of some flows' ``sources``, addresses, that are inside."""
        hosts = sources.unique()
        inside = read_addresses(hosts, self.inside).kinds & PRIVATE > 0
        return sources.filter(sources.is_in(hosts.filter(pl.Series(inside)).implode()))

    def count(self, sources: pl.Series) -> Strangers:
        """Count flows by whether training saw their ``sources``, addresses from inside."""
        hosts = sources.rename("host").value_counts(name="flows")
        new, flows = ~self.sources.knows(hashes_of(hosts["host"])), hosts["flows"].to_numpy()
        return Strangers(int(flows.sum()), int(flows[new].sum()), len(hosts), int(np.count_nonzero(new)))


def strangers(model: LoadedModel, frame: pl.DataFrame) -> Strangers | None:
    """Count flows by whether training saw their sources; None where the model does not know its sources.

    Raises InputError for windows that are not the model's.
    """
    known = KnownHosts.of(model)
    return None if known is None else known.count(known.of_inside(frame["src_ip"]))


class StrangerWatch:
    """Adds batches up to blocks, for one model; make a new one when another takes over."""

    @classmethod
    def of(cls, model: LoadedModel) -> Self:
        """One for this model. Of windows that are another's it says nothing: whoever begins with them does."""
        known = None
        with suppress(InputError):
            known = KnownHosts.of(model)
        return cls(known)

    def __init__(self, known: KnownHosts | None, *, block_flows: int = BLOCK_FLOWS, every: int = EVERY) -> None:
        self._known = known
        self._block_flows = block_flows
        self._later = every
        self._every = 1
        self._seen = 0
        self._waiting: list[pl.Series] = []
        self._count = 0
        self._inside: list[pl.Series] = []
        self._held = 0
        self._elsewhere = Turning()

    def look(self, sources: pl.Series) -> Block[Strangers] | None:
        """Take the addresses of a batch's sources; give a block where one is full, else None."""
        if self._known is None:
            return None
        first = -self._seen % self._every
        self._seen += len(sources)
        if first < len(sources):
            self._waiting.append(sources.gather_every(self._every, first))
            self._count += len(self._waiting[-1])
        if self._held + self._count < self._block_flows:
            return None
        self._inside.append(self._known.of_inside(pl.concat(self._waiting)))
        self._held += len(self._inside[-1])
        self._waiting, self._count = [], 0
        if self._held < self._block_flows:  # the others are of the Internet
            return None
        counts = self._known.count(pl.concat(self._inside))
        self._inside, self._held = [], 0
        self._every = self._later
        return Block(counts, self._elsewhere.turn(begins=counts.elsewhere, lasts=counts.share >= FAMILIAR))
