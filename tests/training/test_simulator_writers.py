"""Simulated records: our own decoders read back what was written, and lines are spelt as the tools spell them."""

from __future__ import annotations

import ipaddress
import json
import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from detector.errors import ConfigurationError
from detector.records.every_format import open_decoder
from detector.records.flow import BENIGN, LABEL, ROW, SCHEMA
from training.simulator.attacks import ATTACKS
from training.simulator.rhythm import HOUR_S
from training.simulator.scenario import DEFAULT_START, Scenario
from training.simulator.stream import encode
from training.simulator.writers import WRITERS, mapping, suricata, writer_named
from training.simulator.writers.lines import Field, Kind, LineWriter
from training.simulator.writers.suricata import flow_ids

HOUR = Scenario(seed=3, hosts=40, start=DEFAULT_START + 10 * HOUR_S, duration_s=900.0, attack_share=0.05)


@pytest.fixture(scope="module")
def flows() -> pl.DataFrame:
    """A quarter of an hour, with every kind of attack."""
    return pl.concat(HOUR.frames())


def objects(flows: pl.DataFrame, name: str, *, labels: bool = False) -> list[dict[str, object]]:
    """The records of a JSON format, parsed by the standard library."""
    return [json.loads(value) for value in encode(flows, name, labels=labels)]


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("name", ["zeek-json", "zeek-tsv"])
def test_zeek_is_read_back_exactly(flows: pl.DataFrame, name: str, labels: bool) -> None:
    """What is written as Zeek's conn log decodes to the same flows, and to the same labels."""
    header = writer_named(name).header(HOUR.start, labels=labels)
    batch = open_decoder(name, labels=labels).decode([*header, *encode(flows, name, labels=labels)])
    assert not batch.rejects
    assert sum(batch.passed_over.values()) == len(header)
    assert_frame_equal(batch.frame.drop(ROW), flows.select([*SCHEMA, *([LABEL] if labels else [])]))


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize(
    ("name", "paths"), [("mapping", mapping.FLAT), ("mapping-nested", mapping.NESTED)], ids=["flat", "nested"]
)
def test_mappings_are_read_back_exactly(flows: pl.DataFrame, name: str, paths: dict[str, str], labels: bool) -> None:
    """What is written as plain JSON decodes to the same flows by the mapping that goes with it."""
    full = paths | ({LABEL: mapping.LABEL_PATH} if labels else {})
    batch = open_decoder("mapping", labels=labels, mapping=full).decode([*encode(flows, name, labels=labels)])
    assert not batch.rejects
    assert_frame_equal(batch.frame.drop(ROW), flows.select([*SCHEMA, *([LABEL] if labels else [])]))


def test_suricata_is_read_back_as_suricata_sees_it(flows: pl.DataFrame) -> None:
    """What is written as EVE decodes to the flows in Suricata's view: whole packets, its names, its ids."""
    batch = open_decoder("suricata").decode([*encode(flows, "suricata")])
    assert not batch.rejects
    alike = [column for column in SCHEMA if column != "state"]
    found = batch.frame.with_columns(pl.col("duration_s").round(6))
    assert_frame_equal(found.select(alike), suricata.seen(flows).select(alike))


def test_suricata_tells_attacks_from_the_rest(flows: pl.DataFrame) -> None:
    """Labels in EVE decode to benign just where the flow is."""
    batch = open_decoder("suricata", labels=True).decode([*encode(flows, "suricata", labels=True)])
    assert (batch.frame[LABEL] == BENIGN).to_list() == (flows[LABEL] == BENIGN).to_list()


def test_suricata_shows_how_connections_went(flows: pl.DataFrame) -> None:
    """From EVE's flags the usual outcomes of TCP connections are told as Zeek tells them."""
    states = open_decoder("suricata").decode([*encode(flows, "suricata")]).frame["state"]
    usual = (flows["proto"] == "tcp") & flows["state"].is_in(["SF", "S0", "REJ", "RSTO", "RSTR", "S1"])
    assert states.filter(usual).to_list() == flows["state"].filter(usual).to_list()


def test_other_events_of_suricata_are_passed_over(flows: pl.DataFrame) -> None:
    """Among other events every flow is still found, and each other event is passed over."""
    values = encode(flows, "suricata-mixed")
    batch = open_decoder("suricata").decode([*values])
    assert not batch.rejects
    assert len(values) > len(flows) == len(batch.frame)
    assert sum(batch.passed_over.values()) == len(values) - len(flows)


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "zeek-tsv"])
def test_json_is_json_and_labels_are_only_there_when_asked_for(flows: pl.DataFrame, name: str) -> None:
    """Every line parses, and the truth is in it only where it was asked for."""
    assert not any("label" in record for record in objects(flows, name))
    with_labels = objects(flows, name, labels=True)
    assert sum("label" in record for record in with_labels) == len(flows)


def test_zeek_leaves_unset_fields_out_of_json(flows: pl.DataFrame) -> None:
    """A field is there just where the flow has a value."""
    records = objects(flows, "zeek-json")
    for name, column in (("duration", "duration_s"), ("orig_bytes", "src_bytes"), ("service", "service")):
        assert [name in record for record in records] == flows[column].is_not_null().to_list()


def test_zeek_tables_have_a_column_for_each_field(flows: pl.DataFrame) -> None:
    """Each line of a Zeek table has the header's columns, and unset ones are a dash."""
    writer = writer_named("zeek-tsv")
    header = writer.header(HOUR.start, labels=True)
    names = next(line for line in header if line.startswith(b"#fields")).split(b"\t")[1:]
    types = next(line for line in header if line.startswith(b"#types")).split(b"\t")[1:]
    rows = [line.split(b"\t") for line in encode(flows, "zeek-tsv", labels=True)]
    assert len(names) == len(types)
    assert {len(row) for row in rows} == {len(names)}
    assert names[-2:] == [b"label", b"detailedlabel"]
    durations = [row[names.index(b"duration")] == b"-" for row in rows]
    assert durations == flows["duration_s"].is_null().to_list()


def test_histories_go_with_states(flows: pl.DataFrame) -> None:
    """A TCP connection's history begins as its state demands; ICMP has none."""
    begins = {"S0": "S", "SF": "Sh", "REJ": "Sr", "S1": "Sh", "RSTO": "Sh"}
    for record in objects(flows, "zeek-json"):
        history = str(record.get("history", ""))
        if record["proto"] == "icmp":
            assert not history
        elif record["proto"] == "tcp":
            assert history.startswith(begins.get(str(record["conn_state"]), history[:1]))


def test_suricata_writes_flows_as_its_manual_says(flows: pl.DataFrame) -> None:
    """Ports for TCP and UDP, types for ICMP, flags for TCP, ages that fit the times, and addresses in full."""
    for record in objects(flows, "suricata"):
        flow = record["flow"]
        assert isinstance(flow, dict)
        tcp, icmp = record["proto"] == "TCP", record["proto"] == "ICMP"
        assert ("src_port" in record, "icmp_type" in record, "tcp" in record) == (not icmp, icmp, tcp)
        start, end = (datetime.fromisoformat(flow[key]) for key in ("start", "end"))
        assert flow["age"] == int(end.timestamp()) - int(start.timestamp())
        assert flow["bytes_toserver"] >= 60 * flow["pkts_toserver"]
        address = ipaddress.ip_address(str(record["src_ip"]))
        assert record["src_ip"] == address.exploded


def test_ids_of_suricata_are_unique(flows: pl.DataFrame) -> None:
    """Different ids become different numbers that JSON can carry."""
    numbers = flow_ids(flows["uid"])
    assert numbers.n_unique() == len(flows)
    assert numbers.is_between(0, 2**53).all()


@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(2**62), 2**62),
            st.none() | st.integers(-(10**15), 10**15),
            st.none() | st.integers(0, 4 * 10**15),
            st.none() | st.text(st.characters(exclude_categories=["Cs"])),
        )
    )
)
def test_lines_are_spelt_exactly(rows: list[tuple[int | None, int | None, int | None, str | None]]) -> None:
    """Integers, microseconds, moments and texts are spelt as Python would, and nulls as the field says."""
    frame = pl.DataFrame(
        {
            "integer": pl.Series([row[0] for row in rows], dtype=pl.Int64),
            "seconds": pl.Series([None if row[1] is None else row[1] / 1e6 for row in rows], dtype=pl.Float64),
            "moment": pl.Series([None if row[2] is None else row[2] / 1e6 for row in rows], dtype=pl.Float64),
            "text": pl.Series([row[3] for row in rows], dtype=pl.String),
        }
    )
    fields = [
        Field("<", "integer", Kind.INTEGER, ">", "?"),
        Field("|", "seconds", Kind.MICROSECONDS, "s", "|-"),
        Field("|", "moment", Kind.CLOCK),
        Field("|", "text", Kind.TEXT, "|"),
    ]
    assert LineWriter(fields).write(frame).values() == [_spelt(*row).encode() for row in rows]


def _spelt(integer: int | None, micros: int | None, moment: int | None, text: str | None) -> str:
    sign = "-" if micros is not None and micros < 0 else ""
    whole, part = divmod(abs(micros or 0), 10**6)
    clock = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment or 0)
    return (
        ("?" if integer is None else f"<{integer}>")
        + ("|-" if micros is None else f"|{sign}{whole}.{part:06d}s")
        + ("" if moment is None else "|" + clock.strftime("%Y-%m-%dT%H:%M:%S.%f"))
        + ("" if text is None else f"|{text}|")
    )


def test_unknown_formats_name_the_nearest() -> None:
    """A format that nobody writes is an error with a proposal."""
    with pytest.raises(ConfigurationError, match="did you mean suricata"):
        writer_named("suricatta")


def test_zeek_alone_means_json() -> None:
    """The decoder's name for either of Zeek's forms is written as JSON."""
    assert writer_named("zeek").name == "zeek-json"


def test_the_manual_shows_the_mappings() -> None:
    """Both mappings in docs/reference/simulator.md are those that read the records back."""
    manual = (Path(__file__).parents[2] / "docs" / "reference" / "simulator.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", manual, re.DOTALL)
    assert [tomllib.loads(block)["input"]["mapping"] for block in blocks] == [mapping.FLAT, mapping.NESTED]


def test_the_manual_names_every_format_and_attack() -> None:
    """Each format and each kind of attack has its row in docs/reference/simulator.md."""
    manual = (Path(__file__).parents[2] / "docs" / "reference" / "simulator.md").read_text(encoding="utf-8")
    assert [name for name in (*WRITERS, *ATTACKS) if f"| `{name}` |" not in manual] == []
