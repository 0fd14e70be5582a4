"""Records in the containers that shippers put them into: each of the inputs gives the flows that it should.

What each input is, its expected values and the setting that reads it stand in ``tests/inputs``; ``unpack`` and further
paths of a mapping are what an operator has to set.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from detector.records.every_format import open_decoder
from detector.records.flow import FlowBatch
from tests.records.samples import check

INPUTS = Path(__file__).parent.parent.parent / "inputs"

UNPACK = {
    "01-zeek-kafka-tagged": "conn",
    "13-vpc-firehose-message": "message",
    "15-json-array": "",
    "15b-json-array-pretty": "",
    "18-filebeat-message": "message",
    "18b-filebeat-message-tsv": "message",
    "18c-filebeat-json-key": "json",
}
"""The setting ``input.unpack`` for each."""


def read(name: str, values: list[bytes] | None = None, **options: Any) -> tuple[FlowBatch, list[dict[str, Any]]]:
    """What becomes of an input as messages (its lines, unless given), and what is expected."""
    wanted = json.loads((INPUTS / f"{name}.expected.json").read_text())
    messages = values or (INPUTS / f"{name}.json").read_bytes().splitlines()
    given = {"mapping": wanted["mapping"]} if "mapping" in wanted else {}
    batch = open_decoder(wanted["format"], **given | options).decode(messages)
    check(batch, len(messages))
    return batch, wanted["expected"]


def told(batch: FlowBatch, expected: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The flows, in the columns that are expected of each."""
    rows = batch.frame.to_dicts()
    assert len(rows) == len(expected)
    return [{name: row[name] for name in wanted} for row, wanted in zip(rows, expected, strict=True)]


@pytest.mark.parametrize("name", UNPACK)
def test_each_container_gives_its_flows(name: str) -> None:
    """Every message of the input, as a topic would have it, gives the flows that are in it."""
    whole = [(INPUTS / f"{name}.json").read_bytes()] if name.startswith("15") else None
    batch, expected = read(name, whole, unpack=[UNPACK[name]] if UNPACK[name] else [])
    assert told(batch, expected) == expected
    assert batch.rejects == []


def test_windows_without_data_are_passed_over_in_a_container_too() -> None:
    """What is no flow within a message is counted by its kind."""
    batch, _ = read("13-vpc-firehose-message", unpack=["message"])
    assert batch.passed_over == {"no_data": 1}


def test_a_tag_may_be_part_of_a_mapping() -> None:
    """A path goes through a tag to a name with a dot in it."""
    batch, expected = read("01b-zeek-kafka-tagged-by-mapping")
    assert told(batch, expected) == expected


def test_lists_of_one_value_are_that_value() -> None:
    """Elastic may write any field as a list; names with dots stand beside nested ones."""
    batch, _ = read("19-ecs-netflow")
    columns = ["ts", "duration_s", "src_ip", "src_port", "dst_ip", "dst_port", "proto", "src_bytes"]
    flow = (1700000000.25, 1.5, "192.0.2.10", 50000, "198.51.100.7", 443, "tcp")
    assert batch.frame.select(columns).rows() == [(*flow, 100), (*flow, 100), (*flow, None)]


def test_addresses_of_either_version_may_have_fields_of_their_own() -> None:
    """Of two paths, the one that a record has counts."""
    wanted = json.loads((INPUTS / "21-nfdump-json-v4-v6.expected.json").read_text())
    either = {"src_ip": ["src4_addr", "src6_addr"], "dst_ip": ["dst4_addr", "dst6_addr"]}
    batch, expected = read("21-nfdump-json-v4-v6", mapping=wanted["mapping"] | either)
    assert told(batch, expected) == expected
    assert batch.frame["dst_ip"].to_list() == ["198.51.100.7", "2001:db8::7"]
