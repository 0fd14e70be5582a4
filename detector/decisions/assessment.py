"""How odd flows are, by each view: by themselves, by what went before at the same target, by what else was begun."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from detector.decisions.passed import Passed
from detector.decisions.views import VIEWS, View, ViewState


@dataclass(frozen=True, slots=True)
class Assessment:
    """How odd flows are; sums and surprise in nats."""

    views: tuple[View, ...]
    values: tuple[NDArray[np.float64], ...]
    """Of each view; shape (rows,) each."""
    told: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """What views tell of flows besides, by name; likewise. Empty where nobody is told."""

    @classmethod
    def of(cls, *values: NDArray[np.float64], views: tuple[View, ...] = VIEWS) -> Self:
        """Of values (rows,), in the order of the views."""
        if len(values) != len(views):
            raise ValueError(f"{len(values)} arrays are not of {len(views)} views")
        return cls(views, values)

    @classmethod
    def blank(cls, rows: int, views: tuple[View, ...] = VIEWS) -> Self:
        """Nothing odd, of so many rows."""
        return cls(views, tuple(np.zeros(rows) for _ in views))

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        """The values of a view, by its name."""
        return self.values[[view.name for view in self.views].index(name)]

    def take(self, rows: NDArray[np.intp]) -> Self:
        """Only these rows."""
        told = {name: values[rows] for name, values in self.told.items()}
        return type(self)(self.views, tuple(values[rows] for values in self.values), told)


def assess(flows: Passed, states: Mapping[str, ViewState], views: tuple[View, ...] = VIEWS) -> Assessment:
    """Weigh flows in record order by ``states``, which are of these views, and add them to these."""
    found: dict[str, NDArray[np.float64]] = {}
    for name in dict.fromkeys(view.state[0] for view in views):
        found |= states[name].assessed(flows)
    told = {name: found[name] for view in views for name in view.told}
    values = (found[view.name] if view.joined is None else view.joined(found) for view in views)
    return Assessment(views, tuple(values), told)
