"""What comes of an attempt, and when the next one is. Pure."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple

LONGEST_S = 300.0
"""Between two attempts, unless we are told to wait longer."""

LONGEST_ASKED_S = 3_600.0
"""The longest that an answer may have us wait."""

Fate = Literal["sent", "later", "refused", "unfit"]
"""Of a message: ``later`` is for ever tried again; ``refused``, by a receiver that takes nothing from us, for a time;
``unfit`` is this one message."""

Reason = Literal["timeout", "unreachable", "tls", "server", "throttled", "refused"]

REASONS: tuple[Reason, ...] = ("timeout", "unreachable", "tls", "server", "throttled", "refused")


class Outcome(NamedTuple):
    """What came of an attempt."""

    fate: Fate
    detail: str
    """In words, on one line, and no secret in it."""
    reason: Reason | None = None
    """Why it failed."""
    wait_s: float | None = None
    """How long not to try, where the receiver says so."""


_THROTTLED = 429

_PASSING = frozenset({408, 425, _THROTTLED})

_OF_RECEIVER = frozenset({401, 402, 403, 404, 405, 407, 410, 451})
"""Answers that are the same to any message; others of their hundred are of the one that was sent."""


def of_status(status: int, retry_after: str | None, said: str, now: float) -> Outcome:
    """The outcome of an HTTP answer; ``now`` in seconds since 1970."""
    detail = f"answered {status}{f' ({said})' if said else ''}"
    if 200 <= status < 300:
        return Outcome("sent", detail)
    wait_s = seconds_of(retry_after, now)
    if status >= 500 or status in _PASSING:
        return Outcome("later", detail, "throttled" if status == _THROTTLED else "server", wait_s)
    if status < 400:
        return Outcome("refused", f"{detail}: it sends us elsewhere, which is not followed", "refused", wait_s)
    return Outcome("refused" if status in _OF_RECEIVER else "unfit", detail, "refused", wait_s)


def seconds_of(retry_after: str | None, now: float) -> float | None:
    """What ``Retry-After`` asks for: seconds, or a date; within bounds. None where it says nothing that is either."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdecimal():
        seconds = float(text[:9])
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(seconds, 0.0), LONGEST_ASKED_S)


def pause_s(attempts: int, chance: float) -> float:
    """How long to wait after so many attempts that failed: twice as long each time, and by chance up to half less."""
    return min(2.0 ** min(attempts - 1, 16), LONGEST_S) * (1.0 - 0.5 * chance)
