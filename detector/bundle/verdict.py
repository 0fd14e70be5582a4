"""What the gate said of a model: ``gate.json`` of its bundle. Training writes it; whoever promotes it reads it."""

from __future__ import annotations

import msgspec

from detector.bundle.document import decode_document, encode_document
from detector.errors import BundleError

VERDICT_VERSION = 1

VERDICT = "gate.json"
"""The file of a bundle that holds it."""


class RuleResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one rule of the gate found."""

    rule: str
    """The setting's name, such as ``least_recall``."""
    passed: bool | None
    """None: it could not be asked; ``why`` says what was missing."""
    measured: float | None
    bound: float | None
    why: str
    """A sentence for people: what was measured, against what, and what to do if it failed."""


class Verdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all rules found."""

    verdict_version: int
    passed: bool
    champion: str | None
    """The version that it was compared with; None where there was none."""
    at: str
    """UTC, ISO 8601."""
    rules: tuple[RuleResult, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it failed; none where it passed."""
        return tuple(rule.why for rule in self.rules if rule.passed is False)

    def encode(self) -> bytes:
        """The document's bytes."""
        return encode_document(self)


def decode_verdict(data: bytes) -> Verdict:
    """Read ``gate.json``. Raises BundleError for anything else."""
    return decode_document(
        data, Verdict, VERDICT, "verdict_version", VERDICT_VERSION, BundleError, "train the model again"
    )
