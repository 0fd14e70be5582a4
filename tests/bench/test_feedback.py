"""The bench of labels, small: what it reads, counts and prints."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from bench.feedback import false_at, feedback, forest_of, learnt, main, static, taught
from bench.feedback_sets import Halved, Rows, at_random, simulated, table
from detector.errors import InputError


@pytest.fixture(scope="module")
def halved() -> Halved:
    """Rows of which a small cluster is odd; another, farther away, is not."""
    rng = np.random.default_rng(1)
    usual, odd, far = rng.normal(0, 1, (700, 4)), rng.normal(5, 0.5, (20, 4)), rng.normal(-9, 0.5, (20, 4))
    matrix = np.concatenate([usual, odd, far]).astype(np.float32)
    return at_random(matrix, np.arange(740) // 20 == 35, 1)


def test_labels_find_more_than_the_forest_alone(halved: Halved) -> None:
    """More of the odd rows are among the first 25 shown, though as many benign ones are odder."""
    assert static(halved.whole, 25, 1) < 12
    assert feedback(halved.whole, 25, 1) > static(halved.whole, 25, 1)


def test_halves_share_the_odd_rows_and_no_row(halved: Halved) -> None:
    """Each half has ten of them, and together they are all rows."""
    assert [int(half.odd.sum()) for half in (halved.first, halved.second)] == [10, 10]
    both = np.concatenate([halved.first.incidents, halved.second.incidents])
    assert sorted(both.tolist()) == sorted(halved.whole.incidents.tolist())


def test_labels_of_one_half_spare_false_incidents_in_the_other(halved: Halved) -> None:
    """At the recall that the untaught forest has, the taught one raises fewer benign rows."""
    found = learnt(halved, 30, 0.03, 1)
    assert found.before.false > 0
    assert found.false_at_recall <= found.before.false / 2


def test_an_incident_is_shown_once(halved: Halved) -> None:
    """Of rows that are one incident, one label tells of all; asking ends where all were shown."""
    rows = Rows(halved.first.matrix, halved.first.odd, (halved.first.odd * 1).astype(np.uint64))
    assert taught(rows, 5, forest_of(rows, 1))[1] == 1


def test_false_incidents_are_counted_once_each() -> None:
    """At the score that two of three odd rows reach, two benign rows of one incident are one."""
    rows = Rows(np.zeros((6, 1), np.float32), np.arange(6) < 3, np.array([1, 2, 3, 7, 7, 8], np.uint64))
    scores = np.array([9.0, 5.0, 1.0, 6.0, 7.0, 4.0])
    assert false_at(scores, rows, 2 / 3) == 1
    assert false_at(scores, rows, 1.0) == 2
    assert false_at(scores, rows, 0.0) == 0


def test_simulated_halves_have_attacks_each() -> None:
    """Both have some of each of the eight kinds, and an attack is one incident, a flood from many sources too."""
    made = simulated(0, half_s=900.0)
    for half in (made.first, made.second):
        assert len(np.unique(half.incidents[half.odd])) == 8


def test_a_table_that_is_none_is_told(tmp_path: Path) -> None:
    """The file and what is wrong with it."""
    path = tmp_path / "mine.csv.gz"
    path.write_bytes(gzip.compress(b"label,a\nodd,1\n"))
    with pytest.raises(InputError, match="'odd' in column label; give anomaly or nominal"):
        table(path, 0)
    with pytest.raises(InputError, match="reading set"):
        table(tmp_path / "none.csv", 0)


@pytest.mark.slow
def test_the_bench_ends_with_what_each_found(
    halved: Halved, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its last line is JSON by set and who asks; sets that are not there are named."""
    path = tmp_path / "mine.csv"
    rows = zip(halved.first.odd, halved.first.matrix, strict=True)
    lines = [",".join(["anomaly" if odd else "nominal", *map(str, row)]) for odd, row in rows]
    path.write_text("\n".join(["label,a,b,c,d", *lines]))
    main(["--data", str(tmp_path), "--set", f"mine={path}", "--only", "mine", "--only", "yeast", "--labels", "8"])
    told = capsys.readouterr().out
    assert "yeast: not run" in told
    summary = json.loads(told.splitlines()[-1])
    assert set(summary) == {"mine"}
    assert {"static", "feedback"} <= set(summary["mine"])
