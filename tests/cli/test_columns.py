"""``--columns``: names of columns that no header line says."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from detector.cli import app
from detector.cli.data import read_files, settings_of
from detector.cli.steps import Steps


@pytest.mark.parametrize("command", ["detect", "train", "evaluate", "score"])
def test_every_command_that_reads_records_takes_columns(command: str) -> None:
    """The option stands in its help."""
    assert "--columns" in CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).stdout


def test_records_without_a_header_are_read_by_them(tmp_path: Path) -> None:
    """Blanks or commas between names, as AWS shows a custom format."""
    path = tmp_path / "flows.log"
    path.write_text("100 198.51.100.7 6 192.0.2.10 1700000000\n")
    for columns in ("bytes dstaddr protocol srcaddr start", "${bytes} ${dstaddr},${protocol} ${srcaddr} ${start}"):
        settings = settings_of(None, input__format="vpcflow", input__columns=columns)
        data = read_files(settings, [str(path)], Steps(Console(), quiet=True), labels=False)
        assert data.frame.select("src_ip", "src_bytes").rows() == [("192.0.2.10", 100)]


def test_columns_that_cannot_work_end_with_2(tmp_path: Path) -> None:
    """What is missing is named before anything is read."""
    result = CliRunner().invoke(app, ["train", "--data", str(tmp_path), "--format", "vpcflow", "--columns", "bytes"])
    assert (result.exit_code, "srcaddr, dstaddr, protocol, start missing" in result.stderr) == (2, True)
