"""``oddflow detect``: flags that do not go together, before anything is opened."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from detector.cli import app
from detector.cli.detect import _summary
from detector.pipeline.tally import Tally


def run(*arguments: str) -> tuple[int, str]:
    """Exit code and the last line on standard error."""
    result = CliRunner().invoke(app, ["detect", *arguments])
    return result.exit_code, result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("flag", "topic"),
    [
        ("--output", "output.alerts_topic"),
        ("--dead-letters", "output.dead_letters_topic"),
        ("--scores", "output.scores_topic"),
        ("--incidents", "output.incidents_topic"),
    ],
)
def test_outputs_to_files_need_input_from_files(flag: str, topic: str, tmp_path: Path) -> None:
    """A file for outputs without files as input is an error that names the topic's setting; nothing is written."""
    code, said = run(flag, str(tmp_path / "out"))
    assert (code, "give --input FILE too" in said, topic in said) == (2, True, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "more", [("--topic", "flows"), ("--group", "g"), ("--bootstrap-servers", "kafka:9092"), ("--create-topics",)]
)
def test_kafka_s_flags_need_kafka(more: tuple[str, ...], tmp_path: Path) -> None:
    """A flag of Kafka's beside files is an error, not passed over."""
    (tmp_path / "in").write_text("{}\n")
    code, said = run("--input", str(tmp_path / "in"), *more)
    assert (code, said.startswith(f"oddflow: {more[0]} "), "it is for Kafka" in said) == (2, True, True)


@pytest.mark.parametrize("flag", ["--output", "--scores"])
def test_an_input_is_not_overwritten(flag: str, tmp_path: Path) -> None:
    """A file that is both read and written is an error, and keeps its records."""
    path = tmp_path / "in"
    path.write_text("{}\n")
    code, said = run("--input", str(tmp_path), flag, str(path))
    assert (code, "it is an input and an output" in said, path.read_text()) == (2, True, "{}\n")


def test_an_input_is_not_overwritten_by_way_of_a_link(tmp_path: Path) -> None:
    """A link to the file that is read is that file, and so is a hard link."""
    path = tmp_path / "in"
    path.write_text("{}\n")
    (tmp_path / "link").symlink_to("in")
    (tmp_path / "hard").hardlink_to(path)
    for other in ("link", "hard"):
        code, said = run("--input", str(path), "--output", str(tmp_path / other))
        assert (code, "it is an input and an output" in said, path.read_text()) == (2, True, "{}\n")


def test_a_mistyped_input_is_told_before_a_model_is_loaded(tmp_path: Path) -> None:
    """A file that is not there ends with 3, whatever the registry."""
    code, said = run("--input", str(tmp_path / "missing"), "--registry", str(tmp_path / "none"))
    assert (code, "there is no such file" in said) == (3, True)


def test_an_explicit_setting_wins_over_what_input_implies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --input no port is opened, unless a variable, a settings file or --port says so; then one in use is told."""
    (tmp_path / "in").write_text("{}\n")
    (tmp_path / "on.toml").write_text("[web]\nenabled = true\n")
    given = ("--input", str(tmp_path / "in"), "--registry", str(tmp_path / "none"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        monkeypatch.setenv("ODDFLOW_WEB__PORT", port)
        assert "cannot listen" not in run(*given)[1]
        assert "cannot listen" in run(*given, "--port", port)[1]
        assert "cannot listen" in run(*given, "--config", str(tmp_path / "on.toml"))[1]
        monkeypatch.setenv("ODDFLOW_WEB__ENABLED", "true")
        assert "cannot listen" in run(*given)[1]
        monkeypatch.setenv("ODDFLOW_WEB__ENABLED", "false")
        assert "cannot listen" not in run(*given, "--config", str(tmp_path / "on.toml"))[1]


@pytest.mark.parametrize(
    ("alerts", "written", "incidents", "told"),
    [
        (0, 0, 0, "no alerts"),
        (1, 1, 1, "1 alert in 1 incident"),
        (7, 7, 2, "7 alerts in 2 incidents"),
        (1_480, 18, 7, "1,480 alerts in 7 incidents, 18 of them written"),
    ],
)
def test_the_summary_counts_all_alerts(alerts: int, written: int, incidents: int, told: str) -> None:
    """It ends with all alerts, their incidents, and how many alerts were written where that is fewer."""
    tally = Tally(read=2_000, scored=2_000, alerts=alerts, written=written, incidents=incidents)
    assert _summary(tally) == f"read 2,000: scored 2,000, dead-lettered 0, passed over 0; {told}"
