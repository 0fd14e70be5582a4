"""What a network's size costs: commands are run and measured, and the table tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.size import MEBIBYTE, Cost, Sizes, run, table


def test_a_command_that_fails_is_told_with_its_words(tmp_path: Path) -> None:
    """Nothing is measured of a command that did not do its work."""
    with pytest.raises(RuntimeError, match="oddflow train --data nothing"):
        run("train", "--data", "nothing", "--format", "zeek", folder=tmp_path)


def test_a_command_s_memory_and_time_are_measured(tmp_path: Path) -> None:
    """They are those of the process that was started, not of this one."""
    cost = run("--version", folder=tmp_path)
    assert 10 * MEBIBYTE < cost.peak_bytes < 1_000 * MEBIBYTE
    assert 0.0 < cost.processor_s < 60.0
    assert (tmp_path / "log").read_text(encoding="utf-8").startswith("oddflow ")


def test_the_table_has_a_line_for_each_network() -> None:
    """Bytes are told in MiB, an alert's in kB."""
    one = Sizes(
        25, 1000, 380.4, Cost(3 * MEBIBYTE, 2.6, 3.0), 5 * MEBIBYTE, MEBIBYTE, Cost(2 * MEBIBYTE, 1.2, 1.5), 4, 8000
    )
    lines = table([one, one]).splitlines()
    assert len(lines) == 4
    assert lines[2] == "| 25 | 1,000 | 380 | 3 | 3 | 5.0 | 1.0 | 2 | 1 | 4 | 2.0 |"
    assert {line.count("|") for line in lines} == {12}
