"""JSON whose fields the operator names, and the table of formats."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from detector.errors import ConfigurationError
from detector.records.every_format import FORMATS, open_decoder
from detector.records.flow import LABEL
from tests.records.samples import decode, dump, reasons

MAPPING = {"ts": "time in ms", "src_ip": "client.ip", "dst_ip": "server.ip", "proto": "l4"}
RECORD = {
    "time": 1700000000250,
    "client": {"ip": "192.0.2.1", "port": 50000},
    "server": {"ip": "198.51.100.7", "port": 443},
    "l4": "TCP",
    "bytes": {"up": 100, "down": 2000},
    "took": 1500,
    "end": "2023-11-14T22:13:21.750Z",
    "verdict": "normal",
}


def test_named_fields_become_columns() -> None:
    """Paths into nested objects are read as the columns that they are named for, in the unit that is named."""
    full = {
        **MAPPING,
        "src_port": "client.port",
        "dst_bytes": "bytes.down",
        "duration_s": "took in ms",
        "label": "verdict",
    }
    flow = decode("mapping", [dump(RECORD)], mapping=full, labels=True).frame.row(0, named=True)
    found = {
        name: flow[name]
        for name in ("ts", "src_ip", "src_port", "proto", "dst_bytes", "duration_s", "src_bytes", LABEL)
    }
    assert found == {
        "ts": 1700000000.25,
        "src_ip": "192.0.2.1",
        "src_port": 50000,
        "proto": "tcp",
        "dst_bytes": 2000,
        "duration_s": 1.5,
        "src_bytes": None,
        "label": "benign",
    }


def test_an_end_gives_the_duration() -> None:
    """Where there is no duration, the time of the end will do."""
    assert decode("mapping", [dump(RECORD)], mapping={**MAPPING, "end_ts": "end"}).frame["duration_s"].to_list() == [
        1.5
    ]


@pytest.mark.parametrize(
    "record",
    [
        {"a": {"b": {"c": "192.0.2.9"}}},
        {"a.b.c": "192.0.2.9"},
        {"a.b": {"c": "192.0.2.9"}},
        {"a": {"b.c": "192.0.2.9"}},
        {"a": {"x": 1}, "a.b": {"c": ["192.0.2.9"]}},
        {"a": {"b": {"c": "192.0.2.9", "d": 1}, "b.d": 2}},
        {"\\u0061": {"b.c": ["192.0.2.9"]}},
    ],
)
def test_names_may_be_grouped_in_any_way(record: dict[str, Any]) -> None:
    """A dotted path finds its field as one name, nested, or anything between, however it is spelt."""
    value = json.dumps({**RECORD, **record}).encode().replace(rb"\\u", rb"\u")
    batch = decode("mapping", [value], mapping={**MAPPING, "src_ip": "a.b.c", "src_bytes": "a.b.d"})
    assert batch.frame["src_ip"].to_list() == ["192.0.2.9"]


def test_the_first_path_that_a_record_has_counts() -> None:
    """In the order of the setting, not of the record; null is as if it was not there."""
    mapping: dict[str, str | list[str]] = {**MAPPING, "src_ip": ["a", "b.c", "client.ip"], "state": ["s", "t"]}
    records: list[dict[str, Any]] = [
        {},
        {"b": {"c": "192.0.2.2"}},
        {"b.c": "192.0.2.2", "a": "192.0.2.3", "t": "S1"},
        {"a": None, "s": "S0"},
    ]
    batch = decode("mapping", [dump({**RECORD, **each}) for each in records], mapping=mapping)
    assert batch.frame["src_ip"].to_list() == ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.1"]
    assert batch.frame["state"].to_list() == [None, None, "S1", "S0"]


def test_each_of_several_times_has_its_own_unit() -> None:
    """A column's paths may count in different units, or be dates."""
    mapping = {**MAPPING, "ts": ["at in ms", "seconds", "date"], "duration_s": ["took in ms", "long"], "end_ts": "end"}
    record = {name: value for name, value in RECORD.items() if name not in ("time", "took", "end")}
    changes: list[dict[str, Any]] = [
        {"at": 1700000000250, "took": 5, "long": 9},
        {"seconds": 1700000000.25, "long": 9},
        {"date": "2023-11-14T22:13:20.250Z", "end": "2023-11-14T22:13:21.000Z"},
        {},
    ]
    batch = decode("mapping", [dump({**record, **each}) for each in changes], mapping=mapping)
    assert batch.frame["ts"].to_list() == [1700000000.25] * 3
    assert batch.frame["duration_s"].to_list() == [0.005, 9.0, 0.75]
    assert [(reject.row, reject.detail) for reject in batch.rejects] == [(3, "at or seconds or date: is missing")]


def test_what_is_missing_under_every_path_names_them_all() -> None:
    """A reject speaks of all the fields that would have done."""
    batch = decode("mapping", [dump(RECORD)], mapping={**MAPPING, "src_ip": ["a", "b"]})
    assert batch.rejects[0].detail == "a or b: is missing"


def test_further_numbers_are_columns() -> None:
    """They have names of their own, any sign, and are null where a record has none."""
    extra = {"jitter": "stats.jitter", "retransmits": ["r", "tcp.r"]}
    records: list[dict[str, Any]] = [{"stats": {"jitter": -1.5}, "tcp": {"r": "7"}}, {"r": 0}, {"r": "many"}]
    values = [dump({**RECORD, **each}) for each in records]
    batch = decode("mapping", values, mapping=MAPPING, extra=extra)
    assert batch.frame.select("extra.jitter", "extra.retransmits").rows() == [(-1.5, 7.0), (None, 0.0)]
    assert batch.rejects[0].detail == "r or tcp.r: 'many' is not a number"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mapping": {**MAPPING, "src_ip": []}}, "input.mapping.src_ip: it names no field"),
        ({"mapping": {**MAPPING, "src_ip": ["a", "a"]}}, "input.mapping.src_ip: a path is there twice"),
        ({"mapping": {**MAPPING, "src_ip": ["a", ""]}}, "input.mapping.src_ip: '' is no path"),
        ({"mapping": MAPPING, "extra": {"a b": "x"}}, "input.extra.a b: name it"),
        ({"mapping": MAPPING, "extra": {"a": "x."}}, "input.extra.a: 'x.' is no path"),
    ],
)
def test_paths_that_cannot_work_are_told(options: dict[str, Any], words: str) -> None:
    """The message names the key."""
    with pytest.raises(ConfigurationError, match=re.escape(words)):
        open_decoder("mapping", **options)


def test_other_formats_take_no_further_numbers() -> None:
    """The message says which one does."""
    with pytest.raises(ConfigurationError, match="takes no extra; use the format 'mapping'"):
        open_decoder("zeek", extra={"a": "b"})


def test_messages_name_the_records_own_field() -> None:
    """A reject speaks of the path that the operator gave."""
    batch = decode("mapping", [dump(RECORD, client={"ip": "nowhere"})], mapping=MAPPING)
    assert reasons(batch) == ["bad_address"]
    assert batch.rejects[0].detail.startswith("client.ip: 'nowhere'")


def test_one_field_may_serve_two_columns() -> None:
    """Nothing forbids to read a field twice."""
    frame = decode("mapping", [dump(RECORD)], mapping={**MAPPING, "uid": "l4", "service": "l4"}).frame
    assert (frame["uid"].to_list(), frame["service"].to_list()) == (["TCP"], ["tcp"])


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ({}, "ts, src_ip, dst_ip, proto missing"),
        ({**MAPPING, "dst_prt": "x"}, "did you mean dst_port"),
        ({**MAPPING, "ts": "time in weeks"}, "use s, ms, us or ns"),
        ({**MAPPING, "ts": "a..b"}, "is no path"),
        ({**MAPPING, "ts": " "}, "is no path"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused(mapping: dict[str, str], says: str) -> None:
    """Opening it says what is wrong with which key."""
    with pytest.raises(ConfigurationError, match=says):
        open_decoder("mapping", mapping=mapping)


def test_only_mapping_takes_a_mapping() -> None:
    """A mapping beside another format is a mistake, not ignored."""
    with pytest.raises(ConfigurationError, match="use the format 'mapping'"):
        open_decoder("zeek", mapping=MAPPING)


@pytest.mark.parametrize(("wrong", "near"), [("zeke", "zeek"), ("suricata-eve", "suricata"), ("xyzzy", "known are")])
def test_an_unknown_format_names_the_nearest(wrong: str, near: str) -> None:
    """A mistyped name is answered with the one that was meant."""
    with pytest.raises(ConfigurationError, match=near):
        open_decoder(wrong)


def test_the_table_is_by_name() -> None:
    """Each row of the table stands under its own name and describes itself."""
    assert all(name == row.name and row.description for name, row in FORMATS.items())
