"""What is known of the model that a new one is to take the place of; what cannot be read is said, and stops nothing."""

from __future__ import annotations

from contextlib import suppress

from detector.bundle.manifest import decode_manifest
from detector.errors import BundleError, InputError, RegistryError
from detector.registry.registry import Registry
from training.cards.facts import Parent
from training.evaluation.report import REPORT, decode_report


def parent_of(registry: Registry, model: str, version: str | None) -> Parent | None:
    """Read its manifest and its report; None where there is no such version to take the place of."""
    if version is None:
        return None
    try:
        manifest = decode_manifest(registry.manifest(model, version))
    except (BundleError, RegistryError) as error:
        return Parent(version=version, why_not=f"cannot be read ({error})")
    report = None
    with suppress(BundleError, InputError, RegistryError):  # models of before have none
        report = decode_report(registry.file(model, version, REPORT))
    return Parent(version=version, manifest=manifest, report=report)
