"""Options that take several values at once."""

from __future__ import annotations

from typing import Annotated

import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from detector.cli.several import SeveralCommand, spread

NAMES = ("--data", "--param")


def test_a_shell_s_glob_is_one_option() -> None:
    """What follows an option that may be repeated, up to the next option, are values of it."""
    given_ = ["--data", "a", "b", "-", "--format", "zeek", "--param=x=1", "y=2", "--json"]
    expected = [
        "--data",
        "a",
        "--data",
        "b",
        "--data",
        "-",
        "--format",
        "zeek",
        "--param=x=1",
        "--param",
        "y=2",
        "--json",
    ]
    assert spread(given_, NAMES) == expected


def test_other_options_stay_as_they_are() -> None:
    """A word after an option that takes one value, or before any option, is left for the parser to refuse."""
    assert spread(["stray", "--format", "zeek", "stray"], NAMES) == ["stray", "--format", "zeek", "stray"]


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.text("abc.*/", min_size=1))))
def test_repeating_stays_as_it_was(pairs: list[tuple[str, str]]) -> None:
    """Options repeated one by one, as before, are passed through unchanged."""
    arguments = [word for pair in pairs for word in pair]
    assert spread(arguments, NAMES) == arguments


def test_a_command_takes_them() -> None:
    """A command gets all values in their order; a stray word beside a single option is still a usage error."""
    app = typer.Typer()

    @app.command(cls=SeveralCommand)
    def options(*, data: Annotated[list[str], typer.Option()], format: str = "") -> None:  # noqa: A002
        typer.echo(f"{data} {format}")

    @app.command()
    def other() -> None:
        """Makes it a group."""

    run = CliRunner().invoke
    assert (
        run(app, ["options", "--data", "a", "b", "--format", "zeek", "--data", "c"]).stdout == "['a', 'b', 'c'] zeek\n"
    )
    assert run(app, ["options", "--data", "a", "--format", "zeek", "b"]).exit_code == 2
