"""A small application behind the guard, with a database of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse

from tests.triage.client import TestClient
from triage.access.accounts import add_user, open_session
from triage.access.guard import Guard
from triage.access.identity import identity_of
from triage.access.rules import AccessRules, Proxy
from triage.store.engine import Database

PASSWORD = "correct horse battery"  # noqa: S105

HOUR = 3_600.0

OAUTH = Proxy(
    "X-Forwarded-User",
    (ip_network("10.0.0.0/24"),),
    "X-Forwarded-Groups",
    analyst_groups=frozenset({"soc"}),
    viewer_groups=frozenset({"staff"}),
)


@dataclass
class Clock:
    """A clock that a test sets."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        """Give the time."""
        return self.now


def opened(folder: Path) -> Database:
    """An empty database."""
    database = Database(f"sqlite:///{folder / 'triage.db'}")
    database.start()
    return database


def who() -> FastAPI:
    """An application that tells who asks, and takes changes."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @app.api_route("/{path:path}", methods=["GET", "POST"])
    async def tell(request: Request) -> dict[str, str]:
        identity = identity_of(request)
        body = (await request.body()).decode()
        address = request.scope.get("client_address", "")
        told = {"body": body, "address": address, "path": request.url.path}
        return told | ({"name": identity.name, "role": identity.role, "csrf": identity.csrf} if identity else {})

    return app


@dataclass
class Place:
    """The guard with its database, and how to ask it."""

    people: Database
    rules: AccessRules = field(default_factory=AccessRules)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.guard = Guard(
            who(), self.rules, self.people, lambda _, status, why: PlainTextResponse(why, status), self.clock
        )

    def client(self, address: str = "127.0.0.1", host: str = "127.0.0.1:8465", **headers: str) -> TestClient:
        """Somebody who asks from an address."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return TestClient(self.guard, base_url=f"http://{host}", client=(address, 4_000), headers=named)

    def signed_in(self, name: str = "ada", role: str = "analyst") -> TestClient:
        """A user who has a session."""
        with self.people.write() as session:
            add_user(session, name, role, PASSWORD, self.clock())  # type: ignore[arg-type]
            secret = open_session(session, name, self.clock(), HOUR)
        return self.client(cookie=f"{self.rules.cookie}={secret}")
