"""What to look at in an incident, in words that fit who is in it and how many they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from detector.decisions.severity import is_from_inside
from detector.incidents.incident import Incident
from detector.net.answers import is_shared


class Case(NamedTuple):
    """Where something else is to be looked at."""

    when: str
    """In words, for the guide."""
    holds: Callable[[Incident], bool]
    words: str


class Check(NamedTuple):
    """One thing to look at; of several cases the first that holds has its words."""

    words: str
    cases: tuple[Case, ...] = ()

    def of(self, incident: Incident) -> str:
        """What there is to look at in this one."""
        return next((case.words for case in self.cases if case.holds(incident)), self.words)

    def in_general(self) -> str:
        """For any incident, with each of its cases."""
        return ". ".join([self.words, *(f"{case.when}: {case.words}" for case in self.cases)])


def from_outside(incident: Incident) -> bool:
    """Whether most of it came from outside, where nobody here can look at the source."""
    mostly = max(incident.directions, key=incident.directions.__getitem__, default="")
    return bool(mostly) and not is_from_inside(mostly)


def to_all(incident: Incident) -> bool:
    """Whether it is one source that spoke to everybody, by broadcast or multicast."""
    return len(incident.sources) == 1 and all(map(is_shared, incident.destinations))


def of_many(incident: Incident) -> bool:
    """Whether there are more than the two hosts."""
    return len(incident.sources) > 1 or len(incident.destinations) > 1


def by_source(inside: str, outside: str) -> Check:
    """One that is another where the source is outside."""
    return Check(inside, (Case("Where the source is outside", from_outside, outside),))


LOGGED_IN = by_source("who was logged in there", "do others know the source as a scanner, and who can block it")

NEW = Check(
    "what is new about the two hosts",
    (
        Case("Where it went to all, by broadcast or multicast", to_all, "what is new about the source"),
        Case("Where there are more hosts", of_many, "what is new about these hosts, and what they have in common"),
    ),
)
