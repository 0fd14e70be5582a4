"""Who signed in, and who was not let in: what the log and the metrics tell of it."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from detector.telemetry.logs import open_log
from tests.triage.access.places import HOUR, OAUTH, PASSWORD, Clock, opened
from tests.triage.client import TestClient
from triage.access.accounts import add_token, add_user
from triage.access.arrivals import AGAIN_S, MOST_KEYS, Arrivals
from triage.access.rules import AccessRules
from triage.access.throttle import FAILURES
from triage.app import create_app
from triage.telemetry import Telemetry, TriageMetrics

SECRET = "a wrong \x1b[2J guess"  # noqa: S105


@dataclass
class Told:
    """Triage with one user, its log and its metrics."""

    folder: Path
    rules: AccessRules = field(default_factory=AccessRules)

    def __post_init__(self) -> None:
        self.stream, self.clock, self.registry = io.StringIO(), Clock(), CollectorRegistry()
        self.people = opened(self.folder)
        with self.people.write() as session:
            add_user(session, "ada", "analyst", PASSWORD, 0.0)
        telemetry = Telemetry(TriageMetrics(self.registry), open_log(self.stream))
        self.app = create_app(self.people, self.rules, clock=self.clock, tell=telemetry.tell)

    def client(self, address: str = "192.0.2.7", **headers: str) -> TestClient:
        """Somebody who asks from there."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        base = f"http://{self.rules.host}"
        return TestClient(self.app, base_url=base, client=(address, 4_000), headers=named, follow_redirects=False)

    def sign_in(self, name: str, password: str) -> int:
        """Send the form."""
        return int(self.client().post("/sign-in", data={"name": name, "password": password}).status_code)

    def lines(self) -> list[tuple[str, str, str, str]]:
        """Event, user, way, address."""
        found = map(json.loads, self.stream.getvalue().splitlines())
        return [(each["event"], each["user"], each["how"], each["address"]) for each in found]

    def count(self, how: str, result: str) -> float | None:
        """Of the metric."""
        return self.registry.get_sample_value("oddflow_triage_sign_ins_total", {"how": how, "result": result})


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """For this machine and others."""
    return Told(tmp_path)


def test_good_wrong_and_too_many_passwords_are_told(told: Told) -> None:
    """Each has a line with name, way and address, and is counted by its result; passwords are in no line."""
    assert told.sign_in("ada", PASSWORD) == 303
    for _ in range(FAILURES):
        assert told.sign_in("eve", SECRET) == 401
    assert told.sign_in("eve", SECRET) == 429
    lines = told.lines()
    assert lines[0] == ("triage.signed_in", "ada", "password", "192.0.2.7")
    assert lines[1] == ("triage.sign_in_refused", "eve", "password", "192.0.2.7")
    assert json.loads(told.stream.getvalue().splitlines()[-1])["result"] == "limited"
    counts = [told.count("password", result) for result in ("accepted", "refused", "limited")]
    assert counts == [1.0, FAILURES, 1.0]
    assert PASSWORD not in told.stream.getvalue()
    assert "guess" not in told.stream.getvalue()


def test_a_name_acts_on_no_terminal(told: Told) -> None:
    """What a name has that is not printable is spelt out, and no name makes a line without end."""
    told.sign_in("\x1b[2J\u202eada\n" + "x" * 5_000, SECRET)
    ((_, user, _, _),) = told.lines()
    assert user.startswith(r"\x1b[2J\u202eada\nx")
    assert user.isprintable()
    assert len(user) < 100


def test_a_token_is_told_once_an_hour(told: Told) -> None:
    """It is told once from each address, and again after an hour; one that is not known is told each time."""
    with told.people.write() as session:
        token = add_token(session, "siem", "viewer", told.clock(), 9 * HOUR)
    for address in ("192.0.2.7", "192.0.2.7", "192.0.2.8"):
        assert told.client(address, authorization=f"Bearer {token}").get("/api/openapi.json").status_code == 200
    assert told.lines() == [("triage.signed_in", "siem", "token", each) for each in ("192.0.2.7", "192.0.2.8")]
    told.clock.now += AGAIN_S
    told.client(authorization=f"Bearer {token}").get("/api/openapi.json")
    for _ in range(2):
        assert told.client(authorization=f"Bearer {token}x").get("/api/openapi.json").status_code == 401
    assert told.lines()[2:] == [
        ("triage.signed_in", "siem", "token", "192.0.2.7"),
        *[("triage.sign_in_refused", "", "token", "192.0.2.7")] * 2,
    ]
    assert (told.count("token", "accepted"), told.count("token", "refused")) == (3.0, 2.0)
    assert token not in told.stream.getvalue()


def test_whom_a_proxy_signed_in_is_told(tmp_path: Path) -> None:
    """With the address that the proxy saw; who is in none of the groups, and two names at once, are refused."""
    told = Told(tmp_path, AccessRules(host="192.0.2.1", proxy=OAUTH))
    passed = {"x_forwarded_for": "203.0.113.7", "x_forwarded_user": "ada"}
    for groups in ("soc", "soc", "none"):
        told.client("10.0.0.9", x_forwarded_groups=groups, **passed).get("/incidents")
    assert told.lines() == [
        ("triage.signed_in", "ada", "proxy", "203.0.113.7"),
        ("triage.sign_in_refused", "ada", "proxy", "203.0.113.7"),
    ]
    assert (told.count("proxy", "accepted"), told.count("proxy", "refused")) == (1.0, 1.0)


def test_what_is_remembered_is_bounded() -> None:
    """Many names take no more room, a clock that goes back has nobody forgotten for long, and the latest are known."""
    arrivals = Arrivals()
    assert all(arrivals.is_new(0.0, "token", str(number)) for number in range(MOST_KEYS + 1))
    assert not arrivals.is_new(1.0, "token", str(MOST_KEYS))
    assert arrivals.is_new(1.0, "token", "0")
    assert arrivals.is_new(-9.0, "token", "5")
