"""Kinds beside other detectors: the same figures as an evaluation's, who fails, costs, table and page."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from detector.errors import ConfigurationError, InputError
from detector.records.flow import BENIGN, LABEL
from tests.chromium import assert_readable
from tests.commands import run
from tests.training.compare.contenders import Blank, Dying, Hanging, Large, Raising, Sound
from tests.training.small_days import calm_flows
from training.compare import command, detectors
from training.compare.compare import compare
from training.compare.contract import Compared, Comparison
from training.compare.detectors import SHELF, UpperBound
from training.compare.page import page
from training.compare.processes import Outcome, outcome_of
from training.compare.text import WIDTH, told
from training.compare.worker import Run
from training.evaluation.measure import measure
from training.evaluation.protocol import protocol_of
from training.labels import TrainOn
from training.options import KIND_NAMES
from training.train import Recipe

pytestmark = pytest.mark.timeout(900)  # everyone compiles what they need, and machines are busy

SMALL = protocol_of(folds=2, repeats=1, time_splits=0, resamples=20, most_rows=1000)
RECIPE = Recipe(kind="isolation-forest", params={"n_estimators": 20}, windows=None, train_on=TrainOn.parse("normal"))


@pytest.fixture(scope="module")
def flows() -> pl.DataFrame:
    """Half an hour of a small network, in which questions to name servers are called attacks: all sources have some."""
    return calm_flows(1_800.0).with_columns(
        pl.when(pl.col("dst_port") == 53).then(pl.lit("dns")).otherwise(pl.lit(BENIGN)).alias(LABEL)
    )


@pytest.fixture(scope="module")
def comparison(flows: pl.DataFrame) -> Comparison:
    """Everyone there, and one that raises."""
    return compare(flows, RECIPE, SMALL, shelf=(*SHELF, Raising(name="<b>raising</b>")))


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Run, ...]:
    """Two runs of a few rows, with the seeds 1 and 2."""
    rows = np.random.default_rng(1).normal(size=(60, 3)).astype(np.float32)
    found = (Run(tmp_path, 0, 1), Run(tmp_path, 1, 2))
    for each in found:
        each.write(rows, np.zeros(60, np.bool_), rows[:20])
    return found


def row_of(comparison: Comparison, name: str) -> Compared:
    """The row of one."""
    return next(row for row in comparison.compared if row.name == name)


@pytest.mark.slow
def test_everyone_has_a_row(comparison: Comparison) -> None:
    """Each published kind, ten of PyOD's and more, coniferest's forest, the bound: figures and costs, or a reason."""
    names = [row.name for row in comparison.compared]
    assert len(names) == len(set(names))
    assert set(KIND_NAMES) <= set(names)
    assert {"coniferest-forest", UpperBound().name} <= set(names)
    ended = [row for row in comparison.compared if not row.failed]
    assert sum(row.package == "PyOD" for row in ended) >= 10
    for row in ended:
        assert {"roc_auc", "tpr_at_fpr_0.01", "precision", "recall"} <= row.figures.keys()
        assert row.runs == 2
        assert row.train_s is not None
        assert row.train_s.least > 0
        assert row.rows_per_s is not None
        assert row.peak_mib is not None
    for row in comparison.compared:
        assert bool(row.failed) != bool(row.figures)


@pytest.mark.slow
def test_figures_are_those_of_an_evaluation(comparison: Comparison, flows: pl.DataFrame) -> None:
    """A kind's figures, with all their ranges, are what a dry run tells of the same splits."""
    assert row_of(comparison, "isolation-forest").figures == measure(flows, RECIPE, protocol=SMALL).random
    ensemble = replace(RECIPE, kind="ensemble", params={})
    assert row_of(comparison, "ensemble").figures == measure(flows, ensemble, protocol=SMALL).random


@pytest.mark.slow
def test_the_upper_bound_learns_from_labels(comparison: Comparison) -> None:
    """It is taught by attacks though the others train on normal flows, finds them, and stands below the others."""
    bound = row_of(comparison, UpperBound().name)
    assert (bound.role, bound.failed) == ("upper bound", "")
    assert bound.figures["roc_auc"].mean > 0.95
    found = [
        row.figures["tpr_at_fpr_0.01"].mean
        for row in comparison.compared
        if row.role != "upper bound" and not row.failed
    ]
    assert found == sorted(found, reverse=True)
    roles = [row.role for row in comparison.compared if not row.failed]
    assert roles.index("upper bound") == len(roles) - 1


@pytest.mark.slow
def test_the_table_fits_a_terminal(comparison: Comparison) -> None:
    """No line is wider than a hundred columns; each has its row, and who failed says why."""
    lines = told(comparison).split("\n")
    assert max(map(len, lines)) <= WIDTH
    for row in comparison.compared:
        assert sum(line.startswith(row.name) for line in lines) >= 1
    assert any("no figures, ValueError: " in line and "not to its taste" in line for line in lines)


@pytest.mark.slow
def test_the_page_and_the_document_tell_all(comparison: Comparison) -> None:
    """The page escapes what is not its own and fetches nothing; the document is read back as it was."""
    html = page(comparison)
    assert "<b>raising" not in html
    assert "&lt;b&gt;raising" in html
    assert not {"<script", "http:", "https:"} & set(html.replace(" ", "\n").split("\n"))
    assert all(f"{row.name}" in html for row in comparison.compared if row.package != "tests")
    assert msgspec.json.decode(comparison.encode(), type=Comparison) == comparison


@pytest.mark.browser
@pytest.mark.slow
def test_the_page_can_be_read_in_a_browser(comparison: Comparison, tmp_path: Path) -> None:
    """On a phone and on a desk, by day and by night: nothing is cut off, no text is faint or lies on another."""
    assert_readable(page(comparison), tmp_path)


@pytest.mark.parametrize(
    ("contender", "ran", "why"),
    [
        (Raising(), 0, "ValueError: 20 rows are not to its taste"),
        (Blank(), 0, "InputError: some of its scores are no numbers"),
        (Dying(), 0, "its process ended by itself, with exit code -9"),
        (Hanging(), 1, "more than 2 s: 1 of 2 runs ended"),
        (Sound(), 2, ""),
    ],
    ids=lambda value: getattr(value, "name", None) and type(value).__name__,
)
def test_whoever_fails_is_told(contender: Sound, ran: int, why: str, runs: tuple[Run, ...]) -> None:
    """An error, scores that are no numbers, a death and a hang each end one contender, with a reason."""
    outcome = outcome_of(contender, runs, 2.0)
    assert (len(outcome.ran), outcome.failed) == (ran, why)


def test_scores_and_memory_come_back(runs: tuple[Run, ...], capfd: pytest.CaptureFixture[str]) -> None:
    """A contender's scores are those of its test rows, its memory is its own, and what it prints is not shown."""
    small, large = outcome_of(Sound(), runs, 60.0), outcome_of(Large(), runs, 60.0)
    assert small.ran[0].scores.tolist() == runs[0].read("test")[:, 0].astype(np.float64).tolist()
    assert mebibytes(small) < 50
    assert 250 < mebibytes(large) < 400
    assert capfd.readouterr() == ("", "")


def mebibytes(outcome: Outcome) -> float:
    """What it held at its peak."""
    assert outcome.peak_bytes is not None
    return outcome.peak_bytes / 2**20


def test_without_attacks_there_is_nothing_to_compare(flows: pl.DataFrame) -> None:
    """Flows without attacks, on hosts that the simulator's cannot be put on, are refused with what to do."""
    benign = flows.filter(pl.col(LABEL) == BENIGN)
    outside = benign.with_columns(src_ip=pl.lit("198.51.100.7"), dst_ip=pl.lit("203.0.113.9"))
    with pytest.raises(InputError, match=r"no attacks to find .*--inside"):
        compare(outside, replace(RECIPE, train_on=TrainOn.parse("all")), SMALL)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without coniferest, nothing is read, and what to install is said."""
    monkeypatch.setattr(detectors, "find_spec", lambda name: None if name == "coniferest" else object())
    with pytest.raises(ConfigurationError, match=r"coniferest; pip install 'oddflow\[compare\]'"):
        command.comparing(SMALL, 60.0)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--compare", "--dry-run"), "give one of them"),
        (("--compare", "--folds", "0"), "no runs to compare"),
        (("--compare", "--report", "comparison.txt"), ".html or .json"),
        (("--report", "comparison.html"), "--compare"),
    ],
)
def test_what_cannot_be_is_said_before_flows_are_read(arguments: Sequence[str], why: str, tmp_path: Path) -> None:
    """A request that makes no sense ends with the exit code of settings; no flow is looked at."""
    flows = tmp_path / "flows.json"
    flows.write_text("no flow")
    code, _, said = run("train", "--data", str(flows), "--format", "zeek-json", *arguments)
    assert (code, why in said) == (2, True)


def test_what_is_forked_has_no_threads_of_polars() -> None:
    """Neither the worker nor a library of the shelf imports polars, whose locks a fork would inherit for ever."""
    modules = ["training.compare.worker", *(each.place.partition(":")[0] for each in SHELF)]
    code = (
        f"import importlib, sys\nfor name in {modules}: importlib.import_module(name)\nprint('polars' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
