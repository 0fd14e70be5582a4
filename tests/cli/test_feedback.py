"""``oddflow feedback``: labels in and out, by files and by a real topic, and what is told of odd ones."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from detector.cli import app
from detector.feedback.label import write_label
from tests.casebook.documents import ID, ocsf
from tests.conftest import MakeTopic
from tests.feedback.labels import START, label, uid

CSV = f"incident,verdict,comment\n{uid(1)},false,our backup\n{uid(2)},true,\n"


def run(*arguments: str, given: str | None = None) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    result = CliRunner().invoke(app, ["feedback", *arguments], input=given)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def file(tmp_path: Path) -> str:
    """Two labels in a spreadsheet's file, saved at the start of the tests' time."""
    path = tmp_path / "labels.csv"
    path.write_text(CSV, encoding="utf-8")
    os.utime(path, (START.timestamp(), START.timestamp()))
    return str(path)


@pytest.fixture
def kept(tmp_path: Path) -> str:
    """A file of labels that is not there yet."""
    return str(tmp_path / "judged.jsonl")


def test_labels_go_from_a_spreadsheet_into_a_file_and_back(file: str, kept: str) -> None:
    """Who and when are those of the file where its lines do not say; an export has all of it."""
    assert run("import", file, "--by", "ada", "--output", kept) == (0, "2 of 2 labels are new\n", "")
    code, out, err = run("export", "--input", kept)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert (code, err, [(row["incident"], row["verdict"]) for row in rows]) == (
        *(0, ""),
        [(uid(1), "false"), (uid(2), "true")],
    )
    assert {(row["by"], row["at"]) for row in rows} == {("ada", "2026-11-24T09:00:00Z")}


def test_twice_is_as_good_as_once(file: str, kept: str) -> None:
    """A file that is taken in again adds nothing."""
    run("import", file, "--by", "ada", "--output", kept)
    before = Path(kept).read_bytes()
    assert run("import", file, "--by", "ada", "--output", kept)[:2] == (0, "0 of 2 labels are new, 2 there already\n")
    assert Path(kept).read_bytes() == before


def test_what_was_exported_can_be_taken_in(file: str, kept: str, tmp_path: Path) -> None:
    """CSV and JSON lines of an export are the labels that are there already."""
    run("import", file, "--by", "ada", "--output", kept)
    for flags in ((), ("--json",)):
        again = tmp_path / "again"
        assert run("export", "--input", kept, "--output", str(again), *flags)[0] == 0
        assert (
            run("import", str(again), "--by", "bo", "--output", kept)[1] == "0 of 2 labels are new, 2 there already\n"
        )


def test_the_last_word_is_exported_alone(kept: str) -> None:
    """`--only last` has one label of each thing, the one that counts."""
    lines = [label("true", id="a"), label("false", id="b", at=5), label("unsure", id="c", of={"alert": uid(3)})]
    Path(kept).write_bytes(b"\n".join(map(write_label, lines)))
    code, out, _ = run("export", "--input", kept, "--json", "--only", "last")
    assert (code, [json.loads(line)["id"] for line in out.splitlines()]) == (0, ["b", "c"])


def test_odd_labels_are_told(kept: str) -> None:
    """Conflicts, late words and withdrawals of nothing are told on standard error, and for programs."""
    Path(kept).write_bytes(write_label(label("true", id="a", at=9)))  # without a line break at its end
    given = [label("false", id="b", by="bo", at=5), label("true", id="c", of={"alert": uid(3)})]
    text = "\n".join(write_label(each).decode() for each in given)
    text += '\n{"withdraws": "gone", "id": "d"}\n'
    code, out, err = run("import", "-", "--by", "ada", "--output", kept, given=text)
    assert (code, out) == (0, "3 of 3 labels are new\n")
    assert err.splitlines() == [
        f"1 are judged true by some and false by others; the last word counts: incident {uid(1)}",
        "1 came after one that was said later, and do not count: b",
        "1 withdraw a label that is not there: d",
    ]
    code, out, err = run("import", "-", "--by", "ada", "--output", kept, "--json", given=text.rpartition('{"w')[0])
    told = json.loads(out)
    assert (code, err, told["labels"], told["new"], told["late"]) == (0, "", 2, 0, ["b"])


def test_incidents_that_are_not_known_are_told(kept: str, tmp_path: Path) -> None:
    """A label of an incident that the given documents do not have is taken, and told."""
    known = tmp_path / "incidents.jsonl"
    known.write_bytes(ocsf() + b"\nforeign\n")
    code, out, err = run("import", "-", "--by", "a", "--output", kept, "--incidents", str(known), given=CSV)
    assert (code, out) == (0, "2 of 2 labels are new\n")
    assert err.startswith("2 are of an incident that is not known here; of another cluster?: incident ")
    assert ID not in err


def test_a_dry_run_writes_nothing(file: str, kept: str) -> None:
    """With `--dry-run` all is checked and told, and nothing written."""
    code, out, _ = run("import", file, "--by", "ada", "--output", kept, "--dry-run")
    assert (code, out, Path(kept).exists()) == (0, "2 of 2 labels would be new\n", False)


@pytest.mark.parametrize(
    ("text", "code", "why"),
    [
        (f"incident,verdict\n{uid(1)},flase\n", 3, "reading labels - line 2, column 2: verdict: Invalid enum value"),
        (f"incident,verdict,at\n{uid(1)},false,{time.gmtime().tm_year + 2}-01-01\n", 3, "is still to come; give the"),
        (f"incident,verdict,id\n{uid(1)},false,a\n", 3, "label a: there is one with this id that says something else"),
    ],
)
def test_a_wrong_file_is_not_taken(text: str, code: int, why: str, kept: str) -> None:
    """A file with a line that is wrong ends with exit code 3 and why, and nothing of it is written."""
    Path(kept).write_bytes(write_label(label("true", id="a")))
    before = Path(kept).read_bytes()
    found, out, err = run("import", "-", "--by", "ada", "--output", kept, given=text)
    assert (found, out, err.count("\n"), Path(kept).read_bytes()) == (code, "", 1, before)
    assert why in err


@pytest.mark.parametrize(
    ("flags", "code", "why"),
    [
        (("import", "missing.csv"), 3, "reading labels missing.csv: No such file or directory; give a file"),
        (("import", "-", "--output", "x", "--topic", "y"), 2, "--output: it is in Kafka's place"),
        (("import", "-", "--topic", ""), 2, "feedback.topic is empty: name a topic with --topic"),
        (("import", "-", "--output", "missing/x"), 7, "writing labels missing/x: No such file or directory"),
        (("export", "--input", "missing.jsonl"), 3, "missing.jsonl"),
        (("export", "--input", "x", "--topic", "y"), 2, "--topic y: it is for Kafka"),
    ],
)
def test_what_cannot_be_done_is_told(flags: tuple[str, ...], code: int, why: str) -> None:
    """Flags that do not go together and files that are not there end with their exit code and one line."""
    found, _, err = run(*flags, *(("--by", "ada") if flags[0] == "import" else ()), given=CSV)
    assert (found, err.count("\n")) == (code, 1)
    assert why in err


def test_labels_that_do_not_fit_are_not_added(file: str, kept: str) -> None:
    """Where the disk is full, nothing of them is in the file, and exit code 7 says so."""
    Path(kept).write_bytes(before := write_label(label()))
    code = (
        "import resource, sys; from detector.cli import main; resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))\n"
    )
    code += "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "feedback", "import", file, "--by", "ada", "--output", kept],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, Path(kept).read_bytes()) == (7, before)
    assert f"writing labels {kept}: " in done.stderr


def test_a_file_of_something_else_is_told(kept: str) -> None:
    """A file without one label is refused; one with some foreign lines is read, and they are counted."""
    Path(kept).write_bytes(ocsf() + b"\n")
    assert run("export", "--input", kept)[0] == 3
    Path(kept).write_bytes(ocsf() + b"\n" + write_label(label()) + b"\n")
    code, out, err = run("export", "--input", kept, "--json")
    assert (code, len(out.splitlines())) == (0, 1)
    assert err.startswith("1 of 2 documents are no labels: ")


@pytest.mark.kafka
@pytest.mark.parametrize("client", ["confluent", "kafka-python"])
def test_labels_go_to_their_topic_and_back(
    kafka: str, topic: MakeTopic, file: str, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The topic is created on request; what was sent by either client is exported, and sent but once."""
    monkeypatch.setenv("ODDFLOW_INPUT__TRANSPORT", client)
    name = f"{topic()}-labels"
    where = ("--topic", name, "--bootstrap-servers", kafka)
    code, _, err = run("import", file, "--by", "ada", *where)
    assert (code, f"topic {name!r}" in err) == (4, True)
    incidents = Path(file).with_name("incidents.jsonl")
    incidents.write_bytes(ocsf())
    flags = (*where, "--by", "ada", "--incidents", str(incidents))
    code, out, err = run("import", file, *flags, "--create-topics")
    assert (code, out) == (0, "2 of 2 labels are new\n")
    assert "2 are of an incident that is not known here" in err
    assert run("import", file, *flags)[1] == "0 of 2 labels are new, 2 there already\n"
    code, out, err = run("export", "--json", *where)
    assert (code, err, sorted(json.loads(line)["of"]["incident"] for line in out.splitlines())) == (
        *(0, ""),
        [uid(1), uid(2)],
    )
