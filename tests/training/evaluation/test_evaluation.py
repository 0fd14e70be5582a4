"""Blocks, prevalence, transplanted attacks, figures, and the report of a small simulated network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.errors import ConfigurationError, InputError
from detector.records.flow import BENIGN, LABEL, SCHEMA
from tests.cards.reports import report as full_report
from tests.chromium import assert_readable
from tests.training.small_days import calm_flows
from training.evaluation.attempts import Attempts, attempts_found
from training.evaluation.blocks import Blocks, sampled_sources
from training.evaluation.dry_run import check_report
from training.evaluation.figures import at_prevalence, over_runs
from training.evaluation.html import page
from training.evaluation.marked import Marked
from training.evaluation.measure import measure
from training.evaluation.protocol import DEFAULT, protocol_of
from training.evaluation.random_splits import ranked_figures, splits_of
from training.evaluation.report import Report, decode_report
from training.evaluation.transplant import among, inside_addresses, transplanted
from training.labels import TrainOn
from training.metrics import operating_curve
from training.simulator.frames import ATTACK_ID
from training.train import Recipe

RECIPE = Recipe(kind="isolation-forest", params={"n_estimators": 20})
SMALL = protocol_of(folds=3, repeats=1, time_splits=1, resamples=50, most_rows=3000)


@pytest.fixture(scope="session")
def calm() -> pl.DataFrame:
    """Two hours of a small network without attacks or labels."""
    return calm_flows(7_200.0)


@pytest.fixture(scope="session")
def report(calm: pl.DataFrame) -> Report:
    """What a forest is found to be there."""
    return measure(calm, RECIPE, protocol=SMALL)


sizes = st.lists(st.tuples(st.integers(0, 4), st.floats(0.0, 5000.0)), min_size=30, max_size=120)


@given(sizes, st.integers(2, 5), st.integers(0, 9))
def test_no_block_is_in_two_folds(flows: list[tuple[int, float]], folds: int, seed: int) -> None:
    """A source's flows within one block are all in one fold, and every row has one."""
    sources = pl.Series([f"10.0.0.{source}" for source, _ in flows])
    ts = np.array([moment for _, moment in flows])
    blocks = Blocks.of(sources, ts, 600.0)
    dealt = blocks.dealt(np.arange(len(ts)) % 7 == 0, folds, np.random.default_rng(seed))
    assert set(dealt.tolist()) <= set(range(folds))
    slots = ((ts - ts.min()) // 600.0).astype(int).tolist()
    seen: dict[tuple[str, int], set[int]] = {}
    for source, slot, fold in zip(sources, slots, dealt.tolist(), strict=True):
        seen.setdefault((source, slot), set()).add(fold)
    assert all(len(each) == 1 for each in seen.values())


def test_rows_beside_a_tested_block_are_left_out() -> None:
    """Within the pause before and after the tested block of the same source nothing is trained on; others' rows are."""
    ts = np.array([0.0, 95.0, 105.0, 150.0, 199.0, 205.0, 290.0, 205.0])
    sources = pl.Series(["a"] * 7 + ["b"])
    blocks = Blocks.of(sources, ts, 100.0)
    folds = np.where((ts >= 100.0) & (ts < 200.0), 1, 0)
    assert blocks.at_edge(folds, 1, 10.0).tolist() == [False, True, False, False, False, True, False, False]


def test_samples_are_whole_blocks_and_whole_sources() -> None:
    """A bounded run has every row of the blocks that it samples, and of the sources, and no more rows than allowed."""
    sources = pl.Series([f"10.0.0.{number % 50}" for number in range(5000)])
    blocks = Blocks.of(sources, np.arange(5000.0), 1000.0)
    rows = blocks.sample(np.arange(5000), 1000, np.random.default_rng(1))
    assert 500 <= len(rows) <= 1000
    for number in np.unique(blocks.number[rows]):
        assert (blocks.number[rows] == number).sum() == (blocks.number == number).sum()
    kept = sampled_sources(sources, 1000, 1)
    assert kept.sum() == 1000
    assert sources.filter(pl.Series(kept)).n_unique() == 10


def test_sources_of_labelled_attacks_are_sampled_first() -> None:
    """What is found can be told of a sample, too: attackers are in it whatever the seed, up to half of its rows."""
    sources = pl.Series([f"10.0.0.{number % 50}" for number in range(5000)])
    few = np.isin(sources.to_numpy(), ["10.0.0.7", "10.0.0.9"])
    many = np.isin(sources.to_numpy(), [f"10.0.0.{number}" for number in range(30)])
    for seed in range(10):
        kept = sampled_sources(sources, 1000, seed, few)
        assert kept.sum() == 1000
        assert kept[few].all()
        kept = sampled_sources(sources, 1000, seed, many)
        assert kept.sum() == 1000
        assert kept[many].sum() >= 500


@given(st.floats(0.001, 0.5), st.integers(20, 300))
def test_the_prevalence_is_obtained(prevalence: float, benign: int) -> None:
    """Of the rows drawn, attacks are the share that was asked for, whatever theirs is in the set."""
    attack = np.arange(benign + 40) >= benign
    drawn = at_prevalence(attack, attack, np.arange(len(attack)), prevalence, 5, np.random.default_rng(0))
    assert drawn is not None
    assert drawn.attacks / drawn.rows == pytest.approx(prevalence, rel=0.02)
    assert drawn.precision.tolist() == [1.0] * 5


def test_precision_is_told_at_the_prevalence() -> None:
    """All attacks and a tenth of the benign rows raised: at 1 % precision is near 0.09, not 0.91."""
    attack = np.arange(2000) >= 1000
    raised = attack | (np.arange(2000) < 100)
    drawn = at_prevalence(raised, attack, np.arange(2000), 0.01, 300, np.random.default_rng(1))
    assert drawn is not None
    assert drawn.recall.mean() == 1.0
    assert drawn.precision.mean() == pytest.approx(0.01 / (0.01 + 0.99 * 0.1), rel=0.1)


def test_the_interval_allows_for_shared_training_rows() -> None:
    """Of runs 0.8, 0.9 and 1.0 over three folds: 0.9 ± t(2) · sqrt((1/3 + 1/2) · 0.01), cut at 1."""
    spread = over_runs([0.8, 0.9, 1.0], 3)
    assert spread.interval[0] == pytest.approx(0.9 - 4.302653 * (5 / 6 * 0.01) ** 0.5, abs=1e-6)
    assert spread.interval[1] == 1.0
    assert over_runs([0.8], 3).interval == (0.8, 0.8)


def test_a_constant_scorer_is_worth_nothing() -> None:
    """Where all score alike, ROC AUC is one half and nothing is found at few false positives."""
    curve = operating_curve(np.ones(100), np.arange(100) < 10)
    told = ranked_figures(curve.tpr, curve.fpr, 0.01)
    assert told == {
        "roc_auc": 0.5, "average_precision_at_prevalence_0.0001": pytest.approx(0.0001), "tpr_at_fpr_0.01": 0.0,
        "tpr_at_fpr_0.001": 0.0, "precision_at_prevalence_0.01": 0.0,
    }  # fmt: skip


def test_attacks_are_counted_as_wholes() -> None:
    """One attack of two raised by its second flow: half are found, a third of the flows, after five seconds."""
    run = Attempts.of(
        pl.Series(["scan", "scan", "scan", ""]),
        np.array([0, 0, 1, -1]),
        np.array([False, True, False, True]),
        np.array([10.0, 15.0, 20.0, 1.0]),
    )
    (found,), overall = attempts_found([run], DEFAULT)
    assert (found.attacks, found.flows, found.seconds) == (2, 3, 5.0)
    assert found.found.mean == 0.5
    assert found.flows_found.mean == pytest.approx(1 / 3)
    assert overall is not None
    assert overall.mean == 0.5


def test_transplanted_attacks_leave_the_flows_as_they_are(calm: pl.DataFrame) -> None:
    """Among the flows, attacks of each kind begin and end in the stretch; each own flow is the same, in its order."""
    start, end = float(calm["ts"][0]) + 3600.0, float(calm["ts"][-1])
    attacks = transplanted(calm, start, end, each=2, seed=1)
    assert attacks is not None
    assert attacks["ts"].min() >= start  # type: ignore[operator]  # a number
    assert attacks["ts"].max() < end  # type: ignore[operator]  # a number
    assert attacks.group_by(LABEL).agg(pl.col(ATTACK_ID).n_unique())[ATTACK_ID].to_list() == [2] * 8
    both, places = among(calm, attacks)
    assert both[places].select(*SCHEMA).equals(calm)
    assert both["ts"].is_sorted()


def test_transplanted_attackers_are_hosts_of_the_network(calm: pl.DataFrame) -> None:
    """Who attacks from inside is an inside host that sends flows; what records never fill, attacks do not either."""
    bare = calm.with_columns(pl.lit(None, pl.String).alias("service"))
    attacks = transplanted(bare, float(calm["ts"][0]), float(calm["ts"][-1]), each=3, seed=2)
    assert attacks is not None
    inside = attacks.filter(pl.Series(inside_addresses(attacks["src_ip"])))["src_ip"]
    assert len(inside) > 0
    assert set(inside) <= set(calm["src_ip"])
    assert attacks["service"].null_count() == len(attacks)


def test_transplanted_attacks_are_never_trained_on(calm: pl.DataFrame) -> None:
    """No run has one among its training rows, though a recipe trains on all."""
    attacks = transplanted(calm, float(calm["ts"][0]), float(calm["ts"][-1]), each=1, seed=1)
    assert attacks is not None
    marked = Marked.of(calm).with_attacks(attacks)
    blocks = Blocks.of(marked.frame["src_ip"], marked.frame["ts"].to_numpy(), 600.0)
    splits = splits_of(marked, blocks, RECIPE, SMALL)
    assert not any(marked.attack[split.train].any() for split in splits)
    assert any(marked.attack[split.test].any() for split in splits)
    assert not any(np.isin(split.train, split.test).any() for split in splits)


@pytest.mark.slow
def test_the_report_tells_all_that_it_promises(report: Report, calm: pl.DataFrame) -> None:
    """It has figures of both kinds of split, every kind of attack, the budgets, and segments; and can be read back."""
    assert decode_report(report.encode()) == report
    assert report.protocol.attacks == "transplanted"
    assert {"roc_auc", "precision", "recall", "tpr_at_fpr_0.01", "tpr_at_fpr_0.001"} <= report.random.keys()
    assert {"false_incidents_per_day", "attacks_found", "precision", "recall"} <= report.by_time.keys()
    assert len(report.attacks) == 8
    assert [each.asked for each in report.budget] == [3.0, 10.0, 30.0]
    assert {each.by for each in report.segments} == {"service", "subnet", "direction", "hour"}
    assert report.data.rows == len(calm)
    assert any("no flow has a label" in note for note in report.notes)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_report(report: Report, calm: pl.DataFrame) -> None:
    """But for when it was made and how long that took, though runs go side by side."""
    again = measure(calm, RECIPE, protocol=SMALL)
    assert msgspec.structs.replace(again, created=report.created, seconds=report.seconds) == report


def leaked(calm: pl.DataFrame, *, shuffled: bool) -> pl.DataFrame:
    """Flows of which one in ten is labelled an attack, and a column that tells which; or labels at random."""
    rng = np.random.default_rng(3)
    attack = rng.random(len(calm)) < 0.1
    told = np.where(attack, 1e6, 1.0) * rng.uniform(1.0, 2.0, len(calm))
    labels = rng.permutation(attack) if shuffled else attack
    label = pl.Series(LABEL, np.where(labels, "scan", BENIGN))
    return calm.with_columns(label, pl.Series("leak", told))


@pytest.mark.slow
@pytest.mark.parametrize(("shuffled", "low", "high"), [(False, 0.98, 1.0), (True, 0.4, 0.6)])
def test_a_leak_shows_and_shuffled_labels_are_worth_nothing(
    calm: pl.DataFrame, *, shuffled: bool, low: float, high: float
) -> None:
    """A feature that tells the label is too good to be true; labels at random are found by chance."""
    recipe = replace(RECIPE, kind="kmeans-spread", params={}, windows=None, train_on=TrainOn.parse("normal"))
    few = leaked(calm, shuffled=shuffled)
    found = measure(few, recipe, protocol=msgspec.structs.replace(SMALL, time_splits=0))
    assert low <= found.random["roc_auc"].mean <= high


def test_the_page_escapes_what_came_from_data() -> None:
    """A kind, a segment or a note cannot put markup into the page."""
    evil = "<script>alert(1)</script>"
    data = {
        "report_version": 1, "created": evil, "kind": evil, "parameters": {}, "protocol": msgspec.to_builtins(DEFAULT),
        "data": {"rows": 1, "attack_rows": 0, "start": 0.0, "end": 0.0, "watched_s": 0.0, "hosts": 0},
        "random": {evil: {"mean": 0.0, "least": 0.0, "most": 0.0, "interval": [0.0, 0.0], "runs": []}},
        "by_time": {}, "attacks": [], "budget": [],
        "segments": [{"by": "service", "value": evil, "benign": 1, "attacks": 0, "benign_raised": 0.0,
                      "incidents_per_day": 0.0, "recall": None}],
        "roc": None, "precision_recall": None, "scores": {"edges": [0.0, 1.0], "benign": [0], "attacks": [0]},
        "notes": [evil], "seconds": 0.0,
    }  # fmt: skip
    told = page(msgspec.convert(data, Report))
    assert "<script" not in told
    assert told.count("&lt;script&gt;") >= 5


@pytest.mark.browser
@pytest.mark.slow
def test_the_page_can_be_read_in_a_browser(tmp_path: Path) -> None:
    """On a phone and on a desk, by day and by night: nothing is cut off, no text is faint or lies on another."""
    assert_readable(page(full_report()), tmp_path)


@pytest.mark.parametrize(
    "change", [{"prevalence": 0.0}, {"prevalence": 1.0}, {"folds": 1}, {"repeats": 0}, {"folds": 0, "time_splits": 0}]
)
def test_what_cannot_be_asked_is_refused(change: dict[str, float]) -> None:
    """A prevalence out of range, or no runs at all, is an error that names it."""
    with pytest.raises(ConfigurationError, match=next(iter(change))):
        protocol_of(**change)


def without_addresses(calm: pl.DataFrame, attack: str = "neptune") -> pl.DataFrame:
    """Labelled flows as NSL-KDD has them: no address, port or time of its own, and columns that tell attacks."""
    rng = np.random.default_rng(7)
    odd = rng.random(len(calm)) < 0.3
    nowhere = [pl.lit("0.0.0.0").alias(name) for name in ("src_ip", "dst_ip")]  # noqa: S104 - as formats write none
    label = pl.Series(LABEL, np.where(odd, attack, BENIGN))
    errors = pl.Series("serror_rate", np.where(odd, 0.9, 0.0) + rng.uniform(0.0, 0.3, len(calm)))
    return calm.with_columns(*nowhere, pl.lit(0.0).alias("ts"), label, errors)


@pytest.mark.slow
def test_flows_without_addresses_are_measured_at_random(calm: pl.DataFrame) -> None:
    """Labelled flows of no host and no time have figures of random splits, and notes on what they cannot have."""
    recipe = replace(RECIPE, kind="kmeans-spread", params={}, windows=None, train_on=TrainOn.parse("normal"))
    found = measure(without_addresses(calm)[:3_000], recipe, protocol=SMALL)
    assert 0.8 < found.random["roc_auc"].mean <= 1.0
    assert [each.kind for each in found.attacks] == ["neptune"]
    assert (found.by_time, found.budget, found.segments, found.data.hosts) == ({}, (), (), 0)
    assert any("no addresses" in note for note in found.notes)
    assert any("row by row" in note for note in found.notes)


def test_one_class_without_addresses_is_told(calm: pl.DataFrame) -> None:
    """Where all are labelled benign and no host begins one, there is a report that claims nothing about attacks."""
    recipe = replace(RECIPE, kind="kmeans-spread", params={}, windows=None)
    found = measure(without_addresses(calm, attack=BENIGN)[:2_000], recipe, protocol=SMALL)
    assert (found.protocol.attacks, found.attacks, found.roc) == ("none", (), None)
    assert "roc_auc" not in found.random
    assert any("nothing is known of what is found" in note for note in found.notes)
    assert "<h2>Attacks</h2>" not in page(found)


def test_attacks_alone_cannot_be_measured(calm: pl.DataFrame) -> None:
    """Where every flow is labelled an attack there is nothing to raise falsely."""
    with pytest.raises(InputError, match="every flow is labelled an attack"):
        measure(calm.with_columns(pl.lit("scan").alias(LABEL)), RECIPE, protocol=SMALL)


def test_too_few_flows_are_told(calm: pl.DataFrame) -> None:
    """Runs without enough rows to train on are an error that says what to do."""
    with pytest.raises(InputError, match="give more data, or fewer folds"):
        measure(calm[:40], RECIPE, protocol=SMALL)


def test_a_report_has_a_name_that_tells_its_kind(tmp_path: Path) -> None:
    """Only .html and .json are written, into a folder that is there."""
    check_report(tmp_path / "a.html")
    for wrong in (tmp_path / "a.pdf", tmp_path / "none" / "a.json"):
        with pytest.raises(ConfigurationError, match="--report"):
            check_report(wrong)
