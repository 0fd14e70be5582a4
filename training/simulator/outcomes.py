"""How connections go: from what somebody intends (:class:`Intents`) to what a sensor records (:class:`Flows`).

Everything hangs together as in a real log: a refused connection has no bytes, a lone packet no duration, packets cover
bytes, nothing is faster than the round trip.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.simulator import flows as states
from training.simulator.addresses import inside, unit
from training.simulator.flows import Flows, Intents
from training.simulator.services import ICMP, PORT, PROTOCOL, TCP, UDP, medians_and_spreads, state_chances

_CHANCES = state_chances()
_SIZES = medians_and_spreads()

SEGMENT_BYTES = 1400
"""Payload of a full packet, a little under Ethernet's 1,460 as paths and options take some."""

_STRETCHED = 0.02  # share of flows with a Pareto factor on top
_NO_ANSWER = np.isin(np.arange(len(states.STATES)), [states.S0, states.SH, states.RSTOS0])
_NO_DATA = np.isin(
    np.arange(len(states.STATES)), [states.S0, states.REJ, states.SH, states.RSTOS0, states.SHR, states.RSTRH]
)


def realise(intents: Intents, rng: np.random.Generator) -> Flows:
    """Let each intended connection happen. Row order is kept."""
    n = len(intents)
    service = intents.service
    protocol = PROTOCOL[service]
    state = _draw_states(intents, rng)
    up, down, duration = _draw_sizes(service, rng)
    distance = _round_trip(intents)
    duration = np.maximum(duration, distance)

    silent = _NO_ANSWER[state]
    stopped = _NO_DATA[state] & (protocol == TCP)
    up[stopped] = 0
    down[stopped | silent] = 0
    up[(state == states.SHR) & (protocol == UDP)] = 0
    up_packets, down_packets = _packets(protocol, state, up, down, rng)
    _retry(protocol, state, up, up_packets, duration, rng)
    refused = state == states.REJ
    duration[refused] = distance[refused]
    duration[up_packets + down_packets <= 1] = np.nan

    return (
        Flows(
            ts=intents.ts,
            duration=duration,
            src=intents.src,
            src_port=_source_ports(intents, rng),
            dst=intents.dst,
            dst_port=np.where(intents.dst_port > 0, intents.dst_port, PORT[service]).astype(np.int32),
            service=service,
            state=state,
            src_bytes=up.astype(np.int64),
            dst_bytes=down.astype(np.int64),
            src_packets=up_packets,
            dst_packets=down_packets,
            attack=intents.attack,
        )
        if n
        else empty()
    )


def empty() -> Flows:
    """No flows at all."""
    kinds = (float, float, np.int64, np.int32, np.int64, np.int32, np.int16, np.int8) + (np.int64,) * 4 + (np.int32,)
    return Flows(*(np.empty(0, dtype=kind) for kind in kinds))


def _draw_states(intents: Intents, rng: np.random.Generator) -> NDArray[np.int8]:
    drawn = rng.random(len(intents))
    state = np.zeros(len(intents), dtype=np.int8)
    chances = _CHANCES[:, :-1]
    for column in range(chances.shape[1]):  # far cheaper than a (rows × states) table
        state += drawn >= chances[intents.service, column]
    return np.where(intents.state >= 0, intents.state, state).astype(np.int8)


def _draw_sizes(
    service: NDArray[np.int16], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Bytes up, bytes down, seconds; a long answer also takes longer."""
    n = len(service)
    sizes = _SIZES[service]
    bell = rng.standard_normal((3, n))
    bell[2] = 0.45 * bell[1] + 0.893 * bell[2]  # 0.45² + 0.893² = 1
    up = np.exp(sizes[:, 0] + sizes[:, 1] * bell[0])
    down = np.exp(sizes[:, 2] + sizes[:, 3] * bell[1])
    duration = np.exp(sizes[:, 4] + sizes[:, 5] * bell[2])
    stretched = np.flatnonzero(rng.random(n) < _STRETCHED)
    factor = np.minimum(rng.random(len(stretched)) ** -0.8, 300.0)
    wide = sizes[stretched, 3] > 0.6  # protocols with fixed sizes have no tail
    down[stretched] *= np.where(wide, factor, 1.0)
    duration[stretched] *= np.where(wide, np.sqrt(factor), 1.0)
    return np.rint(np.minimum(up, 2e11)), np.rint(np.minimum(down, 2e11)), np.minimum(duration, 86_400.0)


def _round_trip(intents: Intents) -> NDArray[np.float64]:
    """Seconds there and back: a fraction of a millisecond inside, 4 to 200 ms outside, much the same for a pair."""
    place = unit(intents.dst, intents.src)
    wobble = 1.0 + 0.2 * unit((intents.ts * 1e6).astype(np.int64))
    near = inside(intents.dst) & inside(intents.src)
    return np.asarray(np.where(near, 0.0001 + 0.0007 * place, 0.004 * 50.0**place) * wobble)


def _packets(
    protocol: NDArray[np.int8],
    state: NDArray[np.int8],
    up: NDArray[np.float64],
    down: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Packets each way: what the bytes need, and for TCP the handshake, the acknowledgements and the end."""
    slack = rng.integers(0, 3, len(up))
    up_data, down_data = np.ceil(up / SEGMENT_BYTES), np.ceil(down / SEGMENT_BYTES)
    tcp = protocol == TCP
    up_packets = np.where(tcp, up_data + np.ceil(down_data / 2) + 3 + slack, up_data)
    down_packets = np.where(tcp, down_data + np.ceil(up_data / 2) + 2 + slack // 2, down_data)
    for value, sent, answered in (
        (states.S0, 1, 0), (states.REJ, 1, 1), (states.SH, 2, 0), (states.RSTOS0, 2, 0), (states.SHR, 0, 2),
        (states.RSTRH, 0, 2),
    ):  # fmt: skip
        rows = tcp & (state == value)
        up_packets[rows], down_packets[rows] = sent, answered
    return up_packets.astype(np.int64), down_packets.astype(np.int64)


def _retry(  # noqa: PLR0917 - changes columns in place, one by one
    protocol: NDArray[np.int8],
    state: NDArray[np.int8],
    up: NDArray[np.float64],
    up_packets: NDArray[np.int64],
    duration: NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    """Unanswered packets are often sent again: TCP after 1, 3, 7 … s, UDP as its protocol likes."""
    rows = np.flatnonzero(state == states.S0)
    again = np.minimum(rng.geometric(0.5, len(rows)) - 1, 5)
    again[protocol[rows] == ICMP] = 0
    tcp = protocol[rows] == TCP
    up_packets[rows] = np.where(tcp, up_packets[rows] + again, up_packets[rows] * (1 + again))
    duration[rows[tcp]] = (2.0 ** again[tcp] - 1.0) * (1.0 + 0.03 * rng.random(int(tcp.sum())))
    up[rows[~tcp]] *= 1 + again[~tcp]


def _source_ports(intents: Intents, rng: np.random.Generator) -> NDArray[np.int32]:
    """Ephemeral ports, from the range of the host's system (IANA's, or Linux's wider one)."""
    drawn = rng.random(len(intents))
    linux = (intents.src & 1).astype(bool)
    ephemeral = np.where(linux, 32768 + drawn * 28232, 49152 + drawn * 16384).astype(np.int32)
    fixed = intents.src_port
    ports = np.where(fixed > 0, fixed, ephemeral)
    service_protocol = PROTOCOL[intents.service]
    ports = np.where(service_protocol == ICMP, 8, ports)  # Zeek puts the ICMP type here: 8 asks for an echo
    return np.asarray(ports, dtype=np.int32)
