"""The page about exporters says what is so."""

from __future__ import annotations

import json
import re
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from detector.pipeline.decoding import open_format
from detector.records.every_format import FORMATS, open_decoder
from detector.records.flow import LABEL, ROW, FlowBatch
from detector.records.formats.zeek_conn import MARK
from detector.reference.exporters import EXPORTERS, Exporter, exporters_page
from detector.reference.shipping import Way
from detector.settings.tree import Settings
from tests.records.formats.test_collectors import RECORDS
from tests.records.formats.test_vpc_orders import ALL, RECORD
from tests.records.samples import CONN, EVE, dump
from tests.records.test_exporter_fields import FIRST_VERSION

WAYS = list(chain.from_iterable(exporter.ways for exporter in EXPORTERS))
READ = [exporter for exporter in EXPORTERS if exporter.sources]

ARGUS = {
    "StartTime": "2023/11/14 22:13:20.250000",
    "Dur": "1.5",
    "Proto": "tcp",
    "SrcAddr": "192.0.2.1",
    "Sport": "50000",
    "DstAddr": "198.51.100.7",
    "Dport": "443",
    "State": "FSPA_FSPA",
    "TotPkts": "11",
    "TotBytes": "2100",
    "SrcBytes": "100",
    "SrcPkts": "5",
    "Label": "flow=Background",
}
CIC = {
    "Flow ID": "1",
    "Src IP": "192.0.2.1",
    "Src Port": "50000",
    "Dst IP": "198.51.100.7",
    "Dst Port": "53",
    "Protocol": "17",
    "Timestamp": "14/11/2023 22:13:20",
    "Flow Duration": "1500000",
    "Tot Fwd Pkts": "5",
    "Tot Bwd Pkts": "6",
    "TotLen Fwd Pkts": "100",
    "TotLen Bwd Pkts": "2000",
    "Label": "BENIGN",
}
UNSW = {
    "srcip": "192.0.2.1",
    "sport": "50000",
    "dstip": "198.51.100.7",
    "dsport": "443",
    "proto": "tcp",
    "state": "CON",
    "dur": "1.5",
    "sbytes": "100",
    "dbytes": "2000",
    "service": "ssl",
    "Spkts": "5",
    "Dpkts": "6",
    "Stime": "1700000000",
    "attack_cat": "",
    "label": "0",
}


def _csv(record: dict[str, str]) -> list[bytes]:
    return [",".join(record).encode(), ",".join(record.values()).encode()]


SAMPLES: dict[str, list[bytes]] = {
    "zeek": [dump(CONN, label="Benign")],
    "suricata": [dump(EVE)],
    "goflow2": [dump(FIRST_VERSION)],
    "nprobe": [dump(RECORDS["nprobe"], L7_PROTO_NAME="TLS")],
    "pmacct": [dump(RECORDS["pmacct"])],
    "nfdump": [dump(RECORDS["nfdump"], out_bytes=2000, out_packets=6)],
    "argus": _csv(ARGUS),
    "vpcflow": [dump({name: RECORD[name] for name in ALL})],
    "cicflowmeter": _csv(CIC),
    "unsw-nb15": _csv(UNSW),
}
"""A record of each format with everything that it can say."""


def _decode(name: str) -> FlowBatch:
    return open_decoder(name, labels=True).decode(SAMPLES[name])


@pytest.mark.parametrize("exporter", READ, ids=lambda exporter: exporter.title)
def test_the_columns_that_the_page_names_are_those_that_are_filled(exporter: Exporter) -> None:
    """What a format is said to give is not null in a full record, and everything else is."""
    batch = _decode(exporter.formats[0])
    (flow,) = batch.frame.to_dicts()
    filled = {name for name, value in flow.items() if value is not None and name != ROW}
    assert (filled, batch.rejects) == (set(exporter.sources), [])


@pytest.mark.parametrize("exporter", READ, ids=lambda exporter: exporter.title)
def test_every_field_that_is_read_stands_in_the_page(exporter: Exporter) -> None:
    """What a column is made of, or a record passed over for, names each wanted field."""
    text = " ".join((*exporter.sources.values(), *exporter.passed_over.values(), exporter.rejected))
    named = set(re.findall(r"`([^`]+)`", text))
    assert set(exporter.spellings) - {MARK} <= named


def test_every_format_of_an_exporter_has_its_section() -> None:
    """Only what is made for evaluation, or named by the operator, has none."""
    named = set(chain.from_iterable(exporter.formats for exporter in EXPORTERS))
    assert set(FORMATS) - named == {"nsl-kdd", "mapping"}
    assert all(f"\n## {exporter.title}\n" in exporters_page() for exporter in EXPORTERS)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.title)
def test_the_settings_of_each_way_are_settings(way: Way) -> None:
    """They can be put into a file as they stand, and a decoder opens with them."""
    settings = Settings.model_validate(tomllib.loads(way.settings))
    assert open_format(settings) is not None
    assert settings.input.format in FORMATS


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.title)
def test_the_pieces_of_configuration_are_well_formed(way: Way) -> None:
    """YAML can be read, and each way says what is lost and where its own documentation is."""
    loaded = [yaml.safe_load(text) for language, text in way.snippets if language == "yaml"]
    assert all(isinstance(one, dict) for one in loaded)
    assert way.lost
    assert way.source.startswith("https://")


def _settings(title: str, **more: Any) -> Settings:
    (way,) = [way for way in WAYS if way.title == title]
    tree = tomllib.loads(way.settings)
    tree["input"] |= more
    return Settings.model_validate(tree)


def test_a_message_of_firehose_is_read_by_the_settings_shown() -> None:
    """The record is in ``message``, its columns are those of the settings."""
    settings = _settings("VPC flow logs by Firehose and Vector")
    line = " ".join(RECORD[name.removeprefix("${").removesuffix("}")] for name in settings.input.columns)
    batch = open_format(settings).decode([json.dumps({"message": line}).encode()])
    assert batch.frame["src_ip"].to_list() == ["192.0.2.10"]
    assert batch.frame["direction"].to_list() == ["outbound"]


def test_a_row_of_akvorado_is_read_by_the_settings_shown() -> None:
    """What ClickHouse writes has the names of goflow2 before version 2."""
    row = {name: FIRST_VERSION[name] for name in ("TimeReceived", "SrcAddr", "DstAddr", "SrcPort", "DstPort", "Proto")}
    batch = open_format(_settings("Akvorado by ClickHouse")).decode([dump(row, Bytes=84, Packets=1, SamplingRate=10)])
    assert batch.frame.select("ts", "src_bytes", "duration_s").rows() == [(1700000009.0, 840, None)]


def test_the_page_is_in_the_repository() -> None:
    """``make docs`` was run."""
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "exporters.md"
    assert page.read_text(encoding="utf-8") == exporters_page()


def test_labels_are_told_of_formats_that_have_them() -> None:
    """A format's row says whether it has labels, and so does its section."""
    for exporter in READ:
        assert (LABEL in exporter.sources) == all(FORMATS[name].labels for name in exporter.formats), exporter.title
