"""Features of a flow by itself, in families: each a row of :data:`FAMILIES` and a function that fills its columns.

Every value is finite, and depends on nothing but its own row and what was learnt in training. Volumes and rates are
``log(1 + x)``, because traffic spans nine orders of magnitude; a count that the source does not tell is taken as 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.features.addresses import BROADCAST, MULTICAST, NO_NETWORK, PRIVATE
from detector.features.encoders import FAILED, KNOWN, PORTS
from detector.features.flows import Flows
from detector.features.spec import Feature
from detector.models.compiled import njit

Columns = NDArray[np.float32]
"""The family's part of the matrix, shape (rows, its features)."""

SHORTEST_S = 1e-3
"""Rates of flows shorter than this are taken over it: clocks and capture jitter make finer ones noise."""

LARGEST = 1e15
"""Where counts and durations are cut off: beyond any real flow, and far from overflowing a float32."""

PORT_CLASSES = (1024, 32768, 49152)
"""Where system ports end, then registered ones, then Linux's ephemeral ones before IANA's dynamic range (RFC 6335)."""


@dataclass(frozen=True, slots=True)
class Family:
    """Features computed together by ``fill(flows, out)``; ``revision`` rises whenever a value would change."""

    name: str
    revision: int
    columns: tuple[str, ...]
    fill: Callable[[Flows, Columns], None]
    categories: tuple[str, ...] = ()
    """Text columns of the frame that need an encoder."""

    @property
    def features(self) -> tuple[Feature, ...]:
        """Its columns as the spec names them."""
        return tuple(Feature(column, self.name, self.revision) for column in self.columns)


@njit(cache=True, nogil=True)
def _clean(value: float) -> float:
    """Bound a count or duration: unknown (NaN) and negative are 0."""
    return min(value, LARGEST) if value > 0.0 else 0.0


@njit(cache=True, nogil=True)
def _log(value: float) -> float:
    return math.log1p(_clean(value))


@njit(cache=True, nogil=True)
def _balance(sent: float, received: float) -> float:
    """1 if all was sent, −1 if all was received, 0 if balanced or nothing."""
    total = _clean(sent) + _clean(received)
    return (_clean(sent) - _clean(received)) / total if total > 0.0 else 0.0


@njit(cache=True, nogil=True)
def _per(amount: float, count: float) -> float:
    return _clean(amount) / _clean(count) if _clean(count) > 0.0 else 0.0


def _volumes(flows: Flows, out: Columns) -> None:
    numbers = flows.numbers
    _fill_volumes(
        numbers("duration_s"),
        numbers("src_bytes"),
        numbers("dst_bytes"),
        numbers("src_packets"),
        numbers("dst_packets"),
        out,
    )


@njit(cache=True, nogil=True)
def _fill_volumes(  # noqa: PLR0917  (a kernel takes its arrays one by one)
    duration_s: NDArray[np.float64],
    src_bytes: NDArray[np.float64],
    dst_bytes: NDArray[np.float64],
    src_packets: NDArray[np.float64],
    dst_packets: NDArray[np.float64],
    out: Columns,
) -> None:
    for i in range(out.shape[0]):
        span = _clean(duration_s[i])
        total_bytes = _clean(src_bytes[i]) + _clean(dst_bytes[i])
        total_packets = _clean(src_packets[i]) + _clean(dst_packets[i])
        out[i, 0] = _log(span * 1000.0)
        out[i, 1] = _log(src_bytes[i])
        out[i, 2] = _log(dst_bytes[i])
        out[i, 3] = _log(src_packets[i])
        out[i, 4] = _log(dst_packets[i])
        out[i, 5] = _log(total_bytes / max(span, SHORTEST_S)) if span > 0.0 else 0.0
        out[i, 6] = _log(total_packets / max(span, SHORTEST_S)) if span > 0.0 else 0.0
        out[i, 7] = _log(_per(src_bytes[i], src_packets[i]))
        out[i, 8] = _log(_per(dst_bytes[i], dst_packets[i]))
        out[i, 9] = _balance(src_bytes[i], dst_bytes[i])
        out[i, 10] = _balance(src_packets[i], dst_packets[i])


def _outcome(flows: Flows, out: Columns) -> None:
    numbers = flows.numbers
    _fill_outcome(flows.codes("state"), numbers("duration_s"), numbers("dst_bytes"), numbers("dst_packets"), out)


@njit(cache=True, nogil=True)
def _fill_outcome(
    states: NDArray[np.uint32],
    duration_s: NDArray[np.float64],
    dst_bytes: NDArray[np.float64],
    dst_packets: NDArray[np.float64],
    out: Columns,
) -> None:
    for i in range(out.shape[0]):
        packets = dst_packets[i]
        answer = dst_bytes[i] if math.isnan(packets) else packets
        out[i, 0] = 1.0 if states[i] < FAILED else 0.0
        out[i, 1] = 0.0 if answer > 0.0 else 1.0
        out[i, 2] = 1.0 if math.isnan(duration_s[i]) else 0.0


def _ports(flows: Flows, out: Columns) -> None:
    _fill_ports(flows.ports("src_port"), flows.ports("dst_port"), flows.port_surprise, out)


@njit(cache=True, nogil=True)
def _port_class(port: int) -> float:
    """0 for none, then 1 to 4 from system ports to dynamic ones."""
    if port >= PORTS:
        return 0.0
    if port < PORT_CLASSES[0]:
        return 1.0
    if port < PORT_CLASSES[1]:
        return 2.0
    return 3.0 if port < PORT_CLASSES[2] else 4.0


@njit(cache=True, nogil=True)
def _fill_ports(
    src_ports: NDArray[np.int64], dst_ports: NDArray[np.int64], surprise: NDArray[np.float32], out: Columns
) -> None:
    for i in range(out.shape[0]):
        out[i, 0] = _port_class(src_ports[i])
        out[i, 1] = _port_class(dst_ports[i])
        out[i, 2] = surprise[dst_ports[i]]


def _protocol(flows: Flows, out: Columns) -> None:
    protocols = flows.codes("proto")
    out[:, 0] = protocols == KNOWN["proto"].index("tcp")
    out[:, 1] = protocols == KNOWN["proto"].index("udp")
    for column, name in enumerate(("proto", "service", "state"), start=2):
        out[:, column] = flows.surprise(name)


def _addresses(flows: Flows, out: Columns) -> None:
    source, target = flows.addresses("src_ip"), flows.addresses("dst_ip")
    _fill_addresses(source.kinds, target.kinds, source.networks, target.networks, out)


@njit(cache=True, nogil=True)
def _fill_addresses(
    src_kinds: NDArray[np.uint8],
    dst_kinds: NDArray[np.uint8],
    src_networks: NDArray[np.int64],
    dst_networks: NDArray[np.int64],
    out: Columns,
) -> None:
    for i in range(out.shape[0]):
        out[i, 0] = 1.0 if src_kinds[i] & PRIVATE else 0.0
        out[i, 1] = 1.0 if dst_kinds[i] & PRIVATE else 0.0
        out[i, 2] = 1.0 if dst_kinds[i] & MULTICAST else 0.0
        out[i, 3] = 1.0 if dst_kinds[i] & BROADCAST else 0.0
        same = src_networks[i] == dst_networks[i] and src_networks[i] != NO_NETWORK
        out[i, 4] = 1.0 if same else 0.0


FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family(
            "volumes",
            1,
            (
                "duration_log",
                "src_bytes_log",
                "dst_bytes_log",
                "src_packets_log",
                "dst_packets_log",
                "bytes_per_second_log",
                "packets_per_second_log",
                "src_bytes_per_packet_log",
                "dst_bytes_per_packet_log",
                "bytes_balance",
                "packets_balance",
            ),
            _volumes,
        ),
        Family("outcome", 1, ("failed", "unanswered", "duration_unknown"), _outcome, ("state",)),
        Family("ports", 1, ("src_port_class", "dst_port_class", "dst_port_surprise"), _ports, ("proto",)),
        Family(
            "protocol",
            1,
            ("is_tcp", "is_udp", "proto_surprise", "service_surprise", "state_surprise"),
            _protocol,
            ("proto", "service", "state"),
        ),
        Family(
            "addresses",
            1,
            ("src_private", "dst_private", "dst_multicast", "dst_broadcast", "same_network"),
            _addresses,
        ),
    )
}
"""Every family by name, in the order of their columns. A family more is a function and a row here."""
