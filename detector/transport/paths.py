"""Which files are meant: names, folders, and globs that no shell has seen, such as those of a settings file.

A folder stands for every file in it and below, a glob (``logs/**/conn.*.gz``) for every file that fits, both by name in
ascending order. What is hidden (``.x``), a marker (``_SUCCESS``) or of no bytes is left out there, and so is one more
way to the same file, by a link to it or to a folder around it; who names a file by its name gets that file.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

from detector.errors import ConfigurationError, InputError
from detector.transport.lines import STDIN


def expanded(paths: Sequence[str]) -> list[str]:
    """The files meant by ``paths``, in their order; ``-`` (standard input) and named files stay as they are.

    Raises InputError for a file that is not there, a folder or glob without any, and a URL; ConfigurationError for a
    file that comes twice: its records would count twice.
    """
    meant = [(given, path) for given in paths for path in _meant(given)]
    by_place: dict[str, str] = {}
    for given, path in meant:
        place = path if path == STDIN else os.path.realpath(path)
        if place in by_place:
            ways = "" if by_place[place] == given else f", by {by_place[place]} and by {given}"
            raise ConfigurationError(f"reading {path}: it is given twice{ways}; give it once")
        by_place[place] = given
    return [path for _, path in meant]


def _meant(given: str) -> list[str]:
    if given == STDIN:
        return [given]
    if "://" in given:
        raise InputError(f"reading {given}: files are read from this machine's disks; fetch it first")
    path = Path(given)
    if path.is_dir():
        return _some(given, path.rglob("*"), within=path)
    if path.exists():
        return [given]
    if glob.has_magic(given):
        return _some(given, map(Path, glob.iglob(given, recursive=True)))  # noqa: PTH207 - it may be absolute
    raise InputError(f"reading {given}: there is no such file{_near(path)}")


def _near(path: Path) -> str:
    if not path.parent.is_dir():
        return f", nor a folder {path.parent}"
    near = get_close_matches(path.name, (each.name for each in path.parent.iterdir()), n=1)
    return f"; did you mean {path.parent / near[0]}?" if near else ""


def _some(given: str, found: Iterable[Path], within: Path | None = None) -> list[str]:
    ways: dict[str, Path] = {}
    for path in sorted((path for path in found if _counts(path, within)), key=_directness):
        ways.setdefault(os.path.realpath(path), path)
    paths = sorted(ways.values())
    if not paths:
        what = "in this folder" if within else "by this pattern"
        raise InputError(f"reading {given}: there is no file {what} with anything in it")
    return [str(path) for path in paths]


def _directness(path: Path) -> tuple[bool, int, Path]:
    """By which of several ways to a file it is called: a link to it comes last, then a longer way."""
    return path.is_symlink(), len(path.parts), path


def _counts(path: Path, within: Path | None) -> bool:
    below = path.relative_to(within).parts if within else path.parts[-1:]
    return not any(part.startswith((".", "_")) for part in below) and path.is_file() and path.stat().st_size > 0
