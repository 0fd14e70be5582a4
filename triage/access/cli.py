"""``oddflow triage users …`` and ``oddflow triage tokens …``: who may sign in. No secret is ever an argument."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from detector.casebook.words import moment
from detector.cli.incidents import ConfigOption
from detector.errors import ConfigurationError
from detector.settings.load import load_settings

if TYPE_CHECKING:
    from triage.access.identity import Role
    from triage.store.engine import Database

DAY_S = 86_400.0

MOST_DAYS = 3_650.0

users = typer.Typer(help="Who may sign in to triage, and what they may do.", no_args_is_help=True)
tokens = typer.Typer(help="What programs are known by in triage's interface.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="Such as ada or ada@example.org.")]
RoleOption = Annotated[str, typer.Option("--role", help="viewer: looks; analyst: also labels and suppresses.")]
DatabaseOption = Annotated[
    str | None,
    typer.Option("--database", help="sqlite:///PATH, or postgresql://USER@HOST/NAME; the settings' if not given."),
]
PasswordOption = Annotated[
    str | None,
    typer.Option(
        "--password-env",
        metavar="NAME",
        help="The environment variable that holds the password; else it is asked for, or read from standard input.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="For a program to read.")]


@users.command("add")
def add_user_command(
    name: NameArgument,
    role: RoleOption = "viewer",
    password_env: PasswordOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
) -> None:
    """Add a user. The password is asked for, or read from standard input or a variable; never given as an argument.

    Examples:

      oddflow triage users add ada --role analyst

      pass show triage/ada | oddflow triage users add ada
    """
    from triage.access.accounts import add_user  # noqa: PLC0415 - --help needs none of these

    password = _password(password_env)
    with _opened(database, config) as store, store.write() as session:
        add_user(session, name, _role(role), password, time.time())
    typer.echo(f"{name} may sign in, as {role}", err=True)


@users.command("list")
def list_users(*, as_json: JsonOption = False, database: DatabaseOption = None, config: ConfigOption = None) -> None:
    """List users: name, role, since when.

    Example:

      oddflow triage users list
    """
    from triage.access.accounts import users as all_users  # noqa: PLC0415

    with _opened(database, config) as store, store.read() as session:
        found = all_users(session)
    for each in found:
        row = {"name": each.name, "role": each.role, "created": moment(each.created)}
        typer.echo(json.dumps(row) if as_json else "  ".join(row.values()))
    if not found and not as_json:
        typer.echo("no users: whoever is at triage's own machine may do all, and nobody else gets in", err=True)


@users.command("password")
def change_password(
    name: NameArgument,
    password_env: PasswordOption = None,
    database: DatabaseOption = None,
    config: ConfigOption = None,
) -> None:
    """Change a user's password. Wherever they are signed in, they are signed out.

    Example:

      oddflow triage users password ada
    """
    from triage.access.accounts import set_password  # noqa: PLC0415

    password = _password(password_env)
    with _opened(database, config) as store, store.write() as session:
        set_password(session, name, password)
    typer.echo(f"{name} has a new password, and is signed out everywhere", err=True)


@users.command("role")
def change_role(
    name: NameArgument,
    role: Annotated[str, typer.Argument(help="viewer or analyst.")],
    database: DatabaseOption = None,
    config: ConfigOption = None,
) -> None:
    """Change what a user may do, from their next click on.

    Example:

      oddflow triage users role ada analyst
    """
    from triage.access.accounts import set_role  # noqa: PLC0415

    with _opened(database, config) as store, store.write() as session:
        set_role(session, name, _role(role))
    typer.echo(f"{name} is {role} now", err=True)


@users.command("remove")
def remove_user_command(name: NameArgument, database: DatabaseOption = None, config: ConfigOption = None) -> None:
    """Remove a user. They are signed out; what they said stays.

    Example:

      oddflow triage users remove ada
    """
    from triage.access.accounts import remove_user  # noqa: PLC0415

    with _opened(database, config) as store, store.write() as session:
        remove_user(session, name)
    typer.echo(f"{name} may not sign in any more", err=True)


@tokens.command("add")
def add_token_command(
    name: Annotated[str, typer.Argument(help="Of the program, such as siem; its labels are by token:siem.")],
    role: RoleOption = "viewer",
    days: Annotated[float, typer.Option("--days", help="It expires after so many.")] = 90.0,
    database: DatabaseOption = None,
    config: ConfigOption = None,
) -> None:
    """Make a token and print it, once: what is kept is its digest.

    Example:

      oddflow triage tokens add siem --role analyst --days 30 > siem.token
    """
    from triage.access.accounts import add_token  # noqa: PLC0415

    if not 0.0 < days <= MOST_DAYS:
        raise ConfigurationError(f"--days {days:g}: give more than 0 and at most {MOST_DAYS:g}")
    with _opened(database, config) as store, store.write() as session:
        token = add_token(session, name, _role(role), time.time(), days * DAY_S)
    typer.echo(token)
    typer.echo(f"token of {name}, {role}, for {days:g} days: keep it, since it is not shown again", err=True)


@tokens.command("list")
def list_tokens(*, as_json: JsonOption = False, database: DatabaseOption = None, config: ConfigOption = None) -> None:
    """List tokens: name, role, since and until when.

    Example:

      oddflow triage tokens list
    """
    from triage.access.accounts import tokens as all_tokens  # noqa: PLC0415

    now = time.time()
    with _opened(database, config) as store, store.read() as session:
        found = all_tokens(session)
    for each in found:
        row = {"name": each.name, "role": each.role, "created": moment(each.created), "expires": moment(each.expires)}
        ended = "  expired" if each.expires <= now else ""
        typer.echo(json.dumps(row) if as_json else "  ".join(row.values()) + ended)


@tokens.command("remove")
def remove_token_command(
    name: Annotated[str, typer.Argument(help="As `list` has it.")],
    database: DatabaseOption = None,
    config: ConfigOption = None,
) -> None:
    """Remove a token: it is good for nothing from then on.

    Example:

      oddflow triage tokens remove siem
    """
    from triage.access.accounts import remove_token  # noqa: PLC0415

    with _opened(database, config) as store, store.write() as session:
        remove_token(session, name)
    typer.echo(f"the token of {name} is good for nothing any more", err=True)


@contextmanager
def _opened(database: str | None, config: object) -> Iterator[Database]:
    from triage.serve import open_database  # noqa: PLC0415

    store = open_database(load_settings(config, {"triage.database": database}))  # type: ignore[arg-type]
    store.start()
    try:
        yield store
    finally:
        store.stop()


def _password(variable: str | None) -> str:
    if variable is not None:
        given = os.environ.get(variable)
        if given is None:
            raise ConfigurationError(f"--password-env {variable}: there is no such variable in the environment")
        return given
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt="Once more", err=True))
    return sys.stdin.readline().rstrip("\r\n")


def _role(role: str) -> Role:
    from triage.access.identity import ROLES  # noqa: PLC0415

    found = next((each for each in ROLES if each == role), None)
    if found is None:
        raise ConfigurationError(f"role {role!r}: give {' or '.join(ROLES)}")
    return found
