"""What labels make of flows, and how far one person, host or day of them can move a model."""

from __future__ import annotations

import numpy as np
import polars as pl

from detector.casebook.told import Ours, Strong, Told
from detector.feedback.latest import Word
from detector.scoring.dataset import OFFSET, SOURCE
from tests.feedback.labels import label, uid
from training.gate.known import Judgement, Spoken, spoken
from training.lessons.guards import Guards
from training.lessons.lessons import Lessons, lessons_of, words_of

COUNT = 400

FRAME = pl.DataFrame(
    {
        "ts": 1_764_000_000.0 + 10.0 * np.arange(COUNT),
        "uid": [f"u{row}" for row in range(COUNT)],
        "src_ip": [f"10.0.0.{1 + row % 4}" for row in range(COUNT)],
        "dst_ip": ["10.0.0.99"] * COUNT,
        "dst_port": pl.Series([22] * COUNT, dtype=pl.Int32),
        SOURCE: pl.Series([0] * COUNT, dtype=pl.Int32),
        OFFSET: list(range(COUNT)),
    }
)
"""Four sources in turn, each of a hundred flows to one server."""

START, END = float(FRAME["ts"][0]), float(FRAME["ts"][-1])


def incident(number: int, source: str, first: float = START, last: float = END) -> Told:
    """All that a source does within a time."""
    ours = Ours(
        id=uid(number),
        revision=1,
        step="close",
        kind="scan",
        alerts=2,
        first_seen=first,
        last_seen=last,
        sources=[source],
        strongest=[Strong(alert=uid(100 + number))],
    )
    return Told(ours, "high", "", "", ())


def say(verdict: str, number: int, by: str = "ada", at: float = 0.0) -> Word:
    """Of an incident."""
    named = {"incident": uid(number)} if number < 100 else {"alert": uid(number)}
    return Word(label(verdict, id=f"{verdict}{number}{by}{at}", of=named, by=by, at=at))


def lessons(*words: Word, incidents: tuple[Told, ...] = (), guards: Guards | None = None) -> Lessons:
    """Without a margin."""
    return lessons_of(FRAME, incidents, spoken(words), guards=guards, margin_s=0.0)


def of(source: int) -> np.ndarray:
    """The flows of a source, from 1."""
    return (FRAME["src_ip"] == f"10.0.0.{source}").to_numpy()


THREE = (incident(1, "10.0.0.1"), incident(2, "10.0.0.2"), incident(3, "10.0.0.3"))


def test_what_labels_make_of_flows() -> None:
    """False is trained on and taught, true is held, what nobody judged or is unsure of is left out, the rest stays."""
    found = lessons(say("false", 1), say("true", 2), say("unsure", 3), incidents=THREE, guards=Guards(weight=3))
    assert np.array_equal(found.keep, of(1) | of(4))
    assert np.array_equal(found.held, of(2))
    assert np.array_equal(found.taught, 3 * of(1))
    assert {each.judgement.label: len(each.rows) for each in found.asked} == {"false": 100, "true": 100}
    assert (found.told.false, found.told.true, found.told.flows, found.unjudged) == (1, 1, 100, 1)
    assert found.told.left_out == {"not sure": 1}


def test_without_labels_nothing_is_taught() -> None:
    """Incidents alone leave their flows out, and nothing is told."""
    found = lessons(incidents=THREE)
    assert (int(found.taught.sum()), [*words_of(found.told)]) == (0, [])
    assert np.array_equal(found.keep, of(4))


def test_people_who_differ_do_not_teach() -> None:
    """What one calls true and another false is left out, is not asked of the gate, and is told by whom it is of."""
    said = spoken([say("true", 1, "ada"), say("false", 1, "bo", at=9.0), say("false", 2)])
    found = lessons_of(FRAME, THREE[:2], said, margin_s=0.0)
    assert np.array_equal(found.keep, ~of(1))
    assert [each.judgement.id for each in found.asked] == [uid(2)]
    assert found.told.left_out == {"people judge differently": 1}
    assert said.notes == (
        f"1 labels are judged true by some and false by others: they do not teach: incident {uid(1)}",
    )


def test_one_person_may_change_their_mind() -> None:
    """Of one person the last word counts, whichever came first; a word that came late is told."""
    later, earlier = say("false", 1, at=9.0), say("true", 1, at=0.0)
    found = lessons(later._replace(place=0), earlier._replace(place=1), incidents=THREE[:1])
    assert (found.told.false, found.told.true) == (1, 0)
    assert "late" not in str(found.told)
    assert any(
        "came after one that was said later" in note for note in spoken([later, earlier._replace(place=1)]).notes
    )


def test_true_outweighs_false_flow_by_flow() -> None:
    """A flow of what was judged true is not taught, though a label false names it, too."""
    same = {"src_ip": "10.0.0.1", "since": "2025-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z"}
    flows = Word(label("false", id="range", of={"flows": same}, by="mallory"))
    found = lessons(flows, say("true", 1), incidents=THREE[:1])
    assert int(found.taught.sum()) == 0
    assert np.array_equal(found.held, of(1))
    assert found.told.left_out == {"their flows are judged true, too": 1}


def test_flows_judged_false_are_taught_though_nobody_judged_their_incident() -> None:
    """They alone are trained on; the rest of the incident is not."""
    judged = Spoken((Judgement(id="u0", label="false"),))
    found = lessons_of(FRAME, THREE[:1], judged, margin_s=0.0)
    assert np.flatnonzero(found.taught).tolist() == [0]
    assert np.array_equal(np.flatnonzero(found.keep & of(1)), [0])


def test_labels_of_what_is_not_here_are_told() -> None:
    """Ids of another cluster and of flows that are no more teach nothing, lose nothing, and are counted."""
    found = lessons(say("false", 50), say("true", 51), say("false", 1), incidents=THREE[:1])
    assert (found.told.false, found.told.true) == (1, 0)
    assert found.told.left_out == {"none of their flows is here: older, or of another cluster": 2}


def test_an_alert_of_which_no_flow_is_here_still_judges_its_incident() -> None:
    """By the list of its strongest alerts."""
    assert np.array_equal(lessons(say("false", 101), incidents=THREE[:2]).keep, ~of(2))


def many(count: int, by: str, day: int = 0, source: int = 1) -> list[Judgement]:
    """Labels false of single flows of a source."""
    rows = np.flatnonzero(of(source))[:count]
    return [
        Judgement(id=f"u{row}", label="false", by=by, at=f"2026-11-{10 + day}T09:00:{n % 60:02}Z")
        for n, row in enumerate(rows)
    ]


def test_each_guard_holds_labels_back_and_says_whom() -> None:
    """So many of one analyst, of one host, of one day; what was said before the bound teaches."""
    wide = {"labels_per_analyst": 999, "labels_per_host": 999, "labels_per_day": 999}
    for bound, why in (
        ("labels_per_analyst", "beyond what one analyst may say, mallory"),
        ("labels_per_host", "beyond what one host may say, 10.0.0.99"),
        ("labels_per_day", "beyond what one day may say, 2026-11-10"),
    ):
        found = lessons_of(FRAME, (), Spoken(tuple(many(50, "mallory"))), guards=Guards(**{**wide, bound: 10}))
        assert (found.told.false, found.told.left_out) == (10, {why: 40})
        assert found.held_back == {"mallory": 40}
        assert int(found.taught.sum()) == 10


def test_what_others_said_is_not_held_back_with_a_flood() -> None:
    """Each analyst has room of their own."""
    said = Spoken((*many(50, "mallory"), *many(3, "ada", day=1, source=2)))
    found = lessons_of(FRAME, (), said, guards=Guards(labels_per_analyst=10))
    assert (found.told.by, found.held_back) == ({"ada": 3, "mallory": 10}, {"mallory": 40})


def test_weights_give_way_before_labels_do() -> None:
    """Where a weight of five is too much for the room, flows count as often as there is room for, and that is told."""
    wide = pl.concat([FRAME.with_columns(pl.col("ts") + 4_000.0 * part) for part in range(30)])
    source = {"src_ip": "10.0.0.1", "since": "2025-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z"}
    said = spoken([Word(label("false", of={"flows": source}))])
    five, less = (
        lessons_of(wide, (), said, guards=Guards(weight=5, largest_share=share), margin_s=0.0) for share in (1.0, 0.7)
    )
    none = lessons_of(wide, (), said, guards=Guards(weight=5, largest_share=0.2), margin_s=0.0)
    assert [int(each.taught.max()) for each in (five, less, none)] == [4, 2, 0]
    assert (less.told.weighed_down, none.held_back) == (1, {"ada": 1})


def test_a_label_of_few_flows_counts_as_a_share_of_all() -> None:
    """Ten flows of 400 count 12 times each, to be 0.3 of all; those of a label that is as large as that, once."""
    guards = Guards(least_share=0.3, largest_share=1.0)
    few = incident(5, "10.0.0.1", START, START + 10.0 * 39)
    found = lessons_of(FRAME, (few, THREE[1]), spoken([say("false", 5)]), guards=guards, margin_s=0.0)
    assert (int((found.taught > 0).sum()), int(found.taught.max())) == (10, 12)
    whole = lessons_of(FRAME, THREE[:1], spoken([say("false", 1)]), guards=Guards(least_share=0.2), margin_s=0.0)
    assert np.array_equal(whole.taught, of(1))
    off = lessons_of(
        FRAME, THREE[:1], spoken([say("false", 1)]), guards=Guards(weight=0, least_share=0.2), margin_s=0.0
    )
    assert int(off.taught.sum()) == 0


def test_names_that_a_terminal_acts_on_are_told_harmless() -> None:
    """Judgements of a file may say anything of who said them."""
    said = Spoken((Judgement(id="u0", label="false", by="\x1b[31mred", at="\x1b]0;x\x07"),))
    told = " ".join(words_of(lessons_of(FRAME, (), said).told)) + said.judgements[0].words
    assert ("\x1b" in told, "\x07" in told, "red" in told) == (False, False, True)
