"""The interface for programs: who may ask what, and what is answered; probes and metrics."""

from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select

from detector.feedback.label import read_label
from detector.telemetry.logs import open_log
from tests.casebook.documents import START
from tests.feedback.labels import uid
from tests.promtool import promtool
from tests.triage.client import TestClient
from tests.triage.documents import CAME, alert, incident, judge, put, risk
from triage.access.accounts import add_token, add_user
from triage.access.rules import AccessRules
from triage.api.app import routers
from triage.app import create_app
from triage.measured import FromDatabase
from triage.reading import host_of
from triage.store.engine import Database
from triage.store.put import put_risks
from triage.store.tables import OUTBOX
from triage.telemetry import DatabaseFailed, Telemetry, TriageMetrics, Worked, silent

NOW = START + 1_000.0


class World:
    """Triage with three incidents and two alerts, and programs that ask it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.registry = CollectorRegistry()
        self.dead = ""
        self.asked = 0
        TriageMetrics(self.registry)
        self.registry.register(FromDatabase(database, 2.0, silent, lambda: NOW))
        given = routers(database, self.registry, budget_per_day=2.0, dead=lambda: self.dead, clock=self.clock)
        self.client = TestClient(
            create_app(database, AccessRules(), routers=given, clock=lambda: NOW), "http://127.0.0.1"
        )
        with database.write() as session:
            put(session, [incident(1), incident(2, kind="beacon"), incident(3, kind="beacon")], [alert(7), alert(8)])
            put_risks(session, [host_of(risk("10.0.10.17"))])
            add_user(session, "ada", "analyst", "correct horse battery", NOW)
            self.tokens = {
                role: add_token(session, f"{role}-token", role, NOW, 3_600.0) for role in ("viewer", "analyst")
            }

    def clock(self) -> float:
        """A second later each time."""
        self.asked += 1
        return NOW + self.asked

    def ask(self, method: str, path: str, role: str = "analyst", **given: Any) -> Any:
        """What is answered; a body is JSON."""
        headers = {"authorization": f"Bearer {self.tokens[role]}"} if role else {}
        return self.client.request(method, f"/api/v1{path}", headers=headers, **given)

    def get(self, path: str, **params: Any) -> Any:
        """The JSON of an answer that is one."""
        answer = self.ask("GET", path, "viewer", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def world(database: Database) -> World:
    """One with a database of each sort."""
    return World(database)


def test_pages_of_incidents_go_by_filters(world: World) -> None:
    """A list has what is asked for, a page at a time; an unknown filter, or a wrong value, is refused in words."""
    first = world.get("/incidents", kind="beacon", limit=1)
    assert ([row["id"] for row in first["rows"]], first["count"]) == ([uid(3)], 2)
    second = world.get("/incidents", kind=["beacon", "flood"], limit=1, after=first["after"])
    assert ([row["id"] for row in second["rows"]], second["after"]) == ([uid(2)], "")
    for params, said in (
        ({"knd": "scan"}, "knd"),
        ({"severity": "awful"}, "severity"),
        ({"limit": "501"}, "limit"),
        ({"after": "x"}, "it is no mark of a page"),
    ):
        answer = world.ask("GET", "/incidents", params=params)
        assert answer.status_code in {400, 422}
        assert said in answer.text


def test_an_incident_is_told_in_full(world: World) -> None:
    """One incident has its row, document, alerts, reasons, what was said, what is like it; an unknown one is 404."""
    with world.database.write() as session:
        judge(session, 1, "true")
    found = world.get(f"/incidents/{uid(1)}")
    assert (found["row"]["label"]["verdict"], found["alerts_stored"]) == ("true", 2)
    assert [each["verdict"] for each in found["labels"]] == ["true"]
    assert found["reasons"][0]["what"] == "ports tried"
    raw = world.ask("GET", f"/incidents/{uid(1)}/document", "viewer")
    assert raw.content == incident(1)
    assert [each["row"]["id"] for each in world.get(f"/incidents/{uid(2)}/similar", limit=1)] == [uid(3)]
    assert world.get(f"/alerts/{uid(7)}")["row"]["dst_port"] == 22
    assert world.get("/hosts")[0]["address"] == "10.0.10.17"
    seen = world.get("/hosts/10.0.10.17/timeline", since=START, until=START + 10, buckets=1)
    assert seen["buckets"][0]["as_source"] == 2
    assert {each["row"]["id"] for each in world.get("/queue")} == {uid(2), uid(3)}
    assert world.get("/figures")[0]["verdicts"] == {"true": 1, "false": 0, "unsure": 0, "none": 2}
    for path in ("/incidents/nope", "/alerts/nope", "/incidents/nope/document"):
        answer = world.ask("GET", path)
        assert (answer.status_code, "there is none with this id" in answer.text) == (404, True)


def test_labels_carry_who_asks(world: World) -> None:
    """A word is kept, sent and taken back in the name of the token that said it, on incidents, alerts and flows."""
    flows = {"src_ip": "10.0.10.17", "since": "2025-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}
    answers = [
        world.ask("POST", f"/incidents/{uid(1)}/labels", json={"verdict": "false", "comment": "ours"}),
        world.ask("POST", f"/alerts/{uid(7)}/labels", json={"verdict": "true"}),
        world.ask("POST", "/labels", json={"verdict": "unsure", "of": {"flows": flows}}),
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    label = answers[0].json()
    assert (label["by"], label["model_version"]) == ("token:analyst-token", "20261124T034500Z-6813d1")
    assert world.get(f"/incidents/{uid(1)}")["row"]["label"]["verdict"] == "false"
    assert world.ask("POST", f"/labels/{label['id']}/withdraw").status_code == 201
    assert world.get(f"/incidents/{uid(1)}")["row"]["label"]["verdict"] == "unsure"
    assert [each["withdrawn"] for each in world.get("/labels")] == [False, False, False, True]
    with world.database.read() as session:
        sent = [
            read_label(value) for value in session.scalars(select(OUTBOX.c.value).order_by(OUTBOX.c.number)) if value
        ]
    assert [each.by for each in sent] == ["token:analyst-token"] * 4
    for path, body, status in (
        (f"/incidents/{uid(99)}/labels", {"verdict": "true"}, 404),
        (f"/incidents/{uid(1)}/labels", {"verdict": "maybe"}, 422),
        (f"/incidents/{uid(1)}/labels", {"verdict": "true", "by": "somebody else"}, 422),
        ("/labels", {"verdict": "true", "of": {"incident": uid(1), "alert": uid(7)}}, 400),
        ("/labels/nope/withdraw", None, 400),
    ):
        assert world.ask("POST", path, json=body).status_code == status, path


def test_a_viewer_changes_nothing_and_nobody_sees_nothing(world: World) -> None:
    """Without a token every path is closed; with a viewer's, every change is; probes and metrics are open."""
    changes = (
        ("POST", f"/incidents/{uid(1)}/labels", {"verdict": "true"}),
        ("POST", "/labels", {"verdict": "true", "of": {"incident": uid(1)}}),
        ("POST", "/labels/x/withdraw", None),
        ("POST", "/bulk", {"filter": {}, "token": "x", "verdict": "true"}),
        ("POST", "/suppressions", {"incident": uid(1), "scope": "source", "reason": "x"}),
        ("DELETE", "/suppressions/x", None),
    )
    for method, path, body in changes:
        assert world.ask(method, path, "viewer", json=body).status_code == 403, path
        assert world.ask(method, path, "", json=body).status_code == 401, path
    for path in ("/incidents", f"/incidents/{uid(1)}", "/labels", "/hosts", "/figures", "/suppressions"):
        assert world.ask("GET", path, "").status_code == 401, path
    with world.database.read() as session:
        assert list(session.scalars(select(OUTBOX.c.number))) == []
    for path in ("/healthz", "/readyz", "/metrics"):
        assert world.client.get(path).status_code == 200, path


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"/labels?after={2**63}", None),
        ("GET", "/hosts/10.0.10.17/timeline?since=-inf", None),
        ("POST", "/labels", rb'{"verdict": "false", "of": {"flows": "\ud800"}}'),
    ],
)
def test_what_no_database_or_json_has_is_refused(world: World, method: str, path: str, body: bytes | None) -> None:
    """A number too large, one that is none and half a sign are the asker's mistake, told in words."""
    answer = world.ask(method, path, content=body)
    assert answer.status_code in {400, 422}, answer.text
    assert answer.json()["detail"]


@pytest.mark.parametrize("path", ["/incidents?host=%00", "/incidents/%00", "/alerts/%00", "/hosts/%00/timeline"])
def test_a_nul_is_the_asker_s_mistake(world: World, path: str) -> None:
    """A character that PostgreSQL refuses finds nothing, or is refused; it is never told as a database that fails."""
    answer = world.ask("GET", path)
    assert answer.status_code in {200, 400, 404}, answer.text
    assert "postgresql" not in answer.text


def test_a_form_of_too_many_fields_is_refused(world: World) -> None:
    """It is told in words, before anybody's password is looked at."""
    form = {f"a{number}": "x" for number in range(300)}
    assert world.client.post("/sign-in", data=form).status_code == 400


def test_many_are_labelled_as_previewed(world: World) -> None:
    """A token of a preview labels what it covered, once; used again it is refused, since that changed."""
    asked = {"kind": ["beacon"]}
    seen = world.ask("POST", "/bulk/preview", json={"filter": asked}).json()
    assert (seen["count"], seen["verdicts"]) == (2, {"none": 2})
    word = {"filter": asked, "token": seen["token"], "verdict": "false"}
    assert world.ask("POST", "/bulk", json=word).json() == {"labels": 2}
    again = world.ask("POST", "/bulk", json=word)
    assert (again.status_code, "changed since" in again.text) == (400, True)


def test_a_viewer_previews_and_changes_nothing_by_that(world: World) -> None:
    """What a word or a rule would be on is a viewer's to see; nothing is said, saved or sent."""
    many = world.ask("POST", "/bulk/preview", "viewer", json={"filter": {"kind": ["beacon"]}})
    assert (many.status_code, many.json()["count"]) == (200, 2)
    asked = {"incident": uid(2), "scope": "source", "reason": "our scanner"}
    rule = world.ask("POST", "/suppressions/preview", "viewer", json=asked)
    assert (rule.status_code, "would have hidden 3 of 3" in rule.json()["words"]) == (200, True)
    assert world.ask("POST", "/bulk/preview", "", json={"filter": {}}).status_code == 401
    assert (world.get("/labels"), world.get("/suppressions")) == ([], [])
    with world.database.read() as session:
        assert session.scalars(select(OUTBOX.c.value)).all() == []


def test_a_rule_is_previewed_checked_and_saved(world: World) -> None:
    """What would hide a true one is refused unless forced; a saved rule is listed, sent, and can be withdrawn."""
    with world.database.write() as session:
        judge(session, 1, "true")
    asked = {"incident": uid(2), "scope": "source", "reason": "our scanner"}
    seen = world.ask("POST", "/suppressions/preview", json=asked).json()
    assert seen["words"] == "would have hidden 3 of 3 incidents in the last 7 days, 1 of them labelled true"
    assert [each["kind"] for each in seen["objections"]] == ["hides_true"]
    refused = world.ask("POST", "/suppressions", json=asked)
    assert (refused.status_code, "force it if that is meant" in refused.text) == (400, True)
    saved = world.ask("POST", "/suppressions", json=asked | {"forced": True})
    assert (saved.status_code, saved.json()["owner"]) == (201, "token:analyst-token")
    (row,) = world.get("/suppressions")
    assert (row["holds"], row["sent"], row["rule"]) == (True, False, saved.json())
    several = world.ask("POST", "/suppressions", json=asked | {"scope": "service", "dst_port": 22, "proto": "tcp"})
    assert several.status_code in {201, 400}
    assert world.ask("DELETE", f"/suppressions/{row['rule']['id']}").status_code == 204
    assert row["rule"]["id"] not in {each["rule"]["id"] for each in world.get("/suppressions")}


def test_the_document_of_the_interface_names_every_path(world: World) -> None:
    """Its OpenAPI document is there, and has each path with a summary."""
    found = json.loads(world.ask("GET", "/../openapi.json", "viewer").content)
    paths = {path: each for path, each in found["paths"].items() if path.startswith("/api/v1/")}
    assert len(paths) >= 18
    assert all(each.get("summary") for path in paths.values() for each in path.values())


def test_metrics_are_prometheus_s(world: World) -> None:
    """They tell verdicts, precision, waits and budget by model version, exactly, and promtool finds no fault."""
    with world.database.write() as session:
        judge(session, 1, "true", at=160)
        judge(session, 2, "false", at=160)
    page = world.client.get("/metrics")
    version = 'model_version="20261124T034500Z-6813d1"'
    lines = page.text.splitlines()
    for line in (
        f'oddflow_triage_incidents{{{version},verdict="true"}} 1.0',
        f'oddflow_triage_incidents{{{version},verdict="none"}} 1.0',
        f"oddflow_triage_precision_ratio{{{version}}} 0.5",
        f'oddflow_triage_label_delay_seconds_bucket{{le="60.0",{version}}} 2.0',
        f"oddflow_triage_label_delay_seconds_sum{{{version}}} 120.0",
        f"oddflow_triage_budget_used_ratio{{{version}}} 1.5",
        "oddflow_triage_outbox_waiting 2.0",
        'oddflow_triage_documents_total{kind="incident"} 0.0',
    ):
        assert line in lines
    assert NOW - CAME == 900.0
    told = promtool("check", "metrics", given=page.content)
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


def test_a_version_named_unknown_is_not_no_version(database: Database) -> None:
    """Documents without a model's version are a series of their own, whatever versions are called."""
    with database.write() as session:
        put(session, [incident(n, model_versions=given) for n, given in enumerate(([], ["unknown"], ["unknown"]))])
    (found,) = [
        each for each in FromDatabase(database, 2.0, silent).collect() if each.name == "oddflow_triage_incidents"
    ]
    counts = {each.labels["model_version"]: each.value for each in found.samples if each.labels["verdict"] == "none"}
    assert counts == {"": 1, "unknown": 2}


def test_the_guide_names_every_metric(world: World) -> None:
    """Whatever triage tells Prometheus has a line in the guide, and the guide names nothing else."""
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "run-triage.md").read_text(encoding="utf-8")
    told = {family.name for family in world.registry.collect() if family.name.startswith("oddflow_triage_")}
    named = set(re.findall(r"`(oddflow_triage_\w+?)(?:_total)?[`{]", guide))
    ends = {"oddflow_triage_precision_low_ratio", "oddflow_triage_precision_high_ratio"}  # told beside the share
    assert named == told - ends


def test_probes_tell_what_is_wrong(world: World) -> None:
    """A thread that ended makes it unwell; a database that fails makes it not ready, and metrics still answer."""
    world.dead = "ingest"
    answer = world.client.get("/healthz")
    assert (answer.status_code, answer.text) == (503, "ingest ended: see the log; restart\n")
    world.dead = ""
    assert world.client.get("/healthz").text == "alive\n"
    world.database.stop()
    assert world.client.get("/readyz").status_code == 503
    assert world.client.get("/metrics").status_code == 200
    assert world.ask("GET", "/incidents").status_code == 503
    world.database.start()
    assert world.client.get("/readyz").text == "ready\n"


def test_a_step_s_failure_is_told_once() -> None:
    """Of an outage the first failure is logged and each is counted; what works again is logged once."""
    stream, registry = StringIO(), CollectorRegistry()
    telemetry = Telemetry(TriageMetrics(registry), open_log(stream))
    for _ in range(3):
        telemetry.tell(DatabaseFailed("ingest", "locked"))
    for after_failure in (True, False):
        telemetry.tell(Worked("ingest", after_failure))
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == [
        "triage.database_failed",
        "triage.works_again",
    ]
    assert registry.get_sample_value("oddflow_triage_database_errors_total", {"doing": "ingest"}) == 3.0
