"""Judgements of people: the file, the flows that are meant, and what a model says of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from detector.errors import InputError
from detector.scoring.dataset import OFFSET, SOURCE
from training.gate.known import known_of, read_judgements, rows_of

FRAME = pl.DataFrame(
    {
        "ts": [1.0, 2.0, 3.0, 4.0],
        "uid": ["a", "b", None, "d"],
        "src_ip": ["10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.3"],
        "dst_ip": ["10.0.0.9", "10.0.0.9", "10.0.0.9", "10.0.0.8"],
        "dst_port": [53, 443, 53, 53],
        SOURCE: pl.Series([0, 0, 1, 1], dtype=pl.Int32),
        OFFSET: [0, 1, 0, 7],
    }
)


def file(tmp_path: Path, *lines: str) -> Path:
    """Write judgements."""
    path = tmp_path / "judged.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("line", "rows"),
    [
        ('{"id": "b", "label": "false", "by": "ada", "at": "2026-11-24T09:00:00Z"}', [1]),
        ('{"id": "1/7", "label": "true"}', [3]),
        ('{"id": "dns", "label": "true", "flow": {"dst_ip": "10.0.0.9", "dst_port": 53}}', [0, 2]),
        ('{"id": "then", "label": "true", "flow": {"src_ip": "10.0.0.1", "ts": 2.0}}', [1]),
        ('{"id": "gone", "label": "true"}', []),
    ],
)
def test_flows_are_found(tmp_path: Path, line: str, rows: list[int]) -> None:
    """A judgement is of the flow with its id, of the record at its place, or of all flows with its columns."""
    (judgement,) = read_judgements(file(tmp_path, line))
    assert rows_of(judgement, FRAME).tolist() == rows


def test_what_a_model_says_of_them(tmp_path: Path) -> None:
    """What is judged false and raised comes again, what is judged true and not raised is lost, the rest is absent."""
    judgements = read_judgements(
        file(
            tmp_path,
            '{"id": "a", "label": "false"}',
            '{"id": "b", "label": "false"}',
            '{"id": "d", "label": "true"}',
            '{"id": "dns", "label": "true", "flow": {"dst_ip": "10.0.0.9", "dst_port": 53}}',
            '{"id": "gone", "label": "true"}',
        )
    )
    known = known_of(judgements, FRAME, np.array([True, False, False, False]))
    assert (known.judged_false, known.raised_again) == (2, ("a",))
    assert (known.judged_true, known.lost, known.absent) == (2, ("d",), 1)


def test_the_last_judgement_counts(tmp_path: Path) -> None:
    """Who changes their mind writes another line."""
    path = file(tmp_path, '{"id": "a", "label": "false"}', "", '{"id": "a", "label": "true"}')
    assert [each.label for each in read_judgements(path)] == ["true"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("nonsense", "line 1"),
        ('{"id": "a", "label": "perhaps"}', "label"),
        ('{"id": "a", "label": "true", "whim": 1}', "whim"),
        ('{"id": "a", "label": "true", "flow": {"colour": "red"}}', "flow.colour is none of"),
    ],
)
def test_what_is_no_judgement_is_refused(tmp_path: Path, line: str, why: str) -> None:
    """A bad line is refused with its number and what is wrong."""
    with pytest.raises(InputError, match=why):
        read_judgements(file(tmp_path, line))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """A file that is not there is told by its name."""
    with pytest.raises(InputError, match=r"missing\.jsonl"):
        read_judgements(tmp_path / "missing.jsonl")
