"""Labels in the database: said here or elsewhere, late, doubled, conflicting, withdrawn, on many at once."""

from __future__ import annotations

from itertools import permutations

import pytest
from msgspec import UNSET
from msgspec.structs import replace
from sqlalchemy import func, select

from detector.errors import ConfigurationError
from detector.feedback.label import Flows, Of, read_label
from detector.feedback.latest import Word
from tests.casebook.documents import START
from tests.feedback.labels import label, uid, withdrawal
from tests.triage.documents import alert, incident, judge, put
from triage.store import verdicts
from triage.store.bulk import ChangedError, label_all, preview_bulk
from triage.store.engine import Database
from triage.store.filters import Filter
from triage.store.incidents import incident as one
from triage.store.incidents import list_incidents
from triage.store.labels import all_said, list_labels, standing, take, withdraw
from triage.store.rows import Judged
from triage.store.tables import ALERTS, OUTBOX


def judged(database: Database, number: int) -> Judged | None:
    """The last word on an incident, as lists have it."""
    with database.read() as session:
        found = one(session, uid(number))
    assert found is not None
    return found.row.label


def outbox(database: Database) -> list[bytes | None]:
    """What waits to be sent."""
    with database.read() as session:
        return list(session.scalars(select(OUTBOX.c.value).order_by(OUTBOX.c.number)))


def words(*given: tuple[int, Word]) -> list[Word]:
    """Words at their places."""
    return [word._replace(place=place) for place, word in given]


def test_a_label_is_kept_counts_and_waits_to_be_sent(database: Database) -> None:
    """What is said here is the incident's verdict at once, and is in the outbox exactly as the topic will have it."""
    with database.write() as session:
        put(session, [incident(1)])
        name = judge(session, 1, "false", comment="our backup")
    assert judged(database, 1) == Judged("false", "incident", "ada", START + 200, conflicting=False)
    (document,) = outbox(database)
    assert document is not None
    sent = read_label(document)
    assert (sent.id, sent.verdict, sent.of, sent.comment) == (name, "false", Of(incident=uid(1)), "our backup")


def test_a_label_that_comes_back_from_the_topic_is_the_same(database: Database) -> None:
    """What was sent is read again, knows that it was sent by that, and counts once; twice is as good."""
    with database.write() as session:
        put(session, [incident(1)])
        judge(session, 1, "false")
    (document,) = outbox(database)
    assert document is not None
    with database.read() as session:
        assert [each.sent for each in list_labels(session)] == [False]
    for place in (5, 9):
        with database.write() as session:
            assert take(session, [Word(read_label(document), place, START + 201)]) == 0
    with database.read() as session:
        (row,) = list_labels(session)
    assert (row.sent, row.withdrawn, row.unknown) == (True, False, False)
    assert len(outbox(database)) == 1


def test_a_withdrawal_takes_a_label_back(database: Database) -> None:
    """After it the word before counts again; it is sent, too; one that is not there, or was withdrawn, is refused."""
    with database.write() as session:
        put(session, [incident(1)])
        judge(session, 1, "true", at=100)
        second = judge(session, 1, "false", at=200)
        withdraw(session, second, "bo", START + 300)
    verdict = judged(database, 1)
    assert verdict is not None
    assert (verdict.verdict, len(outbox(database))) == ("true", 3)
    for name, said in ((second, "it was withdrawn already"), ("nope\x1b", r"label nope\\x1b: there is none")):
        with pytest.raises(ConfigurationError, match=said), database.write() as session:
            withdraw(session, name, "bo", START + 400)


def test_words_count_alike_in_whatever_order_they_come(database: Database) -> None:
    """A late word, a withdrawal before what it withdraws, and a conflict end the same in any order, in any batches."""
    said = [label("true", at=10, by="bo", id="a"), label("false", at=20, id="b"), withdrawal("c", at=5)]
    said.append(label("unsure", at=30, id="c"))
    for number, order in enumerate(permutations(range(4))):
        with database.write() as session:
            put(session, [incident(10 + number)])
        for place in order:
            word, changes = said[place], {"id": f"{number}{said[place].id}"}
            if isinstance(word.of, Of):
                changed = replace(word, of=Of(incident=uid(10 + number)), **changes)
            else:
                changed = replace(word, withdraws=f"{number}{word.withdraws}", **changes)
            with database.write() as session:
                take(session, [Word(changed, place, START)])
        verdict = judged(database, 10 + number)
        assert verdict is not None
        assert (verdict.verdict, verdict.by, verdict.conflicting) == ("false", "ada", True)


def test_labels_may_come_before_what_they_are_of(database: Database) -> None:
    """Of an incident that is not known a label is kept and shown as that; once it comes, the label counts."""
    with database.write() as session:
        take(session, [Word(label("false"), 1, START)])
    with database.read() as session:
        (row,) = list_labels(session)
        assert all_said(session).unknown == (Of(incident=uid(1)),)
    assert row.unknown
    with database.write() as session:
        put(session, [incident(1)])
    verdict = judged(database, 1)
    assert verdict is not None
    assert verdict.verdict == "false"
    with database.read() as session:
        assert all_said(session).unknown == ()


def test_alerts_are_held_against_labels_of_their_own_ends(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many labels of others' flows there are, an alert that comes is looked for among those of its own."""
    times = {"since": "2020-01-01T00:00:00Z", "until": "2030-01-01T00:00:00Z"}
    ends = [{"src_ip": "10.0.0.9"}, {"dst_ip": "10.0.10.35"}, *({"src_ip": f"10.1.0.{n}"} for n in range(50))]
    said = [Word(label("true", id=f"l{n}", of={"flows": each | times}), n, START) for n, each in enumerate(ends)]
    asked: list[Flows] = []
    honest = verdicts._is_among

    def counted(flows: Flows, each: dict[str, object]) -> bool:
        asked.append(flows)
        return honest(flows, each)

    monkeypatch.setattr(verdicts, "_is_among", counted)
    with database.write() as session:
        take(session, said)
        put(session, [incident(1), incident(2)], [alert(8, incident=1), alert(9, incident=2, src_ip="10.0.0.9")])
    with database.read() as session:
        assert [row.label.verdict for row in list_incidents(session).rows if row.label] == ["true", "true"]
    assert {each.src_ip for each in asked} == {"10.0.0.9", UNSET}


@pytest.mark.parametrize("first", ["label", "alert"])
def test_labels_of_alerts_and_flows_are_on_their_incidents(database: Database, first: str) -> None:
    """A word on an alert, or on flows among which one is, is on its incident unless there is one on that itself."""
    flows = {"src_ip": "10.0.0.9", "since": "2020-01-01T00:00:00Z", "until": "2030-01-01T00:00:00Z"}
    said = [
        Word(label("false", id="x", of={"alert": uid(7)}), 1, START),
        Word(label("true", id="y", of={"flows": flows}), 2, START),
    ]
    found = ([incident(1), incident(2)], [alert(7), alert(8, incident=2, src_ip="10.0.0.9")])
    with database.write() as session:
        if first == "label":
            take(session, said)
        put(session, *found)
    with database.write() as session:
        if first == "alert":
            take(session, said)
        assert session.scalar(select(ALERTS.c.verdict).where(ALERTS.c.id == uid(7))) == "false"
    verdicts = [judged(database, number) for number in (1, 2)]
    assert [(each.verdict, each.of) for each in verdicts if each] == [("false", "alert"), ("true", "flows")]
    with database.write() as session:
        judge(session, 2, "unsure")
    verdict = judged(database, 2)
    assert verdict is not None
    assert (verdict.verdict, verdict.of) == ("unsure", "incident")


def test_an_id_that_two_labels_have_is_the_first_one_s(database: Database) -> None:
    """Of two different documents with one id that in the first place counts; both are kept."""
    with database.write() as session:
        put(session, [incident(1)])
        take(session, [Word(label("true", id="z"), 4, START), Word(label("false", id="z"), 5, START)])
    verdict = judged(database, 1)
    assert verdict is not None
    assert verdict.verdict == "true"
    with database.read() as session:
        assert all_said(session).reused == ("z",)
        found = standing(session, Of(incident=uid(1)))
    assert found is not None
    assert len(found.history) == 1


def test_what_is_odd_about_a_label_is_listed(database: Database) -> None:
    """The list has each label once, which counts, and what is odd: conflicting, late, reused, dangling, ahead."""
    at = label().at.timestamp()
    said = [
        Word(label("true", id="a", by="ada", at=60), 1, at + 60),
        Word(label("false", id="b", by="bob", at=120), 2, at + 120),
        Word(label("false", id="b", by="bob", at=120), 3, at + 130),
        Word(label("unsure", id="c", by="ada", at=30), 4, at + 140),
        Word(label("true", id="z", of={"incident": uid(2)}), 5, at),
        Word(label("false", id="z", of={"incident": uid(2)}), 6, at),
        Word(label("true", id="f", at=1e8, of={"incident": uid(3)}), 7, at),
        Word(withdrawal("nowhere", id="w"), 8, at),
    ]
    with database.write() as session:
        put(session, [incident(number) for number in (1, 2, 3)])
        take(session, said)
    with database.read() as session:
        rows = list_labels(session)
    assert [(row.label.id, row.counts, row.odd) for row in reversed(rows)] == [
        ("a", False, ("conflicting",)),
        ("b", True, ("conflicting",)),
        ("c", False, ("conflicting", "late")),
        ("z", True, ("reused",)),
        ("z", False, ("reused",)),
        ("f", True, ("ahead",)),
        ("w", False, ("dangling",)),
    ]


def test_a_clock_that_is_ahead_does_not_have_the_last_word_for_ever(database: Database) -> None:
    """A label from a time to come counts as said when it came; who looks at it later has the last word."""
    with database.write() as session:
        put(session, [incident(1)])
        came = label().at.timestamp()
        take(session, [Word(label("true", at=1e8, id="ahead"), 1, came)])
        take(session, [Word(label("false", at=60, id="later"), 2, came + 60)])
    verdict = judged(database, 1)
    assert verdict is not None
    assert verdict.verdict == "false"


def test_many_are_labelled_as_previewed(database: Database) -> None:
    """One word on all that a filter covers is a label for each, if that is still what the preview covered."""
    asked = Filter(kinds=("beacon",))
    with database.write() as session:
        put(session, [incident(n, kind="beacon" if n % 2 else "scan") for n in range(10)])
        judge(session, 1, "true")
    with database.read() as session:
        seen = preview_bulk(session, asked)
    assert (seen.count, seen.verdicts, len(seen.sample)) == (5, {"true": 1, "none": 4}, 5)
    with database.write() as session:
        judge(session, 3, "true", at=250)
    with pytest.raises(ChangedError, match="look at it again"), database.write() as session:
        label_all(session, asked, seen.token, "false", "ada", START + 300)
    with database.write() as session:
        again = preview_bulk(session, asked)
        assert len(label_all(session, asked, again.token, "false", "ada", START + 300, "our probes")) == 5
    with database.read() as session:
        assert list_incidents(session, Filter(labels=("false",))).count == 5
        assert session.scalar(select(func.count()).select_from(OUTBOX)) == 7
        assert {each.label.comment for each in list_labels(session, 5)} == {"our probes"}


def test_labels_tell_what_they_are_of(database: Database) -> None:
    """Each has the headline of its incident, or its alert's, a withdrawal that of what it takes back; else none."""
    with database.write() as session:
        put(session, [incident(1, headline="Port scan"), incident(2, headline="Beacon")], [alert(101, incident=2)])
        first = judge(session, 1, "true")
        take(session, [Word(label(of={"alert": uid(101)}), 0, START)])
        withdraw(session, first, "ada", START + 300)
        judge(session, 99, "true")
    with database.read() as session:
        told = [(each.incident, each.headline) for each in list_labels(session)]
    assert told == [("", ""), (uid(1), "Port scan"), (uid(2), "Beacon"), (uid(1), "Port scan")]


def test_pages_of_labels_have_each_once(database: Database) -> None:
    """The list of labels goes on where the page before ended."""
    with database.write() as session:
        put(session, [incident(1)])
        names = [judge(session, 1, "true", at=100 + n) for n in range(7)]
    with database.read() as session:
        first = list_labels(session, 4)
        second = list_labels(session, 4, first[-1].number)
    assert [each.label.id for each in (*first, *second)] == names[::-1]
