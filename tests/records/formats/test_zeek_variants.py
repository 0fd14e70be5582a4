"""Zeek's logs under settings other than its own: separators, absent values, times, names of logs, added columns."""

from __future__ import annotations

from typing import Any

import pytest

from detector.errors import ConfigurationError
from detector.records.every_format import open_decoder
from detector.records.flow import LABEL, ROW
from tests.records.samples import CONN, CONN_FIELDS, TSV, WHOLE_FLOW, decode, dump, reasons

LINE = TSV[-1]


@pytest.mark.parametrize("scope", ["_", "-", ":", "::", "/", "$", "__"])
@pytest.mark.parametrize("name", ["zeek", "zeek-json", "zeek-tsv"])
def test_another_scope_separator_changes_nothing(name: str, scope: str) -> None:
    """``id_orig_h`` is ``id.orig_h``, in JSON and in a header."""
    if name == "zeek-tsv":
        values = [TSV[1].replace(b"id.", b"id" + scope.encode()), LINE]
    else:
        values = [dump({field.replace("id.", "id" + scope): value for field, value in CONN.items()})]
    assert decode(name, values).frame.drop(ROW).row(0, named=True) == WHOLE_FLOW


@pytest.mark.parametrize("unset", ["N/A", "-", "unset", "(not set at all)", "NULL", ""])
def test_a_header_says_how_absent_values_are_written(unset: str) -> None:
    """``#unset_field`` and ``#empty_field`` may be any text, of any length."""
    header = [b"#unset_field\t" + unset.encode(), b"#empty_field\tEMPTY-EMPTY", TSV[1]]
    cells = LINE.split(b"\t")
    cells[7], cells[8] = unset.encode(), b"EMPTY-EMPTY"
    flow = decode("zeek-tsv", [*header, b"\t".join(cells)]).frame.row(0, named=True)
    assert (flow["service"], flow["duration_s"], flow["src_bytes"]) == (None, None, 100)


def test_what_is_absent_holds_until_the_next_header() -> None:
    """After another ``#separator`` line, Zeek's own signs are absent again."""
    cells = LINE.split(b"\t")
    cells[8] = b"N/A"
    other = b"\t".join(cells)
    values = [b"#unset_field\tN/A", TSV[1], other, b"#separator \\x09", TSV[1], other]
    batch = decode("zeek-tsv", values)
    assert (batch.rows.tolist(), reasons(batch)) == ([2], ["wrong_type"])


@pytest.mark.parametrize(
    "ts",
    [1700000000250, 1700000000250.0, "1700000000250", 1700000000250000, 1700000000250000000, "2023-11-14T22:13:20.25Z"],
)
def test_times_may_be_in_any_unit_or_dates(ts: Any) -> None:
    """Milliseconds (``JSON::TS_MILLIS``) and smaller units are known by their size, ISO 8601 by its look."""
    assert decode("zeek", [dump(CONN, ts=ts)]).frame["ts"].to_list() == pytest.approx([1700000000.25], abs=1e-6)


@pytest.mark.parametrize("ts", [2.0**32, 5e10, 4.3e12, 9.9e13, 4.3e15, 4.3e18, 1e300])
def test_a_time_that_fits_no_unit_is_rejected(ts: float) -> None:
    """Nothing is made of a number that is no time from 1973 to 2106 in any unit."""
    assert reasons(decode("zeek", [dump(CONN, ts=ts)])) == ["bad_timestamp"]


@pytest.mark.parametrize(
    ("proto", "number", "name"),
    [("unknown_transport", 89, "ospf"), ("tcp", 6, "tcp"), ("unknown_transport", None, "unknown_transport")],
)
def test_a_transport_that_zeek_does_not_name_has_its_number(proto: str, number: int | None, name: str) -> None:
    """``ip_proto`` tells what ``unknown_transport`` is."""
    assert decode("zeek", [dump(CONN, proto=proto, ip_proto=number)]).frame["proto"].to_list() == [name]


@pytest.mark.parametrize("name", ["zeek", "zeek-json"])
def test_the_logs_that_hold_connections_are_a_setting(name: str) -> None:
    """A renamed ``_path`` is read where the settings name it, and all others are passed over."""
    values = [dump(CONN, _path=path) for path in ("conn", "conn_dmz", "conn_long", "dns")]
    assert decode(name, values).rows.tolist() == [0]
    batch = decode(name, values, log_paths=("conn_dmz", "conn_long"))
    assert (batch.rows.tolist(), batch.passed_over) == ([1, 2], {"other_log": 2})


def test_the_path_of_a_header_is_held_against_the_same_setting() -> None:
    """``#path`` may be renamed as well."""
    values = [b"#path\tconn_dmz", *TSV[1:]]
    assert decode("zeek-tsv", values).passed_over == {"header": 2, "other_log": 1}
    assert len(decode("zeek-tsv", values, log_paths=("conn_dmz",)).frame) == 1


@pytest.mark.parametrize(
    "others",
    [
        {"trans_id": 7, "query": "www.example.com"},
        {"note": "Scan::Port_Scan"},
        {"analyzer": "SSL", "failure_reason": "?"},
        {"facility": "DAEMON", "severity": "INFO"},
        {"stratum": 3},
        {"local_orig": True, "something": "new"},
    ],
)
@pytest.mark.parametrize("proto", ["udp", None])
def test_a_record_of_another_log_is_no_flow(others: dict[str, Any], proto: str | None) -> None:
    """Whatever Zeek logs, known here or not: without a measure of a connection it is passed over."""
    basic = {name: CONN[name] for name in ("ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p")}
    batch = decode("zeek", [dump({**basic, **others}, proto=proto), dump(CONN)])
    assert (batch.rows.tolist(), batch.passed_over) == ([1], {"other_log": 1})


def test_columns_of_another_log_without_a_path_are_passed_over() -> None:
    """A ``#fields`` line says by itself that it is not of conn."""
    fields = b"#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\ttrans_id\tquery"
    line = b"1700000000\tC1\t192.0.2.1\t50000\t192.0.2.2\t53\tudp\t7\twww.example.com"
    assert decode("zeek-tsv", [fields, line]).passed_over == {"header": 1, "other_log": 1}


@pytest.mark.parametrize(
    ("added", "label"),
    [
        (["6"], None),
        (["1:wCb3OG7yAFWelaUydu0D+125CLM="], None),
        (["6", "1:wCb3OG7yAFWelaUydu0D+125CLM="], None),
        (["10", "-"], None),  # VLANs
        (["00:00:5e:00:53:01", "00:00:5e:00:53:02"], None),
        (["US", "DE"], None),
        (["Malicious", "C&C"], "C&C"),
        (["Benign", "-"], "benign"),
        (["-", "-"], None),
    ],
)
def test_added_columns_without_a_header_are_labels_only_if_they_look_so(added: list[str], label: str | None) -> None:
    """What packages add to conn, such as a community id, is not taken for the truth about a flow."""
    line = b"\t".join([LINE, *[cell.encode() for cell in added]])
    frame = decode("zeek-tsv", [line, LINE], labels=True).frame
    assert frame[LABEL].to_list() == [label, None]
    assert frame["src_packets"].to_list() == [5, 5]


def test_columns_may_be_named_by_the_settings() -> None:
    """Until a header comes, a line has the columns that ``input.columns`` names, in any spelling of theirs."""
    columns = ("extra", *CONN_FIELDS.replace("id.", "id_").split())
    values = [b"x\t" + LINE, *TSV]
    batch = decode("zeek", values, columns=columns)
    assert batch.rows.tolist() == [0, 3]
    assert batch.frame["src_ip"].to_list() == ["192.0.2.1"] * 2
    assert reasons(decode("zeek", [LINE], columns=columns)) == ["field_count"]


@pytest.mark.parametrize(("name", "wrong"), [("zeek", "proto missing"), ("suricata", "name their fields themselves")])
def test_columns_that_cannot_work_are_a_clear_error(name: str, wrong: str) -> None:
    """Columns must hold what each flow needs, and are for separated values alone."""
    with pytest.raises(ConfigurationError, match=rf"input\.columns: .*{wrong}"):
        open_decoder(name, columns=("ts", "id.orig_h", "id.resp_h"))
