"""Messages and a way of its own, for tests."""

from __future__ import annotations

from typing import Any

from detector.casebook.told import read_told
from detector.notify.message import Digest, Message, Notice, Place, Why
from detector.notify.retry import Outcome
from tests.casebook.documents import ocsf

SENT = Outcome("sent", "answered 200")
AWAY = Outcome("later", "Connection refused", "unreachable")

LEVEL_IDS = {"low": 2, "medium": 3, "high": 4, "critical": 5}


def document(number: int = 0, severity: str = "high", **changes: Any) -> bytes:
    """An incident of its own for each number."""
    given = {"id": f"00000000-0000-0000-0000-{number:012d}", "revision": 1, "step": "open"} | changes
    return ocsf(severity_id=LEVEL_IDS[severity], **given)


def notice(number: int = 0, severity: str = "high", why: Why = "opened", **changes: Any) -> Notice:
    """A message about it."""
    made = document(number, severity, **changes)
    return Notice(read_told(made), made, why, Place(0, number))


def digest(*notices: Notice, late: bool = False) -> Digest:
    """Several in one."""
    made = Digest(0.0)
    for each in notices:
        made.add(each, late=late)
    return made


class Pretended:
    """A way that notes what it is given, and answers ``outcomes`` in order, then that it was sent."""

    def __init__(self, *outcomes: Outcome, name: str = "webhook") -> None:
        self.name = name
        self.outcomes = list(outcomes)
        self.always: Outcome | None = None
        self.tried: list[Message] = []
        self.sent: list[Message] = []

    def deliver(self, message: Message) -> Outcome:
        """Note it."""
        self.tried.append(message)
        outcome = self.always or (self.outcomes.pop(0) if self.outcomes else SENT)
        if outcome.fate == "sent":
            self.sent.append(message)
        return outcome


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self, at: float = 1_764_000_000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        """The time."""
        return self.at
