"""Which files are meant by names, folders and globs."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.errors import ConfigurationError, InputError
from detector.transport.paths import expanded


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A folder of logs by day, as sensors leave them."""
    folder = tmp_path / "logs"
    for name in ("02/conn.log", "01/conn.log", "01/dns.log", "01/.conn.log.part", "_SUCCESS"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}\n")
    (folder / "02" / "quiet.log").touch()
    return folder


def names(folder: Path, paths: list[str]) -> list[str]:
    """The same, within the folder."""
    return [str(Path(path).relative_to(folder)) for path in paths]


def test_a_folder_is_its_files(logs: Path) -> None:
    """A folder stands for the files in it and below, by name; hidden, empty ones and markers are none."""
    assert names(logs, expanded([str(logs)])) == ["01/conn.log", "01/dns.log", "02/conn.log"]


def test_a_glob_is_what_fits(logs: Path) -> None:
    """A pattern that no shell has seen stands for the files that fit it, at any depth where it says so."""
    assert names(logs, expanded([f"{logs}/**/conn.log"])) == ["01/conn.log", "02/conn.log"]
    assert names(logs, expanded([f"{logs}/0[12]/d*.log"])) == ["01/dns.log"]


def test_names_stay_as_given(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named files keep their order and spelling, since a record's id is made of it; a name wins over a pattern."""
    monkeypatch.chdir(logs)
    (logs / "a[1].log").write_text("{}\n")
    given = ["02/conn.log", "-", "a[1].log", "02/quiet.log", "./01/conn.log"]
    assert expanded(given) == given


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("{}/01/con.log", "there is no such file; did you mean {}/01/conn.log?"),
        ("{}/03/conn.log", "there is no such file, nor a folder {}/03"),
        ("{}/**/http.log", "there is no file by this pattern with anything in it"),
        ("s3://bucket/conn.log", "fetch it first"),
    ],
)
def test_what_is_not_there_is_told(logs: Path, given: str, says: str) -> None:
    """Each is an error that names the file and what to do."""
    with pytest.raises(InputError) as raised:
        expanded([given.format(logs)])
    assert str(raised.value).startswith(f"reading {given.format(logs)}: ")
    assert says.format(logs) in str(raised.value)


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    """A folder without a file that counts is an error."""
    with pytest.raises(InputError, match="no file in this folder"):
        expanded([str(tmp_path)])


@pytest.mark.parametrize("again", ["{}/01/conn.log", "{}/01", "{}/**/conn.log"])
def test_no_file_counts_twice(logs: Path, again: str) -> None:
    """A file that is given twice, by whatever means, is an error: its records would count twice."""
    with pytest.raises(ConfigurationError, match="given twice"):
        expanded([f"{logs}/01/conn.log", again.format(logs)])


def test_a_link_is_one_more_way_to_the_same_file(logs: Path) -> None:
    """By a folder or a pattern a file counts once, by its own name, whatever links lead to it or round in a circle."""
    (logs / "current.log").symlink_to(logs / "02" / "conn.log")
    (logs / "01" / "self").symlink_to(".")
    (logs / "02" / "loop.log").symlink_to("loop.log")
    every = ["01/conn.log", "01/dns.log", "02/conn.log"]
    assert names(logs, expanded([str(logs)])) == every
    assert names(logs, expanded([f"{logs}/**/*.log"])) == every
    with pytest.raises(ConfigurationError, match=r"given twice, by .*02/conn.log and by .*current.log"):
        expanded([f"{logs}/02/conn.log", f"{logs}/current.log"])
