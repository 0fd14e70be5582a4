"""What calibration finds oddest is told by who stands out, so that an attack among it can be labelled."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from detector.decisions.assessment import Assessment
from detector.decisions.budget import DAY_S, IncidentCalibration
from detector.decisions.passed import evidence_keys
from detector.decisions.views import VIEWS
from detector.net.directions import directions_of
from tests.commands import run
from tests.training.test_commands import FORMAT, write
from training.calibration_audit import DEEP, as_rows, as_text, oddest

ROWS = 400


def calibration(surprise: NDArray[np.float64], **columns: list[str] | list[int]) -> pl.DataFrame:
    """Who stands out among a day of flows of this surprise; each of its own hosts unless told."""
    hosts: dict[str, list[str] | list[int]] = {
        "src_ip": [f"10.0.{n // 250}.{n % 250}" for n in range(ROWS)],
        "dst_ip": [f"203.0.{n // 250}.{n % 250}" for n in range(ROWS)],
        "dst_port": [443] * ROWS,
        "proto": ["tcp"] * ROWS,
    }
    ts = np.linspace(0.0, DAY_S, ROWS)
    frame = pl.DataFrame({"ts": ts, **hosts, **columns}, schema_overrides={"dst_port": pl.Int32})
    assessment = Assessment.of(surprise, *(np.zeros(ROWS) for _ in VIEWS[1:]))
    incidents = IncidentCalibration.fit(evidence_keys(frame).targets, directions_of(frame), ts, assessment)
    return oddest(frame, assessment, incidents)


def test_each_that_stands_out_is_told_once_the_oddest_first() -> None:
    """Of hosts that each have one odd flow, the oddest are told, with their time, target and way."""
    found = calibration(np.arange(ROWS) / 40.0)
    assert found["src_ip"].to_list() == [f"10.0.1.{149 - n}" for n in range(DEEP)]
    assert found["false_incidents_per_day"].is_sorted()
    assert found.row(0, named=True) == {
        "src_ip": "10.0.1.149",
        "dst_ip": "203.0.1.149",
        "dst_port": 443,
        "proto": "tcp",
        "main_port": 443,
        "main_proto": "tcp",
        "sources": 1,
        "destinations": 1,
        "ports": 1,
        "targets": 1,
        "flows": 1,
        "first": DAY_S,
        "view": "surprise",
        "false_incidents_per_day": 1.0,
    }
    heading, *lines, _ = as_text(found).splitlines()
    assert heading.endswith(", the oddest first:")
    assert [line.rpartition(", ")[2] for line in lines] == [
        f"raised from {n} false incidents a day on" for n in range(1, DEEP + 1)
    ]


def test_a_scan_is_told_by_its_source_and_a_flood_by_its_destination() -> None:
    """Three hosts that one source tries are one line; so are three sources of one destination."""
    surprise = np.where(np.arange(ROWS) < DEEP, 9.0, 1.0)
    hosts = [f"10.0.{n // 250}.{n % 250}" for n in range(ROWS)]
    scan = as_rows(
        calibration(
            surprise, src_ip=["10.9.9.9"] * DEEP + hosts[DEEP:], dst_port=[*range(DEEP), *[443] * (ROWS - DEEP)]
        )
    )
    flood = as_rows(calibration(surprise, dst_ip=["10.9.9.9"] * DEEP + hosts[DEEP:]))
    assert [(row["src_ip"], row["dst_ip"], row["dst_port"], row["targets"]) for row in scan] == [
        ("10.9.9.9", None, None, DEEP)
    ]
    assert [(row["src_ip"], row["dst_ip"], row["dst_port"], row["targets"]) for row in flood] == [
        (None, "10.9.9.9", 443, DEEP)
    ]
    assert scan[0]["first"] == "1970-01-01T00:00:00+00:00"


def test_ports_are_told_with_their_protocol_and_icmp_without() -> None:
    """A target's port stands with its protocol; what ICMP has in its place, a code, is called no port."""
    told = as_text(calibration(np.arange(ROWS) / 40.0, proto=[*["tcp"] * (ROWS - 2), "icmp", "udp"]))
    assert [line.split(", ")[1] for line in told.splitlines()[1:-1]] == [
        "port 443/udp: 1 flow",
        "icmp: 1 flow",
        "port 443/tcp: 1 flow",
    ]


def test_several_are_told_by_their_number() -> None:
    """Where hosts or ports are several, the line says how many of each; those are the numbers of the flows raised."""
    surprise = np.where(np.arange(ROWS) < DEEP, 9.0, 1.0)
    hosts = [f"10.0.{n // 250}.{n % 250}" for n in range(ROWS)]
    scan = calibration(surprise, src_ip=["10.9.9.9"] * DEEP + hosts[DEEP:])
    crowd = calibration(
        surprise, dst_ip=["10.9.9.9"] * DEEP + hosts[DEEP:], dst_port=[80, *[22] * (DEEP - 1), *[443] * (ROWS - DEEP)]
    )
    assert "10.9.9.9 to 3 hosts, port 443/tcp: 3 flows," in as_text(scan)
    assert "3 hosts to 10.9.9.9, mostly port 22/tcp, and 1 more: 3 flows," in as_text(crowd)
    ports = calibration(
        surprise, dst_ip=["10.9.9.9"] * DEEP + hosts[DEEP:], dst_port=[*range(DEEP), *[443] * (ROWS - DEEP)]
    )
    assert "3 hosts to 10.9.9.9, 3 ports: 3 flows," in as_text(ports)


def test_where_nothing_stands_out_nothing_is_said() -> None:
    """Of flows that are all alike none is told."""
    assert not len(calibration(np.zeros(ROWS)))


@pytest.mark.slow
def test_train_tells_an_attack_that_nobody_labelled(tmp_path: Path) -> None:
    """A scan in unlabelled traffic stands in what train tells, for people and for programs, and not in the bundle."""
    flows = write(tmp_path / "flows.json", 6, ("horizontal-scan",), labels=False)
    scanner = _scanner(tmp_path)
    given = ("train", "--data", str(flows), *FORMAT, "--registry", str(tmp_path / "registry"), "--no-cut")
    small = ("--param", "clusters_n_clusters=16", "single_n_clusters=16", "n_estimators=50")
    code, out, err = run(*given, *small)
    assert code == 0, err
    assert re.search(rf"  {re.escape(scanner)} to \d+ hosts, port ", out)
    assert "--attacker ADDRESS" in out
    told = json.loads(run(*given, *small, "--json")[1])["oddest_of_calibration"]
    assert scanner in [row["src_ip"] for row in told]
    files = [path for path in (tmp_path / "registry").rglob("*") if path.is_file()]
    assert [path.name for path in files if scanner.encode() in path.read_bytes()] == []


def _scanner(folder: Path) -> str:
    labelled = write(folder / "labelled.json", 6, ("horizontal-scan",))
    records = map(json.loads, labelled.read_bytes().splitlines())
    (source,) = {record["id.orig_h"] for record in records if record["label"] != "Benign"}
    return str(source)
