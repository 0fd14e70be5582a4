"""Which word counts, whatever the order in which words arrive."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from detector.feedback.label import Label, Of
from detector.feedback.latest import Word, weigh
from tests.feedback.labels import START, any_label, label, uid, withdrawal

INCIDENT = Of(incident=uid(1))


def words(*labels: Label) -> list[Word]:
    """Labels in the order in which they came."""
    return [Word(one, place) for place, one in enumerate(labels)]


WORDS = st.lists(
    st.builds(
        Word,
        st.one_of(
            any_label(),
            st.builds(
                lambda verdict, at, by, number: label(verdict, at=at, by=by, id=f"l{number}"),
                st.sampled_from(["true", "false", "unsure"]),
                st.integers(0, 2),
                st.sampled_from(["ada", "bo"]),
                st.integers(0, 3),
            ),
            st.integers(0, 3).map(lambda number: withdrawal(f"l{number}")),
        ),
        st.integers(0, 4),
        st.none() | st.floats(0, 4e9),
    ),
    max_size=8,
)


@given(WORDS, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(said: list[Word], random: Random) -> None:
    """What counts, and what is told of it, is the same in whatever order words arrive."""
    moved = said.copy()
    random.shuffle(moved)
    assert weigh(moved) == weigh(said)


@given(WORDS)
def test_a_word_that_comes_again_changes_nothing(said: list[Word]) -> None:
    """After all has come once more, what counts is the same."""
    again = [word._replace(place=word.place + 10) for word in said]
    assert weigh(said + again).standings == weigh(said).standings


@given(WORDS)
def test_nothing_is_lost(said: list[Word]) -> None:
    """Every id that judges is in the history of one thing, once."""
    found = [word.label.id for each in weigh(said).standings.values() for word in each.history]
    judging = {word.label.id for word in said if isinstance(word.label.of, Of)}
    assert len(found) == len(set(found))
    assert set(found) <= judging
    reused = set(weigh(said).reused)
    assert judging - reused <= set(found)


def test_the_last_word_counts() -> None:
    """Of two the one said later counts, wherever it came; of two said at once the one that came later."""
    late = weigh(words(label("true", at=9, id="b"), label("false", at=5, id="a")))
    assert (late.verdict(INCIDENT), late.late) == ("true", ("a",))
    assert [word.label.id for word in late.standings[INCIDENT].history] == ["a", "b"]
    at_once = weigh(words(label("true", id="b"), label("false", id="a")))
    assert (at_once.verdict(INCIDENT), at_once.late) == ("false", ())


def test_a_withdrawn_word_does_not_count() -> None:
    """After a withdrawal the word before it counts again; without one, nothing does."""
    said = words(label("true", id="a"), label("false", id="b", at=1), withdrawal("b", at=2))
    assert weigh(said).verdict(INCIDENT) == "true"
    nothing = weigh([*said, Word(withdrawal("a", at=3), 3)])
    assert (nothing.verdict(INCIDENT), len(nothing.standings[INCIDENT].history)) == (None, 2)


def test_a_withdrawal_of_nothing_is_told() -> None:
    """A withdrawal of a label that is not there, or that withdraws one itself, changes nothing and is told."""
    said = weigh(words(label("true", id="a"), withdrawal("gone"), withdrawal("no gone")))
    assert (said.verdict(INCIDENT), said.dangling) == ("true", ("no gone", "no no gone"))


def test_who_changes_their_mind_is_no_conflict() -> None:
    """People conflict where their last words are true and false."""
    ada, again, bo = label("true", id="a"), label("false", id="b", at=1), label("false", id="c", by="bo", at=2)
    assert weigh(words(ada, again, bo)).conflicting == ()
    assert weigh(words(ada, bo)).conflicting == (INCIDENT,)
    assert weigh(words(ada, bo, withdrawal("c", at=3))).conflicting == ()
    assert weigh(words(ada, label("unsure", id="c", by="bo"))).conflicting == ()


def test_an_id_with_two_documents_is_told() -> None:
    """The document in the first place has the id; another with the same id does not count."""
    said = weigh(words(label("true", id="a"), label("false", id="a", at=9), label("true", id="a")))
    assert (said.verdict(INCIDENT), said.reused, said.doubled) == ("true", ("a",), ("a",))


def test_a_clock_ahead_has_no_last_word() -> None:
    """What gives a time well after it came counts as said when it came, and is told."""
    came = START.timestamp()
    ahead = Word(label("true", id="a", at=86_400), 0, came)
    later = Word(label("false", id="b", at=60, by="bo"), 1, came + 60)
    said = weigh([ahead, later])
    assert (said.verdict(INCIDENT), said.ahead) == ("false", ("a",))
    assert weigh([Word(label("true", id="a", at=500), 0, came), later]).verdict(INCIDENT) == "true"


def test_what_is_not_known_is_told() -> None:
    """A label of an incident that is not known here is told, and kept."""
    said = weigh(words(label(), label(id="b", of={"alert": uid(2)})), knows=lambda of: of == INCIDENT)
    assert said.unknown == (Of(alert=uid(2)),)
    assert said.verdict(Of(alert=uid(2))) == "false"
