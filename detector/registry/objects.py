"""Registry storage on any other fsspec file system: S3, GCS, Azure, memory in tests.

Object stores have no rename, so a version is visible by its marker, which is written last and, where the store can
do it, only if it is not there yet. A claim file, written likewise, keeps two publishers of one version from mixing
their files. A small file is one object, which stores replace whole. There are no appends and no locks: a line is added
by reading, writing and reading again to see that it is there; of two writers in the very same moment one line may
still be lost, so promote from one place at a time.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

from detector.registry.odd import OddFileError

CLAIM = ".publishing"

APPEND_ATTEMPTS = 5

MAX_APPENDED_BYTES = 64 << 20
"""A file that lines are added to is read whole each time: the history of aliases, a line a move."""


class ObjectStorage:
    """Objects under the prefix ``root`` of an fsspec file system."""

    def __init__(self, filesystem: Any, root: str) -> None:
        self._filesystem = filesystem
        self._root = root.rstrip("/")

    def folders(self, path: str, holding: str = "") -> list[str]:
        """Names of the prefixes under ``path`` that hold an object ``holding``, sorted; one listing."""
        pattern = self._at(path, "*", holding) if holding else self._at(path, "*", "**")
        with self._reaching():
            self._filesystem.invalidate_cache()
            found = self._filesystem.glob(pattern)
        depth = len(self._at(path).strip("/").split("/"))
        names = {parts[depth] for each in found if len(parts := each.strip("/").split("/")) > depth + 1}
        return sorted(name for name in names if not name.startswith("."))

    def files(self, path: str) -> dict[str, int]:
        """Names and sizes of the objects right under ``path``."""
        with self._reaching():
            self._filesystem.invalidate_cache()
            try:
                entries = self._filesystem.ls(self._at(path), detail=True)
            except FileNotFoundError:
                return {}
        sizes = {entry["name"].rsplit("/", 1)[-1]: entry["size"] for entry in entries if entry["type"] == "file"}
        return {name: size for name, size in sizes.items() if name and not name.startswith(".")}

    def read(self, path: str, most: int) -> bytes:
        """Contents of an object; its size is asked for first."""
        with self._reaching():
            size = self._filesystem.size(self._at(path))
            if size is not None and size > most:
                raise OddFileError.too_large(path, size, most)
            data: bytes = self._filesystem.cat_file(self._at(path))
        return data

    def create_folder(self, path: str, files: Mapping[str, bytes], marker: str) -> None:
        """Claim the version, write its objects, the marker last, and give up the claim."""
        claim = self._at(path, CLAIM)
        self._refuse_published(path, marker)
        with self._reaching():
            self._create(claim, uuid4().hex.encode())
        written = [claim]
        try:
            # Another may have published between the look and the claim: its files are not ours to remove.
            self._refuse_published(path, marker)
            for name in sorted(files, key=lambda each: each == marker):
                written.append(self._at(path, name))
                with self._reaching():
                    self._create(written[-1], files[name])
        except BaseException:
            self._remove(reversed(written))
            raise
        self._remove([claim])

    def _refuse_published(self, path: str, marker: str) -> None:
        with self._reaching():
            self._filesystem.invalidate_cache()
            if self._filesystem.exists(self._at(path, marker)):
                raise FileExistsError(errno.EEXIST, "published already", path)

    def replace(self, path: str, data: bytes) -> None:
        """Write the object: stores replace it whole."""
        with self._reaching():
            self._filesystem.pipe_file(self._at(path), data)

    def remove(self, path: str) -> None:
        """Remove an object, or all under a prefix."""
        with self._reaching(), suppress(FileNotFoundError):
            self._filesystem.rm(self._at(path), recursive=True)

    def append(self, path: str, line: bytes) -> None:
        """Read, write, and read again until the line is there."""
        for _ in range(APPEND_ATTEMPTS):
            try:
                before = self.read(path, MAX_APPENDED_BYTES)
            except FileNotFoundError:
                before = b""
            if line in before:
                return
            self.replace(path, before + line)
        if line not in self.read(path, MAX_APPENDED_BYTES):
            raise OSError(errno.EBUSY, "other writers keep overwriting it", path)

    @contextmanager
    def exclusive(self, path: str) -> Iterator[None]:
        """Do nothing: object stores have no locks."""
        del path
        yield

    def _at(self, *parts: str) -> str:
        return "/".join([self._root, *(part for part in parts if part)])

    def _create(self, path: str, data: bytes) -> None:
        """Write the object only if there is none, where the store can do that."""
        try:
            self._filesystem.pipe_file(path, data, mode="create")
        except (NotImplementedError, TypeError):
            self._filesystem.pipe_file(path, data)

    def _remove(self, paths: Iterator[str] | list[str]) -> None:
        """Remove what can be removed: what is left is invisible without its marker."""
        for path in paths:
            with suppress(OSError), self._reaching():
                self._filesystem.rm_file(path)

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Turn whatever a store's own client raises into OSError."""
        try:
            yield
        except OSError:
            raise
        except Exception as error:
            first_line = str(error).partition("\n")[0]
            raise OSError(errno.EIO, f"{type(error).__name__}: {first_line}") from error
