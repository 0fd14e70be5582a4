"""What a trainer may be given, or lose on the way: a clear error, nothing half-published, the champion untouched."""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detector.bundle.files import read_bundle
from detector.bundle.verdict import VERDICT, decode_verdict
from detector.registry import folder
from detector.registry.registry import Registry
from tests.commands import run
from tests.training import small_days
from tests.training.small_days import SMALL, Record, judged, records, write
from training import workflow

pytestmark = pytest.mark.slow

FAST = (*SMALL, "--folds", "0")
"""Nothing is measured."""


@pytest.fixture(scope="module")
def rows() -> list[Record]:
    """Labelled flows, with attacks, and with two numbers of the user's own."""
    flows = records(1, ("vertical-scan",))
    return [{**row, "jitter": float(place % 7), "verdict": 1.0} for place, row in enumerate(flows)]


@pytest.fixture(scope="module")
def shelf(rows: list[Record], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry whose champion needs the user's own numbers, beside the log and the settings that it is of."""
    place = tmp_path_factory.mktemp("shelf")
    write(place / "today.log", rows)
    code, last = train(place)
    assert code == 0, last
    made = int(time.time())
    while int(time.time()) == made:  # a version's name is its second and its contents, and a test may make it again
        time.sleep(0.02)
    return place


@pytest.fixture
def place(shelf: Path, tmp_path: Path) -> Path:
    """The same, of one test's own."""
    shutil.copytree(shelf, tmp_path / "place")
    return tmp_path / "place"


def train(place: Path, *more: str, log: str = "today.log") -> tuple[int, str]:
    """Run ``oddflow train`` with the user's own numbers; its exit code and last line of standard error."""
    return small_days.train(place, *FAST, *more, log=log, mapped=True)


def tree(place: Path) -> dict[str, bytes]:
    """Every file in a place, locks apart."""
    return {
        str(path.relative_to(place)): path.read_bytes()
        for path in place.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def labelled(label: object) -> Callable[[list[Record]], list[Record]]:
    """Have every record this label."""
    return lambda rows: [{**row, "label": label} for row in rows]


@pytest.mark.parametrize(
    ("change", "more", "says"),
    [
        (lambda rows: rows[:40], (), "flows are too few"),
        (labelled("Malicious"), (), "every flow is labelled an attack; give flows of ordinary traffic too"),
        (labelled("Malicious"), ("--train-on", "normal"), "no flow is labelled benign"),
        (labelled(None), ("--train-on", "normal"), "no flow is labelled benign"),
        (labelled("Benign"), ("--attacker", "198.51.100.77"), "no flow has this address"),
    ],
    ids=["too few", "attacks alone", "attacks alone, normal", "no label", "an attacker that is nowhere"],
)
def test_flows_that_cannot_be_trained_on_change_nothing(
    place: Path,
    rows: list[Record],
    change: Callable[[list[Record]], list[Record]],
    more: tuple[str, ...],
    says: str,
) -> None:
    """Too few rows, one class alone and labels that match nothing end with 3, and the registry is as it was."""
    before = tree(place / "registry")
    write(place / "odd.log", change(rows))
    code, last = train(place, *more, log="odd.log")
    assert (code, says in last) == (3, True), last
    assert tree(place / "registry") == before


def test_a_set_whose_features_differ_is_told(place: Path) -> None:
    """A set without a number that the champion needs cannot be evaluated, and a model of it is not held against it."""
    target = ("--datasets", str(place / "sets"))
    log = ("--data", str(place / "today.log"), "--format", "zeek")
    assert run("dataset", "build", "--name", "plain", *log, *target)[0] == 0
    registry = Registry(str(place / "registry"))
    champion = registry.resolve("flows")
    given = ("--dataset", "plain", *target, "--registry", registry.url)
    code, _, err = run("evaluate", *given)
    assert (code, "needs column extra.jitter, which these flows do not carry" in err) == (6, True), err
    code, _, err = run("train", *given, *SMALL, "--folds", "2")
    assert (code in {0, 9}, registry.resolve("flows")) == (True, champion), err
    loss = judged(registry)["largest_loss"]
    assert loss.passed is None
    assert "needs column extra.jitter" in loss.why


def harm(place: Path, name: str) -> None:
    """Change a byte in the middle of a file of the champion."""
    (path,) = (place / "registry").rglob(name)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x11
    path.chmod(0o644)
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["card.json", "card.html"])
def test_a_corrupt_card_is_not_given_out(place: Path, name: str) -> None:
    """A card that is not what the manifest says ends with 6 and is written nowhere; its model scores nothing."""
    harm(place, name)
    output = place / f"copy-{name}"
    code, _, err = run("models", "card", "--registry", str(place / "registry"), "--output", str(output))
    assert (code, name in err, output.exists()) == (6, True, False), err
    code, _, err = run("score", "--data", str(place / "today.log"), "--registry", str(place / "registry"))
    assert (code, name in err) == (6, True), err


@pytest.mark.parametrize("name", ["model.json", "arrays.safetensors", "card.json"])
def test_a_corrupt_champion_keeps_nobody_from_training(place: Path, name: str) -> None:
    """What is in charge and broken is not compared with, and is told; the new model waits as the challenger."""
    registry = Registry(str(place / "registry"))
    champion = registry.resolve("flows")
    harm(place, name)
    code, last = train(place)
    assert code == 0, last
    challenger = registry.resolve("flows", "challenger")
    assert registry.resolve("flows") == champion != challenger
    assert read_bundle(registry.fetch("flows", challenger)).version == challenger
    verdict = decode_verdict(registry.file("flows", challenger, VERDICT))
    (why,) = {each.why for each in verdict.rules if each.rule in {"largest_loss", "most_drifted_features"}}
    assert f"the champion {champion} cannot be compared with: " in why


def at_call(
    monkeypatch: pytest.MonkeyPatch, owner: object, name: str, number: int, happens: Callable[[], object]
) -> None:
    """Have something happen right before a function is called for that time."""
    real, calls = getattr(owner, name), itertools.count(1)

    def counted(*given: Any, **named: Any) -> Any:
        if next(calls) == number:
            happens()
        return real(*given, **named)

    monkeypatch.setattr(owner, name, counted)


def full() -> None:
    """A write finds no space."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def read_only() -> None:
    """The file system became read-only, as after an error of its disk."""
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


WRITE, APPEND, COMPARE = (folder, "_write"), (folder.FolderStorage, "append"), (workflow, "beside")
"""Of a file; of a line of the history, before the alias moves; of the new model beside the champion."""


@pytest.mark.parametrize(
    ("target", "number", "happens"),
    [(WRITE, 1, full), (WRITE, 4, full), (WRITE, 4, read_only), (APPEND, 1, full)],
    ids=["full at once", "full between files", "read-only between files", "full before the alias moves"],
)
def test_a_registry_that_cannot_be_written_any_more(
    place: Path, monkeypatch: pytest.MonkeyPatch, target: tuple[object, str], number: int, happens: Callable[[], object]
) -> None:
    """Between any two writes it ends with 5 and the reason; no alias moved, every version is whole, and the next
    training goes well."""
    registry = Registry(str(place / "registry"))
    before = tree(place / "registry")
    at_call(monkeypatch, *target, number, happens)
    code, last = train(place)
    monkeypatch.undo()
    told = "No space left on device" if happens is full else "Read-only file system"
    assert (code, told in last) == (5, True), last
    check_whole(registry, before, place)
    assert train(place, "--seed", "2")[0] == 0


@pytest.mark.parametrize(
    ("target", "number"),
    [(COMPARE, 1), (WRITE, 1), (WRITE, 4), (APPEND, 1)],
    ids=["before it is published", "at the first file", "between files", "before the alias moves"],
)
def test_a_registry_that_goes_away_in_between(
    place: Path, monkeypatch: pytest.MonkeyPatch, target: tuple[object, str], number: int
) -> None:
    """Where its folder is gone, as an unmounted one, it ends with 5, and no registry begins in its place; when it is
    back, it is as it was but for a version that was whole by then."""
    home, away = place / "registry", place / "away"
    before = tree(home)
    at_call(monkeypatch, *target, number, lambda: home.rename(away))
    code, last = train(place)
    monkeypatch.undo()
    assert code == 5, last
    assert str(home) in last
    assert not [name for name in tree(home) if "model.json" in name or "aliases" in name or "history" in name]
    shutil.rmtree(home, ignore_errors=True)
    away.rename(home)
    check_whole(Registry(str(home)), before, place)
    assert train(place, "--seed", "2")[0] == 0


def check_whole(registry: Registry, before: dict[str, bytes], place: Path) -> None:
    """No alias moved, what was there is there, and what is listed can be read."""
    now = tree(place / "registry")
    assert {name: now.get(name) for name in before} == before
    assert set(registry.aliases("flows")) == {"champion"}
    for version in registry.versions("flows"):
        assert read_bundle(registry.fetch("flows", version)).version == version


def test_two_trainers_at_once(place: Path) -> None:
    """Of two processes that train the first model at once, both end well: two whole versions, one of them champion."""
    fresh = place / "fresh"
    command = (sys.executable, "-m", "detector", "train", "--data", str(place / "today.log"), "--format", "zeek")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ODDFLOW_")}
    trainers = [
        subprocess.Popen(
            [*command, "--registry", str(fresh), *FAST, "--seed", str(seed), "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        for seed in (1, 2)
    ]
    ended = [each.communicate(timeout=240) for each in trainers]
    assert [each.returncode for each in trainers] == [0, 0], ended
    told = [json.loads(out) for out, _ in ended]
    registry = Registry(str(fresh))
    assert sorted(each["version"] for each in told) == registry.versions("flows")
    aliases = registry.aliases("flows")
    assert sorted(each["alias"] for each in told) == ["challenger", "champion"]
    assert aliases == {each["alias"]: each["version"] for each in told}
    assert [each.alias for each in registry.history("flows")].count("champion") == 1
    for version in registry.versions("flows"):
        assert read_bundle(registry.fetch("flows", version)).version == version
