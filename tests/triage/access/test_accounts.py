"""Users, tokens and sessions as they are kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from detector.errors import ConfigurationError
from tests.triage.access.places import HOUR, PASSWORD, opened
from triage.access.accounts import (
    MOST_SESSIONS,
    add_token,
    add_user,
    kept_password,
    open_session,
    remove_token,
    remove_user,
    session_user,
    set_password,
    set_role,
    tokens,
    users,
)
from triage.access.passwords import fits
from triage.store.engine import Database


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """Of an empty database."""
    with database.write() as session:
        yield session


def test_no_secret_is_kept(tmp_path: Path) -> None:
    """Neither a password, nor a token, nor a cookie's secret is in the database's file."""
    made = opened(tmp_path)
    with made.write() as session:
        add_user(session, "ada", "analyst", PASSWORD, 0.0)
        secrets = [PASSWORD, add_token(session, "siem", "viewer", 0.0, HOUR), open_session(session, "ada", 0.0, HOUR)]
    made.stop()
    kept = (tmp_path / "triage.db").read_bytes()
    assert b"$argon2id$" in kept
    assert [each for each in secrets if each.encode() in kept or each.partition("_")[2].encode() in kept.split()] == []


def test_users_are_listed_by_name(session: Session) -> None:
    """With role and time, and without their hashes."""
    add_user(session, "eve", "viewer", PASSWORD, 7.0)
    add_user(session, "ada", "analyst", PASSWORD, 8.0)
    set_role(session, "eve", "analyst")
    assert [(each.name, each.role, each.created) for each in users(session)] == [
        ("ada", "analyst", 8.0),
        ("eve", "analyst", 7.0),
    ]
    assert "argon2" not in repr(users(session))


@pytest.mark.parametrize("name", ["", " ada", "a b", "-x", "a" * 65, "a\n", "ädä", "a\u202eb", "a,b"])
def test_odd_names_are_refused(session: Session, name: str) -> None:
    """A name is letters, digits and a few signs: it stands in logs, labels and commands."""
    with pytest.raises(ConfigurationError, match="name"):
        add_user(session, name, "viewer", PASSWORD, 0.0)
    with pytest.raises(ConfigurationError, match="name"):
        add_token(session, name, "viewer", 0.0, HOUR)


@pytest.mark.parametrize("password", ["", "elevenchars", "x" * 1_025])
def test_bad_passwords_are_refused_without_being_told(session: Session, password: str) -> None:
    """One that is too short or too long is refused, and the message does not have it."""
    with pytest.raises(ConfigurationError, match="characters") as refused:
        add_user(session, "ada", "viewer", password, 0.0)
    assert not password or password not in str(refused.value)


def test_what_is_not_there_is_named(session: Session) -> None:
    """A user or token that there is not cannot be changed or removed; one that there is cannot be added."""
    for act in (
        lambda: remove_user(session, "ada"),
        lambda: set_password(session, "ada", PASSWORD),
        lambda: set_role(session, "ada", "viewer"),
        lambda: remove_token(session, "ada"),
    ):
        with pytest.raises(ConfigurationError, match=r"no (user|token) 'ada'"):
            act()  # type: ignore[no-untyped-call]
    add_user(session, "ada", "viewer", PASSWORD, 0.0)
    add_token(session, "ada", "viewer", 0.0, HOUR)
    with pytest.raises(ConfigurationError, match="there already"):
        add_user(session, "ada", "viewer", PASSWORD, 0.0)
    with pytest.raises(ConfigurationError, match="there already"):
        add_token(session, "ada", "viewer", 0.0, HOUR)


def test_passwords_are_checked(session: Session) -> None:
    """The right one fits, another does not, and none fits whom there is not."""
    add_user(session, "ada", "viewer", PASSWORD, 0.0)
    kept = kept_password(session, "ada")
    assert [fits(each, kept) for each in (PASSWORD, PASSWORD.upper(), "")] == [True, False, False]
    assert kept_password(session, "eve") is None
    assert not fits("nobody has this one", None)
    assert not fits(PASSWORD, "no hash at all")


def test_sessions_are_bounded(session: Session) -> None:
    """Of one user's sessions the oldest goes, and ended ones are thrown away."""
    add_user(session, "ada", "viewer", PASSWORD, 0.0)
    opened = [open_session(session, "ada", float(time), HOUR) for time in range(MOST_SESSIONS + 1)]
    assert [bool(session_user(session, each, 30.0)) for each in (opened[0], opened[1], opened[-1])] == [
        False,
        True,
        True,
    ]
    open_session(session, "ada", 2 * HOUR, HOUR)
    assert session.scalar(text("select count(*) from sessions")) == 1


def test_tokens_are_listed_without_secrets(session: Session) -> None:
    """A token is seen once; later its name, role and times are all that there is."""
    secret = add_token(session, "siem", "viewer", 5.0, HOUR)
    assert secret.startswith("oddflow_")
    assert secret not in repr(tokens(session))
    assert [(each.name, each.role, each.created, each.expires) for each in tokens(session)] == [
        ("siem", "viewer", 5.0, 5.0 + HOUR)
    ]
    remove_token(session, "siem")
    assert tokens(session) == []
