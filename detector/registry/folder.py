"""Registry storage in a folder of a local or network file system.

A new version is written into a hidden sibling and renamed: it appears whole or not at all, also when the disk fills
up or the process is killed. Small files are replaced by rename. Everything is on disk (fsync) before it is visible.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from detector.registry.odd import OddFileError

ABANDONED_S = 3600.0
"""A hidden sibling older than this was left by a publisher that died; the next one removes it."""

PARTIAL = ".partial-"


class FolderStorage:
    """Files under ``root``, which is made on the first write."""

    def __init__(self, root: str | Path) -> None:
        self._root = Path(root)

    def folders(self, path: str, holding: str = "") -> list[str]:
        """Names of the folders under ``path`` that hold a file ``holding``, sorted."""
        try:
            found = [entry.name for entry in os.scandir(self._root / path) if _is_folder(entry)]
        except FileNotFoundError:
            return []
        whole = [name for name in found if not holding or (self._root / path / name / holding).is_file()]
        return sorted(name for name in whole if not name.startswith("."))

    def files(self, path: str) -> dict[str, int]:
        """Names and sizes of the files under ``path``."""
        try:
            entries = [entry for entry in os.scandir(self._root / path) if entry.is_file(follow_symlinks=False)]
            return {entry.name: entry.stat().st_size for entry in entries if not entry.name.startswith(".")}
        except FileNotFoundError:
            return {}

    def read(self, path: str, most: int) -> bytes:
        """Contents of a file; it is looked at before it is read, and a pipe is not waited for."""
        descriptor = os.open(self._root / path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise OddFileError.no_file(path)
            if found.st_size > most:
                raise OddFileError.too_large(path, found.st_size, most)
            return file.read()

    def create_folder(self, path: str, files: Mapping[str, bytes], marker: str) -> None:  # noqa: ARG002
        """Write the files aside, then rename: the rename is the marker."""
        final = self._root / path
        if final.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(final))
        final.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(final.parent)
        aside = final.with_name(f"{PARTIAL}{final.name}-{uuid4().hex}")
        try:
            aside.mkdir()
            for name, data in files.items():
                _write(aside / name, data)
            _sync_folder(aside)
            _rename_folder(aside, final)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        _sync_folder(final.parent)

    def replace(self, path: str, data: bytes) -> None:
        """Write aside, then rename over the old file."""
        final = self._root / path
        final.parent.mkdir(parents=True, exist_ok=True)
        aside = final.with_name(f"{PARTIAL}{final.name}-{uuid4().hex}")
        try:
            _write(aside, data)
            aside.replace(final)
        finally:
            aside.unlink(missing_ok=True)
        _sync_folder(final.parent)

    def remove(self, path: str) -> None:
        """Remove a file or a folder."""
        target = self._root / path
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)

    def append(self, path: str, line: bytes) -> None:
        """Add a line; one that does not fit on the disk is taken back. Needs :meth:`exclusive`, which makes the folder.

        Where it is gone by then, as that of a file system that is mounted no more, no other begins in its place.
        """
        with (self._root / path).open("ab", buffering=0) as file:
            end = file.tell()
            try:
                _write_all(file.fileno(), line)
            except OSError:
                file.truncate(end)
                raise
            os.fsync(file.fileno())

    @contextmanager
    def exclusive(self, path: str) -> Iterator[None]:
        """Hold a lock file (flock): released by the system even if the process dies."""
        folder = self._root / path
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is one, or a link to one; a link that leads round to itself is none, and hides no other."""
    try:
        return entry.is_dir()
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        return False


def _write(path: Path, data: bytes) -> None:
    with path.open("xb", buffering=0) as file:
        _write_all(file.fileno(), data)
        os.fsync(file.fileno())


def _write_all(descriptor: int, data: bytes) -> None:
    """Write everything: on a nearly full disk a single write may take only a part."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _rename_folder(aside: Path, final: Path) -> None:
    """Rename; of two publishers of one version the second gets FileExistsError, whatever the system calls it."""
    try:
        aside.rename(final)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(final)) from error
        raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_abandoned(folder: Path) -> None:
    now = time.time()
    for left in folder.glob(f"{PARTIAL}*"):
        if now - left.stat().st_mtime > ABANDONED_S:
            shutil.rmtree(left, ignore_errors=True)
