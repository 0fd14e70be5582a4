"""Features of a flow by itself, in families: each a row of :data:`FAMILIES` and a function that fills its columns.

Every value is finite, and depends on nothing but its own row and what was learnt in training. Volumes and rates are
``log(1 + x)``, because traffic spans nine orders of magnitude; a count that the source does not tell is taken as 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.features.encoders import FAILED, KNOWN, PORTS
from detector.features.flows import Flows
from detector.features.meanings import (
    Meaning,
    Topic,
    Unit,
    balance,
    counted,
    from_milliseconds,
    rare,
    yes_or_no,
)
from detector.features.spec import Feature
from detector.kernels.compiled import njit
from detector.net.addresses import BROADCAST, MULTICAST, NO_NETWORK, PRIVATE

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
    meanings: Mapping[str, Meaning]
    """What each column tells, by its name and in their order."""
    fill: Callable[[Flows, Columns], None]
    categories: tuple[str, ...] = ()
    """Text columns of the frame that need an encoder."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns, in order."""
        return tuple(self.meanings)

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


_MOST_FLOWS = "99 of 100 flows {bound}"

_VOLUMES = {
    "duration_log": Meaning(
        Topic.DURATION,
        "duration",
        Unit.SECONDS,
        from_milliseconds,
        "it lasted {value}",
        brief="a duration of {value}",
        column="duration_s",
    ),
    "src_bytes_log": Meaning(
        Topic.BYTES,
        "bytes sent",
        Unit.BYTES,
        counted,
        "it sent {value}",
        _MOST_FLOWS,
        "{value} sent",
        asides=(" in {duration_log}", ", {dst_bytes_log} came back"),
        column="src_bytes",
    ),
    "dst_bytes_log": Meaning(
        Topic.BYTES,
        "bytes received",
        Unit.BYTES,
        counted,
        "{value} came back",
        _MOST_FLOWS,
        "{value} received",
        asides=(" in {duration_log}", " for {src_bytes_log} sent"),
        column="dst_bytes",
    ),
    "src_packets_log": Meaning(
        Topic.PACKETS,
        "packets sent",
        Unit.PACKETS,
        counted,
        "it sent {value}",
        _MOST_FLOWS,
        "{value} sent",
        column="src_packets",
    ),
    "dst_packets_log": Meaning(
        Topic.PACKETS,
        "packets received",
        Unit.PACKETS,
        counted,
        "{value} came back",
        _MOST_FLOWS,
        "{value} received",
        column="dst_packets",
    ),
    "bytes_per_second_log": Meaning(
        Topic.PACKETS,
        "bytes a second",
        Unit.BYTE_RATE,
        counted,
        "it ran at {value}",
        brief="a rate of {value}",
        over=("duration_s",),
    ),
    "packets_per_second_log": Meaning(
        Topic.PACKETS,
        "packets a second",
        Unit.PACKET_RATE,
        counted,
        "it ran at {value}",
        brief="a rate of {value}",
        over=("duration_s",),
    ),
    "src_bytes_per_packet_log": Meaning(
        Topic.PACKETS,
        "bytes of a packet sent",
        Unit.BYTES,
        counted,
        "its packets carry {value} each",
        brief="{value} a packet sent",
        over=("src_packets",),
    ),
    "dst_bytes_per_packet_log": Meaning(
        Topic.PACKETS,
        "bytes of a packet received",
        Unit.BYTES,
        counted,
        "packets that came back carry {value} each",
        brief="{value} a packet received",
        over=("dst_packets",),
    ),
    "bytes_balance": Meaning(
        Topic.BALANCE,
        "share of the bytes that went out",
        Unit.PERCENT,
        balance,
        "{value} of its bytes went out",
        brief="{value} of the bytes going out",
        over=("src_bytes", "dst_bytes"),
    ),
    "packets_balance": Meaning(
        Topic.BALANCE,
        "share of the packets that went out",
        Unit.PERCENT,
        balance,
        "{value} of its packets went out",
        brief="{value} of the packets going out",
        over=("src_packets", "dst_packets"),
    ),
}

_OUTCOME = {
    "failed": yes_or_no(Topic.ANSWERS, "failed", "an established connection", "no connection made"),
    "unanswered": yes_or_no(Topic.ANSWERS, "unanswered", "an answer", "no answer"),
    "duration_unknown": yes_or_no(Topic.SORT, "duration unknown", "", "no duration told"),
}

_PORT_CLASSES = ("no port", "a system port", "a registered port", "an ephemeral port", "a dynamic port")
"""By what ``_port_class`` gives."""

_PORTS = {
    "src_port_class": Meaning(
        Topic.SORT, "class of the source port", words=tuple(f"{each} as its source" for each in _PORT_CLASSES)
    ),
    "dst_port_class": Meaning(
        Topic.SORT, "class of the destination port", words=tuple(f"{each} as its target" for each in _PORT_CLASSES)
    ),
    "dst_port_surprise": rare("dst_port", "training flows to that port"),
}

_PROTOCOL = {
    "is_tcp": yes_or_no(Topic.SORT, "TCP", "no TCP", "TCP"),
    "is_udp": yes_or_no(Topic.SORT, "UDP", "no UDP", "UDP"),
    "proto_surprise": rare("proto", "training flows of that protocol"),
    "service_surprise": rare("service", "training flows of that service"),
    "state_surprise": rare("state", "training flows that ended in that state"),
}

_ADDRESSES = {
    "src_private": yes_or_no(Topic.SORT, "source inside", "a source outside", "a source inside"),
    "dst_private": yes_or_no(Topic.SORT, "destination inside", "a target outside", "a target inside"),
    "dst_multicast": yes_or_no(Topic.SORT, "to many", "a single target", "a multicast address as its target"),
    "dst_broadcast": yes_or_no(Topic.SORT, "to all", "a single target", "a broadcast address as its target"),
    "same_network": yes_or_no(
        Topic.SORT, "same network", "a target in another network", "a target in the same network"
    ),
}

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family("volumes", 1, _VOLUMES, _volumes),
        Family("outcome", 1, _OUTCOME, _outcome, ("state",)),
        Family("ports", 1, _PORTS, _ports, ("proto",)),
        Family("protocol", 1, _PROTOCOL, _protocol, ("proto", "service", "state")),
        Family("addresses", 1, _ADDRESSES, _addresses),
    )
}
"""Every family by name, in the order of their columns. A family more is a function, its meanings and a row here."""
