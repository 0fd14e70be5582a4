"""Users, sessions and tokens in the database, as functions over a session; times are in seconds since 1970."""

from __future__ import annotations

import hashlib
import re
import secrets
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from detector.errors import ConfigurationError
from triage.access.identity import ROLES, Role
from triage.access.passwords import hashed
from triage.access.tables import SESSIONS, TOKENS, USERS


class Store(Protocol):
    """The database: see ``triage.store.engine.Database``."""

    def read(self) -> AbstractContextManager[Session]:
        """A session that changes nothing."""
        ...

    def write(self) -> AbstractContextManager[Session]:
        """A session whose changes are all there once it ends, or none of them."""
        ...


NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
"""Of users and tokens: such as ``ada`` or ``ada@example.org``."""

TOKEN = "oddflow_"  # noqa: S105 - how a token begins
"""So that scanners for secrets know one."""

MOST_SESSIONS = 20
"""Of one user; the oldest goes first."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in."""

    name: str
    role: Role
    created: float


@dataclass(frozen=True, slots=True)
class Token:
    """What a program is known by."""

    name: str
    role: Role
    created: float
    expires: float


def add_user(session: Session, name: str, role: Role, password: str, now: float) -> None:
    """Add one. Raises ConfigurationError for a name that is taken or none, or a password that is not good enough."""
    _check_name(name)
    _check_role(role)
    kept = hashed(password)
    if session.execute(select(USERS.c.name).where(USERS.c.name == name)).first():
        raise ConfigurationError(f"user {name} is there already; `oddflow triage users password {name}` changes it")
    session.execute(insert(USERS).values(name=name, role=role, password=kept, created=now))


def users(session: Session) -> list[User]:
    """All of them, by name."""
    rows = session.execute(select(USERS.c.name, USERS.c.role, USERS.c.created).order_by(USERS.c.name))
    return [User(*row) for row in rows]


def has_users(session: Session) -> bool:
    """Whether there is one at least."""
    return bool(session.scalar(select(func.count()).select_from(USERS)))


def remove_user(session: Session, name: str) -> None:
    """Remove one and end their sessions. Raises ConfigurationError where there is none such."""
    session.execute(delete(SESSIONS).where(SESSIONS.c.user == name))
    _one(session.execute(delete(USERS).where(USERS.c.name == name)), "user", name)


def set_password(session: Session, name: str, password: str) -> None:
    """Change it and end all their sessions. Raises ConfigurationError."""
    _one(session.execute(update(USERS).where(USERS.c.name == name).values(password=hashed(password))), "user", name)
    session.execute(delete(SESSIONS).where(SESSIONS.c.user == name))


def set_role(session: Session, name: str, role: Role) -> None:
    """Change it; it holds from the next request on. Raises ConfigurationError."""
    _check_role(role)
    _one(session.execute(update(USERS).where(USERS.c.name == name).values(role=role)), "user", name)


def kept_password(session: Session, name: str) -> str | None:
    """The hash of a user's password; None where there is no such user."""
    return session.scalar(select(USERS.c.password).where(USERS.c.name == name))


def open_session(session: Session, name: str, now: float, lasts_s: float) -> str:
    """A new session's secret, for the cookie; what is kept is its digest. Ended sessions are thrown away."""
    secret = secrets.token_urlsafe(32)
    session.execute(delete(SESSIONS).where(SESSIONS.c.expires <= now))
    oldest_first = select(SESSIONS.c.digest).where(SESSIONS.c.user == name).order_by(SESSIONS.c.created.desc())
    if surplus := session.scalars(oldest_first.offset(MOST_SESSIONS - 1)).all():
        session.execute(delete(SESSIONS).where(SESSIONS.c.digest.in_(surplus)))
    session.execute(insert(SESSIONS).values(digest=digest(secret), user=name, created=now, expires=now + lasts_s))
    return secret


def session_user(session: Session, secret: str, now: float) -> User | None:
    """Whose session it is, with the role that they have now; None for one that ended or never was."""
    row = session.execute(
        select(USERS.c.name, USERS.c.role, USERS.c.created)
        .join(SESSIONS, SESSIONS.c.user == USERS.c.name)
        .where(SESSIONS.c.digest == digest(secret), SESSIONS.c.expires > now)
    ).first()
    return User(*row) if row else None


def close_session(session: Session, secret: str) -> None:
    """End it."""
    session.execute(delete(SESSIONS).where(SESSIONS.c.digest == digest(secret)))


def add_token(session: Session, name: str, role: Role, now: float, lasts_s: float) -> str:
    """A new token, which nobody can see again. Raises ConfigurationError for a name that is taken or none."""
    _check_name(name)
    _check_role(role)
    if session.execute(select(TOKENS.c.name).where(TOKENS.c.name == name)).first():
        raise ConfigurationError(f"token {name} is there already; choose another name, or remove it first")
    token = TOKEN + secrets.token_urlsafe(32)
    values = {"name": name, "digest": digest(token), "role": role, "created": now, "expires": now + lasts_s}
    session.execute(insert(TOKENS).values(values))
    return token


def tokens(session: Session) -> list[Token]:
    """All of them, by name, expired ones too."""
    columns = (TOKENS.c.name, TOKENS.c.role, TOKENS.c.created, TOKENS.c.expires)
    return [Token(*row) for row in session.execute(select(*columns).order_by(TOKENS.c.name))]


def remove_token(session: Session, name: str) -> None:
    """Remove one. Raises ConfigurationError where there is none such."""
    _one(session.execute(delete(TOKENS).where(TOKENS.c.name == name)), "token", name)


def token_of(session: Session, token: str, now: float) -> Token | None:
    """Which one it is; None for one that expired, was removed or never was."""
    columns = (TOKENS.c.name, TOKENS.c.role, TOKENS.c.created, TOKENS.c.expires)
    row = session.execute(select(*columns).where(TOKENS.c.digest == digest(token), TOKENS.c.expires > now)).first()
    return Token(*row) if row else None


def digest(secret: str) -> str:
    """What is kept of a secret that was drawn: 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise ConfigurationError(f"name {name!r}: give 1 to 64 letters, digits and . _ @ + -, a letter or digit first")


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise ConfigurationError(f"role {role!r}: give {' or '.join(ROLES)}")


def _one(result: object, what: str, name: str) -> None:
    if not (isinstance(result, CursorResult) and result.rowcount):
        raise ConfigurationError(f"there is no {what} {name!r}; `oddflow triage {what}s list` names them")
