"""Whether a flow was answered, as its canonical columns tell it."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from detector.net.states import FAILED_STATES


@lru_cache(65_536)
def is_shared(address: str) -> bool:
    """Whether an address is multicast or broadcast: nobody answers there, and many send there."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return parsed.is_multicast or (parsed.version == 4 and parsed.packed[-1] == 255)


def is_unanswered(dst_ip: str, state: str | None, dst_packets: int | None, dst_bytes: int | None) -> bool:
    """Whether a flow got no answer or was never established; to many at once none is expected."""
    if is_shared(dst_ip):
        return False
    if state is not None:
        return state in FAILED_STATES
    return (dst_bytes if dst_packets is None else dst_packets) == 0
