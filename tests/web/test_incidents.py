"""``/incidents`` over real sockets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import NamedTuple

import pytest
from prometheus_client import CollectorRegistry

from detector.deadline import Deadline
from detector.web.html_page import POLICY
from detector.web.incidents import IncidentPages
from detector.web.recent import Recent
from detector.web.server import WebServer
from detector.web.status import Status
from tests.casebook.documents import ID, ecs, ocsf

OTHER = "e0" + ID[2:]


class Response(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


@pytest.fixture
def recent() -> Recent:
    """Two incidents, and one that became part of another."""
    recent = Recent()
    recent.put(ID, ocsf())
    recent.put(OTHER, ecs(id=OTHER, last_seen=1_764_100_000.0))
    recent.put("f1", ocsf(id="f1", merged_into=ID))
    return recent


@pytest.fixture
def server(recent: Recent) -> Iterator[WebServer]:
    """A server that shows them."""
    server = WebServer("127.0.0.1", 0, CollectorRegistry(), lambda: Status(ticked_s_ago=0.0, model=None), recent)
    server.start()
    yield server
    server.stop(Deadline.after(5))


def ask(server: WebServer, path: str, accept: str = "*/*", method: str = "GET") -> Response:
    """Ask for a page."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request(method, path, headers={"Accept": accept})
    response = connection.getresponse()
    found = Response(response.status, dict(response.getheaders()), response.read())
    connection.close()
    return found


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/incidents.json", "*/*"),
        ("/incidents.json?since=yesterday", "text/html"),
        ("/incidents", "application/json"),
    ],
)
def test_documents_as_json(server: WebServer, path: str, accept: str) -> None:
    """The latest documents, by the address or by what is accepted: whole, the latest flow first, none merged."""
    status, headers, body = ask(server, path, accept)
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert json.loads(body) == [json.loads(ecs(id=OTHER, last_seen=1_764_100_000.0)), json.loads(ocsf())]


@pytest.mark.parametrize("path", ["/incidents", f"/incidents/{ID}"])
def test_pages_forbid_all_but_their_style(server: WebServer, path: str) -> None:
    """A browser gets a page, and a policy by which nothing on it is run or fetched."""
    status, headers, body = ask(server, path, "text/html,application/xhtml+xml,application/json;q=0.9")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert (headers["Content-Security-Policy"], headers["X-Content-Type-Options"]) == (POLICY, "nosniff")
    assert b"Port scan of 10.0.10.35 by 10.0.10.17" in body
    assert ask(server, path, method="HEAD") == Response(200, headers | {"Date": headers["Date"]}, b"")


def test_one_incident_as_json(server: WebServer) -> None:
    """One incident's document is given by its id, also where it became part of another."""
    assert json.loads(ask(server, "/incidents/f1.json").body) == json.loads(ocsf(id="f1", merged_into=ID))


@pytest.mark.parametrize("path", ["/incidents/", "/incidents/unknown", "/incidents/..%2f..", "/incidents/unknown.json"])
def test_an_unknown_incident_is_not_here(server: WebServer, path: str) -> None:
    """An id that nobody has is answered with 404 and plain text."""
    status, headers, body = ask(server, path)
    assert (status, headers["Content-Type"], body) == (
        *(404, "text/plain; charset=utf-8"),
        b"no such incident here; /incidents lists them\n",
    )


def test_without_incidents_there_is_no_page() -> None:
    """Where they are not to be shown, the address is unknown like any other."""
    server = WebServer("127.0.0.1", 0, CollectorRegistry(), lambda: Status(ticked_s_ago=0.0, model=None))
    server.start()
    try:
        status, _, body = ask(server, "/incidents")
    finally:
        server.stop(Deadline.after(5))
    assert (status, body) == (404, b"not here; there are /metrics, /healthz, /readyz, /model\n")


def test_a_long_answer_comes_whole(server: WebServer, recent: Recent) -> None:
    """An answer of megabytes has every byte."""
    documents = [ocsf(id=f"{number:04}", last_seen=float(number), rule="x" * 3_000) for number in range(1_000)]
    for number, document in enumerate(documents):
        recent.put(f"{number:04}", document)
    found = json.loads(ask(server, "/incidents.json").body)
    assert found == [json.loads(document) for document in reversed(documents)]


def test_lists_are_made_again_only_after_a_moment(recent: Recent) -> None:
    """Who asks again and again gets the list of a moment ago; once that is over, what came since is in it."""
    for kept_s, there in ((1_000_000.0, False), (0.0, True)):
        pages = IncidentPages(recent, kept_s)
        pages.answer("/incidents", "")
        recent.put(new := f"new{there}", ocsf(id=new))
        again = pages.answer("/incidents", "")
        assert again is not None
        assert (new.encode() in again.body) is there


def test_what_no_reader_takes_hides_no_other(recent: Recent) -> None:
    """A document that cannot be read is left out of the lists."""
    recent.put("bad", b'{"oddflow": {"id": "bad"}}')
    answer = IncidentPages(recent).answer("/incidents.json", "")
    assert answer is not None
    assert len(json.loads(answer.body)) == 2
