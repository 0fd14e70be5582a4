"""What the gate said of a published version, without its other files."""

from __future__ import annotations

from detector.bundle.manifest import decode_manifest
from detector.bundle.verdict import VERDICT, Verdict, decode_verdict
from detector.registry.registry import Registry


def verdict_of(registry: Registry, model: str, version: str) -> Verdict | None:
    """Read it; None where it was published without one. Raises BundleError for a corrupt one, RegistryError."""
    known = VERDICT in decode_manifest(registry.manifest(model, version)).files
    return decode_verdict(registry.file(model, version, VERDICT)) if known else None
