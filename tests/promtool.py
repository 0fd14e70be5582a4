"""Prometheus' and Alertmanager's own checkers, as programs."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.programs import needed


def promtool(*arguments: str | Path, given: bytes | None = None) -> subprocess.CompletedProcess[str]:
    """Run promtool; without it the test fails in CI and is skipped elsewhere."""
    program = needed("promtool", "promtool is not installed: Debian's package prometheus has it")
    return _checked([program, *(str(each) for each in arguments)], given)


def amtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run amtool; without it the test fails in CI and is skipped elsewhere."""
    program = needed("amtool", "amtool is not installed: Debian's package prometheus-alertmanager has it")
    return _checked([program, *(str(each) for each in arguments)], None)


def _checked(command: list[str], given: bytes | None) -> subprocess.CompletedProcess[str]:
    text = None if given is None else given.decode()
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
