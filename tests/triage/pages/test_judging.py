"""Labels from the pages: who and when, undo, many at once, and what a viewer may."""

from __future__ import annotations

import re

import pytest

from detector.feedback.label import Of
from tests.triage.pages.places import NOW, Triage, csrf_in, document, fields_in, filled, name_of, text_of
from triage.store.engine import Database
from triage.store.labels import list_labels, new_label, say, standing

PIECE = {"HX-Request": "true"}


@pytest.fixture
def triage(database: Database) -> Triage:
    """With six incidents."""
    return filled(database, [document(place) for place in range(6)])


def verdicts(triage: Triage) -> dict[int, str]:
    """The last words, by incident."""
    found = {}
    with triage.database.read() as session:
        for place in range(6):
            said = standing(session, Of(incident=name_of(place)))
            if said is not None and said.verdict:
                found[place] = said.verdict
    return found


@pytest.mark.parametrize("verdict", ["true", "false", "unsure"])
def test_a_label_has_who_and_when(triage: Triage, verdict: str) -> None:
    """One click says it, in the name of who is signed in, with the comment and the model."""
    client = triage.signed_in("ada", "analyst")
    csrf = csrf_in(client.get("/incidents").text)
    given = {"csrf": csrf, "verdict": verdict, "comment": "our\nbackup", "next": "/incidents?kind=scan"}
    answer = client.post(f"/incidents/{name_of(0)}/label", data=given)
    assert (answer.status_code, answer.headers["location"]) == (303, "/incidents?kind=scan")
    with triage.database.read() as session:
        (row,) = list_labels(session)
    label = row.label
    assert (label.verdict, label.by, label.at.timestamp(), label.comment) == (verdict, "ada", NOW, "our\nbackup")
    assert label.model_version == "20261124T034500Z-6813d1"
    assert "our backup" in text_of(client.get(f"/incidents/{name_of(0)}").text)


@pytest.mark.parametrize("view", ["row", "page"])
def test_a_piece_shows_the_label_and_takes_it_back(triage: Triage, view: str) -> None:
    """What comes back shows the label and an undo, which has it count no more; the history keeps both."""
    client = triage.client()
    csrf = csrf_in(client.get("/incidents").text)
    piece = client.post(
        f"/incidents/{name_of(0)}/label", data={"csrf": csrf, "verdict": "false", "view": view}, headers=PIECE
    )
    assert 'aria-pressed="true"' in piece.text
    assert verdicts(triage) == {0: "false"}
    undo = re.search(r'hx-post="(/labels/[^"]*/withdraw)"', piece.text)
    assert undo is not None
    given = {"csrf": csrf, "view": view, "incident": name_of(0)}
    back = client.post(undo[1], data=given, headers=PIECE)
    assert (back.status_code, 'aria-pressed="true"' in back.text, verdicts(triage)) == (200, False, {})
    assert client.post(undo[1], data=given, headers=PIECE).status_code == 400
    assert "taken back" in text_of(client.get(f"/incidents/{name_of(0)}").text)


def test_what_is_no_label_is_refused(triage: Triage) -> None:
    """A verdict that there is not, and an incident that is not known, say so, and nothing is said."""
    client = triage.client()
    csrf = csrf_in(client.get("/incidents").text)
    wrong = client.post(f"/incidents/{name_of(0)}/label", data={"csrf": csrf, "verdict": "yes"}, headers=PIECE)
    assert (wrong.status_code, wrong.text) == (400, "verdict: give true, false, unsure")
    unknown = client.post(f"/incidents/{name_of(99)}/label", data={"csrf": csrf, "verdict": "true"})
    assert unknown.status_code == 404
    assert verdicts(triage) == {}


def test_a_viewer_sees_and_says_nothing(triage: Triage) -> None:
    """A viewer's pages have nothing to label with, and the server refuses what is sent all the same."""
    client = triage.signed_in("vic", "viewer")
    for path in ("/incidents", f"/incidents/{name_of(0)}", "/queue", "/bulk?kind=scan", "/labels"):
        page = client.get(path)
        assert (page.status_code, 'name="verdict"' in page.text, "/withdraw" in page.text) == (200, False, False)
    csrf = csrf_in(client.get("/incidents").text)
    assert client.post(f"/incidents/{name_of(0)}/label", data={"csrf": csrf, "verdict": "true"}).status_code == 403
    assert client.post("/bulk", data={"csrf": csrf, "verdict": "true", "confirmed": "yes"}).status_code == 403


def test_many_are_labelled_after_a_second_look(triage: Triage) -> None:
    """The preview says what a filter covers; the first click asks again, and the second labels exactly that."""
    client = triage.client()
    first = client.get("/bulk?kind=beacon")
    assert "One label on 2 incidents" in text_of(first.text)
    assert "kind: beacon" in text_of(first.text)
    asks = client.post("/bulk", data={**fields_in(first.text, "/bulk"), "verdict": "false", "comment": "ours"})
    assert "Label 2 incidents false?" in text_of(asks.text)
    assert verdicts(triage) == {}
    done = client.post("/bulk", data=fields_in(asks.text, "/bulk"))
    assert "2 labelled false" in text_of(done.text)
    assert verdicts(triage) == {1: "false", 4: "false"}
    with triage.database.read() as session:
        assert {(row.label.by, row.label.comment) for row in list_labels(session)} == {("local", "ours")}


def test_what_changed_since_the_preview_is_looked_at_again(triage: Triage) -> None:
    """Where another label came in between, nothing is said, and the preview is shown anew."""
    client = triage.client()
    first = client.get("/bulk?kind=beacon")
    asks = client.post("/bulk", data={**fields_in(first.text, "/bulk"), "verdict": "false"})
    with triage.database.write() as session:
        say(session, new_label(Of(incident=name_of(1)), "true", "eve", NOW), NOW)
    again = client.post("/bulk", data=fields_in(asks.text, "/bulk"))
    assert "changed since" in text_of(again.text)
    assert verdicts(triage) == {1: "true"}


def test_what_others_think_otherwise_is_told(triage: Triage) -> None:
    """Before many are labelled, the page says how many have another label now."""
    with triage.database.write() as session:
        say(session, new_label(Of(incident=name_of(1)), "true", "eve", NOW), NOW)
    client = triage.client()
    first = client.get("/bulk?kind=beacon")
    asks = client.post("/bulk", data={**fields_in(first.text, "/bulk"), "verdict": "false"})
    assert "1 of them has another label now" in text_of(asks.text)


def test_the_list_of_labels_tells_what_is_odd(triage: Triage) -> None:
    """A label of an incident that is not known here is marked, and one of the list can be taken back."""
    with triage.database.write() as session:
        say(session, new_label(Of(incident=name_of(99)), "true", "eve", NOW), NOW)
        say(session, new_label(Of(incident=name_of(0)), "false", "eve", NOW), NOW)
    client = triage.client()
    page = client.get("/labels")
    assert text_of(page.text).count("not known here") == 1
    assert ("scan number 0" in page.text, name_of(0) in text_of(page.text)) == (True, False)
    undo = re.search(r'action="(/labels/[^"]*/withdraw)"', page.text)
    assert undo is not None
    assert client.post(undo[1], data={"csrf": csrf_in(page.text)}).headers["location"] == "/labels"
    assert verdicts(triage) == {}


def test_the_list_of_labels_tells_which_counts(triage: Triage) -> None:
    """Of two people's words on one incident both are there, as conflicting, and the earlier as not the last word."""
    with triage.database.write() as session:
        say(session, new_label(Of(incident=name_of(0)), "true", "eve", NOW - 60.0), NOW - 60.0)
        say(session, new_label(Of(incident=name_of(0)), "false", "ada", NOW), NOW)
    told = text_of(triage.client().get("/labels").text)
    assert (told.count("conflicting"), told.count("not the last word")) == (2, 1)
    assert told.index("ada") < told.index("not the last word")


def test_nobody_is_led_elsewhere(triage: Triage) -> None:
    """After a change, and after signing in, an address of another site is not gone to."""
    client = triage.client()
    csrf = csrf_in(client.get("/incidents").text)
    for where in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        answer = client.post(f"/incidents/{name_of(0)}/label", data={"csrf": csrf, "verdict": "true", "next": where})
        assert answer.headers["location"] == f"/incidents/{name_of(0)}"
        assert client.get("/sign-in", params={"next": where}).headers["location"] == "/incidents"
