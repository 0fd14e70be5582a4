"""A retraining that is killed anywhere, and started again: one set, one version and one move of an alias in all."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from detector.registry.folder import FolderStorage
from detector.registry.registry import Registry
from tests import commands
from tests.commands import Ran
from tests.training.retrain.conftest import SMALL, await_another_second, given
from training.data.store import DataSets

WRITES = ("create_folder", "replace", "append")

RUN: tuple[str, ...] = (
    "the lease",
    "that it began",
    "the set",
    "that the set is there",
    "the version",
    "the move's line",
    "the alias",
)
RUN += ("what it came to", "the end of the lease")
"""What a run writes, in this order."""


class Killed(BaseException):
    """No part of a program that was killed goes on."""


class Death:
    """Writes until the ``last`` one; nothing is written any more then. ``None``: for ever."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, last: int | None, error: BaseException | None = None) -> None:
        self.written: list[str] = []
        self._last = last
        self._error = error or Killed()
        for name in WRITES:
            monkeypatch.setattr(FolderStorage, name, self._counted(getattr(FolderStorage, name)))

    def _counted(self, write: Callable[..., None]) -> Callable[..., None]:
        def counted(storage: FolderStorage, path: str, *rest: object, **named: object) -> None:
            if len(self.written) == self._last:
                raise self._error
            self.written.append(path)
            write(storage, path, *rest, **named)

        return counted


@pytest.fixture(scope="module")
def begun(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where a first run has put a champion in charge."""
    folder = tmp_path_factory.mktemp("begun")
    assert run(folder, log).code == 0
    return folder


@pytest.fixture
def folder(begun: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(begun, tmp_path / "copy"))


def flags(folder: Path, log: Path) -> tuple[str, ...]:
    """How it is called."""
    places = ("--registry", str(folder / "registry"), "--datasets", str(folder / "sets"))
    return ("retrain", *given(log), "--no-incidents", *SMALL, *places)


def run(folder: Path, log: Path, *more: str) -> Ran:
    """Retrain once."""
    await_another_second()
    return commands.run(*flags(folder, log), *more, ODDFLOW_SHADOW__SHARE="0")


def moves(written: list[str]) -> int:
    """How often an alias was moved."""
    return sum("/aliases/" in each for each in written)


def test_what_a_run_writes(folder: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writes that the tests below kill it before are all that there are."""
    life = Death(monkeypatch, None)
    assert run(folder, log).code == 0
    assert len(life.written) == len(RUN), life.written
    assert "/aliases/" in life.written[RUN.index("the alias")]


@pytest.mark.parametrize("more", [(), ("--promote",)], ids=["challenger", "promoted"])
@pytest.mark.parametrize("last", range(len(RUN)), ids=RUN)
def test_killed_anywhere_it_goes_on(
    folder: Path, log: Path, monkeypatch: pytest.MonkeyPatch, last: int, more: tuple[str, ...]
) -> None:
    """The champion is untouched until its alias moves, once; there is one new set and one new version."""
    registry, sets = Registry(str(folder / "registry")), DataSets(str(folder / "sets"))
    champion = registry.resolve("flows")
    with monkeypatch.context() as patch:
        first = Death(patch, last)
        with suppress(Killed):
            run(folder, log, *more)
    if not moves(first.written):
        assert registry.aliases("flows") == {"champion": champion}
    done = last > RUN.index("what it came to")
    with monkeypatch.context() as patch:
        second = Death(patch, None)
        assert done or run(folder, log, *more).code == 0
    versions = registry.versions("flows")
    assert (len(versions), len(sets.versions("retrain-flows"))) == (2, 2)
    assert registry.aliases("flows") == (
        {"champion": versions[1]} if more else {"champion": champion, "challenger": versions[1]}
    )
    assert moves([*first.written, *second.written]) == 1


DIES = """
import os, signal
from detector.cli import app
from detector.registry.registry import Registry

def dies(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

Registry.promote = dies
app()
"""


@pytest.mark.slow
def test_a_real_kill_between_publishing_and_the_alias(folder: Path, log: Path) -> None:
    """The version is there and nothing points to it; the next call points to it at once, though the lease was held."""
    registry = Registry(str(folder / "registry"))
    before = registry.aliases("flows")
    died = subprocess.run(
        [sys.executable, "-c", DIES, *flags(folder, log)],
        capture_output=True,
        timeout=300,
        check=False,
        env=dict(os.environ),
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert (registry.aliases("flows"), len(registry.versions("flows"))) == (before, 2)
    assert run(folder, log).code == 0
    assert registry.aliases("flows") == {**before, "challenger": registry.versions("flows")[1]}


@pytest.mark.parametrize("what", ["the version", "the move's line", "the alias"])
def test_a_registry_that_goes_away_is_told(folder: Path, log: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Nothing is half-published and the champion stays; once it is back, a run ends well."""
    registry = Registry(str(folder / "registry"))
    before = registry.aliases("flows")
    with monkeypatch.context() as patch:
        Death(patch, RUN.index(what), OSError(errno.EHOSTDOWN, "Host is down"))
        ran = run(folder, log)
    assert (ran.code, "Host is down" in ran.err, registry.aliases("flows")) == (5, True, before), ran.err
    for version in registry.versions("flows"):
        registry.fetch("flows", version)
    assert run(folder, log).code == 0
    assert registry.aliases("flows") == {**before, "challenger": registry.versions("flows")[1]}


def test_a_set_that_is_gone_is_built_again(folder: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose own disk went with its pod goes on with a new set."""
    with monkeypatch.context() as patch, suppress(Killed):
        Death(patch, RUN.index("the version"))
        run(folder, log)
    shutil.rmtree(folder / "sets")
    assert run(folder, log).code == 0
    assert len(Registry(str(folder / "registry")).versions("flows")) == 2
