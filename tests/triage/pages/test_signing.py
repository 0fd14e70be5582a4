"""Signing in and out, as a browser does it."""

from __future__ import annotations

from http.cookies import SimpleCookie
from pathlib import Path

import pytest

from tests.triage.access.places import PASSWORD
from tests.triage.client import TestClient
from tests.triage.pages.places import NOW, Triage, csrf_in, document, opened, text_of
from triage.access.accounts import add_user
from triage.access.rules import AccessRules
from triage.access.throttle import FAILURES


def with_ada(folder: Path, rules: AccessRules | None = None) -> Triage:
    """With one user and one incident."""
    made = Triage(opened(folder, [document(0)]), rules or AccessRules())
    with made.database.write() as session:
        add_user(session, "ada", "analyst", PASSWORD, NOW)
    return made


def sign_in(client: TestClient, password: str = PASSWORD, name: str = "ada", **more: str) -> object:
    """Send the form."""
    return client.post("/sign-in", data={"name": name, "password": password, **more})


@pytest.mark.parametrize("secure", [False, True])
def test_a_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(tmp_path: Path, secure: bool) -> None:
    """The cookie is HttpOnly and strict, Secure where the pages are encrypted, and the page asked for comes next."""
    triage = with_ada(tmp_path, AccessRules(public_url="https://triage.example.org" if secure else None))
    client = triage.client()
    assert client.get("/incidents?kind=scan").headers["location"] == "/sign-in?next=%2Fincidents%3Fkind%3Dscan"
    answer = client.post("/sign-in", data={"name": "ada", "password": PASSWORD, "next": "/incidents?kind=scan"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/incidents?kind=scan")
    (cookie,) = SimpleCookie(answer.headers["set-cookie"]).values()
    assert (cookie.key, bool(cookie["secure"])) == ("__Host-oddflow" if secure else "oddflow", secure)
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "strict", "/")
    inside = triage.client(cookie=f"{cookie.key}={cookie.value}")
    assert "ada" in text_of(inside.get("/incidents").text)
    out = inside.post("/sign-out", data={"csrf": csrf_in(inside.get("/incidents").text)})
    assert out.headers["location"] == "/sign-in"
    assert inside.get("/incidents").status_code == 303


def test_what_is_wrong_is_told_in_the_same_words(tmp_path: Path) -> None:
    """A wrong password and an unknown name look alike, and after ten tries the page says how long to wait."""
    client = with_ada(tmp_path).client()
    wrong = client.post("/sign-in", data={"name": "ada", "password": "wrong"})
    nobody = client.post("/sign-in", data={"name": "eve", "password": "wrong"})
    assert (wrong.status_code, nobody.status_code) == (401, 401)
    assert wrong.text.replace("ada", "eve") == nobody.text
    assert "wrong" not in wrong.text.replace("is wrong", "")
    for _ in range(FAILURES - 2):
        client.post("/sign-in", data={"name": "ada", "password": "wrong"})
    limited = client.post("/sign-in", data={"name": "ada", "password": PASSWORD})
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "301")
    assert "Wait 5 minutes" in text_of(limited.text)


def test_a_link_from_elsewhere_finds_its_way(tmp_path: Path) -> None:
    """A strict cookie does not come with another site's link, so the page asks again by itself before it asks who."""
    client = with_ada(tmp_path).client(sec_fetch_site="cross-site")
    page = client.get('/incidents?text="><script>')
    assert page.status_code == 200
    assert 'http-equiv="refresh" content="0;url=/incidents?text=' in page.text
    assert "<script>" not in page.text


def test_programs_and_pieces_are_told_without_a_page(tmp_path: Path) -> None:
    """Below /api an unknown program gets JSON, and a piece of a page words."""
    client = with_ada(tmp_path).client()
    assert client.get("/api/v1/incidents").json() == {"detail": "nobody is signed in; reload the page to sign in"}
    piece = client.get("/incidents/rows", headers={"HX-Request": "true"})
    assert (piece.status_code, piece.text) == (401, "nobody is signed in; reload the page to sign in")


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    """A page that there is not, an incident that is not known and a way that is none are told on a page."""
    client = Triage(opened(tmp_path)).client()
    assert "no such page" in text_of(client.get("/nothing").text)
    assert "no incident none is known here" in text_of(client.get("/incidents/none").text)
    assert client.get("/incidents/none").status_code == 404
    assert client.get("/incidents/none/label").status_code in {404, 405}
