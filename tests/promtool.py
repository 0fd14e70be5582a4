"""Prometheus' own checker, as a program."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.programs import needed


def promtool(*arguments: str | Path, given: bytes | None = None) -> subprocess.CompletedProcess[str]:
    """Run promtool; without it the test fails in CI and is skipped elsewhere."""
    program = needed("promtool", "promtool is not installed: Debian's package prometheus has it")
    command = [program, *(str(each) for each in arguments)]
    text = None if given is None else given.decode()
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
