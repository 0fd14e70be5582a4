"""``oddflow incidents``: the list, one in full, and flags that do not go together."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from detector.cli import app
from tests.casebook.documents import EVIL, ID, ecs, ocsf
from tests.casebook.test_hosts import document

OTHER = "e0" + ID[2:]

DOCUMENTS = (
    ocsf(revision=1, alerts=1),
    ocsf(),
    ecs(id=OTHER, kind="dns tunnel", severity="medium", last_seen=1_764_100_000.0),
    ocsf(id="f1", merged_into=ID),
)


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    result = CliRunner().invoke(app, ["incidents", *arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def file(tmp_path: Path) -> str:
    """Two incidents in a file of JSON lines, one of them told twice, and one that became part of another."""
    path = tmp_path / "incidents.jsonl"
    path.write_bytes(b"\n".join(DOCUMENTS) + b"\n")
    return str(path)


def test_the_list_has_a_line_for_each(file: str) -> None:
    """The latest of each incident is a line, the newest last; nothing is cut where there is no terminal."""
    code, out, err = run("--input", file)
    assert (code, err) == (0, "")
    cells = [line.split() for line in out.splitlines()]
    assert cells[1] == [
        *("2025-11-24", "16:00:15", "critical", "91", "scan"),
        *("10.0.10.17", "→", "10.0.10.35", "276", "ports", "276", "open", ID[:8]),
    ]
    assert (len(cells), cells[2][-1]) == (3, OTHER[:8])


@pytest.mark.parametrize(
    ("flags", "ids"),
    [
        (("--severity", "high"), [ID]),
        (("--kind", "dns-tunnel"), [OTHER]),
        (("--kind", "scan", "--kind", "dns tunnel"), [ID, OTHER]),
        (("--host", "10.0.10.0/24"), [ID, OTHER]),
        (("--since", "2025-11-25T00:00:00Z"), [OTHER]),
        (("--since", "2025-11-25T00:00:00Z", "--severity", "critical"), []),
    ],
)
def test_flags_choose(file: str, flags: tuple[str, ...], ids: list[str]) -> None:
    """Each flag leaves only the incidents that it asks for; with ``--json`` their documents, one a line."""
    code, out, err = run("--input", file, "--json", *flags)
    found = [json.loads(line) for line in out.splitlines()]
    assert [(each.get("unmapped") or each)["oddflow"]["id"] for each in found] == ids
    none = "no incidents: none of 4 documents is what the flags ask for; the latest is of 2025-11-25 19:46:40 UTC\n"
    assert (code, err) == (0, "" if ids else none)


def test_the_list_is_sorted_by_time_or_risk(tmp_path: Path) -> None:
    """By time the newest is last, by risk the gravest first, and last what tells none; lines and documents alike."""
    path = tmp_path / "incidents.jsonl"
    risks = {"a": 30, "b": 80, "c": None, "d": 55}
    told = [ocsf(id=name, risk=risk, last_seen=1e9 + place) for place, (name, risk) in enumerate(risks.items())]
    path.write_bytes(b"\n".join(told))
    for flags, ids in (((), "abcd"), (("--sort", "time"), "abcd"), (("--sort", "risk"), "bdac")):
        _, lines, _ = run("--input", str(path), *flags)
        _, documents, _ = run("--input", str(path), "--json", *flags)
        assert [line.split()[-1] for line in lines.splitlines()[1:]] == list(ids)
        assert [json.loads(line)["unmapped"]["oddflow"]["id"] for line in documents.splitlines()] == list(ids)


def test_json_is_the_document(file: str) -> None:
    """``--json`` gives documents whole, in the latest revision."""
    _, out, _ = run("--input", file, "--json", "--severity", "high")
    assert json.loads(out) == json.loads(DOCUMENTS[1])


def test_compressed_files_and_folders(file: str, tmp_path: Path) -> None:
    """What other commands read is read: compressed, and folders."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.gz").write_bytes(gzip.compress(b"\n".join(DOCUMENTS)))
    expected = run("--input", file)
    assert run("--input", str(tmp_path / "more")) == expected
    assert (expected[0], len(expected[1].splitlines())) == (0, 3)


def test_standard_input_is_read(file: str) -> None:
    """``-`` is standard input; with ``--follow`` each document that tells something new is a line."""
    expected = run("--input", file)[1].splitlines()
    with Path(file).open("rb") as given:
        done = subprocess.run(
            [sys.executable, "-m", "detector", "incidents", "--input", "-", "--follow"],
            stdin=given,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert (done.returncode, done.stderr, [line.split()[-2:] for line in done.stdout.splitlines()]) == (
        *(0, ""),
        [["open", ID[:8]], ["open", ID[:8]], ["open", OTHER[:8]], ["merged", "f1"]],
    )
    assert done.stdout.splitlines()[1].split() == expected[1].split()


def test_nothing_found_is_no_error(tmp_path: Path) -> None:
    """An empty file is a day without incidents, which is said with its name and what else it may be."""
    path = tmp_path / "none.jsonl"
    path.write_bytes(b"")
    wanted = (
        f"no incidents: {path}: there is nothing in it, as where `oddflow detect --incidents` found nothing; if it did,"
        " give the file that it wrote\n"
    )
    assert run("--input", str(path)) == run("--input", str(path), "--json") == (0, "", wanted)


def test_a_file_without_any_document_is_refused(tmp_path: Path) -> None:
    """Blank lines alone are no day without incidents: `detect` writes none, so that the file is another."""
    path = tmp_path / "blank.jsonl"
    path.write_bytes(b"\n \n")
    code, out, err = run("--input", str(path))
    assert (code, out) == (3, "")
    assert "blank.jsonl: there is no incident in it, only 2 blank lines; give a file that" in err


def test_other_documents_are_counted(file: str) -> None:
    """What is no incident's document is told with its reason; where nothing else is there, it ends with 3."""
    with Path(file).open("ab") as more:
        more.write(b'{"class_uid": 2004}\n\n')
    code, out, err = run("--input", file)
    assert (code, len(out.splitlines()), err.startswith("1 of 5 documents are no incident's: it has neither")) == (
        *(0, 3),
        True,
    )
    Path(file).write_bytes(b'{"class_uid": 2004}\n')
    code, out, err = run("--input", file)
    assert (code, out, "none of 1 documents is an incident's" in err) == (3, "", True)


def test_show_by_the_beginning_of_an_id(file: str) -> None:
    """``show`` gives one incident in full, wherever the file is named; ``--json`` its document."""
    code, out, _ = run("show", "3BC9", "--input", file)
    assert (code, out.splitlines()[0]) == (0, "CRITICAL Port scan of 10.0.10.35 by 10.0.10.17")
    assert run("--input", file, "show", "3bc9")[1] == out
    assert json.loads(run("show", "3bc9", "--json", "--input", file)[1]) == json.loads(DOCUMENTS[1])
    assert f"merged: part of {ID}" in run("show", "f1", "--input", file)[1]


def test_show_of_an_unknown_id_names_the_nearest(file: str) -> None:
    """An id that nobody has ends with 2, and one line that names the nearest."""
    code, out, err = run("show", "3bd", "--input", file)
    nearest = "3bc9adf7 (Port scan of 10.0.10.35 by 10.0.10.17)"
    told = f"oddflow: incident '3bd': none has this id; there are 3; the nearest is {nearest}\n"
    assert (code, out, err) == (2, "", told)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--topic", "t"), "--topic t: it is for Kafka"),
        (("--bootstrap-servers", "kafka:9092"), "--bootstrap-servers kafka:9092: it is for Kafka"),
        (("--follow",), "--follow: a file has an end"),
        (("--sort", "size"), "--sort 'size': choose time or risk"),
        (("--sort", "risk", "show", "3bc9"), "show: --since, --severity, --host, --kind, --sort"),
        (("--since", "soon"), "--since soon: give how long ago"),
        (("--severity", "bad"), "--severity bad: choose one of low, medium"),
        (("--host", "printer"), "--host: 'printer'"),
        (("--severity", "high", "show", "3bc9"), "show: --since, --severity"),
    ],
)
def test_flags_that_do_not_fit_are_errors(file: str, flags: tuple[str, ...], said: str) -> None:
    """A flag that means nothing, or would be passed over, ends with 2 and one line."""
    code, out, err = run("--input", file, *flags)
    assert (code, out, err.startswith(f"oddflow: {said}"), err.count("\n")) == (2, "", True, 1)


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    """A file that is not there ends with 3."""
    code, _, err = run("--input", str(tmp_path / "incidents.jsonl"))
    assert (code, "there is no such file" in err) == (3, True)


def test_without_a_topic_it_says_so(tmp_path: Path) -> None:
    """Where the settings name no topic, and no flag does, it ends with 2 and says what to give."""
    (tmp_path / "none.toml").write_text('[output]\nincidents_topic = ""\n')
    code, out, err = run("--config", str(tmp_path / "none.toml"))
    assert (code, out, "name a topic with --topic, or files with --input" in err) == (2, "", True)


def test_nothing_reaches_the_terminal_unescaped(tmp_path: Path) -> None:
    """Terminal escapes and signs that turn text around are spelt out in the list, the page and the JSON."""
    path = tmp_path / "evil.jsonl"
    path.write_text(json.dumps(json.loads(ocsf(kind=EVIL, headline=EVIL, sources=[EVIL])), ensure_ascii=False))
    for arguments in ((), ("show", "3b"), ("--json",)):
        code, out, err = run("--input", str(path), *arguments)
        assert (code, err, out.replace("\n", "").isprintable()) == (0, "", True), arguments
        assert "red" in out


def test_hosts_are_listed_by_risk(tmp_path: Path) -> None:
    """``hosts`` lists them, the highest risk first, over partitions; a deletion and what is no risk are passed over."""
    path = tmp_path / "risk.jsonl"
    lines = [document(), document(partition=1), document("10.0.0.6", name="db-prod, database"), b"null", b"{}"]
    path.write_bytes(b"\n".join(lines) + b"\n")
    code, out, err = run("hosts", "--input", str(path))
    rows = [line.split() for line in out.splitlines()]
    assert [row[:3] for row in rows[1:]] == [["90", "critical", "10.0.0.5"], ["60", "high", "10.0.0.6"]]
    assert "10.0.0.6 (db-prod, database)" in out
    assert (code, err.startswith("1 of 4 documents are no host's risk: ")) == (0, True)
    code, out, _ = run("hosts", "--input", str(path), "--json", "--most", "1")
    assert [json.loads(line)["host"] for line in out.splitlines()] == ["10.0.0.5"]


def test_hosts_of_another_file_are_refused(file: str, tmp_path: Path) -> None:
    """A file of incidents has no hosts' risks, which is said; an empty one has none, which is said too."""
    assert run("hosts", "--input", file)[0] == 3
    empty = tmp_path / "empty.jsonl"
    empty.write_bytes(b"")
    assert run("hosts", "--input", str(empty)) == (0, "", "no hosts: none has a risk now\n")


def test_help_tells_what_is_left_out_and_shows_examples() -> None:
    """The list's own help is told: what it leaves out, and examples."""
    code, out, _ = run("--help")
    assert code == 0
    assert "oddflow incidents --follow" in out
