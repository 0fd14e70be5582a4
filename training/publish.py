"""Publishing a trained model: it is checked as a daemon would check it, and only then anyone can see it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import fsspec
from fsspec.implementations.local import LocalFileSystem

from detector.bundle.files import read_bundle
from detector.bundle.loaded_model import LoadedModel
from detector.errors import RegistryError
from detector.registry.registry import Registry


def publish(registry: Registry, files: Mapping[str, bytes]) -> LoadedModel:
    """Verify a bundle's files and publish them as a version, which no alias points to.

    Raises BundleError for a bundle that a daemon would refuse, RegistryError where it cannot be written whole: then
    nothing of it is left.
    """
    model = read_bundle(files)
    registry.publish(model.name, model.version, files)
    return model


def check_place(url: str) -> None:
    """Raise RegistryError for a folder that no model can be published in, before the work of training one.

    Where other storage can be written is seen when it is.
    """
    filesystem, path = fsspec.core.url_to_fs(url)
    if not isinstance(filesystem, LocalFileSystem):
        return
    place = next(each for each in (Path(path), *Path(path).parents) if each.exists())
    if not place.is_dir():
        raise RegistryError(f"publishing to registry {url}: {place} is a file, not a folder; give a folder")
    if not os.access(place, os.W_OK | os.X_OK):
        raise RegistryError(f"publishing to registry {url}: {place} cannot be written to; allow it, or give another")
