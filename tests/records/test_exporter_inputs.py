"""Records as exporters really write them, in ``tests/inputs``: each gives the flows that its ``expected.json`` says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from detector.records.flow import FlowBatch
from detector.transport.files import read_values
from tests.records.samples import decode

INPUTS = Path(__file__).resolve().parents[1] / "inputs"

WITH_FLOWS = (
    "02-zeek-underscore-names.json",
    "02b-zeek-underscore-names.tsv",
    "03-zeek-unset-field.tsv",
    "04-zeek-ts-millis.json",
    "05-netflow5-icmp-type-in-dst-port.json",
    "08-suricata-numeric-proto-padded.json",
    "12-argus-ra-field-names.csv",
    "14-vpc-alphabetical-no-header.log",
    "23b-ntlflowlyzer.csv",
    "26-vpc.parquet",
)


def read(name: str) -> tuple[FlowBatch, dict[str, Any]]:
    """One input decoded as its expectation says, and that."""
    path = INPUTS / name
    expected = json.loads((INPUTS / f"{path.stem}.expected.json").read_text())
    values = [value for values in read_values(path) for value in values]
    return decode(expected["format"].partition(" ")[0], values, labels=True), expected


@pytest.mark.parametrize("name", WITH_FLOWS)
def test_an_input_gives_the_flows_that_it_should(name: str) -> None:
    """Each flow has the values that are expected of it, and nothing is rejected."""
    batch, expected = read(name)
    found = [
        {field: flow[field] for field in wanted}
        for flow, wanted in zip(batch.frame.to_dicts(), expected["expected"], strict=True)
    ]
    assert (found, batch.rejects) == (expected["expected"], [])


@pytest.mark.parametrize("name", ["14-vpc-alphabetical-no-header.log", "26-vpc.parquet"])
def test_windows_without_data_are_passed_over(name: str) -> None:
    """Neither order nor container hides that nothing was captured."""
    assert read(name)[0].passed_over == {"no_data": 1}


def test_every_protocol_that_goflow2_names_is_accepted() -> None:
    """None of the names is a reject."""
    batch, _ = read("06-goflow2-protocol-names.json")
    assert (len(batch.frame), batch.rejects) == (15, [])
    assert batch.frame["proto"].to_list()[-3:] == ["ospf", "sscopmce", "unknown_transport"]


def test_argus_names_what_is_inside_udp() -> None:
    """RTP, RTCP and UDT are UDP; what is not IP has Argus's own name."""
    batch, _ = read("11-argus-rtp-udt.csv")
    assert batch.frame["proto"].to_list() == ["udp", "udp", "udp", "ipx", "icmp", "ipv4", "esp"]


def test_a_zeek_line_without_header_has_no_label_by_its_place() -> None:
    """A protocol's number and a community id in the 22nd and 23rd columns are no labels."""
    batch, expected = read("25-zeek-headerless-ip_proto-community_id.tsv")
    (flow,) = batch.frame.to_dicts()
    (wanted,) = expected["expected"]
    assert {name: flow[name] for name in wanted} == wanted


def test_a_long_connection_is_one_flow() -> None:
    """What ``conn_long`` tells of a connection on the way is passed over; ``conn`` tells it whole."""
    batch, _ = read("30-conn-long-double.json")
    assert batch.frame["src_bytes"].to_list() == [330000]
    assert batch.passed_over == {"other_log": 2}


def test_other_logs_of_zeek_are_never_flows() -> None:
    """Without ``_path``, records that measure no connection (dns, notice, dpd, http) are passed over."""
    batch, _ = read("34-zeek-other-logs-without-path.json")
    assert (batch.rows.tolist(), batch.passed_over, batch.rejects) == ([0], {"other_log": 4}, [])
