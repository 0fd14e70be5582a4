"""The columns of a batch of flows as arrays, each made once, when a family of features first asks for it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.features.encoders import Encoders, ports_of
from detector.net.addresses import Addresses, read_addresses
from detector.net.networks import NOWHERE, Networks

T = TypeVar("T")


class Flows:
    """A frame of canonical flows (``detector.records.flow``) on its way to being features.

    Asks the frame for named columns only: neither labels nor row numbers can reach a feature through it.
    """

    def __init__(self, frame: pl.DataFrame, encoders: Encoders, inside: Networks = NOWHERE) -> None:
        self._frame = frame
        self._encoders = encoders
        self._inside = inside
        self._made: dict[Hashable, object] = {}

    def numbers(self, column: str) -> NDArray[np.float64]:
        """A numeric column; null is NaN."""
        return self._once(("numbers", column), lambda: self._frame[column].cast(pl.Float64).to_numpy())

    def codes(self, column: str) -> NDArray[np.uint32]:
        """A text column by its encoder's codes."""
        return self._once(("codes", column), lambda: self._encoders.categories[column].codes(self._frame[column]))

    def surprise(self, column: str) -> NDArray[np.float32]:
        """How rare each row's category was in training, in decades."""
        return self._encoders.categories[column].surprise[self.codes(column)]

    @property
    def port_surprise(self) -> NDArray[np.float32]:
        """How rare each destination port was in training, in decades, shape (65537,): the last is of none."""
        return self._encoders.ports.surprise

    def addresses(self, column: str) -> Addresses:
        """A column of addresses by kind and network."""
        return self._once(("addresses", column), lambda: read_addresses(self._frame[column], self._inside))

    def ports(self, column: str) -> NDArray[np.int64]:
        """A column of ports; :data:`PORTS` where there is none, out of range, or the protocol has none."""
        return self._once(("ports", column), lambda: ports_of(self._frame[column], self.codes("proto")))

    def _once(self, key: Hashable, make: Callable[[], T]) -> T:
        if key not in self._made:
            self._made[key] = make()
        return cast("T", self._made[key])
