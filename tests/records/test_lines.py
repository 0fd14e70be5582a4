"""The formats whose records are separated values, or one-sided flows: examples and quirks of each."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from detector.records.every_format import FORMATS, open_decoder
from detector.records.flow import LABEL, ROW, SCHEMA
from detector.records.formats.nsl_kdd import EXTRA
from tests.records.samples import check, decode, dump, reasons

ARGUS_HEADER = (
    b"StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,SrcPkts,Label"
)


def _argus(**changes: str) -> bytes:
    cells = {
        "start": "2023/11/14 22:13:20.250000",
        "dur": "1.5",
        "proto": "tcp",
        "src": "192.0.2.1",
        "sport": "50000",
        "dir": "   ->",
        "dst": "198.51.100.7",
        "dport": "443",
        "state": "FSPA_FSPA",
        "stos": "0",
        "dtos": "0",
        "packets": "11",
        "bytes": "2100",
        "src_bytes": "100",
        "src_packets": "5",
        "label": "flow=Background-TCP",
    }
    return ",".join((cells | changes).values()).encode()


def test_argus_becomes_the_canonical_flow() -> None:
    """Totals less the source's part are the destination's; flags of both sides are a state of Zeek's."""
    flow = decode("argus", [ARGUS_HEADER, _argus()], labels=True).frame.row(0, named=True)
    assert {name: value for name, value in flow.items() if value is not None and name != ROW} == {
        "ts": 1700000000.25,
        "duration_s": 1.5,
        "src_ip": "192.0.2.1",
        "src_port": 50000,
        "dst_ip": "198.51.100.7",
        "dst_port": 443,
        "proto": "tcp",
        "state": "SF",
        "src_bytes": 100,
        "dst_bytes": 2000,
        "src_packets": 5,
        "dst_packets": 6,
        LABEL: "benign",
    }


def test_argus_reads_tabs_and_lines_before_any_header() -> None:
    """Tabs do as well as commas, with or without a header, and without the column of the source's packets."""
    old = _argus().split(b",")
    del old[-2]
    for lines in ([ARGUS_HEADER, _argus()], [_argus()], [b",".join(old)]):
        commas = decode("argus", lines).frame
        tabs = decode("argus", [line.replace(b",", b"\t") for line in lines]).frame
        assert len(commas) == 1
        assert commas.equals(tabs)


@pytest.mark.parametrize(
    ("proto", "word", "state"),
    [
        ("tcp", "S_", "S0"),
        ("tcp", "S_RA", "REJ"),
        ("tcp", "CON", "SF"),
        ("tcp", "REQ", "S0"),
        ("udp", "CON", "SF"),
        ("icmp", "URP", "REJ"),
    ],
)
def test_argus_states_become_zeeks_words(proto: str, word: str, state: str) -> None:
    """Letters of flags and Argus's words are the nearest of Zeek's."""
    assert decode("argus", [_argus(proto=proto, state=word)]).frame["state"].to_list() == [state]


def test_argus_ports_may_be_hexadecimal() -> None:
    """ICMP's type and code stand in the ports as ``0x…``."""
    batch = decode("argus", [_argus(proto="icmp", sport="0x0008", dport="0x7208"), _argus(sport="0x10000")])
    assert batch.frame.select("src_port", "dst_port").rows() == [(8, 0x7208)]
    assert reasons(batch) == ["bad_port"]


def test_argus_management_is_passed_over_and_hardware_is_rejected() -> None:
    """Records of Argus about itself are no flows; ends without addresses cannot be used."""
    batch = decode("argus", [_argus(proto="man", src="0", dst="0"), _argus(proto="llc", src="00:00:00:00:00:00")])
    assert (batch.passed_over, reasons(batch)) == ({"management": 1}, ["bad_address"])


def test_a_part_larger_than_the_total_is_rejected() -> None:
    """A destination cannot have sent less than nothing."""
    batch = decode("argus", [_argus(src_bytes="3000"), _argus()])
    assert (reasons(batch), batch.rows.tolist()) == (["bad_count"], [1])


@pytest.mark.parametrize(
    ("label", "truth"),
    [
        ("flow=From-Botnet-V42-TCP", "From-Botnet-V42-TCP"),
        ("flow=To-Normal-V1", "benign"),
        ("flow=Background", "benign"),
        ("flow=Malware-TCP", "Malware-TCP"),
        ("", None),
    ],
)
def test_argus_labels(label: str, truth: str | None) -> None:
    """Background and normal are benign, what else is named is an attack."""
    assert decode("argus", [_argus(label=label)], labels=True).frame[LABEL].to_list() == [truth]


CIC_2017 = (
    b"Flow ID, Source IP, Source Port, Destination IP, Destination Port, Protocol, Timestamp, Flow Duration,"
    b" Total Fwd Packets, Total Backward Packets,Total Length of Fwd Packets, Total Length of Bwd Packets, Label"
)
CIC_2018 = b"Dst Port,Protocol,Timestamp,Flow Duration,Tot Fwd Pkts,Tot Bwd Pkts,TotLen Fwd Pkts,TotLen Bwd Pkts,Label"
CIC_PYTHON = (
    b"src_ip,dst_ip,src_port,dst_port,protocol,timestamp,flow_duration,tot_fwd_pkts,tot_bwd_pkts"
    b",totlen_fwd_pkts,totlen_bwd_pkts"
)


def test_cicflowmeter_reads_each_of_its_spellings() -> None:
    """The headers of 2017, 2018 and of the Python port name the same columns."""
    by_2017 = [CIC_2017, b"id,192.0.2.1,50000,198.51.100.7,443,6,14/11/2023 22:13:20,1500000,5,6,100.0,2000,BENIGN"]
    by_2018 = [CIC_2018, b"443,6,14/11/2023 10:13:20 PM,1500000,5,6,100,2000,DoS Hulk", CIC_2018]
    by_python = [CIC_PYTHON, b"192.0.2.1,198.51.100.7,50000,443,6,2023-11-14 22:13:20,1500000,5,6,100,2000"]
    batch = decode("cicflowmeter", [*by_2017, *by_2018, *by_python], labels=True)
    frame = batch.frame
    assert frame["src_ip"].to_list() == ["192.0.2.1", "0.0.0.0", "192.0.2.1"]  # noqa: S104 - none
    assert frame[LABEL].to_list() == ["benign", "DoS Hulk", None]
    same = frame.select("ts", "duration_s", "dst_port", "proto", "src_bytes", "dst_bytes", "src_packets", "dst_packets")
    assert same.unique().rows() == [(1700000000.0, 1.5, 443, "tcp", 100, 2000, 5, 6)]
    assert batch.passed_over == {"header": 4}


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("3/7/2017 8:55", True),
        ("03/07/2017 08:55:58 AM", True),
        ("31/02/2017 08:55", False),
        ("3/7/2017", False),
        ("3/7/2017 25:00", False),
    ],
)
def test_cicflowmeter_times_are_day_first(text: str, good: bool) -> None:
    """Days come before months, with or without seconds and halves of the day; no such day is no time."""
    batch = decode("cicflowmeter", [CIC_2018, f"443,6,{text},1,5,6,100,2000,BENIGN".encode()])
    assert (reasons(batch) == []) == good


def test_quoted_cells_may_hold_the_separator() -> None:
    """A cell in double quotes is one cell."""
    batch = decode(
        "cicflowmeter", [CIC_2018, b'443,6,"14/11/2023 22:13:20",1,5,6,100,2000,"Web, ""odd"""'], labels=True
    )
    assert batch.frame[LABEL].to_list() == ['Web, ""odd""']


VPC = b"2 123456789010 eni-1 192.0.2.1 198.51.100.7 50000 443 6 5 100 1700000000 1700000060 ACCEPT OK"


def test_vpcflow_reads_awss_own_orders_and_any_header() -> None:
    """Version 2 needs no header; with a header, any order of any fields will do."""
    header = b"${srcaddr} ${dstaddr} ${start} ${end} ${protocol} ${tcp-flags} ${flow-direction} ${bytes}"
    batch = decode("vpcflow", [VPC, header, b"192.0.2.1 198.51.100.7 1700000000 1700000060 6 2 egress 100"])
    both = batch.frame.select("ts", "duration_s", "src_ip", "dst_ip", "proto", "src_bytes")
    assert both.unique().rows() == [(1700000000.0, 60.0, "192.0.2.1", "198.51.100.7", "tcp", 100)]
    assert batch.frame["state"].to_list() == [None, "S0"]
    assert batch.frame["direction"].to_list() == [None, "outbound"]


@pytest.mark.parametrize(
    ("format", "header", "lacking"),
    [
        ("cicflowmeter", b" Destination Port, Flow Duration, Total Fwd Packets,Label", "Protocol, Timestamp"),
        ("cicflowmeter", b"Src IP,Dst IP,Timestamp,Flow Duration", "Protocol"),
        ("argus", b"StartTime,Dur,SrcAddr,Sport,DstAddr,Dport", "Proto"),
        ("vpcflow", b"dstaddr protocol packets start", "srcaddr"),
    ],
)
def test_a_header_line_without_a_needed_column_says_which(format: str, header: bytes, lacking: str) -> None:  # noqa: A002
    """It is a reject that names the columns that it lacks; the records behind it have too many or too few."""
    named, other = decode(format, [header, b"80,3,4"]).rejects
    assert (named.reason, named.detail) == (
        "field_count",
        f"record: a header line, it seems, but no column is named {lacking}",
    )
    assert "no header line came before it" in other.detail


def test_vpcflow_knows_windows_without_data_and_refusals() -> None:
    """NODATA and SKIPDATA are passed over, a refused flow is Zeek's rejected, other widths are rejects."""
    nothing = b"2 123456789010 eni-1 - - - - - - - 1431280876 1431280934 - NODATA"
    batch = decode(
        "vpcflow", [nothing, nothing.replace(b"NO", b"SKIP"), VPC.replace(b"ACCEPT", b"REJECT"), VPC + b" 1"]
    )
    assert (batch.passed_over, batch.frame["state"].to_list(), reasons(batch)) == (
        {"no_data": 2},
        ["REJ"],
        ["field_count"],
    )


GOFLOW: dict[str, Any] = {
    "type": "IPFIX",
    "time_received_ns": 1700000001000000000,
    "sampling_rate": 0,
    "time_flow_start_ns": 1700000000250000000,
    "time_flow_end_ns": 1700000001750000000,
    "bytes": 100,
    "packets": 5,
    "src_addr": "192.0.2.1",
    "dst_addr": "2001:db8::7",
    "proto": "TCP",
    "src_port": 50000,
    "dst_port": 443,
    "tcp_flags": 2,
}


def test_goflow2_reads_numbers_and_text_alike() -> None:
    """Whole numbers may be quoted, protocols may be numbers, and nanoseconds keep their microseconds."""
    quoted = {name: str(value) for name, value in GOFLOW.items()} | {"proto": 6}
    frame = decode("goflow2", [dump(GOFLOW), dump(quoted)]).frame.drop(ROW)
    assert frame.n_unique() == 1
    flow = {name: value for name, value in frame.row(0, named=True).items() if value is not None}
    assert flow == {
        "ts": 1700000000.25,
        "duration_s": 1.5,
        "src_ip": "192.0.2.1",
        "src_port": 50000,
        "dst_ip": "2001:db8::7",
        "dst_port": 443,
        "proto": "tcp",
        "state": "S0",
        "src_bytes": 100,
        "src_packets": 5,
    }


def test_goflow2_falls_back_to_the_time_of_receipt() -> None:
    """An exporter that tells no start, as of sFlow, gives the time of receipt; none at all is a reject."""
    bare = {
        **GOFLOW,
        "time_flow_start_ns": 0,
        "time_flow_end_ns": None,
        "time_received_ns": "2023-11-14T22:13:21.000000000Z",
    }
    batch = decode("goflow2", [dump(bare), dump(bare, time_received_ns=None), dump(GOFLOW, time_flow_start_ns=None)])
    assert batch.frame["ts"].to_list() == [1700000001.0, 1700000001.0]
    assert reasons(batch) == ["missing_field"]


def test_goflow2_scales_by_the_sampling_rate() -> None:
    """One packet sampled of a thousand stands for a thousand, and no count overflows."""
    batch = decode("goflow2", [dump(GOFLOW, sampling_rate=1000), dump(GOFLOW, sampling_rate=2**40, bytes=2**40)])
    assert batch.frame["src_bytes"].to_list() == [100_000, 2**62]


UNSW = (
    b"192.0.2.1,50000,198.51.100.7,443,tcp,FIN,1.5,100,2000"
    + b",0" * 4
    + b",-,0,0,5,6"
    + b",0" * 10
    + b",1700000000,1700000001"
    + b",0" * 17
)


def test_unsw_nb15_reads_rows_after_a_byte_order_mark() -> None:
    """The first record stands after a byte-order mark; spaces around an attack's name do not count."""
    batch = decode("unsw-nb15", [b"\xef\xbb\xbf" + UNSW + b",,0\r", UNSW + b", Fuzzers ,1", UNSW + b",,1"], labels=True)
    assert batch.frame[LABEL].to_list() == ["benign", "Fuzzers", "attack"]
    same = batch.frame.select("ts", "duration_s", "state", "service", "src_bytes", "dst_packets").unique()
    assert same.rows() == [(1700000000.0, 1.5, "SF", None, 100, 6)]


NSL = b"0,tcp,private,REJ,0,0" + b",0.5" * 35


def test_nsl_kdd_keeps_its_own_columns_beside_the_canonical_ones() -> None:
    """Its features become the extra columns that the table of formats names, in Float64 without nulls."""
    batch = decode("nsl-kdd", [NSL + b",neptune,21", NSL + b",normal.", NSL], labels=True)
    assert FORMATS["nsl-kdd"].extra == EXTRA
    assert list(batch.frame.columns) == [*SCHEMA, ROW, *EXTRA, LABEL]
    assert batch.frame.select(EXTRA).dtypes == [pl.Float64()] * 35
    assert batch.frame.select(EXTRA).null_count().row(0) == (0,) * 35
    assert batch.frame[LABEL].to_list() == ["neptune", "benign", None]


def test_nsl_kdd_numbers_its_records_over_all_batches() -> None:
    """Since there are no times, a record's number is its time, whatever the batches."""
    decoder = open_decoder("nsl-kdd")
    first = decoder.decode([NSL, b"x", NSL])
    second = decoder.decode([NSL])
    check(first, 3)
    assert [*first.frame["ts"], *second.frame["ts"]] == [0.0, 2.0, 3.0]


def test_nsl_kdd_rejects_an_incomplete_record() -> None:
    """An empty feature would be a null where none may be."""
    assert reasons(decode("nsl-kdd", [NSL.replace(b"0.5", b"", 1), NSL[:-4]])) == ["missing_field", "field_count"]


@pytest.mark.parametrize("name", ["argus", "cicflowmeter", "vpcflow", "unsw-nb15", "nsl-kdd", "zeek-tsv"])
def test_an_empty_line_is_an_empty_record(name: str) -> None:
    """A value with nothing but a line's end is rejected as empty."""
    assert reasons(decode(name, [b"\n", b"\r\n", b"\r"])) == ["empty"] * 3
