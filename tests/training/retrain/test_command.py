"""``oddflow retrain --once``: from files and from an archive, what the gate says, and what people are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from detector.archive.archive import OFFSET, PARTITION
from detector.archive.shelf import Shelf
from detector.bundle.manifest import decode_manifest
from detector.records.flow import SCHEMA
from detector.registry.registry import Registry
from tests.casebook.documents import ocsf
from tests.training.retrain.conftest import Ran
from training.data.store import DataSets

Retrain = Callable[..., Ran]


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """Where models are published."""
    return Registry(str(tmp_path / "registry"))


@pytest.fixture
def sets(tmp_path: Path) -> DataSets:
    """Where data sets are kept."""
    return DataSets(str(tmp_path / "sets"))


def given(log: Path) -> tuple[str, ...]:
    """Flows from files."""
    return ("--once", "--data", str(log), "--format", "zeek-json")


def set_of(registry: Registry, version: str) -> object:
    """The data set that a version was trained on."""
    return decode_manifest(registry.manifest("flows", version)).training.dataset


def test_each_run_makes_a_set_and_a_model_of_its_own(
    retrain: Retrain, log: Path, registry: Registry, sets: DataSets
) -> None:
    """The first model is in charge, those after it are challengers, and no run takes the set of one before."""
    for _ in range(3):
        ran = retrain(*given(log), "--no-incidents")
        assert ran.code == 0, ran.err
    versions = registry.versions("flows")
    assert registry.aliases("flows") == {"champion": versions[0], "challenger": versions[2]}
    built = [f"retrain-flows@{each}" for each in sets.versions("retrain-flows")]
    assert [set_of(registry, each) for each in versions] == built
    assert len(built) == 3
    assert f"model {versions[2]}: challenger" in ran.out


def test_what_the_gate_refuses_ends_with_9(retrain: Retrain, log: Path, registry: Registry) -> None:
    """It is kept as rejected, the champion stays, and the next run begins anew."""
    assert retrain(*given(log), "--no-incidents").code == 0
    champion = registry.resolve("flows")
    ran = retrain(*given(log), "--no-incidents", ODDFLOW_GATE__MOST_BUNDLE_BYTES="1000")
    assert (ran.code, "the gate refused" in ran.err) == (9, True)
    aliases = registry.aliases("flows")
    assert aliases == {"champion": champion, "rejected": registry.versions("flows")[1]}
    assert retrain(*given(log), "--no-incidents").code == 0
    assert len(registry.versions("flows")) == 3


def test_flows_of_an_incident_are_left_out(
    retrain: Retrain, log: Path, frame: pl.DataFrame, sets: DataSets, tmp_path: Path
) -> None:
    """The set lacks those of an incident that nobody judged, and its manifest and the command say how many."""
    source = frame["src_ip"].mode()[0]
    start, end = float(frame["ts"][0]), float(frame["ts"][-1])
    one = ocsf(sources=[source], destinations=[], ports=[], counts={}, first_seen=start, last_seen=end)
    told = tmp_path / "incidents.jsonl"
    told.write_bytes(one + b"\n")
    ran = retrain(*given(log), "--incidents", str(told))
    assert ran.code == 0, ran.err
    back, info = sets.read("retrain-flows"), sets.info("retrain-flows")
    of_it = frame.filter(pl.col("src_ip") == source)
    assert source not in back.frame["src_ip"].to_list()
    assert len(back.frame) == len(frame) - len(of_it)
    assert [each.rows for each in info.left_out] == [len(of_it)]
    assert f"{len(of_it):,} flows left out as of incidents" in ran.out


def test_the_archive_s_last_days_are_trained_on(
    retrain: Retrain, frame: pl.DataFrame, sets: DataSets, tmp_path: Path
) -> None:
    """Flows before those days are not in the set."""
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in SCHEMA.items() if name not in frame.columns]
    flows = frame.with_columns(missing).select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
    flows = flows.with_row_index(OFFSET).with_columns(
        pl.col(OFFSET).cast(pl.Int64), pl.lit(0, pl.Int32).alias(PARTITION)
    )
    shelf = Shelf(str(tmp_path / "archive"), "flows")
    days = pl.from_epoch((flows["ts"]).cast(pl.Int64), time_unit="s").dt.strftime("%Y-%m-%d")
    for day in days.unique():
        shelf.add(day, "a", flows.filter(days == day), 0, "zeek-json")
    old = flows.with_columns(pl.col("ts") - 3 * 86_400.0, pl.col(OFFSET) + len(flows))
    shelf.add(f"{pl.from_epoch(pl.Series([int(old['ts'][0])]), time_unit='s')[0]:%Y-%m-%d}", "b", old, 0, "zeek-json")
    ran = retrain("--once", "--archive", str(tmp_path / "archive"), "--days", "2", "--no-incidents")
    assert ran.code == 0, ran.err
    assert sets.info("retrain-flows").rows == len(flows)


def test_the_metrics_of_a_run_are_written(retrain: Retrain, log: Path, tmp_path: Path) -> None:
    """Each step's time and length, and what runs came to, also those before this one."""
    metrics = tmp_path / "retrain.prom"
    for _ in range(2):
        retrain(*given(log), "--no-incidents", "--metrics-file", str(metrics))
    page = metrics.read_text()
    for line in (
        'oddflow_retrain_results_total{result="promoted"} 1.0',
        'oddflow_retrain_results_total{result="challenger"} 1.0',
        "oddflow_retrain_withheld_flows 0.0",
    ):
        assert line in page
    for step in ("gather", "make"):
        assert f'oddflow_retrain_last_success_timestamp_seconds{{step="{step}"}}' in page
        assert f'oddflow_retrain_step_duration_seconds{{step="{step}"}}' in page
