"""What a command is at is told: as a step begins where there is no terminal, and what it took once it is over."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from detector.cli import steps
from detector.cli.steps import Steps


def shown(*, terminal: bool = False, quiet: bool = False) -> tuple[str, str]:
    """What is there once the second step has begun, and at the end."""
    file = io.StringIO()
    with Steps(Console(file=file, force_terminal=terminal, width=40, color_system=None), quiet=quiet) as told:
        told("reading flows")
        told.count(1_200)
        told("training on flows, in a line that is wider than forty characters")
        meanwhile = file.getvalue()
    return meanwhile, file.getvalue()


def test_a_step_is_named_as_it_begins() -> None:
    """In a log a step is a whole line before it is done, however wide, with what it took where that is worth a line."""
    meanwhile, end = shown()
    first, took, second = meanwhile.splitlines()
    assert (first, took) == ("reading flows…", "  1,200 records, 0.0 s")
    assert second == "training on flows, in a line that is wider than forty characters…"
    assert end == meanwhile


def test_a_step_that_something_was_noted_of_is_named_again() -> None:
    """Else nobody knows what the records were of."""
    file = io.StringIO()
    with Steps(Console(file=file)) as told:
        told("reading flows")
        told.count(5)
        told.note("one has no port")
    assert file.getvalue().splitlines() == ["reading flows…", "one has no port", "reading flows: 5 records, 0.0 s"]


def test_a_long_step_says_how_long_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of a second or more has a line for that, also if it counted nothing."""
    monkeypatch.setattr(steps, "WORTH_A_LINE_S", 0.0)
    assert shown()[1].splitlines()[-1] == "  0.0 s"


def test_on_a_terminal_a_step_that_is_done_is_one_line() -> None:
    """There a spinner names the one in hand."""
    meanwhile, end = shown(terminal=True)
    assert "reading flows: 1,200 records, 0.0 s" in meanwhile
    assert "…" not in end


def test_quiet_tells_none() -> None:
    """Whoever asks for none gets none."""
    assert shown(quiet=True) == ("", "")


def test_what_fails_says_what_it_was_at() -> None:
    """The step that failed was named, and nothing says that it was done."""
    file = io.StringIO()
    told = Steps(Console(file=file))
    told("reading flows")
    told.count(5)
    told.__exit__(ValueError, ValueError("no"), None)
    assert file.getvalue() == "reading flows…\n"
