"""Flows while they are being made: plain numpy arrays, one per field, until they become a canonical frame.

Addresses are numbers here (see :mod:`training.simulator.addresses`), applications are rows of
:data:`training.simulator.services.SERVICES`, states are rows of :data:`STATES`. ``duration`` is NaN where the sensor
saw a single packet: then it knows neither duration nor bytes, as with Zeek.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

STATES = ("SF", "S0", "REJ", "RSTO", "RSTR", "S1", "S2", "S3", "SH", "SHR", "OTH", "RSTOS0", "RSTRH")
"""How a connection went, in Zeek's words; a flow's ``state`` is an index into it."""

SF, S0, REJ, RSTO, RSTR, S1, S2, S3, SH, SHR, OTH, RSTOS0, RSTRH = range(13)

NO_ATTACK = -1


@dataclass(slots=True)
class Intents:
    """Connections that somebody wants to make; row ``i`` of each array belongs together."""

    ts: NDArray[np.float64]
    src: NDArray[np.int64]
    dst: NDArray[np.int64]
    service: NDArray[np.int16]
    """Row of SERVICES: how the connection behaves."""
    dst_port: NDArray[np.int32]
    src_port: NDArray[np.int32]
    """0 asks for an ephemeral port."""
    state: NDArray[np.int8]
    """-1 lets the service decide."""
    attack: NDArray[np.int32]

    @classmethod
    def of(  # noqa: PLR0917 - in the order of the fields
        cls,
        ts: NDArray[np.float64],
        src: Any,
        dst: Any,
        service: Any,
        dst_port: Any = 0,
        src_port: Any = 0,
        state: Any = -1,
        attack: Any = NO_ATTACK,
    ) -> Intents:
        """Put arrays and single values together; ``dst_port`` 0 asks for the service's own port."""
        n = len(ts)
        return cls(
            ts,
            *(
                np.broadcast_to(np.asarray(value, dtype), (n,))
                for value, dtype in (
                    (src, np.int64),
                    (dst, np.int64),
                    (service, np.int16),
                    (dst_port, np.int32),
                    (src_port, np.int32),
                    (state, np.int8),
                    (attack, np.int32),
                )
            ),
        )

    def __len__(self) -> int:
        return len(self.ts)


@dataclass(slots=True)
class Flows:
    """Connections as they went; row ``i`` of each array belongs together."""

    ts: NDArray[np.float64]
    duration: NDArray[np.float64]
    src: NDArray[np.int64]
    src_port: NDArray[np.int32]
    dst: NDArray[np.int64]
    dst_port: NDArray[np.int32]
    service: NDArray[np.int16]
    state: NDArray[np.int8]
    src_bytes: NDArray[np.int64]
    dst_bytes: NDArray[np.int64]
    src_packets: NDArray[np.int64]
    dst_packets: NDArray[np.int64]
    attack: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.ts)


Arrays = TypeVar("Arrays", Intents, Flows)


def take(flows: Arrays, rows: NDArray[Any] | slice) -> Arrays:
    """The rows named by an index, a mask or a slice."""
    return type(flows)(*(getattr(flows, field.name)[rows] for field in fields(flows)))


def join(parts: Sequence[Arrays]) -> Arrays:
    """All rows of one or more parts, in order."""
    if len(parts) == 1:
        return parts[0]
    kind = type(parts[0])
    return kind(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(kind)))
