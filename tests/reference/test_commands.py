"""The page about commands has all of them, as their own help tells them."""

from __future__ import annotations

import re

from detector.cli import COMMANDS, EXIT_CODES
from detector.reference.commands import commands_page, every_command


def test_every_command_has_its_section() -> None:
    """Each command, those of groups as well, has a heading, and its examples call it."""
    page = commands_page()
    headings = re.findall(r"^## oddflow (.+)$", page, re.MULTILINE)
    assert {each.partition(" ")[0] for each in headings} == COMMANDS.keys()
    assert {"incidents show", "models promote", "config schema"} <= set(headings)
    for part in page.split("\n## oddflow ")[1:]:
        name = part.partition("\n")[0]
        examples = re.findall(r"^```sh\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)
        assert all(f"oddflow {name.partition(' ')[0]}" in each for each in examples), name


def test_every_flag_is_told_with_its_meaning() -> None:
    """A flag without a description would be an empty cell."""
    page = commands_page()
    for command in every_command():
        for parameter in command.parameters:
            if parameter.param_type_name == "option" and not parameter.hidden and parameter.name != "help":
                assert re.search(rf"^\| `{parameter.opts[0]}`.*(?<!\\)\| \w[^|]{{5,}}", page, re.MULTILINE), (
                    parameter.opts
                )


def test_the_exit_codes_are_told() -> None:
    """Each has its row."""
    page = commands_page()
    assert all(f"| {code} | {meaning} |" in page for code, meaning in EXIT_CODES.items())


def test_help_has_no_marks_of_the_terminal() -> None:
    """What keeps a terminal's line breaks is not shown."""
    assert "\b" not in commands_page()
