"""The watcher: a promoted model is ready to take, a bad one is refused once, and an outage changes nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from detector.bundle.files import read_bundle
from detector.bundle.loaded_model import LoadedModel
from detector.deadline import Deadline
from detector.errors import BundleError
from detector.every_metric import open_metrics
from detector.registry.events import ModelRefused, ModelWatchFailed, ModelWatchWorks
from detector.registry.registry import Registry
from detector.registry.watcher import LONGEST_WAIT_S, ModelWatcher
from detector.telemetry.events import Event
from detector.telemetry.metrics import MODEL_REFUSALS
from tests.bundles import bundle, version_of

INTERVAL_S = 0.01


class Followed:
    """A registry of real models, what was told, and the watcher of its champion."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = Registry(str(folder))
        self.told: list[Event] = []
        self.loads = 0
        self.first = self.add(0)
        self.watcher = ModelWatcher(
            self.registry, "flows", "champion", INTERVAL_S, self._load, self.told.append, serving=self.first
        )

    def _load(self, files: Mapping[str, bytes]) -> LoadedModel:
        self.loads += 1
        return read_bundle(files)

    def add(self, number: int, version: str | None = None, spoil: bool = False) -> str:
        """Publish and promote another model; spoilt, one byte of its arrays is another."""
        files = dict(bundle(number))
        if spoil:
            arrays = bytearray(files["arrays.safetensors"])
            arrays[-1] ^= 1
            files["arrays.safetensors"] = bytes(arrays)
        name = version or version_of(files)
        self.registry.publish("flows", name, files)
        self.registry.promote("flows", name)
        return name

    def look(self, times: int = 1) -> LoadedModel | None:
        """Have the watcher look, then take what it has ready."""
        for _ in range(times):
            self.watcher.look()
        return self.watcher.take()

    def refusals(self) -> list[tuple[str, str]]:
        """Version and reason of each refusal told."""
        return [(each.version, each.reason) for each in self.told if isinstance(each, ModelRefused)]


@pytest.fixture
def followed(tmp_path: Path) -> Followed:
    """A registry with one model, which serves, and its watcher."""
    return Followed(tmp_path / "registry")


def test_a_promoted_model_is_given_once(followed: Followed) -> None:
    """What was promoted is verified and given once; what serves already is never loaded again."""
    assert (followed.look(3), followed.loads) == (None, 0)
    version = followed.add(1)
    model = followed.look(3)
    assert model is not None
    assert (model.version, followed.loads, followed.look(3)) == (version, 1, None)
    assert followed.told == [ModelWatchWorks()]


def test_a_rollback_is_followed(followed: Followed) -> None:
    """After a rollback the former model is given again."""
    followed.add(1)
    assert followed.look() is not None
    followed.registry.rollback("flows")
    back = followed.look()
    assert back is not None
    assert back.version == followed.first


def test_there_and_back_before_anyone_took_it_is_no_news(followed: Followed) -> None:
    """A model that was rolled back before it was taken is not given any more."""
    followed.add(1)
    followed.watcher.look()
    followed.registry.rollback("flows")
    assert followed.look() is None


def test_the_latest_promotion_is_given(followed: Followed) -> None:
    """Of two models promoted between two takes the later one is given."""
    followed.add(1)
    followed.watcher.look()
    later = followed.add(2)
    model = followed.look()
    assert model is not None
    assert (model.version, followed.watcher.take()) == (later, None)


def test_a_bad_bundle_is_refused_once_and_the_old_one_stays(followed: Followed) -> None:
    """A bundle with one byte off is told once, loaded once, and the next good one is taken."""
    bad = followed.add(1, spoil=True)
    assert (followed.look(5), followed.refusals(), followed.loads) == (None, [(bad, "bundle")], 1)
    good = followed.add(2)
    model = followed.look()
    assert model is not None
    assert (model.version, followed.refusals()) == (good, [(bad, "bundle")])
    followed.registry.promote("flows", bad)
    assert (followed.look(3), followed.refusals()) == (None, [(bad, "bundle")])


def test_a_bad_bundle_does_not_leave_an_untaken_one_behind(followed: Followed) -> None:
    """A good model that nobody took is not given once the alias names a bad one."""
    followed.add(1)
    followed.watcher.look()
    followed.add(2, spoil=True)
    assert followed.look() is None


def test_a_model_under_another_name_is_refused(followed: Followed) -> None:
    """A bundle that was copied to another version's place is not taken for that version."""
    version = followed.add(1, version="20270101T000000Z-copied")
    assert (followed.look(), followed.refusals()) == (None, [(version, "bundle")])


def test_an_alias_to_nothing_is_refused_until_it_is_there(followed: Followed) -> None:
    """A version that is not there is told once; a store that shows it late has it taken then."""
    version = version_of(bundle(1))
    followed.registry._storage.replace("flows/aliases/champion", version.encode())
    assert (followed.look(3), followed.refusals()) == (None, [(version, "missing")])
    followed.registry.publish("flows", version, bundle(1))
    assert followed.look() is not None


def test_a_defect_in_loading_does_not_end_the_watch(tmp_path: Path) -> None:
    """An error that nobody foresaw is a refusal with its type, and the watch goes on."""
    followed = Followed(tmp_path / "registry")

    def broken(files: Mapping[str, bytes]) -> LoadedModel:
        raise ZeroDivisionError(f"{len(files)} / 0")

    followed.watcher._load = broken
    version = followed.add(1)
    assert (followed.look(2), followed.refusals()) == (None, [(version, "defect")])
    followed.watcher._load = read_bundle
    assert followed.look() is None  # refused for good: publish a new version
    followed.add(2)
    assert followed.look() is not None


def test_an_outage_is_told_once_and_waits_longer(followed: Followed) -> None:
    """A registry that cannot be read is told once an outage; looks come at growing intervals, and at once after it."""
    aliases = followed.folder / "flows" / "aliases"
    aliases.rename(aliases.with_name("away"))
    aliases.write_text("in the way", encoding="utf-8")
    for _ in range(30):
        followed.watcher.look()
    failures = [each.known for each in followed.told if isinstance(each, ModelWatchFailed)]
    assert (failures, followed.watcher._wait_s()) == ([False] + 29 * [True], LONGEST_WAIT_S)
    aliases.unlink()
    aliases.with_name("away").rename(aliases)
    followed.add(1)
    assert followed.look() is not None
    assert followed.watcher._wait_s() == INTERVAL_S
    aliases.rename(aliases.with_name("away"))
    aliases.write_text("in the way", encoding="utf-8")
    followed.watcher.look()
    assert [each for each in followed.told if isinstance(each, ModelWatchWorks)] == [ModelWatchWorks(30)]
    failures = [each.known for each in followed.told if isinstance(each, ModelWatchFailed)]
    assert failures[30:] == [False]


def test_the_thread_brings_a_model_and_stops(followed: Followed) -> None:
    """The watcher's own thread finds a promotion, and stops when asked."""
    followed.watcher.start()
    version = followed.add(1)
    deadline = Deadline.after(60)
    model = None
    while model is None and not deadline.passed:
        time.sleep(0.01)
        model = followed.watcher.take()
    followed.watcher.stop(Deadline.after(10))
    assert model is not None
    assert model.version == version
    assert followed.watcher._thread is not None
    assert not followed.watcher._thread.is_alive()


def test_each_reason_has_its_series() -> None:
    """Every reason that the watcher refuses for is counted from 0, so that an alert rule sees the first one."""
    metrics = open_metrics(CollectorRegistry())
    samples = {sample.labels["reason"] for family in metrics.refused.collect() for sample in family.samples}
    assert samples == set(MODEL_REFUSALS) == {"bundle", "missing", "defect"}


def test_a_spoilt_bundle_is_spoilt() -> None:
    """The bundle that these tests call bad is one that reading refuses."""
    files = dict(bundle(0))
    files["arrays.safetensors"] = files["arrays.safetensors"][:-1] + b"\x01"
    with pytest.raises(BundleError):
        read_bundle(files)


def test_a_stray_file_is_refused_as_a_bad_bundle(followed: Followed) -> None:
    """A version with a file that its manifest does not list is refused once, for the bundle, and never loaded."""
    version = followed.add(1)
    (followed.folder / "flows" / "versions" / version / "stray.bin").write_bytes(b"x")
    assert (followed.look(3), followed.loads) == (None, 0)
    assert followed.refusals() == [(version, "bundle")]


@pytest.mark.timeout(20)
def test_a_pipe_for_an_alias_does_not_hang(followed: Followed) -> None:
    """Where a pipe lies in an alias's place the watch fails, once told, and works again when it is gone."""
    alias = followed.folder / "flows" / "aliases" / "champion"
    alias.unlink()
    os.mkfifo(alias)
    assert followed.look(3) is None
    failed = [event for event in followed.told if isinstance(event, ModelWatchFailed)]
    assert [event.known for event in failed] == [False, True, True]
    version = followed.add(1)
    model = followed.look()
    assert model is not None
    assert model.version == version
