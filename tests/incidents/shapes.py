"""Alerts in the shapes of attacks, and what a book makes of them, for tests of incidents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from detector.alerts.content import Joined
from detector.alerts.raised import Raised
from detector.incidents.book import Change, IncidentBook, membership
from tests.alerts.contents import alert

T0 = 1.7e9

GAP_S = 600.0
"""Said here once more, not imported: docs/explanation/alerts.md promises it."""


def put_all(book: IncidentBook, alerts: Iterable[Raised]) -> list[Joined]:
    """Put alerts in order; give what each is told of its incident."""
    return [membership(book.put(each)) for each in alerts]


def passing(book: IncidentBook, ts: float, partition: int = 0) -> None:
    """A flow passes that raises nothing."""
    book.hear(np.array([ts]), np.array([partition], np.int32))
    book.pass_time()


def scan(count: int, **changes: Any) -> list[Raised]:
    """One source that knocks at many hosts, a second apart, and gets no answer."""
    unanswered: dict[str, Any] = {"state": "S0", "dst_packets": 0, "dst_bytes": 0, "duration_s": 0.0, "dst_port": 445}
    return [alert(i, ts=T0 + i, dst_ip=f"10.1.{i // 250}.{i % 250}", **(unanswered | changes)) for i in range(count)]


def ended(book: IncidentBook, alerts: Iterable[Raised]) -> dict[str, Change]:
    """Put alerts and end it all; give the last that is told of each incident."""
    put_all(book, alerts)
    book.close_all()
    return {change.incident.id: change for change in book.take()}


def whole(told: dict[str, Change]) -> list[tuple[str, str, int]]:
    """Kind, focus and count of those that were not merged into another."""
    return [
        (each.kind.name, each.incident.focus, each.incident.count)
        for each in told.values()
        if not each.incident.merged_into
    ]


def logins(count: int) -> list[Raised]:
    """Short SSH connections to one host, answered."""
    return [alert(i, ts=T0 + 2.2 * i + (i % 3), dst_port=22, service="ssh", state="SF") for i in range(count)]


def flood(count: int) -> list[Raised]:
    """Connection attempts to one port, fifty a second."""
    return [alert(i, ts=T0 + i / 50, dst_port=80, state="S0") for i in range(count)]


def spread_flood(count: int) -> list[Raised]:
    """Connection attempts to one port from many sources."""
    return [alert(i, ts=T0 + i, src_ip=f"198.51.100.{i}", dst_port=80, state="S0") for i in range(count)]


def upload(count: int) -> list[Raised]:
    """Long uploads."""
    return [alert(i, ts=T0 + 100 * i * i, src_bytes=6 << 20, dst_bytes=900) for i in range(count)]


def tunnel(count: int) -> list[Raised]:
    """Names with data in them."""
    return [
        alert(i, ts=T0 + i * i, dst_port=53, proto="udp", service="dns", src_bytes=230, dst_bytes=400)
        for i in range(count)
    ]


def beacon(count: int) -> list[Raised]:
    """A connection a minute, a second early or late."""
    return [alert(i, ts=T0 + 60 * i + (i * 7) % 3 - 1) for i in range(count)]


def ports(count: int) -> list[Raised]:
    """Ports of one host, tried one after the other."""
    return [alert(i, ts=T0 + i, dst_port=1_000 + i, state="REJ", service=None) for i in range(count)]


def moves(count: int) -> list[Raised]:
    """Files and remote desktops of several hosts of ours."""
    return [
        alert(
            i, ts=T0 + i * i, direction="internal", dst_ip=f"10.1.0.{i // 2}", dst_port=(445, 3389)[i % 2], service=None
        )
        for i in range(count)
    ]


def calls(count: int) -> list[Raised]:
    """Connections to one host outside, at no regular times."""
    return [alert(i, ts=T0 + 3.0**i, duration_s=1.0) for i in range(count)]


def moved(count: int) -> list[Raised]:
    """SSH where nobody expects it."""
    return [alert(i, ts=T0 + i, service="ssh", dst_port=2022) for i in range(count)]
