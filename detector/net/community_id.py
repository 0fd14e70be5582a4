"""Community ID version 1: one id of a flow for every tool that saw it (Zeek, Suricata, Wireshark …).

Source: Corelight, *Community ID Flow Hashing*, github.com/corelight/community-id-spec. The base64 of a SHA-1 over seed,
addresses, protocol and ports, the smaller endpoint first, so that both directions give the same.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import struct
from functools import lru_cache
from typing import NamedTuple

from detector.net.protocols import name_number, name_protocol

PROTOCOLS: dict[str, int] = {name_number(number): number for number in range(255, -1, -1)}
"""IANA's number by canonical name; ``icmp`` is the lower of its two, 1."""

ICMP, ICMP6 = 1, 58

IPV6_BYTES = 16

WITH_PORTS = frozenset({6, 17, 132})
"""Protocols whose ports are part of the id: TCP, UDP, SCTP; those of ICMP are made of its type."""

ANSWERS: dict[int, dict[int, int]] = {
    ICMP: {8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 10: 9, 9: 10, 17: 18, 18: 17},
    ICMP6: {each: each ^ 1 for each in (128, 129, 130, 131, 144, 145)}
    | {133: 134, 134: 133, 135: 136, 136: 135, 139: 140, 140: 139},
}
"""For each ICMP type that asks or answers, its counterpart: the two stand in for the ports (Zeek's rule)."""


def protocol_number(proto: str, *, ipv6: bool = False) -> int | None:
    """IANA's number of a protocol by any accepted name; None if unknown. ICMP over IPv6 is ICMPv6."""
    number = PROTOCOLS.get(name_protocol(proto) or "")
    return ICMP6 if ipv6 and number == ICMP else number


def community_id(
    src_ip: str, dst_ip: str, proto: str, src_port: int | None, dst_port: int | None, *, seed: int = 0
) -> str | None:
    """The id, such as ``1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0=``; None where version 1 defines none.

    For ICMP the ports are type and code, as Zeek has them.
    """
    source, target = _packed(src_ip), _packed(dst_ip)
    number = protocol_number(proto, ipv6=len(source) == IPV6_BYTES)
    if number is None or not source or len(source) != len(target):
        return None
    ports = _ports(number, src_port, dst_port)
    if ports is None:
        return None
    first, second = (source, ports.source), (target, ports.target)
    if ports.two_way and second < first:
        first, second = second, first
    packed = struct.pack("!H", seed) + first[0] + second[0] + struct.pack("!BB", number, 0) + first[1] + second[1]
    return "1:" + base64.b64encode(hashlib.sha1(packed, usedforsecurity=False).digest()).decode()


@lru_cache(65_536)  # attacks come from few addresses, or go to few
def _packed(address: str) -> bytes:
    """An address in network byte order; nothing if it is none."""
    try:
        return ipaddress.ip_address(address).packed
    except ValueError:
        return b""


class _Ports(NamedTuple):
    """What goes into the hash for the ports, and whether the endpoints may change places."""

    source: bytes
    target: bytes
    two_way: bool


def _ports(number: int, src_port: int | None, dst_port: int | None) -> _Ports | None:
    """The ports, or what stands for them; None where they are needed and lacking."""
    if number not in WITH_PORTS and number not in ANSWERS:
        return _Ports(b"", b"", two_way=True)
    if src_port is None or dst_port is None or not (0 <= src_port <= 65535 and 0 <= dst_port <= 65535):
        return None
    two_way = True
    if number in ANSWERS:
        # The second number of an exchange is the counterpart's type; that of a one-way message is its code.
        answer = ANSWERS[number].get(src_port)
        two_way, dst_port = answer is not None, dst_port if answer is None else answer
    return _Ports(struct.pack("!H", src_port), struct.pack("!H", dst_port), two_way)
