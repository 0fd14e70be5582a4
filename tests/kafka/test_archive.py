"""A daemon on a real Kafka that archives what it decodes, within bounds, while alerts go out; and the set of that."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from polars.testing import assert_frame_equal

from detector.archive.read import read_archive
from detector.records.flow import SCHEMA
from detector.scoring.dataset import OFFSET, SOURCE, read_dataset
from tests.commands import run
from tests.kafka.fixtures import MakeDaemon
from tests.kafka.world import Daemon, Outcome, simulated
from training.data.manifest import FLOWS
from training.data.store import DataSets

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

RECORDS = 3_000


def archived(daemon: Daemon, kafka: str) -> Outcome:
    """What came out of a daemon that archives while it reads the records, in batches of hundreds, and stops."""
    daemon.work_through(simulated(RECORDS))
    return Outcome.read(kafka, daemon.topics)


def built(daemon: Daemon, sets: Path) -> dict[str, Any]:
    """What ``oddflow dataset build --archive`` tells of the set that it made."""
    given = ("--name", "week", "--archive", str(daemon.folder / "archive"), "--datasets", str(sets), "--json")
    ran = run("dataset", "build", *given)
    assert ran.code == 0, ran.err
    told: dict[str, Any] = json.loads(ran.out)
    return told


def test_what_a_daemon_archives_becomes_a_set(make_daemon: MakeDaemon, kafka: str, tmp_path: Path) -> None:
    """Every flow is in the archive and in the set of it, as the records have it, and all alerts go out beside it."""
    daemon = make_daemon()
    daemon.settings["archive"] = {"enabled": True, "url": str(daemon.folder / "archive"), "interval_s": 0.2}
    out = archived(daemon, kafka)
    assert len(out.scores) == RECORDS
    assert len(out.alerts) > 0

    told = built(daemon, tmp_path / "sets")
    sets = DataSets(str(tmp_path / "sets"))
    info, read = sets.info("week"), sets.read("week")
    assert (told["rows"], info.topic, info.source_share) == (RECORDS, daemon.topics.flows, 1.0)
    file = tmp_path / "sets" / "week" / "versions" / info.version / FLOWS
    assert hashlib.sha256(file.read_bytes()).hexdigest() == info.files[FLOWS].sha256
    records = tmp_path / "records.json"
    records.write_bytes(b"\n".join(simulated(RECORDS)) + b"\n")
    columns = [*SCHEMA, SOURCE, OFFSET]
    order = ["ts", OFFSET]
    expected = read_dataset([records], "zeek-json").frame.select(columns).sort(order)
    assert_frame_equal(read.frame.select(columns).sort(order), expected)
    again = built(daemon, tmp_path / "other sets")["version"]
    assert DataSets(str(tmp_path / "other sets")).info(f"week@{again}").sha256 == info.sha256


def test_an_archive_that_is_full_costs_no_alert(make_daemon: MakeDaemon, kafka: str, tmp_path: Path) -> None:
    """Of a day beyond its bound whole sources are kept, every record is scored all the same, and the set says so."""
    daemon = make_daemon()
    bound = {"enabled": True, "url": str(daemon.folder / "archive"), "interval_s": 0.2, "rows_per_day": 1_000}
    daemon.settings["archive"] = bound
    out = archived(daemon, kafka)
    assert len(out.scores) == RECORDS
    assert len(out.alerts) > 0
    kept = read_archive(str(daemon.folder / "archive"))
    assert 0 < len(kept.frame) <= 1_000
    records = tmp_path / "records.json"
    records.write_bytes(b"\n".join(simulated(RECORDS)) + b"\n")
    whole = read_dataset([records], "zeek-json").frame
    of_these = whole.filter(whole["src_ip"].is_in(kept.frame["src_ip"].unique().to_list()))
    assert sorted(kept.frame["offset"]) == sorted(of_these[OFFSET])
    assert built(daemon, tmp_path / "sets")["source_share"] == kept.share < 1.0
