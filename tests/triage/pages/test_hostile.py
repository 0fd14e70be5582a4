"""Whatever came from the network or from people, hostile: every page and answer shows it, and nothing acts on it."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from prometheus_client import CollectorRegistry

from detector.feedback.label import Of
from detector.printable import printable
from tests.feedback.labels import uid
from tests.test_hostile_text import HOSTILE, MARK
from tests.triage.access.places import PASSWORD, Clock
from tests.triage.client import TestClient
from tests.triage.documents import alert, incident
from tests.triage.pages.places import csrf_in
from triage.access.rules import AccessRules
from triage.api.app import routers
from triage.app import create_app
from triage.reading import alert_of, host_of, read_incident
from triage.store.engine import Database
from triage.store.labels import new_label, say
from triage.store.put import put_alerts, put_incidents, put_risks

NOW = 1_764_000_200.0

HOST = HOSTILE[:56]
"""An address is no longer; the mark is within."""

KEPT = {"id", "step", "incident", "uid", "topic", "alert", "tactic", "confidence", "focus"}
"""Fields whose values are of a set, or ids."""

HARMLESS = re.compile(r"[a-z][a-z0-9-]*")


class Seen(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.elements.append((tag, dict(attrs)))


def poisoned(value: Any, name: str = "") -> Any:
    """A document with hostile text in the place of every text that may be any."""
    match value:
        case str() if name not in KEPT:
            return HOST if name in {"sources", "destinations", "ip"} else HOSTILE
        case list():
            return [poisoned(each, name) for each in value]
        case dict():
            return {each: poisoned(one, each) for each, one in value.items()}
    return value


def bad_incident(number: int) -> bytes:
    """An incident whose texts are all hostile."""
    whole = json.loads(incident(number, severity="critical", assets={HOST: HOSTILE}))
    ours = poisoned(whole["unmapped"]["oddflow"])
    return json.dumps(whole | {"message": HOSTILE, "unmapped": {"oddflow": ours | {"severity": "critical"}}}).encode()


def bad_alert() -> bytes:
    """An alert whose addresses, service, user agent and ids are hostile."""
    whole = json.loads(alert(1001, incident=1, src_ip=HOST, dst_ip=HOST, features=True))
    text = json.dumps(whole | {"message": HOSTILE})
    for plain in ("CIy", "pair_ports_60s", "S0", "ssh"):
        text = text.replace(json.dumps(plain), json.dumps(HOSTILE))
    return text.encode()


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    """Triage with all of it, and labels and a rule besides."""
    database = Database(f"sqlite:///{tmp_path / 'triage.db'}")
    database.start()
    risk = {"risk_version": 1, "host": HOST, "name": HOSTILE, "partition": 0, "risk": 50.0, "as_of": NOW}
    share = {"id": uid(1), "kind": HOSTILE, "role": HOSTILE, "risk": 50.0, "last_seen": NOW}
    with database.write() as session:
        put_incidents(session, [read_incident(bad_incident(number), NOW) for number in (1, 2)])
        put_alerts(session, [alert_of(bad_alert(), NOW)])
        put_risks(session, [host_of(json.dumps(risk | {"half_life_s": 1e5, "incidents": [share]}).encode())])
        say(session, new_label(Of(incident=uid(1)), "false", HOSTILE[:150], NOW, HOSTILE, HOSTILE), NOW)
    given = routers(database, CollectorRegistry(), budget_per_day=10.0)
    app = create_app(
        database, AccessRules(), routers=given, grafana_url="https://g.example/?h={host}", clock=Clock(NOW)
    )
    made = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)
    page = made.get("/incidents").text
    rule = {
        "csrf": csrf_in(page),
        "scope": "source",
        "src_ip": HOST,
        "hours": "168",
        "reason": HOSTILE,
        "forced": "yes",
    }
    made.post(f"/incidents/{uid(1)}/suppress", data=rule)
    return made


def pages(client: TestClient) -> dict[str, str]:
    """Every page that shows any of it."""
    host = re.search(r'href="(/hosts/[^"]+)"', client.get("/hosts").text)
    assert host is not None
    paths = [
        *(
            "/incidents",
            "/incidents/rows",
            "/queue",
            "/hosts",
            host[1],
            "/labels",
            "/figures",
            "/suppressions?ended=yes",
        ),
        *(f"/incidents/{uid(1)}", f"/incidents/{uid(1)}/suppress", "/bulk"),
    ]
    found = {path: client.get(path) for path in paths}
    assert {path: answer.status_code for path, answer in found.items() if answer.status_code != 200} == {}
    asked = dict.fromkeys(("text", "host", "model", "kind", "severity", "after", "next"), HOSTILE)
    for path in (
        "/incidents",
        "/bulk",
        "/incidents.csv",
        "/sign-in",
        f"/incidents/{uid(1)}/suppress",
        "/hosts/x",
        "/labels",
    ):
        for name in asked:
            found[f"{path}?{name}"] = client.get(path, params={name: HOSTILE})
    found["not there"] = client.get(f"/{quote(HOSTILE[:60])}")
    found["no incident"] = client.get(f"/incidents/{quote(HOSTILE[:60].replace('/', ''))}")
    return {name: answer.text for name, answer in found.items() if "html" in answer.headers.get("content-type", "")}


def test_no_page_acts_on_it(client: TestClient) -> None:
    """Pages have no element, attribute or character that came from it, and those that show it have its mark."""
    shown = pages(client)
    for name, page in shown.items():
        assert [each for each in page if not each.isprintable() and each != "\n"] == [], name
        for tag, attributes in Seen(page).elements:
            assert HARMLESS.fullmatch(tag), (name, tag)
            assert [each for each in attributes if each.startswith("on") or not HARMLESS.fullmatch(each)] == [], name
            assert tag != "script" or str(attributes.get("src")).startswith("/static/"), name
            for address in (attributes.get("href"), attributes.get("action"), attributes.get("src")):
                assert address is None or address.startswith(("/", "#", "https://g.example/", "https://attack")), name
    bare = [name for name in shown if name.startswith("/") and "?" not in name]
    assert len(bare) >= 9
    assert [name for name in bare if MARK not in shown[name] and name != "/figures"] == []


def test_no_answer_of_the_interface_acts_on_it(client: TestClient) -> None:
    """JSON holds it as text that no terminal acts on, and is never taken for a page."""
    for path in ("incidents", f"incidents/{uid(1)}", "queue", "hosts", "labels", "suppressions", f"alerts/{uid(1001)}"):
        answer = client.get(f"/api/v1/{path}")
        assert answer.status_code == 200, (path, answer.text)
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.text == printable(answer.text), path
    raw = client.get(f"/incidents/{uid(1)}/raw")
    assert (raw.headers["content-type"], raw.text) == ("application/json", printable(raw.text))


def test_no_cell_is_a_formula(client: TestClient) -> None:
    """The file for spreadsheets begins no cell with what would be a formula, and each incident is on one line."""
    answer = client.get("/incidents.csv")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert len(rows) == 3
    assert MARK in answer.text
    assert [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []
    assert "attachment" in answer.headers["content-disposition"]


def test_a_hostile_name_signs_nobody_in(client: TestClient) -> None:
    """A name that is none is refused as any other, and shown as text."""
    answer = client.post(
        "/sign-in",
        data={"name": f'"><script>{HOSTILE}', "password": PASSWORD, "csrf": csrf_in(client.get("/incidents").text)},
    )
    assert answer.status_code == 401
    assert [tag for tag, attributes in Seen(answer.text).elements if tag == "script" and "src" not in attributes] == []
