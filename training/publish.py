"""Publishing a trained model: it is checked as a daemon would check it, and only then anyone can see it."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import dataclass

from detector.models.bundle import LoadedModel, read_bundle
from detector.registry.names import CHAMPION
from detector.registry.registry import Registry


@dataclass(frozen=True, slots=True)
class Published:
    """What became of a bundle."""

    model: LoadedModel
    promoted: bool
    previous: str | None
    """The version that the alias pointed to before."""


def publish(registry: Registry, files: Mapping[str, bytes], *, promote: bool, reason: str = "") -> Published:
    """Verify a bundle's files, publish them as a version, and point ``champion`` to it if asked.

    Raises BundleError for a bundle that a daemon would refuse, RegistryError where it cannot be written whole: then
    nothing of it is left.
    """
    model = read_bundle(files)
    registry.publish(model.name, model.version, files)
    previous = registry.promote(model.name, model.version, by=user(), reason=reason) if promote else None
    return Published(model, promote, previous)


def champion_of(registry: Registry, model: str) -> str | None:
    """The version that is in charge now; None if there is none."""
    return registry.aliases(model).get(CHAMPION)


def user() -> str:
    """Who runs this; a container's user may have no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
