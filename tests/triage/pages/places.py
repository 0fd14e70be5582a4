"""Triage with some incidents in it, and ways to look at it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

from tests.casebook.documents import ocsf
from tests.triage.access.places import HOUR, PASSWORD, Clock
from tests.triage.client import TestClient
from triage.access.accounts import add_user, open_session
from triage.access.identity import Role
from triage.access.rules import AccessRules
from triage.app import create_app
from triage.reading import read_incident
from triage.store.engine import Database
from triage.store.put import put_incidents

NOW = 1_764_003_600.0
"""An hour after the documents' own incident."""

KINDS = ("scan", "beacon", "flood")


def name_of(place: int) -> str:
    """The id of one of the incidents."""
    return f"00000000-0000-5000-8000-{place + 1:012x}"


def document(place: int, **changes: Any) -> bytes:
    """One of the incidents: kinds and severities take turns, and each is a minute before the one before."""
    began = NOW - 60.0 - 60.0 * place
    given = {
        "id": name_of(place),
        "kind": KINDS[place % 3],
        "headline": f"{KINDS[place % 3]} number {place}",
        "sources": [f"10.0.0.{place % 200}"],
        "destinations": ["10.9.9.9"],
        "ports": [443 + place],
        "first_seen": began - 15.0,
        "last_seen": began,
        "step": "close",
        "flows": [],
    }
    return ocsf(severity_id=2 + place % 4, **(given | changes))


def opened(folder: Path, documents: Sequence[bytes] = ()) -> Database:
    """A database with these."""
    database = Database(f"sqlite:///{folder / 'triage.db'}")
    database.start()
    if documents:
        with database.write() as session:
            put_incidents(session, [read_incident(each, NOW) for each in documents])
    return database


def filled(database: Database, documents: Sequence[bytes]) -> Triage:
    """Triage with these in a database that is open."""
    with database.write() as session:
        put_incidents(session, [read_incident(each, NOW) for each in documents])
    return Triage(database)


@dataclass
class Triage:
    """The application and its database."""

    database: Database
    rules: AccessRules = field(default_factory=AccessRules)
    grafana_url: str | None = None

    def __post_init__(self) -> None:
        self.clock = Clock(NOW)
        self.app = create_app(self.database, self.rules, grafana_url=self.grafana_url, clock=self.clock)

    def client(self, **headers: str) -> TestClient:
        """Whoever is at this machine."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return TestClient(self.app, base_url="http://127.0.0.1", headers=named, follow_redirects=False)

    def signed_in(self, name: str, role: Role) -> TestClient:
        """A user who has a session."""
        with self.database.write() as session:
            add_user(session, name, role, PASSWORD, NOW)
            secret = open_session(session, name, NOW, HOUR)
        return self.client(cookie=f"{self.rules.cookie}={secret}")


def csrf_in(page: str) -> str:
    """What a page holds to change things with."""
    found = re.search(r'name="csrf" value="(\w+)"', page)
    assert found is not None, page[:500]
    return found[1]


def fields_in(page: str, action: str) -> Mapping[str, str]:
    """The hidden fields of the form that goes there."""
    form = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', page, re.DOTALL)
    assert form is not None, page[:2_000]
    return {
        unescape(name): unescape(value) for name, value in re.findall(r'hidden" name="(\w+)" value="([^"]*)"', form[0])
    }


def text_of(page: str) -> str:
    """What a page says, without its marks."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())
