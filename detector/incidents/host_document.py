"""A host's risk as a document, keyed by host and partition; one that faded away is a deletion (a tombstone)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from detector.assets.assets import NOTHING, Assets
from detector.incidents.host_book import level
from detector.incidents.hosts import HALF_LIFE_S, HostRisk
from detector.printable import printable_json
from detector.transport.base import OutRecord

RISK_VERSION = 1
"""Rises when a field changes its meaning or goes away, not when one is added."""

_encoder = msgspec.json.Encoder()


def write_risks(hosts: Iterable[HostRisk], assets: Assets = NOTHING) -> list[OutRecord]:
    """Write a record for each."""
    return [OutRecord(_document(each, assets), key=f"{each.host} {each.partition}".encode()) for each in hosts]


def _document(host: HostRisk, assets: Assets) -> bytes | None:
    if not host.shares:
        return None
    asset = assets.of(host.host)
    named = {"name": asset.label} if asset else {}
    document = {
        "risk_version": RISK_VERSION,
        "host": host.host,
        **named,
        "partition": host.partition,
        "risk": round(host.risk, 1),
        "severity": level(host.risk),
        "as_of": host.as_of,
        "half_life_s": HALF_LIFE_S,
        "incidents": [
            {
                "id": share.incident,
                "kind": share.kind,
                "role": share.role,
                "risk": round(share.points, 1),
                "last_seen": share.last_seen,
            }
            for share in host.shares
        ],
    }
    return printable_json(_encoder.encode(document))
