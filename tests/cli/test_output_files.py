"""Files that commands write: whole or not at all, and nothing but a file is ever replaced."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from detector.cli.models_place import write_output
from detector.errors import OutputError
from training.evaluation.dry_run import Findings


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    """What is there and no file, as /dev/null is, gets the bytes and is not replaced by a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_output(pipe, b"card")
    reader.join(60)
    assert (read, pipe.is_fifo(), [each.name for each in tmp_path.iterdir()]) == ([b"card"], True, ["pipe"])


@pytest.mark.parametrize("name", ["missing/card.html", "folder", "x" * 300])
def test_an_output_that_cannot_be_written_is_told(tmp_path: Path, name: str) -> None:
    """No folder, a folder, too long a name: exit code 7, the file and what to do; nothing is left aside."""
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="choose another --output; nothing was written") as told:
        write_output(tmp_path / name, b"card")
    assert (told.value.exit_code, name in str(told.value), [each.name for each in tmp_path.iterdir()]) == (
        7,
        True,
        ["folder"],
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
def test_a_full_disk_is_told() -> None:
    """No space left for a model's file: exit code 7, and the device is still one."""
    with pytest.raises(OutputError, match="make room"):
        write_output(Path("/dev/full"), b"card")
    assert Path("/dev/full").is_char_device()


def test_a_report_that_cannot_be_written_is_told_by_its_flag(tmp_path: Path) -> None:
    """What was measured and cannot be written ends with 7 and names --report."""
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OutputError, match=r"report\.html.*choose another --report"):
        Findings(b"{}", "page", "text").write(tmp_path / "report.html")
