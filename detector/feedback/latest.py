"""Which word counts: of all that was said of one thing the last, with its history and what is odd about it. Pure.

A word is later by the time that it gives, then by its place in the topic or file, then by its id. Nothing depends on
the order in which words arrive. What is odd is told, and nothing of it is thrown away:

* *doubled*: the same document again; it counts once.
* *reused*: an id that two different documents have; the one in the first place counts, the others do not.
* *late*: a word that came after one that was said later; it is in the history and does not count.
* *conflicting*: people's last words differ between true and false; the last one counts.
* *dangling*: a withdrawal of a label that is not there (yet).
* *ahead*: a word that gives a time well after the one at which it came, as by a clock that is wrong; it counts as said
  when it came, or else nobody could correct it until then.
* *unknown*: of an incident or alert that is not known here, as one of another cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from msgspec import UNSET

from detector.feedback.label import Label, Of, write_label

AHEAD_S = 600.0
"""So far clocks of people may be apart."""


class Word(NamedTuple):
    """A label, and where and when it came."""

    label: Label
    place: int = 0
    """In its topic's partition, or file: what came later has the greater one."""
    came: float | None = None
    """By the broker's clock, in seconds since 1970; None where that is not known."""

    @property
    def said_at(self) -> float:
        """When it counts as said, in seconds since 1970."""
        at = self.label.at.timestamp()
        return at if self.came is None or at <= self.came + AHEAD_S else self.came

    @property
    def ahead(self) -> bool:
        """Whether it gives a time well after it came."""
        return self.said_at != self.label.at.timestamp()


@dataclass(frozen=True, slots=True)
class Standing:
    """All that was said of one thing."""

    of: Of
    history: tuple[Word, ...]
    """The last one at the end, withdrawn ones among them."""
    withdrawn: frozenset[str]
    """Ids of those that were withdrawn."""

    @property
    def last(self) -> Label | None:
        """The one that counts; None where all are withdrawn."""
        return next((word.label for word in reversed(self.history) if word.label.id not in self.withdrawn), None)

    @property
    def verdict(self) -> str | None:
        """What counts: true, false or unsure; None where all are withdrawn."""
        return None if self.last is None or self.last.verdict is UNSET else self.last.verdict

    @property
    def conflicting(self) -> bool:
        """Whether the last words of different people say true and false."""
        each = {word.label.by: word.label.verdict for word in self.history if word.label.id not in self.withdrawn}
        return {"true", "false"} <= set(each.values())

    @property
    def late(self) -> tuple[str, ...]:
        """Ids of those that came after one that was said later."""
        found, first = [], None
        for word in reversed(self.history):
            if first is not None and word.place > first:
                found.append(word.label.id)
            first = word.place if first is None else min(first, word.place)
        return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class Said:
    """All that was said, and what is odd about it; ids are sorted."""

    standings: Mapping[Of, Standing]
    """By what they are of; in the order of the documents that tell of them."""
    doubled: tuple[str, ...] = ()
    reused: tuple[str, ...] = ()
    dangling: tuple[str, ...] = ()
    """Ids of the withdrawals."""
    ahead: tuple[str, ...] = ()
    unknown: tuple[Of, ...] = ()

    @property
    def conflicting(self) -> tuple[Of, ...]:
        """What people judge differently."""
        return tuple(each.of for each in self.standings.values() if each.conflicting)

    @property
    def late(self) -> tuple[str, ...]:
        """Ids of words that came after one that was said later."""
        return tuple(sorted(one for each in self.standings.values() for one in each.late))

    def verdict(self, of: Of) -> str | None:
        """What counts of it; None where nothing was said, or all was withdrawn."""
        standing = self.standings.get(of)
        return None if standing is None else standing.verdict


def weigh(words: Iterable[Word], knows: Callable[[Of], bool] = lambda _: True) -> Said:
    """Find what counts. ``knows`` says whether an incident, an alert or flows are known here."""
    kept, doubled, reused = _once(words)
    labels = {word.label.id for word in kept if word.label.withdraws is UNSET}
    withdrawals = [word.label for word in kept if word.label.withdraws is not UNSET]
    withdrawn = frozenset(str(label.withdraws) for label in withdrawals)
    by_subject: dict[Of, list[Word]] = {}
    for word in kept:
        if isinstance(of := word.label.of, Of):
            by_subject.setdefault(of, []).append(word)
    standings = {
        of: Standing(of, tuple(said), withdrawn & {word.label.id for word in said}) for of, said in by_subject.items()
    }
    return Said(
        standings,
        doubled,
        reused,
        tuple(sorted(label.id for label in withdrawals if label.withdraws not in labels)),
        tuple(sorted(word.label.id for word in kept if word.ahead)),
        tuple(of for of in standings if not knows(of)),
    )


def _once(words: Iterable[Word]) -> tuple[list[Word], tuple[str, ...], tuple[str, ...]]:
    """Each id once, in the order in which they count; ids that came again, and ids that several documents have."""
    by_id: dict[str, dict[bytes, list[Word]]] = {}
    for word in words:
        by_id.setdefault(word.label.id, {}).setdefault(write_label(word.label), []).append(word)
    kept = [
        min(((word, document) for document, same in alike.items() for word in same), key=_first)[0]
        for alike in by_id.values()
    ]
    doubled = sorted(name for name, alike in by_id.items() if any(len(same) > 1 for same in alike.values()))
    reused = sorted(name for name, alike in by_id.items() if len(alike) > 1)
    return sorted(kept, key=lambda word: (word.said_at, word.place, word.label.id)), tuple(doubled), tuple(reused)


def _first(each: tuple[Word, bytes]) -> tuple[int, float, bytes]:
    word, document = each
    return word.place, -1.0 if word.came is None else word.came, document
