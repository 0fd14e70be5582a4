"""JSON whose fields the operator names, and the table of formats."""

from __future__ import annotations

import pytest

from detector.errors import ConfigurationError
from detector.records.flow import LABEL
from detector.records.formats import FORMATS, open_decoder
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
