"""Flows of one small network, as frames and as Zeek logs, and how small models are trained on a day of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from detector.bundle.verdict import VERDICT, RuleResult, decode_verdict
from detector.records.flow import SCHEMA
from detector.registry.registry import Registry
from tests.commands import run
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


def flows_of(scenario: Scenario) -> pl.DataFrame:
    """All flows of a scenario, by their time."""
    return pl.concat(scenario.frames()).sort("ts", maintain_order=True)


def calm_flows(duration_s: float) -> pl.DataFrame:
    """So many seconds without attacks or labels."""
    return flows_of(Scenario(seed=4, hosts=25, duration_s=duration_s, attacks=(), attack_share=0.0)).select(*SCHEMA)


def lines_of(scenario: Scenario, *, labels: bool = True) -> list[bytes]:
    """All flows of a scenario as Zeek logs them, a line each."""
    return [line for frame in scenario.frames() for line in encode(frame, "zeek-json", labels=labels)]


def records(day: int, attacks: tuple[str, ...] = ()) -> list[Record]:
    """Half an hour of labelled flows of a day, in the order of a log."""
    start = DEFAULT_START + day * DAY_S + NINE_S
    scenario = Scenario(seed=4, hosts=25, start=start, duration_s=1_800.0, attacks=attacks, attack_share=0.1)
    if attacks:
        for place in range(6):
            scenario.inject("vertical-scan", start + 120.0 + 270.0 * place, 60)
    return [json.loads(line) for line in lines_of(scenario)]


def write(path: Path, rows: list[Record]) -> Path:
    """A log of them, a line each."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def train(place: Path, *how: str, log: str = "today.log", mapped: bool = False) -> tuple[int, str]:
    """Run ``oddflow train`` on a log of a folder, whose ``registry`` is beside it; ``mapped``, by the settings above.

    Its exit code and last line of standard error.
    """
    config = place / "oddflow.toml"
    config.write_text(MAPPED)
    read = ("--config", str(config)) if mapped else ("--format", "zeek")
    ran = run("train", "--data", str(place / log), *read, "--registry", str(place / "registry"), *how)
    return ran.code, ran.err.splitlines()[-1]


def judged(registry: Registry) -> Mapping[str, RuleResult]:
    """What each rule found of the newest version."""
    newest = registry.history("flows")[-1].version
    return {each.rule: each for each in decode_verdict(registry.file("flows", newest, VERDICT)).rules}
