"""One word on many incidents, by what they have in common: seen before it is said.

A preview gives a token of exactly what it covers. Where that changed meanwhile, by a label or an incident that came,
nothing is said; the preview is made anew.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from detector.errors import ConfigurationError
from detector.feedback.label import Label, Of
from triage.store.filters import Filter, Paging, conditions
from triage.store.incidents import list_incidents
from triage.store.labels import new_label, say_all
from triage.store.rows import IncidentRow
from triage.store.tables import INCIDENTS

MOST_AT_ONCE = 5_000
"""Incidents that one word may be on."""

SAMPLE = 10

I = INCIDENTS.c  # noqa: E741 - its columns


class ChangedError(ConfigurationError):
    """What a preview covered is not what it would cover now: make it again."""


@dataclass(frozen=True, slots=True)
class Bulk:
    """What one word would be on."""

    count: int
    verdicts: Mapping[str, int]
    """Of these, how many there are of each verdict now; ``none`` for those without."""
    sample: tuple[IncidentRow, ...]
    """The latest of them."""
    token: str
    """What :func:`label_all` wants."""


def preview_bulk(session: Session, asked: Filter) -> Bulk:
    """See what one word would be on. Raises ConfigurationError for a filter that is none, or covers too many."""
    covered = _covered(session, asked)
    verdicts = Counter(verdict or "none" for _, verdict, _ in covered)
    sample = list_incidents(session, asked, Paging(SAMPLE)).rows
    return Bulk(len(covered), dict(verdicts), sample, _token(covered))


def label_all(  # noqa: PLR0917 - as `new_label`
    session: Session, asked: Filter, token: str, verdict: str, by: str, now: float, comment: str = ""
) -> list[Label]:
    """Say one word on all that a preview covered; each gets a label of its own. Raises ChangedError."""
    covered = _covered(session, asked)
    if _token(covered) != token:
        raise ChangedError("what the preview covered changed since; look at it again, and confirm that")
    labels = [
        new_label(Of(incident=name), verdict, by, now, comment, model_version) for name, _, model_version in covered
    ]
    say_all(session, labels, now)
    return labels


def _covered(session: Session, asked: Filter) -> list[tuple[str, str | None, str]]:
    """Ids, verdicts and model versions."""
    rows = session.execute(
        select(I.id, I.verdict, I.model_version)
        .where(*conditions(session, asked))
        .order_by(I.id)
        .limit(MOST_AT_ONCE + 1)
    )
    covered = [(row.id, row.verdict, row.model_version) for row in rows]
    if len(covered) > MOST_AT_ONCE:
        raise ConfigurationError(f"this filter covers more than {MOST_AT_ONCE:,} incidents; make it narrower")
    return covered


def _token(covered: list[tuple[str, str | None, str]]) -> str:
    return hashlib.sha256("\n".join(f"{name} {verdict}" for name, verdict, _ in covered).encode()).hexdigest()
