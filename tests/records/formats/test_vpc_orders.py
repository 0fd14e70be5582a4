"""VPC flow logs in any order, version and container, and those of transit gateways."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.records.flow import ROW
from detector.records.formats.vpcflow import KNOWN
from tests.records.samples import QUICK, decode, reasons

RECORD = {
    "version": "5",
    "account-id": "123456789010",
    "interface-id": "eni-1",
    "srcaddr": "192.0.2.10",
    "dstaddr": "198.51.100.7",
    "srcport": "50000",
    "dstport": "443",
    "protocol": "6",
    "packets": "5",
    "bytes": "100",
    "start": "1700000000",
    "end": "1700000060",
    "action": "ACCEPT",
    "log-status": "OK",
    "tcp-flags": "2",
    "flow-direction": "egress",
    "resource-type": "TransitGatewayAttachment",
}
FLOW = {
    "ts": 1700000000.0,
    "duration_s": 60.0,
    "src_ip": "192.0.2.10",
    "src_port": 50000,
    "dst_ip": "198.51.100.7",
    "dst_port": 443,
    "proto": "tcp",
    "state": "S0",
    "src_bytes": 100,
    "src_packets": 5,
    "direction": "outbound",
}
ALL = [name for name in RECORD if name != "resource-type"]


def _line(names: tuple[str, ...] | list[str]) -> bytes:
    return " ".join(RECORD.get(name, "-") for name in names).encode()


def _flow(values: list[bytes], **options: Any) -> dict[str, Any]:
    (flow,) = decode("vpcflow", values, **options).frame.to_dicts()
    return {name: value for name, value in flow.items() if value is not None and name != ROW}


@pytest.mark.parametrize("names", [layout.names for layout in KNOWN], ids=lambda names: f"{len(names)} {names[0]}")
def test_aws_own_orders_need_no_header(names: tuple[str, ...]) -> None:
    """The fields up to each version in the order of AWS's table or of the alphabet, and a transit gateway's."""
    wanted = dict(FLOW)
    if "tcp-flags" not in names:
        del wanted["state"]
    if "flow-direction" not in names or "resource-type" in names:
        del wanted["direction"]
    assert _flow([_line(names)]) == wanted


def test_the_newest_fields_are_known() -> None:
    """Version 10 has 42 fields; a transit gateway's records 36."""
    assert {len(layout.names) for layout in KNOWN} == {14, 21, 25, 29, 36, 39, 40, 41, 42}


@QUICK
@given(st.permutations(ALL), st.sampled_from(["{}", "${{{}}}"]))
def test_any_order_may_be_named_by_a_header_or_by_the_settings(names: list[str], spelling: str) -> None:
    """A custom format is read by its header line, or by ``input.columns`` as AWS shows it."""
    spelt = [spelling.format(name) for name in names]
    assert _flow([" ".join(spelt).encode(), _line(names)]) == FLOW
    assert _flow([_line(names)], columns=spelt) == FLOW


def test_a_line_of_another_width_than_the_settings_say_is_rejected() -> None:
    """Nothing is guessed where columns were named."""
    assert reasons(decode("vpcflow", [_line(ALL)], columns=ALL[:-1])) == ["field_count"]


@pytest.mark.parametrize("sign", ["-", "_", None])
@pytest.mark.parametrize("typed", [True, False])
def test_json_may_spell_names_in_three_ways(sign: str | None, typed: bool) -> None:
    """Parquet files and shippers write hyphens or underscores, or words run together; numbers as such or as text."""
    record = {_spell(name, sign): int(value) if typed and value.isdigit() else value for name, value in RECORD.items()}
    del record[_spell("resource-type", sign)]
    assert _flow([json.dumps(record).encode()]) == FLOW


def _spell(name: str, sign: str | None) -> str:
    if sign is not None:
        return name.replace("-", sign)
    first, *others = name.split("-")
    return first + "".join(word.capitalize() for word in others)


def test_a_hyphen_in_json_is_no_value() -> None:
    """AWS writes ``-`` for what does not apply, in whichever container."""
    record = RECORD | {"tcp-flags": "-", "srcport": "-", "flow-direction": "-", "resource-type": "-"}
    flow = _flow([json.dumps(record).encode()])
    assert flow == {name: value for name, value in FLOW.items() if name not in {"src_port", "state", "direction"}}


def test_lines_and_objects_may_share_a_stream() -> None:
    """Each value tells by itself what it is."""
    values = [_line(KNOWN[0].names), json.dumps(RECORD).encode(), _line(KNOWN[0].names)]
    assert decode("vpcflow", values).rows.tolist() == [0, 1, 2]
