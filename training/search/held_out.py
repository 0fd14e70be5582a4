"""The flows cut in two, before anything is chosen: those to choose by, and a last stretch that has no part in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Self

import msgspec
import numpy as np

from detector.errors import InputError
from detector.features.extra import has_addresses
from training.evaluation.marked import Marked
from training.evaluation.measure import marked_of
from training.evaluation.prepared import prepared, settled
from training.evaluation.report import Protocol
from training.search.material import Material
from training.stretches import LEAST_ROWS
from training.train import Recipe, TellStep
from training.watched import Watched, ends_of

LEAST_LATER = 50
"""Flows of which a stretch tells anything at all."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Flows with a moment that parts them."""

    whole: Marked
    start: float
    """Of the untouched stretch, seconds since 1970."""

    @classmethod
    def of(cls, whole: Marked, share: float) -> Self:
        """Cut off the last ``share`` of the time watched. Raises InputError where either part has too little."""
        if not has_addresses(whole.frame):
            raise InputError(
                "searching: flows have no addresses, without which no later stretch can be judged as a daemon would"
                " judge it; give flows with src_ip and dst_ip"
            )
        ts = whole.frame["ts"].to_numpy()
        watched = Watched.of(ts, ends_of(whole.frame))
        if not watched.seconds:
            raise InputError("searching: flows span no time, so that none are later than others; give more data")
        start = float(watched.moments(np.array([(1.0 - share) * watched.seconds]))[0])
        found = cls(whole, start)
        before, after = int((ts < start).sum()), int((whole.benign & (ts >= start)).sum())
        if before < 2 * LEAST_ROWS or after < LEAST_LATER:
            raise InputError(
                f"searching: {before:,} flows to choose by and {after:,} benign later ones are too few, at least"
                f" {2 * LEAST_ROWS} and {LEAST_LATER} are needed; give more data, or another --held-out than {share:g}"
            )
        return found

    @property
    def chosen_by(self) -> Marked:
        """The flows before it."""
        return self.whole.take(self.whole.frame["ts"].to_numpy() < self.start)

    @property
    def untouched(self) -> Marked:
        """The flows of it."""
        return self.whole.take(self.whole.frame["ts"].to_numpy() >= self.start)

    def digest(self) -> str:
        """Of the flows and the truth about them: where it is the same, values can be held against each other."""
        frame, found = self.whole.frame, hashlib.sha256()
        for name in ("ts", "src_bytes", "dst_bytes", "src_port", "dst_port"):
            found.update(np.ascontiguousarray(frame[name].cast(float).fill_null(-1.0).to_numpy()).tobytes())
        for name in ("src_ip", "dst_ip"):
            found.update("\n".join(frame[name].fill_null("")).encode())
        for mask in (self.whole.attack, self.whole.benign):
            found.update(np.packbits(mask).tobytes())
        if self.whole.partitions is not None:
            found.update(self.whole.partitions.tobytes())
        return found.hexdigest()

    def material(
        self, recipe: Recipe, protocol: Protocol, notes: list[str], tell: TellStep
    ) -> tuple[Material, Protocol]:
        """Make ready what trials are tried on, and say where its attacks come from.

        Raises InputError where there are too few flows, or there is no attack to find.
        """
        few = marked_of(self.chosen_by.frame, recipe, self.chosen_by.partitions)
        protocol = settled(few, recipe, protocol, notes)
        if protocol.attacks == "none":
            raise InputError(f"searching: there is nothing to choose by: {notes[-1]}")
        ready = prepared(few, recipe, protocol, notes)
        return Material.of(ready, ready.features(recipe, tell), protocol.prevalence), protocol

    def final_protocol(self, recipe: Recipe, protocol: Protocol) -> Protocol:
        """How the untouched stretch is measured: trained on all before it, then judged as a daemon would."""
        later = msgspec.structs.replace(protocol, folds=0, time_splits=1, tested_from=self.start)
        return settled(self.untouched, recipe, later, [])
