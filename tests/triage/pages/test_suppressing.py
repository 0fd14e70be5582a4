"""Suppressions from the pages: the offer, what speaks against it, who and until when, and taking it away."""

from __future__ import annotations

import re

import pytest

from detector.feedback.label import Of
from tests.triage.pages.places import NOW, Triage, csrf_in, document, filled, name_of, text_of
from triage.store.engine import Database
from triage.store.labels import new_label, say
from triage.store.suppressions import list_rules

HOUR = 3_600.0


@pytest.fixture
def triage(database: Database) -> Triage:
    """With twelve incidents; the first has two sources."""
    documents = [
        document(place, **({"sources": ["10.0.0.0", "10.0.0.1"]} if place == 0 else {})) for place in range(12)
    ]
    return filled(database, documents)


def offer(triage: Triage, place: int, **given: str) -> str:
    """What the page of an offer says."""
    page = triage.client().get(f"/incidents/{name_of(place)}/suppress", params=given)
    assert page.status_code in {200, 400}
    return text_of(page.text)


def save(triage: Triage, place: int, **given: str) -> tuple[int, str]:
    """Save one; the status, and what is said."""
    client = triage.signed_in("ada", "analyst") if not hasattr(triage, "ada") else triage.ada
    triage.ada = client  # type: ignore[attr-defined]
    csrf = csrf_in(client.get("/incidents").text)
    answer = client.post(f"/incidents/{name_of(place)}/suppress", data={"csrf": csrf, **given})
    return answer.status_code, text_of(answer.text)


GOOD = {"scope": "source", "hours": "168", "reason": "our scanner"}


def test_the_offer_says_what_each_rule_would_be_of(triage: Triage) -> None:
    """Each scope is told by this incident's own ends, and without a choice nothing is previewed."""
    told = offer(triage, 4)
    for words in ("all that 10.0.0.4 begins", "10.0.0.4 to 10.9.9.9", "Why it is harmless"):
        assert words in told
    assert "would have hidden" not in told


def test_a_rule_has_owner_reason_and_end(triage: Triage) -> None:
    """After the preview one click saves it, in the name of who is signed in, until the day that was chosen."""
    assert "would have hidden 1 of 12 incidents in the last 7 days, none of them labelled true" in offer(
        triage, 4, **GOOD
    )
    assert save(triage, 4, **GOOD)[0] == 303
    with triage.database.read() as session:
        (row,) = list_rules(session, NOW)
    rule = row.rule
    assert (rule.words, rule.owner, rule.reason) == ("all that 10.0.0.4 begins", "ada", "our scanner")
    assert (rule.created.timestamp(), rule.expires_s) == (NOW, NOW + 168 * HOUR)


def test_a_rule_may_last_an_hour(triage: Triage) -> None:
    """The page offers hours, as the command does, and a rule of one ends after one."""
    told = offer(triage, 4)
    assert [words for words in ("1 hour", "8 hours", "1 day", "7 days", "30 days") if words not in told] == []
    assert save(triage, 4, **(GOOD | {"hours": "1"}))[0] == 303
    with triage.database.read() as session:
        assert [row.rule.expires_s for row in list_rules(session, NOW)] == [NOW + HOUR]


def test_a_rule_names_the_label_that_it_was_made_from(triage: Triage) -> None:
    """An incident's last word is in the rule."""
    with triage.database.write() as session:
        say(session, label := new_label(Of(incident=name_of(4)), "false", "eve", NOW), NOW)
    assert save(triage, 4, **GOOD)[0] == 303
    with triage.database.read() as session:
        assert [row.rule.label for row in list_rules(session, NOW)] == [label.id]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"reason": " "}, "reason: say why"),
        ({"hours": "2161"}, "hours: give more than 0 and at most 2160"),
        ({"hours": "nan"}, "hours: give more than 0"),
        ({"scope": "all"}, "scope: choose one of"),
        ({"scope": "pattern"}, "pattern"),
        ({"scope": "pattern", "bounds": "x"}, "give FEATURE=LOW..HIGH"),
    ],
)
def test_what_is_no_rule_is_told(triage: Triage, changed: dict[str, str], words: str) -> None:
    """A field that is none is named with what to give, and nothing is saved."""
    status, told = save(triage, 4, **(GOOD | changed))
    assert (status, words in told) == (400, True), told
    with triage.database.read() as session:
        assert list_rules(session, NOW) == []


def test_of_several_ends_one_is_chosen(triage: Triage) -> None:
    """Where an incident has several sources, a rule is of the one that is chosen."""
    assert "has several sources" in save(triage, 0, **GOOD)[1]
    assert save(triage, 0, **GOOD, src_ip="10.0.0.1")[0] == 303
    with triage.database.read() as session:
        assert [row.rule.words for row in list_rules(session, NOW)] == ["all that 10.0.0.1 begins"]


def test_what_was_called_true_is_hidden_only_by_force(triage: Triage) -> None:
    """A rule that would hide a true one is refused, also where it is confirmed as broad, until it is forced."""
    with triage.database.write() as session:
        say(session, new_label(Of(incident=name_of(4)), "true", "eve", NOW), NOW)
    assert "labelled true" in offer(triage, 4, **GOOD)
    status, told = save(triage, 4, **GOOD, confirmed="yes")
    assert (status, "force it if that is meant" in told) == (400, True)
    assert save(triage, 4, **GOOD, forced="yes")[0] == 303


def test_what_is_broad_is_confirmed(triage: Triage) -> None:
    """A rule for a long time wants a second yes, and the page says why."""
    status, told = save(triage, 4, **(GOOD | {"hours": "2160"}))
    assert (status, "it lasts 90 days" in told) == (400, True)
    assert save(triage, 4, **(GOOD | {"hours": "2160"}), confirmed="yes")[0] == 303


def test_a_rule_is_taken_away(triage: Triage) -> None:
    """The list shows who, why and until when; withdrawn it is shown among those that ended."""
    save(triage, 4, **GOOD)
    client = triage.ada  # type: ignore[attr-defined]
    page = client.get("/suppressions")
    for words in ("all that 10.0.0.4 begins", "our scanner", "ada"):
        assert words in text_of(page.text)
    withdraw = re.search(r'action="(/suppressions/[^"]*/withdraw)"', page.text)
    assert withdraw is not None
    assert client.post(withdraw[1], data={"csrf": csrf_in(page.text)}).headers["location"] == "/suppressions"
    assert "Nothing is kept quiet" in text_of(client.get("/suppressions").text)
    assert "withdrawn" in text_of(client.get("/suppressions?ended=yes").text)
    assert client.post(withdraw[1], data={"csrf": csrf_in(page.text)}).status_code == 400


def test_a_viewer_suppresses_nothing(triage: Triage) -> None:
    """A viewer sees the rules, and neither makes nor withdraws one."""
    save(triage, 4, **GOOD)
    client = triage.signed_in("vic", "viewer")
    assert "Withdraw" not in client.get("/suppressions").text
    csrf = csrf_in(client.get("/incidents").text)
    assert client.post(f"/incidents/{name_of(4)}/suppress", data={"csrf": csrf, **GOOD}).status_code == 403


def test_figures_are_told_by_model(triage: Triage) -> None:
    """Precision with its interval, verdicts, time to label and the budget's share, for each model."""
    with triage.database.write() as session:
        for place, verdict in enumerate(("true", "false", "false", "unsure")):
            say(session, new_label(Of(incident=name_of(place)), verdict, "eve", NOW + 50.0), NOW + 50.0)
    told = text_of(triage.client().get("/figures").text)
    assert "20261124T034500Z-6813d1 12 1 2 1 8 33 % 6 % to 79 % 60 s 12 120 %" in told
