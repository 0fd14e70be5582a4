"""Flows as views see them pass: who talks to whom, when, and how surprising it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.features.windows_kernel import mixed
from detector.features.windows_keys import Arrivals, failures_of, hashes_of, logs_of_sent
from detector.kernels.hash_table import kernel
from detector.kernels.texts import text_of, whole_numbers
from detector.net.directions import directions_of
from detector.net.networks import NOWHERE, Networks
from detector.net.ports import REMOTE_PORTS, REMOTE_SERVICES
from detector.records.flow import DIRECTIONS
from detector.records.syntax.keywords import ABSENT, build_keywords, match_keywords

_IS_REMOTE = np.isin(np.arange(max(REMOTE_PORTS) + 2), list(REMOTE_PORTS))
"""By port; that of the last is of all beyond."""

_SPOKEN = build_keywords({(0, service): (port, ABSENT) for service, port in REMOTE_SERVICES.items()})

INTERNAL, INBOUND = DIRECTIONS.index("internal"), DIRECTIONS.index("inbound")

FROM_OUTSIDE = np.isin(DIRECTIONS, ("external", "inbound")).astype(np.float32)
"""Whether a flow's source is outside, by its direction."""

FAILED, LOG_SENT = "failed", "log_sent"
"""What views may ask for that are no columns: whether a connection was tried and never stood, by its state, 1 or 0; and
ln(1 + bytes sent), 0 where that is unknown. Float32."""

ADMINISTERS = "administers"
"""Likewise: the port of remote administration, where it is one or its protocol is spoken at another, and both ends are
inside; less than 0, where only its destination is; else 0. Float32."""

PROBED = "probed"
"""Likewise: whether a connection was tried from outside and never stood, 1 or 0. Float32."""

SOURCES, DESTINATIONS = "sources", "destinations"
"""Likewise: hashes of addresses."""


TAUGHT = "taught"
"""Column of training's frames: how often each flow counts that people called harmless, 0 or none for all others. Views
are told it as float32; a daemon has no such column."""


class Surprises(NamedTuple):
    """−ln p of each flow's scores; shape (rows,) each."""

    overall: NDArray[np.float64]
    """By all that is known of it: what breadth adds up, and a flow's own."""
    single: NDArray[np.float64]
    """By the flow alone: what evidence adds up, and the most of a flow's own where its target is known."""


class EvidenceKeys(NamedTuple):
    """Hashes of each flow; shape (rows,) each."""

    targets: NDArray[np.uint64]
    """Source, destination and destination port: what an analyst meets as one incident."""
    ports: NDArray[np.uint64]
    """Source and destination port."""
    pairs: NDArray[np.uint64]
    """Source and destination."""
    services: NDArray[np.uint64]
    """Destination and destination port."""


class Ends(NamedTuple):
    """Who talks to whom, of each flow; shape (rows,) each. Windows have the same in their ``Arrivals``."""

    sources: NDArray[np.uint64]
    """Hashes of addresses."""
    destinations: NDArray[np.uint64]
    ports: NDArray[np.int64]
    """Of destinations; -1 where there is none."""

    @classmethod
    def of(cls, frame: pl.DataFrame) -> Self:
        """Those of a frame."""
        return cls(hashes_of(frame["src_ip"]), hashes_of(frame["dst_ip"]), whole_numbers(frame["dst_port"], -1))


class Passed(NamedTuple):
    """Flows in record order; shape (rows,) each."""

    keys: EvidenceKeys
    ts: NDArray[np.float64]
    """Seconds since 1970."""
    surprises: Surprises
    partitions: NDArray[np.int32]
    columns: Mapping[str, NDArray[Any]]
    """What views ask for besides, by name; NaN where a flow does not tell it."""

    @classmethod
    def of(  # noqa: PLR0917 - what flows are made of
        cls,
        frame: pl.DataFrame,
        surprises: Surprises,
        partitions: NDArray[np.int32],
        columns: Iterable[str] = (),
        arrivals: Arrivals | None = None,
        inside: Networks = NOWHERE,
    ) -> Self:
        """Those of a frame, with these columns; ``arrivals`` are theirs, where windows have asked for them already.

        ``inside`` are networks that count as private; the model's.
        """
        ends = Ends.of(frame) if arrivals is None else ends_of(arrivals)
        asked = {name: _column(frame, name, ends, arrivals, inside) for name in columns}
        return cls(_keys(ends), frame["ts"].to_numpy(), surprises, partitions, asked)

    @property
    def taught(self) -> NDArray[Any]:
        """How often each flow counts that people called harmless, 0 for all others; shape (rows,)."""
        return self.columns.get(TAUGHT, np.zeros(len(self.ts), np.float32))

    def telling(self, name: str, values: NDArray[Any]) -> Self:
        """The same with a further column."""
        return self._replace(columns={**self.columns, name: values})

    def take(self, rows: NDArray[np.intp], moved_s: float = 0.0) -> Self:
        """Only these rows, so many seconds before their time."""
        return type(self)(
            EvidenceKeys(*(keys[rows] for keys in self.keys)),
            self.ts[rows] - moved_s,
            Surprises(*(values[rows] for values in self.surprises)),
            self.partitions[rows],
            {name: values[rows] for name, values in self.columns.items()},
        )


def _column(frame: pl.DataFrame, name: str, ends: Ends, arrivals: Arrivals | None, inside: Networks) -> NDArray[Any]:
    """A column, or what is worked out beside them; as windows have it, where they do."""

    def failed() -> NDArray[np.float32]:
        return failures_of(frame) if arrivals is None else np.ascontiguousarray(arrivals.values[:, 2])

    worked_out: dict[str, Callable[[], NDArray[Any]]] = {
        FAILED: failed,
        LOG_SENT: lambda: logs_of_sent(frame) if arrivals is None else np.ascontiguousarray(arrivals.values[:, 0]),
        PROBED: lambda: _probed(frame, failed(), inside),
        ADMINISTERS: lambda: _administers(frame, ends.ports, inside),
        SOURCES: lambda: ends.sources,
        DESTINATIONS: lambda: ends.destinations,
    }
    if name in worked_out:
        return worked_out[name]()
    return frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy()


def _probed(frame: pl.DataFrame, failed: NDArray[np.float32], inside: Networks) -> NDArray[np.float32]:
    """Addresses are read of what failed alone."""
    found, few = np.zeros(len(failed), np.float32), np.flatnonzero(failed)
    found[few] = FROM_OUTSIDE[directions_of(frame.select("src_ip", "dst_ip")[few], inside)]
    return found


def _administers(frame: pl.DataFrame, ports: NDArray[np.int64], inside: Networks) -> NDArray[np.float32]:
    """Addresses are read of the few flows to such ports alone: of all, they would cost more than all views do."""
    found = np.zeros(len(ports), np.float32)
    at_one = _IS_REMOTE.take(ports, mode="clip")
    named = text_of(frame["service"])
    spoken = match_keywords(*_SPOKEN, named.data, named.offsets[:-1], named.offsets[1:], named.present)
    few = np.flatnonzero(at_one | (spoken != ABSENT))
    directions = directions_of(frame.select("src_ip", "dst_ip")[few], inside)
    numbers = np.where(at_one[few], ports[few], spoken[few])
    found[few] = numbers * ((directions == INTERNAL).astype(np.float32) - (directions == INBOUND))
    return found


def evidence_keys(frame: pl.DataFrame) -> EvidenceKeys:
    """Hash who talks to whom, of each flow."""
    return _keys(Ends.of(frame))


def keys_of_arrivals(arrivals: Arrivals) -> EvidenceKeys:
    """The same of flows whose addresses are hashed already."""
    return _keys(ends_of(arrivals))


def ends_of(arrivals: Arrivals) -> Ends:
    """Who talks to whom, as windows have asked for it."""
    return Ends(arrivals.sources, arrivals.destinations, arrivals.ports)


def _keys(ends: Ends) -> EvidenceKeys:
    keys = EvidenceKeys(*(np.empty(len(ends.sources), np.uint64) for _ in EvidenceKeys._fields))
    _fill_keys(*ends, *keys)
    return keys


@kernel
def _fill_keys(  # noqa: PLR0917  (a kernel takes its arrays one by one)
    sources: Any, destinations: Any, ports: Any, target_keys: Any, port_keys: Any, pair_keys: Any, service_keys: Any
) -> None:
    for i in range(len(sources)):
        source = mixed(sources[i]) * np.uint64(0x9E3779B97F4A7C15)
        port = (np.uint64(ports[i]) + np.uint64(1)) * np.uint64(0xC2B2AE3D27D4EB4F)
        pair = mixed(source + destinations[i])
        target_keys[i] = mixed(pair ^ port)
        port_keys[i] = mixed(source ^ port)
        pair_keys[i] = pair
        service_keys[i] = mixed(mixed(destinations[i]) * np.uint64(0xD6E8FEB86659FD93) ^ port)
