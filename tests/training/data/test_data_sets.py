"""``oddflow dataset``: what is built reads back as the original, never changes, and says what is wrong with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import mlcroissant  # type: ignore[import-untyped]  # it has no types
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from detector.bundle.manifest import decode_manifest
from detector.errors import InputError, OutputError
from detector.scoring.dataset import Dataset, read_dataset
from tests.commands import run
from tests.training.small_days import lines_of
from training.data.build import Wanted, assembled, build
from training.data.manifest import FLOWS, MANIFEST, SetInfo
from training.data.store import DataSets
from training.simulator.scenario import DEFAULT_START, Scenario

AT = datetime(2026, 11, 29, 5, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some minutes of labelled flows of few hosts, and a record that cannot be used."""
    scenario = Scenario(
        seed=5, hosts=25, start=DEFAULT_START + 10 * 3600.0, duration_s=600.0, attacks=("vertical-scan",)
    )
    path = tmp_path_factory.mktemp("logs") / "conn.log"
    path.write_bytes(b"\n".join([*lines_of(scenario), b'{"no": "flow"}']) + b"\n")
    return path


@pytest.fixture(scope="module")
def read(log: Path) -> Dataset:
    """The same, read."""
    return read_dataset([log], "zeek-json", labels=True)


@pytest.fixture
def built(read: Dataset, tmp_path: Path) -> tuple[DataSets, SetInfo]:
    """A set of them."""
    sets = DataSets(str(tmp_path / "sets"))
    return sets, build(sets, read, Wanted(name="office"), now=AT)


def files_of(tmp_path: Path, info: SetInfo) -> Path:
    """The folder of a set that is built."""
    return tmp_path / "sets" / info.name / "versions" / info.version


def test_a_set_reads_back_as_what_it_was_built_from(read: Dataset, built: tuple[DataSets, SetInfo], log: Path) -> None:
    """Flows, labels, places, digest and what could not be used are those of the original; folders are left out."""
    sets, info = built
    back = sets.read("office")
    assert_frame_equal(back.frame, read.frame)
    assert (back.sha256, back.format, back.topic) == (read.sha256, "zeek-json", None)
    assert (back.sources, dict(back.rejected)) == ((log.name,), dict(read.rejected))
    assert (back.dataset, back.dataset_sha256) == (info.reference, info.digest)
    assert str(log.parent) not in repr(sets.info("office"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of rdflib and pandas, as mlcroissant calls them
def test_mlcroissant_loads_the_manifest_and_the_records(
    built: tuple[DataSets, SetInfo], read: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stock package verifies the file's digest and gives every flow, without a network."""

    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("a connection was made")

    monkeypatch.setattr("socket.socket.connect", no_network)
    loaded = mlcroissant.Dataset(jsonld=str(files_of(tmp_path, built[1]) / MANIFEST))
    records = list(loaded.records("flows"))
    assert len(records) == len(read.frame)
    first = read.frame.row(0, named=True)
    assert {name: records[0][f"flows/{name}"] for name in ("ts", "src_port", "src_bytes", "offset")} == {
        name: first[name] for name in ("ts", "src_port", "src_bytes", "offset")
    }
    assert records[0]["flows/src_ip"].decode() == first["src_ip"]
    assert not loaded.metadata.issues.errors


def test_filters_are_named_with_what_they_left_out(read: Dataset) -> None:
    """Flows before a time, after it, and of an excluded network are not in the set, and are counted."""
    middle, host = float(read.frame["ts"].median()), read.frame["src_ip"][0]  # type: ignore[arg-type]  # a number
    info, _, flows = assembled(read, Wanted(name="office", since=middle, exclude=[f"{host}/32"]), AT)
    kept = pl.read_parquet(flows)
    assert kept["ts"].min() >= middle  # type: ignore[operator]  # a number
    assert host not in {*kept["src_ip"], *kept["dst_ip"]}
    assert sum(each.rows for each in info.left_out) == len(read.frame) - len(kept)
    assert info.left_out[1].why == f"flows from or to {host}/32"


def test_labels_say_where_they_came_from(read: Dataset) -> None:
    """The format's own labels, those by address, and none are told apart."""
    host = read.frame["src_ip"][0]
    unlabelled = Dataset(read.frame.drop("label"), read.format, read.sources, read.sha256, {}, {})
    by_address = assembled(unlabelled, Wanted(name="a", attackers=[host]), AT)[0]
    assert (by_address.labels_from, by_address.attackers) == ("attackers", (host,))
    assert assembled(read, Wanted(name="a", attackers=[host]), AT)[0].labels_from == "format and attackers"
    assert assembled(unlabelled, Wanted(name="a"), AT)[0].labels_from == "none"
    assert by_address.labels["attacker"] + by_address.labels["benign"] == by_address.rows


def flip(path: Path) -> None:
    """Change one byte in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda folder: flip(folder / FLOWS), "flows.parquet is corrupt (it is not what the manifest says)"),
        (lambda folder: (folder / FLOWS).unlink(), "flows.parquet is corrupt (it is missing)"),
        (lambda folder: (folder / FLOWS).write_bytes(b"PAR1"), "flows.parquet is corrupt"),
        (lambda folder: flip(folder / MANIFEST), "croissant.json is corrupt"),
        (lambda folder: (folder / MANIFEST).write_bytes(b"{}"), "croissant.json is corrupt (KeyError"),
        (lambda folder: (folder / MANIFEST).write_bytes(b""), "croissant.json is corrupt"),
    ],
    ids=["a byte of the flows", "no flows", "cut off", "a byte of the manifest", "another document", "empty"],
)
def test_a_harmed_set_is_refused(
    built: tuple[DataSets, SetInfo], tmp_path: Path, harm: Callable[[Path], object], told: str
) -> None:
    """Whatever is not as it was written is a clear error, never other flows."""
    harm(files_of(tmp_path, built[1]))
    with pytest.raises(InputError) as error:
        built[0].read("office")
    assert told in str(error.value)


def test_an_unknown_set_is_told_with_names_near_it(built: tuple[DataSets, SetInfo]) -> None:
    """A slip in a name or a version is answered by what there is."""
    sets, info = built
    with pytest.raises(InputError, match="has no set offcie \\(there is office\\)"):
        sets.read("offcie")
    with pytest.raises(InputError, match=f"no version 2026; it has {info.version}"):
        sets.read("office@2026")


def test_of_two_builders_of_one_version_one_is_told(read: Dataset, tmp_path: Path) -> None:
    """Two at once leave one whole version; the other gets an error that says what happened."""
    sets = DataSets(str(tmp_path / "sets"))
    wanted = Wanted(name="office")
    with ThreadPoolExecutor(2) as pool:
        errors = [each.exception() for each in [pool.submit(build, sets, read, wanted, now=AT) for _ in range(2)]]
    assert sorted(str(type(each).__name__) for each in errors) == ["NoneType", "OutputError"]
    assert len(sets.versions("office")) == 1
    assert_frame_equal(sets.read("office").frame, read.frame)


def test_a_full_disk_leaves_nothing(read: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A set that does not fit is not there at all."""

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    sets = DataSets(str(tmp_path / "sets"))
    monkeypatch.setattr("detector.registry.folder.os.write", full)
    with pytest.raises(OutputError, match="No space left on device"):
        build(sets, read, Wanted(name="office"), now=AT)
    assert sets.names() == []
    assert list((tmp_path / "sets" / "office" / "versions").iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "code", "told"),
    [
        (["--attacker", "203.0.113.99"], 3, "no flow has this address"),
        (["--since", "2031-01-01"], 3, "flows are too few"),
        (["--since", "soon"], 2, "--since soon: give a time"),
        (["--exclude", "office"], 2, "--exclude office: not an address or network"),
        (["--name", "../up"], 2, "cannot name a data set"),
    ],
)
def test_what_cannot_be_built_is_told(log: Path, tmp_path: Path, flags: list[str], code: int, told: str) -> None:
    """Labels that match nothing, too few flows and flags that mean nothing end as one line, nothing written."""
    target = ["--datasets", str(tmp_path / "sets")]
    common = ["dataset", "build", "--name", "office", "--data", str(log), "--format", "zeek-json"]
    exit_code, _, stderr = run(*common, *target, *flags)
    assert (exit_code, told in stderr) == (code, True), stderr
    assert not (tmp_path / "sets").exists()


def test_sets_are_built_listed_and_shown(log: Path, tmp_path: Path) -> None:
    """The commands say what is in a set to people, and all of it to programs."""
    target = ["--datasets", str(tmp_path / "sets")]
    code, out, _ = run("dataset", "build", "--name", "lab", "--data", str(log), "--format", "zeek-json", *target)
    assert (code, "conn.log" in out) == (0, True)
    listed = json.loads(run("dataset", "list", "--json", *target)[1])
    assert [each["name"] for each in listed] == ["lab"]
    shown = run("dataset", "show", "lab", *target)[1]
    assert f"lab@{listed[0]['version']}" in shown
    assert "1 missing_field" in shown
    assert run("train", "--dataset", "lab", "--data", str(log), *target)[0] == 2


TRAINING = ("--kind", "isolation-forest", "--folds", "0", "--param", "n_estimators=10", "--model", "flows")


@pytest.mark.slow
def test_the_same_set_and_seed_give_the_same_arrays(log: Path, tmp_path: Path) -> None:
    """Trained twice from a set, in two processes, and once from the original: the arrays are equal to the byte."""
    target = ["--datasets", str(tmp_path / "sets")]
    run("dataset", "build", "--name", "lab", "--data", str(log), "--format", "zeek-json", *target)
    given = ["--dataset", "lab", *target]
    places = [tmp_path / name for name in ("one", "two", "three")]
    assert run("train", *given, "--registry", str(places[0]), *TRAINING)[0] == 0
    command = [sys.executable, "-m", "detector", "train", *given, "--registry", str(places[1]), *TRAINING]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": "77"}, timeout=300)
    from_files = ["--data", str(log), "--format", "zeek-json"]
    assert run("train", *from_files, "--registry", str(places[2]), *TRAINING)[0] == 0
    folders = [next((place / "flows" / "versions").iterdir()) for place in places]
    arrays = [(folder / "arrays.safetensors").read_bytes() for folder in folders]
    assert arrays[0] == arrays[1] == arrays[2]
    named = [decode_manifest((folder / "model.json").read_bytes()).training for folder in folders]
    info = DataSets(str(tmp_path / "sets")).info("lab")
    assert (named[0].dataset, named[0].dataset_sha256) == (info.reference, info.digest)
    assert (named[0].sources, named[0].sha256) == (named[2].sources, named[2].sha256)
