"""What a message says to people: a title and lines, printable text without any layout."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from detector.casebook.told import LEVELS
from detector.casebook.words import moment
from detector.notify.message import Digest, Message, Notice, Trial

NAMED = 10
"""Incidents that a message about many names to people."""

CHECKS = 3
"""Things to check that a message names."""

TRIAL = "This is a test message of oddflow. Nothing happened, and there is nothing to do."


def title(message: Message) -> str:
    """Such as ``CRITICAL Port scan of 10.0.0.7 by 10.0.0.9``."""
    match message:
        case Notice():
            return _notice_title(message)
        case Digest():
            return _digest_title(message)
        case Trial():
            return "Test of oddflow"


def lines(message: Message) -> list[str]:
    """All else that it says."""
    match message:
        case Notice():
            return _notice_lines(message)
        case Digest():
            return _digest_lines(message)
        case Trial():
            return [TRIAL]


def link(template: str, incident: str) -> str:
    """The address of an incident's page; empty where there is no template."""
    return template.replace("{id}", quote(incident, safe=""))


def _notice_title(notice: Notice) -> str:
    begin = {"opened": "", "risen": "Now ", "ended": "Over: "}[notice.why]
    return f"{begin}{notice.told.severity.upper()} {notice.told.headline}"


def _notice_lines(notice: Notice) -> list[str]:
    ours = notice.told.ours
    risk = "" if ours.risk is None else f"risk {ours.risk} of 100"
    why = ": ".join(filter(None, (risk, ours.severity_why)))
    checks = _list(ours.check)[:CHECKS]
    part = f"it turned out to be part of {ours.merged_into}" if ours.merged_into else ""
    return [
        *filter(None, (part, ours.size, ours.worked, ours.first_contact, why)),
        *(["check: " + "; ".join(checks)] if checks else []),
        f"{moment(ours.first_seen)} to {moment(ours.last_seen)} UTC, incident {ours.id}",
    ]


def _digest_title(digest: Digest) -> str:
    count = len(digest.ids)
    incidents = "1 more incident" if count == 1 else f"{count:,} more incidents"
    if not digest.late:
        when = "in the last minute"
    elif digest.late == digest.messages:
        when = "that waited to be told" + ("" if digest.since is None else f" since {moment(digest.since)} UTC")
    else:
        when = "that waited to be told, and in the last minute"
    return f"{incidents} {when}, the worst: {_notice_title(digest.worst[0])}"


def _digest_lines(digest: Digest) -> list[str]:
    by_severity = ", ".join(
        f"{digest.severities[each]:,} {each}" for each in reversed(LEVELS) if digest.severities[each]
    )
    named = [f"{_notice_title(each)} ({each.told.ours.id})" for each in digest.worst[:NAMED]]
    more = len(digest.ids) - len(named)
    rest = [f"and {more:,} more; `oddflow incidents` lists all"] if more else []
    return [f"by severity: {by_severity}", *named, *rest]


def _list(texts: str | Sequence[str]) -> list[str]:
    return [texts] if isinstance(texts, str) and texts else [*texts]
