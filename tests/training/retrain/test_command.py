"""``oddflow retrain --once``: from files and from an archive, what the gate says, and what people are told."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import polars as pl
import pytest

from detector.archive.archive import OFFSET, PARTITION
from detector.archive.shelf import Shelf
from detector.bundle.manifest import decode_manifest
from detector.records.flow import SCHEMA
from detector.registry.registry import Registry
from detector.transport.base import OutRecord
from tests.casebook.documents import ID, ocsf
from tests.conftest import MakeTopic
from tests.training.retrain.conftest import Retrain, given
from tests.transport.arena import produce
from training.data.store import DataSets


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


@pytest.mark.slow
def test_the_gate_judges_what_was_measured(retrain: Retrain, log: Path, registry: Registry) -> None:
    """With folds the rules of quality are asked: by its bound one model is refused, and another passes."""
    measured = (*given(log), "--no-incidents", "--folds", "2")
    ran = retrain(*measured, ODDFLOW_GATE__LEAST_ROC_AUC="0.999")
    assert (ran.code, "less than 0.999" in ran.err) == (9, True), ran.err
    assert registry.aliases("flows") == {"rejected": registry.versions("flows")[0]}
    few = {f"ODDFLOW_GATE__{rule}": "false" for rule in ("LEAST_RECALL", "LEAST_ATTACKS_FOUND")}
    ran = retrain(*measured, ODDFLOW_GATE__LEAST_ROC_AUC="0.1", **few)
    assert ran.code == 0, ran.err
    assert registry.resolve("flows") == registry.versions("flows")[1]


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
    flows = flows.with_columns(pl.col("ts") - flows["ts"].max() + time.time() - 3_600.0)
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
        'oddflow_retrain_last_result{result="challenger"} 1.0',
        'oddflow_retrain_last_result{result="promoted"} 0.0',
    ):
        assert line in page
    assert "oddflow_retrain_interval_seconds" not in page  # which whoever calls it knows alone
    for step in ("gather", "make"):
        assert f'oddflow_retrain_last_success_timestamp_seconds{{step="{step}"}}' in page
        assert f'oddflow_retrain_step_duration_seconds{{step="{step}"}}' in page


def test_the_settings_say_what_is_trained(retrain: Retrain, log: Path, registry: Registry) -> None:
    """Kind, parameters and features are those of the settings, as they are for train, where no flag says otherwise."""
    assert retrain(*given(log), "--no-incidents").code == 0
    assert retrain(*given(log), "--no-incidents", ODDFLOW_TRAINING__LEAVE_OUT='["ports"]').code == 0
    first, second = (
        set(decode_manifest(registry.manifest("flows", each)).features.names) for each in registry.versions("flows")
    )
    assert second < first


def test_old_sets_go_but_for_those_of_models(
    retrain: Retrain, log: Path, registry: Registry, sets: DataSets, tmp_path: Path
) -> None:
    """The latest ones are kept, and every one that a model in the registry names."""
    few = {"ODDFLOW_RETRAIN__KEEP_SETS": "1"}
    for _ in range(3):
        assert retrain(*given(log), "--no-incidents", **few).code == 0
    built = sets.versions("retrain-flows")
    assert len(built) == 3
    shutil.rmtree(tmp_path / "registry" / "flows" / "versions" / registry.versions("flows")[1])
    assert retrain(*given(log), "--no-incidents", **few).code == 0
    left = sets.versions("retrain-flows")
    assert left[:2] == [built[0], built[2]]
    assert len(left) == 3


def test_promoting_at_once_is_refused_where_daemons_compare_first(retrain: Retrain, log: Path) -> None:
    """It says which setting to change; with it, a challenger never is."""
    ran = retrain(*given(log), "--no-incidents", "--promote")
    assert (ran.code, "set shadow.share to 0, or leave --promote out" in ran.err) == (2, True)


def test_nothing_is_made_while_daemons_decide(retrain: Retrain, log: Path, registry: Registry) -> None:
    """Where they promote by themselves, the challenger is left to them; the command says until when, and ends well."""
    for _ in range(3):
        ran = retrain(*given(log), "--no-incidents", ODDFLOW_SHADOW__PROMOTE="true")
        assert ran.code == 0
    challenger = registry.versions("flows")[1]
    assert (len(registry.versions("flows")), f"model {challenger}: daemons compare it" in ran.out) == (2, True)
    registry.promote("flows", challenger)
    assert retrain(*given(log), "--no-incidents", ODDFLOW_SHADOW__PROMOTE="true").code == 0
    assert len(registry.versions("flows")) == 3


@pytest.mark.parametrize("content", [None, b'{"no": "incident"}\n'], ids=["missing", "others"])
def test_incidents_that_cannot_be_read_are_told_with_the_way_out(
    retrain: Retrain, log: Path, registry: Registry, tmp_path: Path, content: bytes | None
) -> None:
    """Nothing is trained on flows whose incidents are unknown, unless somebody says that there are none."""
    told = tmp_path / "incidents.jsonl"
    if content is not None:
        told.write_bytes(content)
    ran = retrain(*given(log), "--incidents", str(told))
    assert (ran.code, "--no-incidents trains on every flow" in ran.err) == (3, True), ran.err
    assert registry.models() == []


def test_a_judged_incident_stays_in(
    retrain: Retrain, log: Path, frame: pl.DataFrame, sets: DataSets, tmp_path: Path
) -> None:
    """What people called false is trained on; a flow that they called true is not, and the gate asks for it."""
    start, end = float(frame["ts"][0]), float(frame["ts"][-1])
    told, judged = tmp_path / "incidents.jsonl", tmp_path / "judged.jsonl"
    source, attack = frame["src_ip"].mode()[0], frame["uid"][3]
    told.write_bytes(ocsf(sources=[source], destinations=[], ports=[], counts={}, first_seen=start, last_seen=end))
    judged.write_text(f'{{"id": "{ID}", "label": "false"}}\n{{"id": "{attack}", "label": "true"}}\n')
    asked = (*given(log), "--incidents", str(told), "--judged", str(judged))
    ran = retrain(*asked)
    assert (ran.code, f"of 1 judged true 1 would be no longer raised ({attack})" in ran.err) == (9, True), ran.err
    ran = retrain(*asked, ODDFLOW_GATE__MOST_KNOWN_TRUE_LOST="false")
    assert ran.code == 0, ran.err
    uids = sets.read("retrain-flows").frame["uid"].to_list()
    assert (len(uids), attack in uids) == (len(frame) - 1, False)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ((), "give --every SPAN"),
        (("--once", "--every", "24h"), "give --every SPAN"),
        (("--every", "soon", "--topic", "flows"), "--every soon: give a span"),
        (("--once",), "give one of --data, --topic and --archive"),
        (("--once", "--data", "-"), "standard input cannot be read again"),
        (("--once", "--topic", "flows", "--metrics-port", "1"), "--once has --metrics-file"),
        (("--every", "1d", "--topic", "flows", "--metrics-file", "a"), "--every has --metrics-port"),
        (("--every", "1d", "--topic", "flows", "--metrics-url", "daemon:9464"), "give one such as http://"),
    ],
)
def test_flags_that_do_not_go_together_are_told(retrain: Retrain, flags: tuple[str, ...], told: str) -> None:
    """One line says what to give."""
    ran = retrain(*flags)
    assert (ran.code, told in ran.err) == (2, True), ran.err


@pytest.mark.kafka
def test_a_topic_is_trained_on_without_its_incidents(  # noqa: PLR0917 - fixtures
    retrain: Retrain, kafka: str, topic: MakeTopic, log: Path, frame: pl.DataFrame, sets: DataSets
) -> None:
    """Flows and incidents come from a real broker, of all partitions; a topic of incidents may be empty, not absent."""
    flows, incidents = topic(2), topic()
    lines = log.read_bytes().splitlines()
    for partition in range(2):
        produce(kafka, flows, [OutRecord(line) for line in lines[partition::2]], partition)
    given = ("--once", "--topic", flows, "--format", "zeek-json", "--bootstrap-servers", kafka)
    ran = retrain(*given, ODDFLOW_OUTPUT__INCIDENTS_TOPIC="not-there")
    assert (ran.code, "--no-incidents trains on every flow" in ran.err) == (4, True), ran.err
    there = {"ODDFLOW_OUTPUT__INCIDENTS_TOPIC": incidents}
    assert retrain(*given, **there).code == 0
    assert (sets.info("retrain-flows").rows, sets.info("retrain-flows").partitions) == (len(frame), 2)
    source, start, end = frame["src_ip"].mode()[0], float(frame["ts"][0]), float(frame["ts"][-1])
    one = ocsf(sources=[source], destinations=[], ports=[], counts={}, first_seen=start, last_seen=end)
    produce(kafka, incidents, [OutRecord(one)])
    assert retrain(*given, **there).code == 0
    assert source not in sets.read("retrain-flows").frame["src_ip"].to_list()
