"""What the registry asks of the place where it is kept, and the choice of that place by URL.

Paths are relative, with slashes, made of checked names. Whatever cannot be done is raised as ``OSError``: the registry
knows what it was doing, and says so. Two places: :mod:`detector.registry.folder` and :mod:`detector.registry.objects`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

import fsspec
from fsspec.implementations.local import LocalFileSystem

from detector.errors import RegistryError
from detector.registry.folder import FolderStorage
from detector.registry.objects import ObjectStorage

EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
"""By a URL's scheme: the extra of oddflow that brings its package."""


class Storage(Protocol):
    """A place for small files in folders."""

    def folders(self, path: str, holding: str = "") -> list[str]:
        """Names of the folders under ``path`` (that hold a file ``holding``), sorted; none if it does not exist."""
        ...

    def files(self, path: str) -> dict[str, int]:
        """Names and sizes in bytes of the files right under ``path``; none if it does not exist."""
        ...

    def read(self, path: str, most: int) -> bytes:
        """Contents of a file of ``most`` bytes at most. Raises FileNotFoundError, or OddFileError before it is read."""
        ...

    def create_folder(self, path: str, files: Mapping[str, bytes], marker: str) -> None:
        """Make a folder with ``files``, visible (by ``marker``, one of them) only once it is whole.

        Raises FileExistsError where there is one already; then, and on any other error, nothing of it is left.
        """
        ...

    def replace(self, path: str, data: bytes) -> None:
        """Write a file at once: a reader sees the old contents or the new, never a part."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file, or a folder with all that is in it; nothing if there is none."""
        ...

    def append(self, path: str, line: bytes) -> None:
        """Add a whole line to a file, or nothing of it. ``line`` ends with a newline."""
        ...

    def exclusive(self, path: str) -> AbstractContextManager[None]:
        """Keep other writers under ``path`` waiting, where the place can do that."""
        ...


def open_storage(url: str) -> Storage:
    """Choose the storage for a folder or any fsspec URL. Raises RegistryError for a URL that cannot be used.

    Does not touch the place yet.
    """
    try:
        filesystem, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        scheme = url.partition("://")[0]
        extra = EXTRAS.get(scheme)
        fix = f"pip install 'oddflow[{extra}]'" if extra else "install that package beside oddflow"
        raise RegistryError(f"opening registry {masked(url)}: {error}; {fix}") from error
    except ValueError as error:
        raise RegistryError(
            f"opening registry {masked(url)}: {error}; give a folder or an fsspec URL such as s3://bucket/models"
        ) from error
    if isinstance(filesystem, LocalFileSystem):
        return FolderStorage(path)
    return ObjectStorage(filesystem, path)


def masked(url: str) -> str:
    """The URL as it may be shown: without a user name or password."""
    return re.sub(r"//[^/@]*@", "//***@", url)
