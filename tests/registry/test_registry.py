"""The registry: nothing half-written, aliases that move at once, history that leads back; on folders and objects."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import threading
import tomllib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest

from detector.errors import BundleError, RegistryError
from detector.registry.listing import MAX_BUNDLE_BYTES, allowed_files
from detector.registry.objects import ObjectStorage
from detector.registry.registry import Registry, RegistryUnreachableError

V1, V2, V3 = "20261124T034500Z-aaaaaa", "20261124T034600Z-bbbbbb", "20261124T034700Z-cccccc"


def listed(others: Mapping[str, bytes]) -> dict[str, bytes]:
    """Files with a manifest that lists them, and says no more."""
    manifest = {"files": {name: {"bytes": len(data)} for name, data in others.items()}}
    return {"model.json": json.dumps(manifest).encode(), **others}


FILES = listed({"arrays.safetensors": b"\x00" * 1_000, "card.html": b"<p>"})


def clock() -> Callable[[], datetime]:
    """A clock that goes on by a second at each look."""
    steps = count()
    return lambda: datetime(2026, 11, 24, tzinfo=UTC) + timedelta(seconds=next(steps))


@pytest.fixture(params=["folder", "objects"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A place for a registry: a folder, or an object store in memory."""
    if request.param == "folder":
        yield str(tmp_path / "registry")
        return
    prefix = f"/registry-{uuid4().hex}"
    yield f"memory:/{prefix}"
    memory = fsspec.filesystem("memory")
    if memory.exists(prefix):
        memory.rm(prefix, recursive=True)


@pytest.fixture
def registry(url: str) -> Registry:
    """An empty registry."""
    return Registry(url, now=clock())


def filled(registry: Registry) -> Registry:
    """With three versions, promoted one after the other."""
    for version in (V1, V2, V3):
        registry.publish("flows", version, FILES)
        registry.promote("flows", version, by="ann", reason="newer")
    return registry


def tree(place: Path) -> set[str]:
    """Every file under a folder, hidden ones too, but for lock files."""
    return {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file() and path.name != ".lock"}


def test_what_is_published_is_fetched(registry: Registry) -> None:
    """A version comes back byte for byte, is listed, and can be promoted and resolved by alias or by name."""
    registry.publish("flows", V1, FILES)
    assert registry.fetch("flows", V1) == FILES
    assert registry.manifest("flows", V1) == FILES["model.json"]
    assert (registry.models(), registry.versions("flows"), registry.aliases("flows")) == (["flows"], [V1], {})
    assert registry.promote("flows", V1) is None
    assert registry.aliases("flows") == {"champion": V1}
    assert (registry.resolve("flows"), registry.resolve("flows", V1)) == (V1, V1)


def test_versions_never_change(registry: Registry) -> None:
    """Publishing a version again is refused, and the first stays as it was."""
    registry.publish("flows", V1, FILES)
    with pytest.raises(RegistryError, match=f"publishing flows {V1}: .* has this version already"):
        registry.publish("flows", V1, {"model.json": b"other"})
    assert registry.fetch("flows", V1) == FILES


def test_rolling_back_leads_back_step_by_step(registry: Registry) -> None:
    """Each rollback goes one further back, is in the history, and ends with an error where there is nothing before."""
    filled(registry)
    assert registry.rollback("flows", by="bob", reason="noisy") == V2
    assert registry.rollback("flows") == V1
    with pytest.raises(RegistryError, match=f"nothing before champion {V1}; promote a version by name"):
        registry.rollback("flows")
    assert registry.resolve("flows") == V1
    moves = [(entry.action, entry.version, entry.previous, entry.by) for entry in registry.history("flows")]
    assert moves == [
        ("promote", V1, None, "ann"),
        ("promote", V2, V1, "ann"),
        ("promote", V3, V2, "ann"),
        ("rollback", V2, V3, "bob"),
        ("rollback", V1, V2, ""),
    ]
    registry.promote("flows", V3)
    assert registry.rollback("flows") == V1


def test_promoting_what_is_promoted_changes_nothing(registry: Registry) -> None:
    """A second promotion of the same version adds no line to the history."""
    filled(registry)
    assert registry.promote("flows", V3) == V3
    assert len(registry.history("flows")) == 3


def test_aliases_are_apart(registry: Registry) -> None:
    """A challenger moves and rolls back without touching the champion."""
    filled(registry)
    registry.promote("flows", V1, "challenger")
    registry.promote("flows", V2, "challenger")
    assert registry.rollback("flows", "challenger") == V1
    assert registry.aliases("flows") == {"challenger": V1, "champion": V3}


def test_an_empty_registry_says_how_to_fill_it(registry: Registry) -> None:
    """Where there is no model yet, the message is the command that makes one."""
    for call in (
        lambda: registry.resolve("flows"),
        lambda: registry.fetch("flows", V1),
        lambda: registry.manifest("flows", V1),
        lambda: registry.promote("flows", V1),
        lambda: registry.rollback("flows"),
    ):
        with pytest.raises(RegistryError, match="has no model flows yet; make one: oddflow train --data FILE"):
            call()
    assert (registry.models(), registry.versions("flows"), registry.history("flows")) == ([], [], [])


def test_unknown_names_are_told_beside_the_known(registry: Registry) -> None:
    """An unknown version or alias is one line with the aliases and versions that there are."""
    filled(registry)
    with pytest.raises(RegistryError) as told:
        registry.resolve("flows", "champoin")
    assert str(told.value) == (
        f"model flows in registry {registry.url} has no version or alias champoin;"
        f" aliases: champion ({V3}); versions: {V1}, {V2}, {V3}"
    )


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", ".hidden", "a\n", "x" * 101, "ü"])
def test_names_cannot_leave_their_folder(registry: Registry, name: str) -> None:
    """A name that is a path, hides, or has other signs is refused wherever a name is given."""
    for call in (
        lambda: registry.publish(name, V1, FILES),
        lambda: registry.publish("flows", name, FILES),
        lambda: registry.publish("flows", V1, FILES | {name: b""}),
        lambda: registry.fetch("flows", name),
        lambda: registry.resolve(name),
        lambda: registry.promote("flows", V1, name),
    ):
        with pytest.raises(RegistryError, match="cannot name"):
            call()
    assert registry.models() == []


def test_of_many_publishers_one_succeeds(url: str) -> None:
    """Of eight that publish one version at once, one does, seven are refused, and the version is of one piece."""
    barrier = threading.Barrier(8)

    def publish(number: int) -> bool:
        files = listed({name: bytes([number]) * 5_000 for name in FILES if name != "model.json"})
        barrier.wait()
        try:
            Registry(url).publish("flows", V1, files)
        except RegistryError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(publish, range(8)))
    assert done.count(True) == 1
    found = Registry(url).fetch("flows", V1)
    assert {data for name, data in found.items() if name != "model.json"} == {bytes([done.index(True)]) * 5_000}


def test_a_publisher_that_looked_too_early_removes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that found no version, and claims it after another has published it, is refused and leaves it whole."""
    url = f"memory://registry-{uuid4().hex}"
    winner, loser = Registry(url), Registry(url)
    looked = ObjectStorage._create

    def late(self: ObjectStorage, path: str, data: bytes) -> None:
        monkeypatch.setattr(ObjectStorage, "_create", looked)
        winner.publish("flows", V1, FILES)
        looked(self, path, data)

    monkeypatch.setattr(ObjectStorage, "_create", late)
    with pytest.raises(RegistryError, match="already"):
        loser.publish("flows", V1, FILES)
    assert winner.fetch("flows", V1) == FILES


def test_readers_see_whole_versions_alone(tmp_path: Path) -> None:
    """While versions are published, whoever lists them never finds one that lacks a file."""
    registry = Registry(str(tmp_path))
    ended = threading.Event()
    broken: list[str] = []

    def look() -> None:
        reader = Registry(str(tmp_path))
        while not ended.is_set():
            broken.extend(version for version in reader.versions("flows") if reader.fetch("flows", version) != FILES)

    reading = threading.Thread(target=look)
    reading.start()
    for number in range(40):
        registry.publish("flows", f"v{number:03}", FILES)
    ended.set()
    reading.join(30)
    assert (broken, len(registry.versions("flows"))) == ([], 40)


def test_moves_at_once_are_all_in_the_history(tmp_path: Path) -> None:
    """Of many promotions at once each is one line, each says truly what was before, and the last is the alias."""
    registry = filled(Registry(str(tmp_path)))
    versions = [V1, V2] * 10
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda version: Registry(str(tmp_path)).promote("flows", version), versions))
    moves = registry.history("flows")
    assert [entry.previous for entry in moves[1:]] == [entry.version for entry in moves[:-1]]
    assert registry.resolve("flows") == moves[-1].version


# --- what goes wrong ------------------------------------------------------------------------------------------------


def test_a_disk_that_fills_up_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that finds no space ends as one line that says so, and not a file of the version is left."""
    registry = filled(Registry(str(tmp_path)))
    before = tree(tmp_path)
    real = os.write

    def full(descriptor: int, data: memoryview) -> int:
        if len(data) > 500:
            return real(descriptor, data[:100])  # as a nearly full disk does, before it is full
        if len(data) > 50:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(RegistryError) as told:
        registry.publish("flows", "v4", FILES)
    assert str(told.value) == (
        f"publishing flows v4 in registry {tmp_path}: No space left on device; free some space and try again;"
        " nothing half-written was left"
    )
    with pytest.raises(RegistryError, match=r"promoting flows .*: No space left on device"):
        registry.promote("flows", V1, reason="x" * 200)
    monkeypatch.undo()
    assert tree(tmp_path) == before
    assert (registry.resolve("flows"), len(registry.history("flows"))) == (V3, 3)


@pytest.mark.faults
def test_a_really_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """On a file system of 256 KiB a version that does not fit is refused whole, and a smaller one fits after it."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no file system can be mounted here: needs root")
    try:
        registry = Registry(str(place))
        registry.publish("flows", V1, FILES)
        with pytest.raises(RegistryError, match="No space left on device; free some space"):
            registry.publish("flows", V2, FILES | {"arrays.safetensors": b"\x01" * 400_000})
        assert (registry.versions("flows"), [name for name in tree(place) if V2 in name]) == ([V1], [])
        registry.publish("flows", V3, FILES)
        assert registry.versions("flows") == [V1, V3]
    finally:
        subprocess.run(["umount", str(place)], check=True)  # noqa: S607


def test_an_object_store_that_fails_leaves_nothing_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a store breaks off in the middle of a version, that version is not listed and can be published later."""
    memory = fsspec.filesystem("memory")
    registry = Registry(f"memory://broken-{uuid4().hex}")
    real = type(memory).pipe_file

    def broken(self: object, path: str, value: bytes, **options: object) -> None:
        if path.endswith("card.html"):
            raise ConnectionError("reset by peer")
        real(self, path, value, **options)

    monkeypatch.setattr(type(memory), "pipe_file", broken)
    with pytest.raises(RegistryError, match="reset by peer; check that it is there and may be written"):
        registry.publish("flows", V1, FILES)
    monkeypatch.undo()
    assert registry.versions("flows") == []
    registry.publish("flows", V1, FILES)
    assert registry.fetch("flows", V1) == FILES


def test_a_publisher_that_died_is_cleaned_up(tmp_path: Path) -> None:
    """What a killed publisher left is never listed; the next one removes it once it is old enough to be dead."""
    left, recent = (tmp_path / "flows" / "versions" / f".partial-{name}" for name in ("old-1", "new-1"))
    for each in (left, recent):
        each.mkdir(parents=True)
        (each / "model.json").write_bytes(b"{}")
    os.utime(left, (0, 0))
    registry = Registry(str(tmp_path))
    assert registry.versions("flows") == []
    registry.publish("flows", V1, FILES)
    assert (left.exists(), recent.exists()) == (False, True)


def write(registry: Registry, path: str, data: bytes) -> None:
    """Put bytes where the registry keeps its own."""
    registry._storage.replace(path, data)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"../../etc/passwd\n", b"two words", b"x" * 10_000])
def test_a_corrupt_alias_names_the_cure(registry: Registry, data: bytes) -> None:
    """An alias that holds no version's name is one line with the command that mends it, and that command mends it."""
    filled(registry)
    write(registry, "flows/aliases/champion", data)
    with pytest.raises(RegistryError, match="does not hold the name of a version; set it anew: oddflow models promote"):
        registry.resolve("flows")
    registry.promote("flows", V2)
    assert registry.resolve("flows") == V2


def test_a_corrupt_history_does_not_block_a_rollback(registry: Registry) -> None:
    """Lines of the history that cannot be read are passed over; the rest still leads back."""
    filled(registry)
    good = registry._storage.read("flows/history.jsonl", 10_000).splitlines(keepends=True)
    write(registry, "flows/history.jsonl", b'{"at": 5}\n\xff\x00\n' + good[0] + b"[[[[\n" + good[1] + good[2][:20])
    assert [entry.version for entry in registry.history("flows")] == [V1, V2]
    registry.promote("flows", V2, reason="mend")
    assert registry.rollback("flows") == V1


def test_a_rollback_skips_versions_that_are_gone(tmp_path: Path) -> None:
    """A version that somebody deleted is not rolled back to."""
    registry = filled(Registry(str(tmp_path)))
    for file in (tmp_path / "flows" / "versions" / V2).iterdir():
        file.unlink()
    assert registry.rollback("flows") == V1


def test_a_huge_version_is_not_fetched(tmp_path: Path) -> None:
    """A file that grew, however much, is refused by its size, before anything of it is read."""
    registry = filled(Registry(str(tmp_path)))
    with (tmp_path / "flows" / "versions" / V1 / "arrays.safetensors").open("r+b") as file:
        file.truncate(1 << 40)  # sparse: takes no space
    with pytest.raises(BundleError, match=r"arrays\.safetensors has 1,099,511,627,776 bytes, not the 1,000 of its"):
        registry.fetch("flows", V1)


def test_a_stray_file_is_refused_unread(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that the manifest does not list is named, and neither it nor any other is read."""
    filled(registry)
    write(registry, f"flows/versions/{V1}/stray.bin", b"x" * 1_000)
    read: list[str] = []
    storage = registry._storage
    whole = storage.read

    def noted(path: str, most: int) -> bytes:
        read.append(path)
        return whole(path, most)

    monkeypatch.setattr(storage, "read", noted)
    with pytest.raises(BundleError, match=rf"reading flows {V1} in .*: file stray\.bin is not in its manifest"):
        registry.fetch("flows", V1)
    assert read == [f"flows/versions/{V1}/model.json"]


def test_a_manifest_may_not_ask_for_more_than_a_bundle_has() -> None:
    """Files that are as large as the manifest says, and more than a bundle may have, are refused."""
    manifest = json.dumps({"files": {"arrays.safetensors": {"bytes": MAX_BUNDLE_BYTES + 1}}}).encode()
    with pytest.raises(BundleError, match="bytes are more than a bundle may have"):
        allowed_files(manifest, {"model.json": len(manifest), "arrays.safetensors": MAX_BUNDLE_BYTES + 1})


@pytest.mark.parametrize("manifest", [b"", b"\xff", b"[]", b'{"files": 3}', b"[" * 100_000])
def test_of_an_unreadable_manifest_nothing_else_is_read(registry: Registry, manifest: bytes) -> None:
    """A manifest that is none is given alone: whoever reads the bundle says what is wrong with it."""
    registry.publish("flows", V1, FILES | {"model.json": manifest})
    assert registry.fetch("flows", V1) == {"model.json": manifest}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("path", ["aliases/champion", f"versions/{V3}/model.json", "history.jsonl"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, path: str) -> None:
    """Where a pipe lies in a file's place nothing hangs: it is an error, or as if it were not there."""
    registry = filled(Registry(str(tmp_path)))
    odd = tmp_path / "flows" / path
    odd.unlink()
    os.mkfifo(odd)
    looks: list[Callable[[], object]] = [
        lambda: registry.resolve("flows"),
        lambda: registry.fetch("flows", V3),
        lambda: registry.manifest("flows", V3),
        lambda: registry.history("flows"),
        lambda: registry.aliases("flows"),
    ]
    refused = 0
    for look in looks:
        try:
            look()
        except (RegistryError, BundleError):
            refused += 1
    assert refused


def test_a_link_to_a_device_is_no_alias(tmp_path: Path) -> None:
    """An alias that leads to a device without end is refused, and set anew by promoting."""
    registry = filled(Registry(str(tmp_path)))
    alias = tmp_path / "flows" / "aliases" / "champion"
    alias.unlink()
    alias.symlink_to("/dev/zero")
    with pytest.raises(RegistryError, match="does not hold the name of a version"):
        registry.resolve("flows")
    registry.promote("flows", V2)
    assert registry.resolve("flows") == V2


def test_an_odd_alias_or_link_hides_no_other(tmp_path: Path) -> None:
    """An alias that is empty, and a link that leads round to itself, keep nobody from the sound ones."""
    registry = filled(Registry(str(tmp_path)))
    registry.promote("flows", V1)
    (tmp_path / "flows" / "aliases" / "stray").touch()
    for folder in (tmp_path, tmp_path / "flows" / "versions"):
        (folder / "loop").symlink_to("loop")
    assert registry.aliases("flows") == {"champion": V1}
    assert registry.versions("flows") == [V1, V2, V3]
    assert registry.models() == ["flows"]
    with pytest.raises(RegistryError, match=r"aliases: champion \(.*\); versions"):
        registry.resolve("flows", "nothing")


@pytest.mark.parametrize("url", ["nosuch://bucket/x"])
def test_an_unknown_scheme_is_one_line(url: str) -> None:
    """A URL that fsspec does not know is one line that shows a good one."""
    with pytest.raises(RegistryError, match=r"opening registry nosuch://bucket/x: .*such as s3://bucket/models"):
        Registry(url)


@pytest.mark.parametrize(
    ("url", "extra"), [("s3://bucket/models", "s3"), ("gs://bucket/models", "gcs"), ("gcs://bucket/models", "gcs")]
)
def test_a_store_whose_package_is_missing_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, url: str, extra: str
) -> None:
    """Without the package of an object store, one line says which extra of oddflow brings it, and there is one."""

    def lacking(_url: str) -> None:
        raise ImportError("Install it to access the store")

    monkeypatch.setattr("fsspec.core.url_to_fs", lacking)
    with pytest.raises(RegistryError) as raised:
        Registry(url)
    assert str(raised.value).endswith(f"; pip install 'oddflow[{extra}]'")
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert extra in project["optional-dependencies"]


def test_a_store_that_cannot_be_reached_may_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a store's client raises is one line without credentials, marked as worth another try."""
    registry = Registry("memory://user:secret@bucket/models")
    monkeypatch.setattr(type(fsspec.filesystem("memory")), "glob", _refuse)
    with pytest.raises(RegistryUnreachableError) as told:
        registry.versions("flows")
    assert told.value.retryable
    assert str(told.value) == (
        "reading the versions of flows in registry memory://***@bucket/models: RuntimeError: token expired;"
        " check that it is there and may be read"
    )
    assert "secret" not in str(told.value)


def _refuse(*arguments: object, **options: object) -> Mapping[str, object]:
    del arguments, options
    raise RuntimeError("token expired\n  at line 5 of the client")
