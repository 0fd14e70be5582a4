"""Half an hour of one small network on each of some days, as a Zeek log: what tests train small models on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training.simulator.scenario import DEFAULT_START, Scenario
from training.simulator.stream import encode

DAY_S, NINE_S = 86_400.0, 32_400.0

SMALL = ("--no-windows", "--kind", "isolation-forest", "--param", "n_estimators=25")
"""How a small model is trained."""

Record = dict[str, Any]

MAPPED = """
[input]
format = "mapping"

[input.mapping]
ts = "ts"
duration_s = "duration"
src_ip = "id.orig_h"
src_port = "id.orig_p"
dst_ip = "id.resp_h"
dst_port = "id.resp_p"
proto = "proto"
service = "service"
state = "conn_state"
src_bytes = "orig_bytes"
dst_bytes = "resp_bytes"
label = "label"

[input.extra]
jitter = "jitter"
verdict = "verdict"
"""
"""The settings by which such a log is read with two numbers of its own."""


def records(day: int, attacks: tuple[str, ...] = ()) -> list[Record]:
    """Half an hour of labelled flows of one small network, in the order of a log."""
    start = DEFAULT_START + day * DAY_S + NINE_S
    scenario = Scenario(seed=4, hosts=25, start=start, duration_s=1_800.0, attacks=attacks, attack_share=0.1)
    if attacks:
        for place in range(6):
            scenario.inject("vertical-scan", start + 120.0 + 270.0 * place, 60)
    return [json.loads(line) for frame in scenario.frames() for line in encode(frame, "zeek-json", labels=True)]


def write(path: Path, rows: list[Record]) -> Path:
    """A log of them, a line each."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path
