"""What the gate said of a model: ``gate.json`` of its bundle. Training writes it; whoever promotes it reads it."""

from __future__ import annotations

import msgspec

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
        return msgspec.json.format(msgspec.json.encode(self, order="deterministic"), indent=2) + b"\n"


def decode_verdict(data: bytes) -> Verdict:
    """Read ``gate.json``. Raises BundleError for anything else."""
    try:
        verdict = msgspec.json.decode(data, type=Verdict)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"reading {VERDICT}: {str(error).splitlines()[0]}; train the model again") from error
    if verdict.verdict_version != VERDICT_VERSION:
        raise BundleError(
            f"reading {VERDICT}: its version {verdict.verdict_version} is not {VERDICT_VERSION}; train the model again"
        )
    return verdict
