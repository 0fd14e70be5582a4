"""What ``oddflow models`` makes of the gate's verdict: it is told, and what was refused is not promoted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detector.bundle.verdict import VERDICT, Verdict, decode_verdict
from detector.errors import BundleError, ConfigurationError, GateError, RegistryError
from detector.registry.names import CHAMPION
from detector.registry.registry import Registry
from detector.registry.verdicts import verdict_of

UNGATED = "it was published without a verdict of the gate, so that nothing is known of how good it is"


def verdict_in(files: Mapping[str, bytes]) -> Verdict | None:
    """The verdict among a bundle's files; None where there is none. Raises BundleError for one that is corrupt."""
    return decode_verdict(files[VERDICT]) if VERDICT in files else None


def allowed_reason(model: str, version: str, alias: str, verdict: Verdict | None, *, anyway: bool, reason: str) -> str:
    """The reason for the history, where the version may be pointed to.

    Raises GateError for a champion that the gate refused, ConfigurationError for ``anyway`` without a reason.
    """
    if anyway and not reason.strip():
        raise ConfigurationError(
            f"promoting {model} {version} --anyway: say why with --reason TEXT; the history keeps it"
        )
    if verdict is None or verdict.passed or alias != CHAMPION:
        return reason
    if anyway:
        return f"{reason} (anyway: the gate refused it: {'; '.join(verdict.reasons)})"[:2_000]
    raise GateError(
        f"promoting {model} {version}: the gate refused it: {'; '.join(verdict.reasons)}; to put it in charge all the"
        " same, give --anyway --reason TEXT"
    )


def told_verdict(registry: Registry, model: str, version: str) -> dict[str, Any]:
    """``gate`` in a word, and ``gate_reasons``; one that cannot be read hides nothing else of the version."""
    try:
        verdict = verdict_of(registry, model, version)
    except (BundleError, RegistryError) as error:
        return {"gate": "unreadable", "gate_reasons": [str(error)]}
    if verdict is None:
        return {"gate": "none", "gate_reasons": []}
    return {"gate": "passed" if verdict.passed else "refused", "gate_reasons": list(verdict.reasons)}
