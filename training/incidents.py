"""What benign targets reach, on the time that a model was trained on: each stretch weighed as if it came last.

Evidence and breadth depend on what was known before: which targets are new, what is a habit. A daemon begins with what
training ended with, so a stretch is weighed by a state that all *other* stretches have passed, and not this one. Those
that came later pass first, moved back in time to end where the first one begins; then those before, then the stretch
itself. So the first is not all new, and no target is known by what it is to be judged for.

What passes and is kept is what may become known: neither flows labelled attack nor those left out as oddest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.decisions.assessment import VIEWS, Assessment
from detector.decisions.evidence import EvidenceKeys, EvidenceState, Surprises, evidence_keys

JUNCTION_S = 60.0
"""Between the end of what was moved back in time and the first flow."""


@dataclass(frozen=True, slots=True)
class Passing:
    """Flows that pass through evidence, in order of time; shape (rows,) each."""

    keys: EvidenceKeys
    ts: NDArray[np.float64]
    surprises: Surprises
    """Each by models that did not see its stretch."""
    partitions: NDArray[np.int32]
    """That each came by."""
    known: NDArray[np.bool_]
    """Which may become known, habitual and usual; the others are weighed alone."""
    stretches: NDArray[np.intp]
    """The number of each one's stretch, from 0, ascending."""

    @classmethod
    def of(
        cls,
        frame: pl.DataFrame,
        surprises: Surprises,
        partitions: NDArray[np.int32],
        known: NDArray[np.bool_],
        stretches: NDArray[np.intp],
    ) -> Passing:
        """Of a frame of flows, with what is known of each."""
        return cls(evidence_keys(frame), frame["ts"].to_numpy(), surprises, partitions, known, stretches)

    def pass_through(self, state: EvidenceState, rows: NDArray[np.intp], moved_s: float = 0.0) -> Assessment:
        """Weigh these rows in ``state``, so many seconds before their time, and add them to it."""
        return state.update(
            EvidenceKeys(*(keys[rows] for keys in self.keys)),
            self.ts[rows] - moved_s,
            Surprises(*(values[rows] for values in self.surprises)),
            self.partitions[rows],
        )

    def ended_with(self) -> EvidenceState:
        """What daemons begin with: the evidence after all that may become known."""
        state = EvidenceState()
        self.pass_through(state, np.flatnonzero(self.known))
        return state


def unseen_assessment(passing: Passing, span_s: float) -> Assessment:
    """How odd each flow is, by what went before it in its stretch and all that is in the others.

    From the first flow to the last are ``span_s`` seconds; the few whose times are beyond that count as near them.
    """
    found = Assessment(*(np.zeros(len(passing.ts)) for _ in VIEWS))
    if not len(passing.ts):
        return found
    moved = span_s + JUNCTION_S
    for stretch in np.unique(passing.stretches).tolist():
        state = EvidenceState()
        passing.pass_through(state, np.flatnonzero(passing.known & (passing.stretches > stretch)), moved)
        passing.pass_through(state, np.flatnonzero(passing.known & (passing.stretches < stretch)))
        rows = np.flatnonzero(passing.stretches == stretch)
        for place, values in zip(found.values(), passing.pass_through(state, rows).values(), strict=True):
            place[rows] = values
    return found
