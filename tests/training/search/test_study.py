"""A search over a made-up landscape: budgets, giving up, going on where it was, and files that are no study of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import optuna
import pytest
from optuna.trial import TrialState

from detector.errors import ConfigurationError, InputError, OddflowError
from training.search.material import Evaluated
from training.search.progress import Budget
from training.search.run import MOST_FAILED, Search
from training.search.space import Range, Space
from training.search.study import Study, Subject, opened
from training.search.workers import Done, PieceLostError
from training.train import Recipe

pytestmark = pytest.mark.slow

SPACE = Space((Range("x", 0.0, 10.0, 5.0), Range("n", 1, 64, 8, whole=True, log=True)), ("outcome",))
SUBJECT = Subject(data="d", recipe="r", protocol="p", space="s", held_out=0.25)
SPLITS = 4


@dataclass
class Came:
    """A result that is there at once, or an error."""

    value: float | Exception

    def result(self) -> Evaluated:
        """Give or raise it."""
        if isinstance(self.value, Exception):
            raise self.value
        return Evaluated(self.value, 0.0)


@dataclass
class Landscape:
    """Workers that know a value for each recipe at once; ``stop_after`` pieces, Ctrl-C is pressed."""

    value: Callable[[int, dict[str, Any]], float | Exception]
    places: int = 1
    stop_after: int = 1_000_000
    pieces: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing runs on."""

    def submit(self, number: int, recipe: Recipe, done: Done) -> None:
        """Do it at once."""
        self.pieces.append((number, dict(recipe.params)))
        if len(self.pieces) > self.stop_after:
            raise KeyboardInterrupt
        done(Came(self.value(number, dict(recipe.params))))

    def processor_s(self) -> float:
        """A second a piece."""
        return float(len(self.pieces))

    def check(self) -> str:
        """Nothing hinders it."""
        return ""


def hill(number: int, params: dict[str, Any]) -> float:
    """Highest at x = 7; splits differ alike for all."""
    return float(1.0 - (params.get("x", 5.0) - 7.0) ** 2 / 50.0 + 0.01 * number)


def run(path: Path, workers: Landscape, trials: int | None, seed: int = 3, seconds: float | None = None) -> list[str]:
    """Search on, and give what was told."""
    told: list[str] = []
    with opened(path, SUBJECT, SPACE, seed) as study:
        Search(study, SPACE, Recipe(), workers, Budget(trials, seconds), SPLITS, told.append).run()
    return told


@contextmanager
def kept(path: Path) -> Any:
    """The study in a file."""
    with opened(path, SUBJECT, SPACE, 3) as study:
        yield study


def tried(study: Study) -> list[tuple[dict[str, Any], Any]]:
    """The trials that were not cut off."""
    return [(trial.params, trial.value) for trial in study.counted]


def test_the_recipe_as_it_is_comes_first_and_better_ones_are_found(tmp_path: Path) -> None:
    """The first trial is the usual choice; after twenty, one near the summit is the best."""
    told = run(tmp_path / "s.db", Landscape(hill), 20)
    with kept(tmp_path / "s.db") as study:
        assert study.first.params == SPACE.usual
        assert abs(study.best.params["x"] - 7.0) < 1.0
        assert study.best.value > study.first.value
        assert len(study.ended) == 20
        assert study.cost.processor_s > 40
    assert told[0].startswith("trial 1 of 20: ")
    assert "best" in told[-1]


def test_trials_that_lag_behind_are_given_up(tmp_path: Path) -> None:
    """Poor ones are not tried on every split, never before the second, and the first never."""
    workers = Landscape(hill)
    run(tmp_path / "s.db", workers, 20)
    with kept(tmp_path / "s.db") as study:
        pruned = [trial for trial in study.ended if trial.state == TrialState.PRUNED]
        assert pruned
        assert all(2 <= max(trial.intermediate_values) < SPLITS for trial in pruned)
        assert all(max(trial.intermediate_values.values()) < study.best.value for trial in pruned)
    assert len(workers.pieces) < 20 * SPLITS


def test_an_interrupted_search_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    """Cut off in mid-trial and run again, it has tried the same as one that ran through; one trial was lost."""
    run(tmp_path / "whole.db", Landscape(hill), 14)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut.db", Landscape(hill, stop_after=33), 14)
    run(tmp_path / "cut.db", Landscape(hill), 14)
    with kept(tmp_path / "whole.db") as whole, kept(tmp_path / "cut.db") as cut:
        assert tried(cut) == tried(whole)
        assert (whole.lost, cut.lost) == (0, 1)


def test_a_killed_search_loses_what_was_running(tmp_path: Path) -> None:
    """Trials that a killed process left as running, the first one too, are tried again by the next."""
    with kept(tmp_path / "s.db") as study:
        study.ask(0)
    run(tmp_path / "s.db", Landscape(hill), 5)
    with kept(tmp_path / "s.db") as study:
        assert (len(study.ended), study.lost) == (5, 1)
        assert study.first.params == SPACE.usual


def test_the_same_seed_gives_the_same_trials(tmp_path: Path) -> None:
    """And another seed others."""
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        run(tmp_path / name, Landscape(hill), 4, seed)
    with kept(tmp_path / "a") as one, kept(tmp_path / "b") as two, kept(tmp_path / "c") as other:
        assert tried(one) == tried(two)
        assert tried(one) != tried(other)


def test_trials_run_beside_each_other(tmp_path: Path) -> None:
    """With three places, three trials have begun before the first ends, none like another, and all end."""
    workers = Landscape(hill, places=3)
    run(tmp_path / "s.db", workers, 12)
    assert [number for number, _ in workers.pieces[:3]] == [0, 0, 0]
    with kept(tmp_path / "s.db") as study:
        assert len(study.ended) == 12
        assert len({str(trial.params) for trial in study.ended}) == 12


def test_time_that_is_over_ends_it_with_one_trial_at_least(tmp_path: Path) -> None:
    """However little time it is given, the recipe as it is is tried on every split."""
    run(tmp_path / "s.db", Landscape(hill), None, seconds=1e-9)
    with kept(tmp_path / "s.db") as study:
        assert [trial.state for trial in study.ended] == [TrialState.COMPLETE]


def test_a_trial_that_cannot_be_trained_fails_alone(tmp_path: Path) -> None:
    """It is told with its reason, counted, and not tried again; the others go on."""

    def steep(number: int, params: dict[str, Any]) -> float | Exception:
        return ValueError("too\nsteep") if params.get("n", 8) > 40 else hill(number, params)

    told = run(tmp_path / "s.db", Landscape(steep), 15)
    with kept(tmp_path / "s.db") as study:
        assert 0 < study.of_state(TrialState.FAIL) < 15
        assert len(study.ended) == 15
    assert any("could not be trained: ValueError: too steep" in line for line in told)


def test_a_piece_that_is_lost_is_done_again(tmp_path: Path) -> None:
    """One that was lost with its worker is tried again; one that is lost each time fails its trial."""
    lost: list[int] = []

    def shaky(number: int, params: dict[str, Any]) -> float | Exception:
        if params.get("n", 8) != 8 or len(lost) < 2:
            lost.append(number)
            return PieceLostError("killed")
        return hill(number, params)

    told = run(tmp_path / "s.db", Landscape(shaky), 3)
    with kept(tmp_path / "s.db") as study:
        assert study.first.value == pytest.approx(sum(hill(number, {}) for number in range(SPLITS)) / SPLITS)
        assert study.of_state(TrialState.FAIL) == 2
    assert any("workers their lives" in line for line in told)


def test_it_gives_up_where_nothing_can_be_trained(tmp_path: Path) -> None:
    """After so many failures in a row the fault is not the trials'."""
    workers = Landscape(lambda *_: InputError("no ground"))
    with pytest.raises(InputError, match=f"{MOST_FAILED} trials in a row could not be trained: no ground"):
        run(tmp_path / "s.db", workers, 100)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"data": "e"}, "other data,"),
        ({"space": "t", "recipe": "q"}, "other recipe and space,"),
        ({"held_out": 0.5}, "other stretch held out,"),
    ],
)
def test_a_study_of_something_else_is_refused(tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    """What differs is named, and the study stays as it was."""
    run(tmp_path / "s.db", Landscape(hill), 3)
    other = Subject(**{**{name: getattr(SUBJECT, name) for name in SUBJECT.__struct_fields__}, **changes})
    with pytest.raises(ConfigurationError, match=named), opened(tmp_path / "s.db", other, SPACE, 3):
        pass
    with kept(tmp_path / "s.db") as study:
        assert len(study.ended) == 3


def text(path: Path) -> None:
    """No database."""
    path.write_text("trials, we had\n" * 100)


def cut(path: Path) -> None:
    """A study whose second half is gone."""
    run(path, Landscape(hill), 3)
    path.write_bytes(path.read_bytes()[:20_000] + b"\x00" * 3000)


def foreign(path: Path) -> None:
    """Another program's database."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE invoices (id INTEGER)")
    connection.commit()
    connection.close()


def strangers(path: Path) -> None:
    """A study of somebody's own."""
    optuna.create_study(storage=f"sqlite:///{path}", study_name="mine")


@pytest.mark.parametrize(
    ("make", "why"),
    [(text, "no SQLite file"), (cut, "s.db"), (foreign, "another program's"), (strangers, "another program's")],
)
def test_files_that_are_no_study_are_refused_and_stay(tmp_path: Path, make: Callable[[Path], None], why: str) -> None:
    """Text, half a study, another program's database and another's study: one line says so, and nothing is written."""
    path = tmp_path / "s.db"
    make(path)
    before = path.read_bytes()
    with pytest.raises(InputError, match=why) as caught:
        run(path, Landscape(hill), 3)
    assert "give another --study" in str(caught.value)
    assert path.read_bytes() == before


def test_two_searches_do_not_share_a_study(tmp_path: Path) -> None:
    """While one has it, another is refused at once."""
    with kept(tmp_path / "s.db"), pytest.raises(OddflowError, match="another search is writing it"):
        run(tmp_path / "s.db", Landscape(hill), 3)


def test_a_folder_or_no_folder_is_no_place(tmp_path: Path) -> None:
    """Both are said as they are."""
    for path, why in ((tmp_path, "it is a folder"), (tmp_path / "none" / "s.db", "there is no folder")):
        with pytest.raises(OddflowError, match=why):
            run(path, Landscape(hill), 3)


def test_a_database_that_another_program_holds_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that stays locked is an error that says so, not a wait without end."""
    monkeypatch.setattr("training.search.study.PATIENCE_S", 0.1)
    path = tmp_path / "s.db"
    run(path, Landscape(hill), 2)
    holder = sqlite3.connect(path)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(InputError, match="locked"):
            run(path, Landscape(hill), 4)
    finally:
        holder.close()
