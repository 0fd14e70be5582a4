"""Labels as rows of the table, and back as words that can be weighed."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any

import msgspec
from msgspec import UNSET
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from detector.feedback.label import Of, read_label, write_label
from detector.feedback.latest import Word
from triage.store.chunks import chunks
from triage.store.tables import LABELS

NOT_YET = 2**62
"""The place of what was said here and was not read back yet: after all that was."""

L = LABELS.c


def words_of(session: Session, digests: Collection[str]) -> list[Word]:
    """All that was said of some things, and what of it was withdrawn."""
    rows: list[Row[Any]] = []
    for some in chunks(digests):
        rows += session.execute(select(LABELS).where(L.subject_digest.in_(some))).all()
    for some in chunks({row.id for row in rows}):
        rows += session.execute(select(LABELS).where(L.withdraws.in_(some))).all()
    return [word_of(row) for row in rows]


def word_of(row: Row[Any]) -> Word:
    """A row of the table as a word."""
    return Word(read_label(row.document), NOT_YET if row.place is None else row.place, row.came)


def label_values(word: Word) -> dict[str, Any]:
    """A word as a row of the table."""
    label, document = word.label, write_label(word.label)
    of = label.of if isinstance(label.of, Of) else None
    return {
        "id": label.id,
        "digest": hashlib.sha256(document).hexdigest(),
        "subject": "" if of is None else msgspec.json.encode(of).decode(),
        "subject_digest": "" if of is None else digest_of(of),
        "of": "" if of is None else kind_of(of),
        "of_id": "" if of is None else id_of(of),
        "verdict": None if label.verdict is UNSET else label.verdict,
        "withdraws": None if label.withdraws is UNSET else label.withdraws,
        "said_by": label.by,
        "said_at": word.said_at,
        "comment": "" if label.comment is UNSET else label.comment,
        "model_version": "" if label.model_version is UNSET else label.model_version,
        "document": document,
        "came": word.said_at if word.came is None else word.came,
        "place": None if word.place >= NOT_YET else word.place,
    }


def kind_of(of: Of) -> str:
    """``incident``, ``alert`` or ``flows``."""
    return next(name for name in ("incident", "alert", "flows") if getattr(of, name) is not UNSET)


def id_of(of: Of) -> str:
    """The incident's or the alert's id; empty for flows."""
    return next((name for name in (of.incident, of.alert) if isinstance(name, str)), "")


def digest_of(of: Of) -> str:
    """What its labels are found by."""
    return hashlib.sha256(msgspec.json.encode(of)).hexdigest()
