"""Judgements of people: the file, the flows that are meant, and what a model says of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from detector.alerts.identity import record_ids
from detector.errors import InputError
from detector.feedback.files import write_csv, write_lines
from detector.feedback.label import write_label
from detector.scoring.dataset import OFFSET, SOURCE
from tests.feedback.labels import label, uid
from training.gate.known import known_of, read_judgements
from training.gate.meant import meant_by, rows_of

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
    (judgement,) = read_judgements(file(tmp_path, line)).judgements
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
    known = known_of(meant_by(judgements.judgements, FRAME), np.array([True, False, False, False]))
    assert (known.judged_false, known.raised_again) == (2, ("a",))
    assert (known.judged_true, known.lost, known.absent) == (2, ("d",), 1)


def test_the_last_judgement_counts(tmp_path: Path) -> None:
    """Who changes their mind writes another line."""
    path = file(tmp_path, '{"id": "a", "label": "false"}', "", '{"id": "a", "label": "true"}')
    assert [each.label for each in read_judgements(path).judgements] == ["true"]


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


def seconds(at: float) -> str:
    """A time of the frame."""
    return datetime.fromtimestamp(at, UTC).isoformat()


@pytest.mark.parametrize("as_csv", [True, False])
def test_labels_are_judgements(tmp_path: Path, as_csv: bool) -> None:
    """A file of labels, CSV or JSON lines, says the same: by its last words, and by flows of a time."""
    flows = {"src_ip": "10.0.0.1", "dst_ip": "10.0.0.9", "since": seconds(1.0), "until": seconds(2.0)}
    labels = [
        label("true", id="a"),
        label("false", id="b", at=5),
        label("unsure", id="c", of={"incident": uid(2)}),
        label("true", id="d", of={"flows": flows}),
    ]
    path = tmp_path / "judged"
    path.write_bytes((write_csv if as_csv else write_lines)(labels))
    incident, range_ = sorted(read_judgements(path).judgements, key=lambda each: each.label)
    assert (incident.id, incident.label, incident.by, incident.at) == (uid(1), "false", "ada", "2026-11-24T09:00:05Z")
    assert (range_.label, rows_of(range_, FRAME).tolist(), rows_of(incident, FRAME).tolist()) == ("true", [0], [])


def test_labels_and_judgements_in_one_file(tmp_path: Path) -> None:
    """A file of judgements to which labels were added has both; errors name the line in the file."""
    path = file(tmp_path, '{"id": "b", "label": "false"}', write_label(label("true")).decode())
    assert {(each.id, each.label) for each in read_judgements(path).judgements} == {("b", "false"), (uid(1), "true")}
    with pytest.raises(InputError, match=r"line 2: verdict: Invalid enum value 'no'"):
        read_judgements(file(tmp_path, '{"id": "b", "label": "false"}', '{"verdict": "no", "of": {}}'))


def test_a_label_of_an_alert_is_of_its_record(tmp_path: Path) -> None:
    """The flow is found by the alert's id where the data is of its topic, and is absent from other data."""
    (alert,) = record_ids("flows", np.array([1], np.int32), np.array([7]))
    judgements = read_judgements(file(tmp_path, write_label(label("true", of={"alert": alert})).decode())).judgements
    raised = np.array([False, False, False, True])
    here, others, files = (meant_by(judgements, FRAME, topic) for topic in ("flows", "others", None))
    assert known_of(here, raised).judged_true == 1
    assert known_of(here, ~raised).lost == (f"{alert} by ada",)
    assert known_of(others, raised).absent == known_of(files, raised).absent == 1


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """A file that is not there is told by its name."""
    with pytest.raises(InputError, match=r"missing\.jsonl"):
        read_judgements(tmp_path / "missing.jsonl")
