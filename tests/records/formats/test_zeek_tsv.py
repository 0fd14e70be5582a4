"""Zeek's conn log as tab-separated text, and of either kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.records.every_format import open_decoder
from detector.records.flow import LABEL, ROW
from tests.records.samples import CONN, CONN_FIELDS, QUICK, TSV, WHOLE_FLOW, check, decode, dump, reasons

ROW_BYTES = TSV[-1]


@pytest.mark.parametrize("name", ["zeek-tsv", "zeek"])
def test_a_line_becomes_the_canonical_flow(name: str) -> None:
    """Every column of a conn line stands in its canonical column, and header lines are passed over."""
    batch = decode(name, TSV)
    assert batch.frame.drop(ROW).row(0, named=True) == WHOLE_FLOW
    assert batch.passed_over == {"header": 2}


def test_columns_follow_the_latest_fields_line() -> None:
    """A second header in mid-stream changes what the columns are."""
    second = [
        b"#fields\t_node_name\tid.resp_h\tid.orig_h\tproto\tts",
        b"worker-1\t198.51.100.9\t192.0.2.9\tudp\t1700000001",
    ]
    frame = decode("zeek-tsv", [*TSV, *second]).frame
    assert frame["src_ip"].to_list() == ["192.0.2.1", "192.0.2.9"]
    assert frame["proto"].to_list() == ["tcp", "udp"]


def test_a_header_line_means_what_the_lines_before_it_make_of_it() -> None:
    """A line that came before, after another header, does not bring back the columns that it had then."""
    first, second = b"#fields\tts\tid.orig_h\tid.resp_h\tproto", b"#fields\tts\tid.resp_h\tid.orig_h\tproto"
    lines = [b"#path\tconn", b"1700000001\t192.0.2.9\t198.51.100.9\tudp"]
    frame = decode("zeek-tsv", [first, *lines, second, *lines, first, *lines]).frame
    assert frame["src_ip"].to_list() == ["192.0.2.9", "198.51.100.9", "192.0.2.9"]


def test_each_stream_has_its_own_header() -> None:
    """What a header says holds for its own partition, in this batch and in later ones."""
    decoder = open_decoder("zeek-tsv")
    short = b"#fields\tid.resp_h\tid.orig_h\tproto\tts"
    line = b"198.51.100.9\t192.0.2.9\tudp\t1700000001"
    streams = np.array([3, 7, 3, 7], dtype=np.int32)
    for _ in range(2):
        batch = decoder.decode([TSV[1], short, ROW_BYTES, line], streams)
        check(batch, 4)
        assert batch.frame["src_ip"].to_list() == ["192.0.2.1", "192.0.2.9"]
    again = decoder.decode([line, ROW_BYTES], streams[1:3])
    check(again, 2)
    assert again.frame["src_ip"].to_list() == ["192.0.2.9", "192.0.2.1"]


@QUICK
@given(st.lists(st.tuples(st.sampled_from(["a", "b", "line", "junk"]), st.integers(0, 1)), max_size=12))
def test_header_lines_in_any_order_hold_for_their_own_stream(lines: list[tuple[str, int]]) -> None:
    """Header lines that follow each other, in one stream or two, leave to each what its last one says."""
    texts = {
        "a": b"#fields\tts\tid.orig_h\tid.resp_h\tproto",
        "b": b"#fields\tts\tid_resp_h\tid_orig_h\tproto",
        "line": b"1700000001\t192.0.2.9\t198.51.100.9\tudp",
        "junk": b" no header",
    }
    latest: dict[int, str] = {}
    expected: list[str] = []
    for kind, stream in lines:
        if kind in "ab":
            latest[stream] = kind
        elif kind == "line" and stream in latest:
            expected.append("192.0.2.9" if latest[stream] == "a" else "198.51.100.9")
    streams = np.array([stream for _, stream in lines], dtype=np.int32)
    frame = open_decoder("zeek-tsv").decode([texts[kind] for kind, _ in lines], streams).frame
    assert frame["src_ip"].to_list() == expected


def test_before_any_header_zeeks_own_columns_are_taken() -> None:
    """A consumer that joins in mid-stream reads what Zeek writes by default, told apart by the number of columns."""
    labelled = ROW_BYTES + b"\tMalicious\tC&C"
    batch = decode("zeek-tsv", [ROW_BYTES, labelled, b"worker-1\t" + ROW_BYTES, ROW_BYTES + b"\t6"], labels=True)
    assert batch.frame["src_ip"].to_list() == ["192.0.2.1"] * 4
    assert batch.frame[LABEL].to_list() == [None, "C&C", None, None]


def test_before_any_header_other_widths_are_rejected() -> None:
    """A line that no header explains, and that Zeek would not write by itself, is a reject."""
    batch = decode("zeek-tsv", [b"192.0.2.1\t198.51.100.7", ROW_BYTES])
    assert (reasons(batch), batch.rows.tolist()) == (["field_count"], [1])
    assert "no header" in batch.rejects[0].detail


@pytest.mark.parametrize("line", [ROW_BYTES + b"\tmore", ROW_BYTES[:60], b"x"])
def test_a_line_with_other_columns_than_its_header_is_rejected(line: bytes) -> None:
    """A cut-off line, and two in one value, are rejects of their own."""
    batch = decode("zeek-tsv", [*TSV, line, ROW_BYTES])
    assert (reasons(batch), batch.rows.tolist()) == (["field_count"], [2, 4])


def test_line_ends_belong_to_no_column() -> None:
    """A value may end in a newline, with or without a carriage return."""
    frame = decode("zeek-tsv", [*TSV, ROW_BYTES + b"\n", ROW_BYTES + b"\r\n"], labels=True).frame
    assert frame.drop(ROW).n_unique() == 1


def test_a_leading_tab_is_skipped() -> None:
    """Some tools indent header lines or records by one tab."""
    frame = decode("zeek-tsv", [b"\t" + line for line in TSV]).frame
    assert frame.drop(ROW).row(0, named=True) == WHOLE_FLOW


def test_iot23_puts_three_columns_into_the_last() -> None:
    """In IoT-23 the last tab field is three, split by three spaces."""
    header = b"#fields\t" + CONN_FIELDS.replace(" ", "\t").encode() + b"   label   detailed-label"
    lines = [
        ROW_BYTES.replace(b"(empty)", tail)
        for tail in (b"-   Malicious   DDoS", b"(empty)   Benign   -", b"-   Benign")
    ]
    batch = decode("zeek-tsv", [header, *lines], labels=True)
    assert batch.frame[LABEL].to_list() == ["DDoS", "benign"]
    assert reasons(batch) == ["field_count"]


def test_other_logs_are_passed_over() -> None:
    """Lines under the header of another log are counted, not rejected, until conn begins again."""
    other = [b"#separator \\x09", b"#path\tdns", b"#fields\tts\tquery", b"1700000000\texample.org"]
    batch = decode("zeek-tsv", [*TSV, *other, b"#path\tconn", *TSV])
    assert batch.rows.tolist() == [2, 10]
    assert batch.passed_over == {"header": 8, "other_log": 1}


def test_another_separator_is_understood() -> None:
    """``#separator`` says what stands between columns."""
    lines = [b"#separator \\x7c", b"#fields|ts|id.orig_h|id.resp_h|proto", b"1700000000|192.0.2.1|198.51.100.7|tcp"]
    assert decode("zeek-tsv", lines).frame["proto"].to_list() == ["tcp"]


@pytest.mark.parametrize(
    "line", [b"#", b"#fields", b"#separator", b"#separator \\xzz", b"#path", b"#close\t2024", b"# \tx"]
)
def test_odd_header_lines_are_passed_over(line: bytes) -> None:
    """A line that begins with a number sign is never a record."""
    assert decode("zeek-tsv", [line]).passed_over == {"header": 1}


def test_json_and_tsv_may_share_a_stream() -> None:
    """``zeek`` tells by each value which it is, and keeps their order."""
    batch = decode(
        "zeek", [TSV[1], dump(CONN, uid="A"), ROW_BYTES, b" " + dump(CONN, uid='"'), b"junk", b"{", ROW_BYTES]
    )
    assert batch.frame["uid"].to_list() == ["A", "CAbc123", '"', "CAbc123"]
    assert batch.rows.tolist() == [1, 2, 3, 6]
    assert reasons(batch) == ["field_count", "not_json"]
