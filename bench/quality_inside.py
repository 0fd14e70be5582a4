"""The set **inside**: real attacks hidden in the traffic of real benign hosts, among simulated ones.

The benign flows of 008, 34-1 and 001, each as an inside host of its own name, its day laid beside those of simulated
hosts; then, in the second half of the day, one real attack at a time, renamed to come from one of those three hosts (of
34-1's, another than has its benign flows), at its own pace. Addresses are of a network made up for this; whatever is
not the host keeps its address, but for the attack's own private peers, which become addresses inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from bench.quality_sets import FlowCase, read_zeek
from detector.records.flow import BENIGN, LABEL, SCHEMA
from training.simulator.scenario import DEFAULT_START, Scenario

HOSTS = {"008": "10.77.1.8", "34-1": "10.77.1.34", "001": "10.77.1.1"}
"""Inside hosts that have the benign flows of these captures."""

DAY_S = 86_400.0
SIMULATED_HOSTS = 60


@dataclass(frozen=True, slots=True)
class Hidden:
    """An attack: the file it is from, the label of its flows (None: all), the host that it is put on."""

    name: str
    file: str
    label: str | None
    attacker: str
    host: str


FILES = {
    "008": "stratosphere-008-mixed.conn.log.labeled.gz",
    "34-1": "iot23-34-1.conn.log.labeled.gz",
    "001": "stratosphere-001-njrat.conn.log.labeled.gz",
    "002": "stratosphere-002-portscan.conn.json.gz",
    "remcos": "slips-test18-remcos.conn.log.labeled.gz",
}

ATTACKS = (
    Hidden("scan", "002", None, "172.16.1.11", "008"),
    Hidden("c&c", "34-1", "C&C", "192.168.1.195", "008"),
    Hidden("sweep", "34-1", "PartOfAHorizontalPortScan", "192.168.1.195", "001"),
    Hidden("flood", "34-1", "DDoS", "192.168.1.195", "008"),
    Hidden("njrat", "001", "CC", "192.168.1.115", "34-1"),
    Hidden(
        "remcos", "remcos", "From_malicious-To_malicious-Malware_data_exfiltration-RemcosRAT", "192.168.1.107", "34-1"
    ),
)


def inside(folder: Path, seed: int) -> dict[str, FlowCase]:
    """One case per attack: train on the first half of the day, test on the second, which has the attack."""
    captures = {name: read_zeek(folder / "zeek" / file) for name, file in FILES.items()}
    simulated = pl.concat([*Scenario(seed=seed, hosts=SIMULATED_HOSTS, attacks=(), attack_share=0.0).frames()])
    frames = [simulated.select(*SCHEMA, LABEL)]
    for name, host in HOSTS.items():
        capture = captures[name].filter(pl.col(LABEL) == BENIGN)
        frames.append(_renamed(capture, _busiest(capture), host, DEFAULT_START - float(capture["ts"][0])))
    calm = pl.concat(frames).filter(pl.col("ts") < DEFAULT_START + DAY_S)
    middle = DEFAULT_START + DAY_S / 2
    rng = np.random.default_rng(seed)
    cases = {}
    for hidden in ATTACKS:
        attack = captures[hidden.file]
        if hidden.label is not None:
            attack = attack.filter(pl.col(LABEL) == hidden.label)
        span = float(attack["ts"][-1] - attack["ts"][0])
        start = middle + rng.uniform(0.05, 0.95) * max(0.0, DAY_S / 2 - span)
        moved = _renamed(
            attack.with_columns(pl.lit(hidden.name).alias(LABEL)),
            hidden.attacker,
            HOSTS[hidden.host],
            start - float(attack["ts"][0]),
        )
        flows = pl.concat([calm, _inward(moved, HOSTS[hidden.host])]).sort("ts", maintain_order=True)
        flows = flows.filter(pl.col("ts") < DEFAULT_START + DAY_S)
        before = flows["ts"].to_numpy() < middle
        cases[hidden.name] = FlowCase("inside", flows, before, ~before, (flows[LABEL] != BENIGN).to_numpy())
    return cases


def _busiest(flows: pl.DataFrame) -> str:
    """The IPv4 address that begins most flows."""
    return str(flows.filter(pl.col("src_ip").str.contains(r"^[0-9.]+$"))["src_ip"].mode().sort()[0])


def _renamed(flows: pl.DataFrame, old: str, new: str, shift_s: float) -> pl.DataFrame:
    return flows.select(*SCHEMA, LABEL).with_columns(
        pl.col("ts") + shift_s, pl.col("src_ip", "dst_ip").replace({old: new})
    )


def _inward(attack: pl.DataFrame, host: str) -> pl.DataFrame:
    """Private peers of the attack become addresses of the simulated network: distinct ones stay distinct."""
    peers = pl.concat([attack["src_ip"], attack["dst_ip"]]).unique().sort().to_list()
    private = [peer for peer in peers if peer.startswith(("10.", "192.168.", "172.16.")) and peer != host]
    names = {peer: f"10.77.{2 + place // 250}.{1 + place % 250}" for place, peer in enumerate(private)}
    return attack.with_columns(pl.col("src_ip", "dst_ip").replace(names))
