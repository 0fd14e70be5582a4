"""Zeek's conn log as JSON, and what every JSON format owes its neighbours."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

from detector.records.every_format import open_decoder
from detector.records.flow import LABEL, ROW, SCHEMA
from tests.records.samples import CONN, WHOLE_FLOW, decode, dump, reasons


def test_a_record_becomes_the_canonical_flow() -> None:
    """Every field of a conn record stands in its canonical column."""
    batch = decode("zeek-json", [dump(CONN)])
    assert batch.frame.drop(ROW).row(0, named=True) == WHOLE_FLOW
    assert dict(batch.frame.schema) == {**SCHEMA, ROW: pl.UInt32()}


def test_nested_names_are_the_same_fields() -> None:
    """``{"id": {"orig_h": …}}`` reads as ``id.orig_h`` does."""
    nested = {name: value for name, value in CONN.items() if not name.startswith("id.")}
    nested["id"] = {name[3:]: value for name, value in CONN.items() if name.startswith("id.")}
    assert decode("zeek-json", [dump(nested)]).frame.equals(decode("zeek-json", [dump(CONN)]).frame)


def test_names_without_end_hide_no_field() -> None:
    """Records that each bring many names never seen before are still read by the names that are known."""
    records = [{**{f"x{at}.{number}": number for number in range(40)}, **CONN} for at in range(50)]
    frame = decode("zeek-json", [dump(record) for record in records]).frame.drop(ROW)
    assert frame.n_unique() == 1
    assert frame.row(0, named=True) == WHOLE_FLOW


def test_optional_fields_may_be_missing() -> None:
    """A flow that has only times, addresses and protocol is a flow."""
    names = ("ts", "id.orig_h", "id.resp_h", "proto")
    flow = decode("zeek-json", [dump({name: CONN[name] for name in names})]).frame.row(0, named=True)
    assert {name for name, value in flow.items() if value is not None} == {"ts", "src_ip", "dst_ip", "proto", ROW}


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        ({"ts": None}, "missing_field", "ts: is missing"),
        ({"ts": -5}, "bad_timestamp", "ts: '-5' is not"),
        ({"ts": 5e10}, "bad_timestamp", "ts: "),
        ({"ts": "yesterday"}, "bad_timestamp", "ts: 'yesterday' is not a time"),
        ({"ts": [1, 2]}, "wrong_type", "ts: an object or list is not a time"),
        ({"id__orig_h": "192.0.2.256"}, "bad_address", "id.orig_h: '192.0.2.256' is not"),
        ({"id__orig_h": "host.example"}, "bad_address", "id.orig_h"),
        ({"id__resp_h": 7}, "wrong_type", "id.resp_h: '7' is not a text"),
        ({"id__resp_p": 65536}, "bad_port", "id.resp_p: '65536' is not a port"),
        ({"id__resp_p": -1}, "bad_port", "id.resp_p"),
        ({"id__resp_p": "x"}, "bad_port", "id.resp_p"),
        ({"proto": "tpc"}, "bad_protocol", "proto: 'tpc' is not a known protocol"),
        ({"orig_bytes": -1}, "bad_count", "orig_bytes: '-1' is not a count"),
        ({"orig_bytes": 10**30}, "bad_count", "orig_bytes"),
        ({"orig_bytes": 1.5}, "bad_count", "orig_bytes: '1.5' is not a count"),
        ({"orig_bytes": True}, "wrong_type", "orig_bytes: 'true' is not a number"),
        ({"duration": 1e10}, "bad_count", "duration: '10000000000.0' is not a length"),
        ({"duration": "long"}, "wrong_type", "duration: 'long' is not a number"),
        ({"service": ["dns", "tls"]}, "wrong_type", "service: an object or list is not text"),
    ],
)
def test_a_bad_field_turns_its_record_away_and_is_named(changes: dict[str, Any], reason: str, detail: str) -> None:
    """A record with one bad field is a reject that says which and why, and its neighbours are flows."""
    batch = decode("zeek-json", [dump(CONN), dump(CONN, **changes), dump(CONN)])
    assert batch.rows.tolist() == [0, 2]
    assert reasons(batch) == [reason]
    assert batch.rejects[0].row == 1
    assert batch.rejects[0].detail.startswith(detail)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b" \r\n", "empty"),
        (b"{", "not_json"),
        (b"not json", "not_json"),
        (b"{'ts':1}", "not_json"),
        (b'{"ts":NaN}', "not_json"),
        (b'{"ts":01}', "not_json"),
        (b'{"ts":1,}', "not_json"),
        (b'{"ts":"\x01"}', "not_json"),
        (b"\0", "not_json"),
        (dump(CONN)[:-1] + b"\0}", "not_json"),
        (b"\xff\xfe", "not_utf8"),
        (b'{"uid":"\xed\xa0\x80"}', "not_utf8"),
        (b"[1]", "wrong_type"),
        (b"[[1],]", "not_json"),
        (b"5", "wrong_type"),
        (b"null", "wrong_type"),
        (b"{}", "missing_field"),
        (b"[" * 100_000, "not_json"),
        (b'{"a":' * 100_000, "not_json"),
        (b" " * 2_000_000, "too_large"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_no_record_is_rejected_by_itself(value: bytes | None, reason: str) -> None:
    """A value that is not a JSON object costs its neighbours nothing."""
    batch = decode("zeek-json", [dump(CONN), value, dump(CONN)])
    assert batch.rows.tolist() == [0, 2]
    assert reasons(batch) == [reason]


def test_a_newline_inside_a_value_is_white_space() -> None:
    """One value is one record, however many lines it is written in."""
    batch = decode("zeek-json", [json.dumps(CONN, indent=2).encode(), dump(CONN) + b"\n"])
    assert batch.rows.tolist() == [0, 1]


def test_of_a_field_given_twice_the_last_counts() -> None:
    """Duplicate names are read as Python and msgspec read them."""
    twice = dump(CONN)[:-1] + b',"id.resp_p":22}'
    assert decode("zeek-json", [twice]).frame["dst_port"].to_list() == [22]


def test_escapes_are_resolved() -> None:
    """Text with escapes is the text that they stand for, in values and in names."""
    value = dump(CONN, uid='Cä"b').replace(b'"proto"', b'"pr\\u006fto"')
    assert b"\\u00e4" in value
    flow = decode("zeek-json", [value]).frame.row(0, named=True)
    assert (flow["uid"], flow["proto"]) == ('Cä"b', "tcp")


def test_deep_but_legal_nesting_is_read() -> None:
    """A field that nobody wants may be nested deep."""
    value = dump(CONN)[:-1] + b',"x":' + b"[" * 200 + b"]" * 200 + b"}"
    assert len(decode("zeek-json", [value]).frame) == 1


def test_times_may_be_dates() -> None:
    """Zeek's ISO 8601 time stamps are the same instants as its numbers."""
    dates = ["2023-11-14T22:13:20.250000Z", "2023-11-14T23:13:20.25+01:00"]
    assert decode("zeek-json", [dump(CONN, ts=date) for date in dates]).frame["ts"].to_list() == [1700000000.25] * 2


def test_numbers_may_be_text() -> None:
    """Some pipelines quote every number."""
    quoted = {name: str(value) if isinstance(value, int | float) else value for name, value in CONN.items()}
    batch = decode("zeek-json", [dump({**quoted, "local_orig": "T", "local_resp": "F"})])
    assert batch.frame.drop(ROW).row(0, named=True) == WHOLE_FLOW


def test_other_logs_are_passed_over() -> None:
    """Of a topic with all of Zeek's logs, only conn is read."""
    batch = decode("zeek-json", [dump(CONN, _path="conn"), dump({"_path": "dns", "ts": 1})])
    assert (batch.rows.tolist(), batch.passed_over) == ([0], {"other_log": 1})


def test_protocols_have_one_spelling() -> None:
    """Names in any case, numbers and IPv6's names of a protocol are one category."""
    spelt = ["TCP", 6, "6", "icmp6", "ipv6-icmp", 58, 200]
    found = decode("zeek-json", [dump(CONN, proto=word) for word in spelt]).frame["proto"].to_list()
    assert found == ["tcp", "tcp", "tcp", "icmp", "icmp", "icmp", "proto-200"]


def test_labels_only_on_request() -> None:
    """The truth is a column only where it is asked for, in one vocabulary."""
    said = [
        ("Malicious", "C&C"),
        ("Benign", "-"),
        ("Background", None),
        ("Normal", None),
        ("Malicious", None),
        (None, None),
    ]
    values = [dump(CONN, label=label, detailedlabel=detail) for label, detail in said]
    assert LABEL not in decode("zeek-json", values).frame.columns
    truth = decode("zeek-json", values, labels=True).frame[LABEL].to_list()
    assert truth == ["C&C", "benign", "benign", "benign", "Malicious", None]


def test_a_decoder_keeps_nothing_of_json() -> None:
    """The same values decode to the same frame whatever came before."""
    decoder = open_decoder("zeek-json")
    first = decoder.decode([dump(CONN)])
    decoder.decode([b"{", dump({"b": 1, **CONN})])
    assert decoder.decode([dump(CONN)]).frame.equals(first.frame)


def test_no_values_are_an_empty_batch() -> None:
    """An empty list decodes to a frame of the schema without rows."""
    batch = decode("zeek-json", [])
    assert dict(batch.frame.schema) == {**SCHEMA, ROW: pl.UInt32()}
