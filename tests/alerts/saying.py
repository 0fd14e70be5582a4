"""What an alert says whose vector and flow are ordinary but for what a test changes."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from detector.alerts.explanation import readable
from detector.alerts.rarity import Rarity
from detector.alerts.readings import Readings
from detector.alerts.wording import Raising, Told, Weighed, tell
from detector.features.encoders import Encoders
from detector.features.extractor import build_spec
from detector.features.windows import default_windows
from detector.models.baseline_ranges import BaselineRanges
from tests.alerts.rules import broken_rules
from tests.bundles import ordinary_flows
from tests.features.flows import ONE

SPEC = build_spec(windows=default_windows(half_lives_s=(10.0, 60.0, 600.0, 3600.0)), extra=("sttl",))

TRAINED = 230_911

ROW = {
    **dict.fromkeys(SPEC.names, 0.0),
    **{name: math.log(2.0) for name in SPEC.names if "_flows_" in name or "_peers_" in name or "_ports_" in name},
}

HIGHEST = {
    "pair_ports_1m": math.log1p(4),
    "source_peers_1m": math.log1p(12),
    "source_ports_1m": math.log1p(11),
    "destination_flows_1m": math.log1p(60),
    "destination_peers_1m": math.log1p(10),
    "source_flows_1m": math.log1p(55),
    "source_new_1m": math.log1p(6),
    "pair_unanswered_1m": 1.0,
    "source_unanswered_10m": 0.4,
    "src_bytes_log": math.log1p(42_000),
    "dst_bytes_log": math.log1p(300_000),
    "duration_log": math.log1p(780_000),
    "bytes_per_second_log": math.log1p(120_000),
    "src_bytes_per_packet_log": math.log1p(60),
    "src_packets_log": math.log1p(300),
    "bytes_balance": 0.2,
    "dst_port_surprise": 3.571,
    "state_surprise": 2.5,
    "service_surprise": 2.9,
    "sttl": math.log1p(64),
    "pair_total": 30.0,
    "pair_age": 30.0,
    "destination_total": 30.0,
}
"""The upper ends of usual ranges; of all else the end is far above any value."""

LOWEST = {"pair_gap_10m": math.log(60.0), "pair_gap_spread_10m": math.log1p(0.4), "source_total": math.log1p(20)}
"""The lower ends; of all else it is far below."""


@cache
def encoders() -> Encoders:
    """What a model learnt of categories."""
    return Encoders.fit(ordinary_flows(50), ("proto", "service", "state"))


@cache
def readings() -> Readings:
    """How the features are read beside these usual ranges, of a model that learnt port 443 and not port 27353."""
    low = np.array([LOWEST.get(name, -50.0) for name in SPEC.names], np.float32)
    high = np.array([HIGHEST.get(name, 50.0) for name in SPEC.names], np.float32)
    learnt = Readings.of(SPEC, BaselineRanges(low, high), encoders())
    trained = dict.fromkeys(learnt.trained, TRAINED)
    return Readings(**{name: getattr(learnt, name) for name in Readings.__slots__} | {"trained": trained})


def say(
    changes: dict[str, float],
    flow: dict[str, Any] | None = None,
    *,
    contributions: dict[str, float] | None = None,
    view: Raising | None = None,
    rarity: Rarity | None = None,
    read: Readings | None = None,
) -> Told:
    """What an alert says whose vector and flow are ordinary but for this; what changed is what contributed."""
    row = ROW | changes
    given_ = dict.fromkeys(changes, 1.0) if contributions is None else contributions
    values = np.array([list(row.values())], np.float32)
    weights = np.array([[given_.get(name, 0.0) for name in SPEC.names]])
    record = {name: value for name, value in (ONE | (flow or {})).items() if value is not None}
    read = read or readings()
    told = tell(
        read,
        Weighed.of(read, values, weights),
        0,
        readable(values[0]),
        record,
        view or Raising(),
        rarity or Rarity(share=1 / 227_459),
    )
    assert list(broken_rules(told, record)) == []
    return told


CALLER = {"src_ip": "10.0.10.11", "dst_ip": "177.203.50.27", "dst_port": 6667}
"""Who goes out, and where."""
