"""``card.json``: the card for programs. The page is made from the same facts, so that both say the same."""

from __future__ import annotations

import msgspec

from detector.bundle.document import decode_document, encode_document
from detector.errors import BundleError

CARD_VERSION = 1

CARD, PAGE = "card.json", "card.html"
"""The files of a bundle."""


class Found(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How well one kind of attack is found at the budget."""

    kind: str
    attacks: int
    """Tried, over all runs."""
    found: int
    """Of them, with at least one flow raised."""
    seconds: float | None
    """From an attack's first flow to the first that is raised, the median; None if none is."""


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """False incidents a day: asked for, and obtained on days that were not trained on."""

    asked: float
    obtained: float
    """The mean, which lies between the next two with 95 %."""
    least: float
    most: float
    days: float
    """Watched, over all runs."""


class Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A feature and its number."""

    feature: str
    what: str
    """What it tells, in words."""
    value: float


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole of it."""

    card_version: int
    model: str
    version: str
    kind: str
    created: str
    """UTC, ISO 8601."""
    oddflow: str
    dataset: str | None
    """Name and version of the set that it was trained on; None where files or a topic were read."""
    rows: int
    hosts: int | None
    """Inside hosts among them; None where flows have no addresses or nothing was measured."""
    start: float | None
    end: float | None
    watched_s: float | None
    attacks: str
    """What was tried: ``labelled``, ``transplanted`` or ``none``."""
    found: tuple[Found, ...]
    expected: tuple[Expected, ...]
    passed: bool | None
    """What the gate said; None where it was not asked."""
    reasons: tuple[str, ...]
    """Why the gate refused it."""
    parent: str | None
    changed: tuple[str, ...]
    """Sentences on what is other than in the parent."""
    rollback: str
    """The command that goes back."""
    summary: tuple[str, ...]
    """The first screen, a sentence or two each."""
    weak: tuple[str, ...]
    matters: tuple[Named, ...]
    """Share of the scores of odd training rows that each feature makes, the greatest first."""
    drift: tuple[Named, ...]
    """Population stability index of each feature against the parent's training, the greatest first."""

    def encode(self) -> bytes:
        """The document's bytes: the same card gives the same bytes."""
        return encode_document(self)


def decode_card(data: bytes) -> Card:
    """Read ``card.json``. Raises BundleError for anything else."""
    return decode_document(data, Card, CARD, "card_version", CARD_VERSION, BundleError, "train the model again")
