"""`oddflow triage users` and `tokens`: secrets come by standard input or a variable, and are never shown or kept."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from detector.cli import app
from tests.triage.access.places import PASSWORD
from triage.access.accounts import kept_password, token_of
from triage.access.passwords import fits
from triage.store.engine import Database


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Of a database that is made by the first command."""
    return f"sqlite:///{tmp_path / 'triage.db'}"


def run(url: str, *words: str, given: str = "", **environment: str) -> Result:
    """Run a command of triage's."""
    return CliRunner(env=environment).invoke(app, ["triage", *words, "--database", url], input=given)


def test_a_user_is_added_listed_changed_and_removed(url: str) -> None:
    """By standard input or a variable; no output has the password, and the database has its hash alone."""
    added = run(url, "users", "add", "ada", "--role", "analyst", given=f"{PASSWORD}\n")
    assert (added.exit_code, PASSWORD in added.output) == (0, False)
    assert run(url, "users", "add", "eve", "--password-env", "SECRET", SECRET=PASSWORD[::-1]).exit_code == 0
    listed = run(url, "users", "list", "--json")
    assert [(each["name"], each["role"]) for each in map(json.loads, listed.stdout.splitlines())] == [
        ("ada", "analyst"),
        ("eve", "viewer"),
    ]
    assert run(url, "users", "role", "eve", "analyst").exit_code == 0
    assert run(url, "users", "password", "eve", given=f"{PASSWORD}\n").exit_code == 0
    database = Database(url)
    database.start()
    with database.read() as session:
        assert all(fits(PASSWORD, kept_password(session, name)) for name in ("ada", "eve"))
    assert run(url, "users", "remove", "ada").exit_code == 0
    assert "ada" not in run(url, "users", "list").stdout


def test_a_token_is_shown_once(url: str) -> None:
    """What `add` prints alone is the token; no list has it, and once removed it is good for nothing."""
    token = run(url, "tokens", "add", "siem", "--role", "analyst", "--days", "30").stdout.strip()
    listed = run(url, "tokens", "list", "--json")
    assert (json.loads(listed.stdout)["name"], token in listed.output) == ("siem", False)
    database = Database(url)
    database.start()
    with database.read() as session:
        found = token_of(session, token, time.time() + 29 * 86_400.0)
        assert found is not None
        assert (found.name, found.role) == ("siem", "analyst")
        assert token_of(session, token, time.time() + 31 * 86_400.0) is None
    assert run(url, "tokens", "remove", "siem").exit_code == 0
    with database.read() as session:
        assert token_of(session, token, time.time()) is None


@pytest.mark.parametrize(
    ("words", "given", "told"),
    [
        (("users", "add", "ada"), "short\n", "give 12 to"),
        (("users", "add", "ada"), "", "give 12 to"),
        (("users", "add", "a b"), f"{PASSWORD}\n", "name 'a b'"),
        (("users", "add", "ada", "--role", "root"), f"{PASSWORD}\n", "viewer or analyst"),
        (("users", "add", "ada", "--password-env", "NOWHERE"), "", "no such variable"),
        (("users", "remove", "ada"), "", "oddflow triage users list"),
        (("tokens", "add", "siem", "--days", "0"), "", "more than 0"),
        (("tokens", "remove", "siem"), "", "oddflow triage tokens list"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(url: str, words: tuple[str, ...], given: str, told: str) -> None:
    """Each is refused with exit code 2 and one line that says what to give."""
    refused = run(url, *words, given=given)
    assert (refused.exit_code, refused.stderr.count("\n"), told in refused.stderr) == (2, 1, True), refused.stderr
