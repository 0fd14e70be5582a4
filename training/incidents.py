"""What benign targets reach, on the time that a model was trained on: each stretch weighed as if it came last.

Evidence and breadth depend on what was known before: which targets are new, what is a habit. A daemon begins with what
training ended with, so a stretch is weighed by a state that all *other* stretches have passed, and not this one. Those
that came later pass first, moved back in time to end where the first one begins; then those before, then the stretch
itself. So the first is not all new, and no target is known by what it is to be judged for.

What passes and is kept is what may become known: neither flows labelled attack nor those left out as oddest. Where a
view counts all (:attr:`~detector.decisions.views.View.counts_all`), the latter are known, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.decisions.assessment import Assessment, assess
from detector.decisions.passed import Passed
from detector.decisions.views import VIEWS, View, ViewState, fresh_states

States = Mapping[str, ViewState]
"""By the name that each is kept by."""

JUNCTION_S = 60.0
"""Between the end of what was moved back in time and the first flow."""


@dataclass(frozen=True, slots=True)
class Passing:
    """Flows that pass by the views, in order of time; shape (rows,) each."""

    flows: Passed
    """Their surprises are each by models that did not see its stretch."""
    known: NDArray[np.bool_]
    """Which may become known, habitual and usual; the others are weighed alone."""
    stretches: NDArray[np.intp]
    """The number of each one's stretch, from 0, ascending."""
    views: tuple[View, ...] = VIEWS

    def pass_through(self, states: States, rows: NDArray[np.intp], moved_s: float = 0.0) -> Assessment:
        """Weigh these rows by ``states``, so many seconds before their time, and add them to these."""
        return assess(self.flows.take(rows, moved_s), states, self.views)

    def teach(self, states: States, rows: NDArray[np.bool_], moved_s: float = 0.0) -> None:
        """Add those of these rows that may become known, so many seconds before their time."""
        whole = {view.state[0] for view in self.views if view.counts_all}
        for counts_all in (False, True):
            some = {name: state for name, state in states.items() if (name in whole) is counts_all}
            if some:
                flows = self.flows.take(np.flatnonzero(rows if counts_all else rows & self.known), moved_s)
                for state in some.values():
                    state.assessed(flows)

    def ended_with(self) -> States:
        """What daemons begin with: the views' states after all that may become known."""
        states = fresh_states(self.views)
        self.teach(states, np.ones(len(self.known), np.bool_))
        return states


def unseen_assessment(passing: Passing, span_s: float) -> Assessment:
    """How odd each flow is, by what went before it in its stretch and all that is in the others.

    From the first flow to the last are ``span_s`` seconds; the few whose times are beyond that count as near them.
    """
    found = Assessment.blank(len(passing.known), passing.views)
    if not len(passing.known):
        return found
    moved = span_s + JUNCTION_S
    for stretch in np.unique(passing.stretches).tolist():
        states = fresh_states(passing.views)
        passing.teach(states, passing.stretches > stretch, moved)
        passing.teach(states, passing.stretches < stretch)
        rows = np.flatnonzero(passing.stretches == stretch)
        for place, values in zip(found.values, passing.pass_through(states, rows).values, strict=True):
            place[rows] = values
    return found
