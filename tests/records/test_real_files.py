"""Every real file of the shared data, as it is: rows add up, and what is refused is refused for a reason."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from detector.records.every_format import open_decoder
from detector.records.flow import LABEL, FlowBatch
from tests.records.samples import check

STEP = 5000
"""Values a batch, as a daemon would take them."""


def _read(path: Path) -> list[bytes]:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    lines = raw.split(b"\n")
    return lines if lines[-1] else lines[:-1]


def _decode(name: str, path: Path) -> tuple[list[FlowBatch], Counter[str], Counter[str]]:
    values = _read(path)
    decoder = open_decoder(name, labels=True)
    batches = [decoder.decode(values[at : at + STEP]) for at in range(0, len(values), STEP)]
    for at, batch in zip(range(0, len(values), STEP), batches, strict=True):
        check(batch, min(STEP, len(values) - at))
    rejected = Counter(reject.reason.value for batch in batches for reject in batch.rejects)
    passed_over: Counter[str] = Counter()
    for batch in batches:
        passed_over.update(batch.passed_over)
    return batches, rejected, passed_over


FILES = [
    ("zeek", "zeek/stratosphere-008-mixed.conn.log.labeled.gz", 5663, {}, {"header": 8}, 4201),
    ("zeek", "zeek/stratosphere-001-njrat.conn.log.labeled.gz", 992, {}, {"header": 8}, 244),
    ("zeek", "zeek/stratosphere-002-portscan.conn.json.gz", 4504, {}, {}, 0),
    ("zeek", "zeek/iot23-34-1.conn.log.labeled.gz", 23145, {}, {"header": 8}, 21222),
    ("zeek", "zeek/slips-test9-mixed.conn.json.gz", 576, {}, {}, 0),
    ("zeek", "zeek/slips-test10-mixed.conn.log.gz", 141, {}, {"header": 9}, 0),
    ("zeek", "zeek/slips-test18-remcos.conn.log.labeled.gz", 766, {}, {"header": 8}, 719),
    ("zeek", "zeek/rita-missing-host-3-days.conn.log.gz", 105918, {}, {"header": 648}, 0),
    ("zeek", "zeek/truncated/conn.log", 58, {"field_count": 1}, {"header": 8}, 0),
    ("zeek", "zeek/truncated/conn_json.log", 2, {"bad_port": 1, "not_json": 1}, {}, 0),
    ("zeek", "zeek/truncated/conn_top.log", 58, {"field_count": 1}, {}, 0),
    ("suricata", "suricata/slips-test6.eve.json.gz", 3512, {}, {"other_event": 1488}, 366),
    ("suricata", "suricata/mixed.eve.json.gz", 572, {}, {"other_event": 1242}, 33),
    ("argus", "argus/slips-test2.binetflow.gz", 6751, {}, {"header": 1}, 0),
    ("argus", "argus/test5-labeled.tabs.binetflow.gz", 6723, {"bad_address": 1}, {"header": 1, "management": 1}, 6277),
    ("unsw-nb15", "unsw-nb15/raw-3400-flows.csv.gz", 3400, {}, {}, 117),
    ("nsl-kdd", "nsl-kdd/KDDTrain+_20Percent.txt.gz", 25192, {}, {}, 11743),
    ("nsl-kdd", "nsl-kdd/KDDTest+.txt.gz", 22544, {}, {}, 12833),
    ("goflow2", "netflow/samples/goflow2.jsonl", 3, {}, {}, 0),
    ("vpcflow", "netflow/samples/vpcflow_v2_default.log", 5, {}, {"no_data": 2}, 0),
    ("vpcflow", "netflow/samples/vpcflow_v3_header_tcpflags.log", 1, {}, {"header": 1, "no_data": 2}, 0),
    ("vpcflow", "netflow/samples/vpcflow_v5_all_fields.log", 1, {}, {}, 0),
]


@pytest.mark.parametrize(
    ("name", "path", "flows", "refused", "skipped", "attacks"), FILES, ids=[row[1] for row in FILES]
)
def test_a_real_file_is_read_whole(  # noqa: PLR0917 - one row of the table
    shared_data: Path,
    name: str,
    path: str,
    flows: int,
    refused: dict[str, int],
    skipped: dict[str, int],
    attacks: int,
) -> None:
    """Flows, rejects by reason, lines passed over and labelled attacks are those of the file."""
    batches, rejected, passed_over = _decode(name, shared_data / path)
    assert (sum(len(batch.frame) for batch in batches), rejected, passed_over) == (flows, refused, skipped)
    found = sum(int((batch.frame[LABEL] != "benign").fill_null(value=False).sum()) for batch in batches)
    assert found == attacks


def test_both_header_variants_of_one_stream_are_read(shared_data: Path) -> None:
    """Three days of hourly logs, one after the other, with and without ``_node_name``, keep their columns straight."""
    batches, _, _ = _decode("zeek", shared_data / "zeek/rita-missing-host-3-days.conn.log.gz")
    times = np.concatenate([batch.frame["ts"].to_numpy() for batch in batches])
    assert 1713484000 < times.min() < times.max() < 1713484000 + 4 * 86400
    assert all(batch.frame["uid"].str.starts_with("C").all() for batch in batches)


def test_flows_of_suricata_start_when_they_started(shared_data: Path) -> None:
    """Where all events share one time of logging, flows still have times of their own."""
    batches, _, _ = _decode("suricata", shared_data / "suricata/slips-test6.eve.json.gz")
    assert batches[0].frame["ts"].n_unique() > 3000
