"""Bad models, made as they come about, on the whole way of ``oddflow train``: each is refused, and kept as rejected.

What is bad is put in where it would be: into what a fit gives, or into the records. No fact is made by hand.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.bundle.verdict import RuleResult
from detector.models.base import Model
from detector.models.kinds.isolation_forest import IsolationForest
from detector.registry.registry import Registry
from tests.training.small_days import DAY_S, SMALL, Record, judged, records, train, write
from training.estimators import TRAINERS
from training.simulator.scenario import DEFAULT_START

pytestmark = pytest.mark.slow

CLUSTERS = ("--no-windows", "--kind", "kmeans", "--param", "n_clusters=400")
"""Nearly one round each flow that comes seldom."""

Change = Callable[[list[Record]], list[Record]]


@pytest.fixture(scope="module")
def calm() -> list[Record]:
    """Flows of a day on which nothing happened; the simulator's attacks are put on its hosts."""
    return records(1)


@pytest.fixture(scope="module")
def attacked() -> list[Record]:
    """Flows with labelled attacks, of all parts of the time."""
    return records(1, ("vertical-scan", "horizontal-scan", "ssh-brute-force"))


@dataclass(frozen=True)
class Trainer:
    """Whoever trains day after day, in a folder of its own, beside the champion that was put in charge a day before."""

    place: Path
    registry: Registry
    champion: str

    def train(
        self, rows: list[Record], *more: str, how: tuple[str, ...] = SMALL, mapped: bool = False
    ) -> tuple[int, str]:
        """Run ``oddflow train`` on records; its exit code and last line of standard error."""
        write(self.place / "today.log", rows)
        code, last = train(self.place, *how, *more, mapped=mapped)
        assert code in {0, 9}, last
        return code, last

    def check_refused(self, ended: tuple[int, str], rule: str) -> RuleResult:
        """It was refused by that rule, is kept with the reason, and the champion is what it was."""
        code, last = ended
        assert (code, self.registry.resolve("flows")) == (9, self.champion), last
        refused = self.registry.resolve("flows", "rejected")
        assert self.registry.versions("flows") == [self.champion, refused]
        assert "challenger" not in self.registry.aliases("flows")
        result = judged(self.registry)[rule]
        assert result.passed is False, result
        entry = self.registry.history("flows")[-1]
        assert (entry.action, entry.version) == ("reject", refused)
        for told in (entry.reason, last):
            assert result.why in told
        assert f"{self.champion} stays in charge" in last
        return result


@pytest.fixture(scope="module")
def yesterday(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose registry has a champion, trained on the day before."""
    place = tmp_path_factory.mktemp("yesterday")
    write(place / "today.log", records(0))
    code, last = train(place, *SMALL)
    assert (code, set(Registry(str(place / "registry")).aliases("flows"))) == (0, {"champion"}), last
    return place


@pytest.fixture
def trainer(yesterday: Path, tmp_path: Path) -> Trainer:
    """The next day, of one test's own."""
    place = Path(shutil.copytree(yesterday, tmp_path / "place"))
    registry = Registry(str(place / "registry"))
    return Trainer(place, registry, registry.resolve("flows"))


# --- what a fit gives --------------------------------------------------------------------------------------------


def with_lengths(monkeypatch: pytest.MonkeyPatch, change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> None:
    """Have every forest that is fitted score by other path lengths."""
    fit = TRAINERS[IsolationForest.kind]

    def bad(matrix: NDArray[np.float32], seed: int, params: dict[str, Any]) -> Model:
        forest = fit(matrix, seed, params)
        assert isinstance(forest, IsolationForest)
        lengths = np.ascontiguousarray(change(forest.lengths))
        return IsolationForest.build(
            forest.features, forest.thresholds, lengths, forest.normal_length, forest.n_features
        )

    monkeypatch.setitem(TRAINERS, IsolationForest.kind, bad)


def test_a_good_model_is_the_challenger(trainer: Trainer, calm: list[Record]) -> None:
    """What the others here do wrong is all that is wrong: without it, the same flows give a challenger."""
    code, last = trainer.train(calm)
    assert code == 0, last
    assert trainer.registry.resolve("flows") == trainer.champion
    assert trainer.registry.resolve("flows", "challenger") == trainer.registry.versions("flows")[-1]
    assert [name for name, each in judged(trainer.registry).items() if each.passed is None] == [
        "most_known_false_raised",
        "most_known_true_lost",
        "most_labels_held_back",
        "most_feature_auc",
    ]


def test_constant_scores_are_refused(trainer: Trainer, calm: list[Record], monkeypatch: pytest.MonkeyPatch) -> None:
    """A model whose every score is the same tells attacks from nothing."""
    with_lengths(monkeypatch, lambda lengths: np.full_like(lengths, 5.0))
    result = trainer.check_refused(trainer.train(calm), "least_roc_auc")
    assert result.measured == 0.5


def test_a_swapped_sign_is_refused(trainer: Trainer, calm: list[Record], monkeypatch: pytest.MonkeyPatch) -> None:
    """A model to which the usual is odd ranks attacks last."""
    with_lengths(monkeypatch, lambda lengths: lengths.max() - lengths)
    result = trainer.check_refused(trainer.train(calm), "least_roc_auc")
    assert result.measured is not None
    assert result.measured < 0.4


def test_a_model_that_went_wrong_in_its_last_training_alone_is_refused(
    trainer: Trainer, calm: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is published was trained on all flows, what is measured on parts of them: the former is looked at, too."""
    fit = TRAINERS[IsolationForest.kind]
    with_lengths(monkeypatch, lambda lengths: lengths.max() - lengths)
    bad = TRAINERS[IsolationForest.kind]

    def bad_of_all(matrix: NDArray[np.float32], seed: int, params: dict[str, Any]) -> Model:
        return (bad if len(matrix) == len(calm) else fit)(matrix, seed, params)

    monkeypatch.setitem(TRAINERS, IsolationForest.kind, bad_of_all)
    result = trainer.check_refused(trainer.train(calm), "least_roc_auc")
    assert "the model itself" in result.why


def test_an_overfitted_threshold_is_refused(
    trainer: Trainer, calm: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clusters round nearly each flow, calibrated on the flows that they are of, raise far too much of later ones."""
    monkeypatch.setattr("training.estimators.unseen_scores", lambda rows, *given: given[2].score(rows))
    result = trainer.check_refused(trainer.train(calm, how=CLUSTERS), "most_false_incidents")
    assert result.measured is not None
    assert result.measured > 10 * (result.bound or 0.0)


def test_the_same_clusters_with_thresholds_by_unseen_flows_raise_no_more_than_asked(
    trainer: Trainer, calm: list[Record]
) -> None:
    """It is the threshold that was refused: calibrated as they should be, the clusters keep that rule."""
    trainer.train(calm, how=CLUSTERS)
    assert judged(trainer.registry)["most_false_incidents"].passed is True


# --- what is in the records --------------------------------------------------------------------------------------


def test_shuffled_labels_are_refused(trainer: Trainer, attacked: list[Record]) -> None:
    """Where labels say nothing of the flows, a model trained on those called benign finds nothing of the others."""
    labels = np.random.default_rng(3).permutation(np.array([row["label"] for row in attacked], dtype=object))
    shuffled = [{**row, "label": label} for row, label in zip(attacked, labels, strict=True)]
    trainer.check_refused(trainer.train(shuffled, "--train-on", "normal"), "least_roc_auc")
    assert judged(trainer.registry)["least_recall"].passed is False


def test_the_labels_as_they_were_are_learnt_by(trainer: Trainer, attacked: list[Record]) -> None:
    """It is the shuffling that was refused: by their own labels, the same flows make a model that finds attacks."""
    trainer.train(attacked, "--train-on", "normal")
    assert judged(trainer.registry)["least_roc_auc"].passed is True
    assert judged(trainer.registry)["least_recall"].passed is True


def test_a_feature_that_is_the_label_is_refused(trainer: Trainer, attacked: list[Record]) -> None:
    """A number that only what had the labels could know is named, and not the honest one beside it."""
    rng = np.random.default_rng(5)
    leaking = [
        {**row, "jitter": float(rng.exponential()), "verdict": float(row["label"] != "Benign")} for row in attacked
    ]
    ended = trainer.train(leaking, "--train-on", "normal", mapped=True)
    result = trainer.check_refused(ended, "most_feature_auc")
    assert (result.measured, "verdict by itself" in result.why) == (1.0, True)


def test_a_model_that_looks_at_a_number_of_your_own_alone_is_refused(
    trainer: Trainer, calm: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The simulator's attacks have such numbers as other flows have, so that what sees these alone finds none."""
    fit = TRAINERS[IsolationForest.kind]

    def looking_at_the_last(matrix: NDArray[np.float32], seed: int, params: dict[str, Any]) -> Model:
        seen = np.zeros_like(matrix)
        seen[:, -1] = matrix[:, -1]
        return fit(seen, seed, params)

    monkeypatch.setitem(TRAINERS, IsolationForest.kind, looking_at_the_last)
    rng = np.random.default_rng(6)
    lives = np.where(rng.random(len(calm)) < 0.02, 1.0, 60.0 + rng.integers(5, size=len(calm))).tolist()
    rows = [{**row, "jitter": 1.0, "verdict": life, "label": None} for row, life in zip(calm, lives, strict=True)]
    trainer.check_refused(trainer.train(rows, mapped=True), "least_roc_auc")


def half_unusable(rows: list[Record]) -> list[Record]:
    """Every other record of a protocol that there is not."""
    return [{**row, "proto": "rtp"} if place % 2 else row for place, row in enumerate(rows)]


def a_clock_years_behind(rows: list[Record]) -> list[Record]:
    """Of some hosts the sensor is not set, and counts from 1970."""
    return [{**row, "ts": row["ts"] - DEFAULT_START} if of_a_sensor(row) else row for row in rows]


def a_clock_days_ahead(rows: list[Record]) -> list[Record]:
    """Of some hosts the sensor is two days ahead."""
    return [{**row, "ts": row["ts"] + 2 * DAY_S} if of_a_sensor(row) else row for row in rows]


def of_a_sensor(row: Record) -> bool:
    """Whether one sensor of several told it: one flow in thirteen."""
    return sum(map(ord, row["uid"])) % 13 == 0


@pytest.mark.parametrize(
    ("harm", "rule", "share"),
    [
        (half_unusable, "most_unusable_share", 0.5),
        (a_clock_years_behind, "most_time_apart_share", 1 / 13),
        (a_clock_days_ahead, "most_time_apart_share", 1 / 13),
    ],
)
def test_harmed_records_are_refused(
    trainer: Trainer, calm: list[Record], harm: Change, rule: str, share: float
) -> None:
    """Half the records that say nothing, or one sensor of several with a wrong clock, are too many."""
    result = trainer.check_refused(trainer.train(harm(calm)), rule)
    assert result.measured == pytest.approx(share, rel=0.3)
