"""The guide's jobs for systemd and cron call the command as it is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import understood

ROOT = Path(__file__).resolve().parents[3]


def calls() -> Iterator[list[str]]:
    """What the guide and the README give to ``oddflow retrain``."""
    guide = (ROOT / "docs" / "guides" / "retrain.md").read_text(encoding="utf-8")
    for text in (guide, (ROOT / "README.md").read_text(encoding="utf-8")):
        for call in re.findall(r"oddflow (retrain --.*)", text.replace("\\\n", " ")):
            yield shlex.split(call.partition(">>")[0])
    unit = (ROOT / "config" / "systemd" / "oddflow-retrain.service").read_text(encoding="utf-8")
    yield shlex.split(re.findall(r"^ExecStart=/usr/bin/oddflow (.*)$", unit, re.MULTILINE)[0])


def test_there_are_calls() -> None:
    """They are found, whatever the guide looks like."""
    assert len(list(calls())) >= 7


@pytest.mark.parametrize("call", [*calls()], ids=" ".join)
def test_every_call_is_understood(call: list[str]) -> None:
    """Each flag is there."""
    assert understood(call)["every" if "--every" in call else "once"]
