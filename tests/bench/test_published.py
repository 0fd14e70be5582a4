"""The bench of published figures: what it reads, what it says of what is not there, and what it keeps."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from bench.published import keep, kept, line, main
from bench.published_case import Told
from bench.published_edges import on_the_rest
from bench.published_sets import FIRST_DAY, Stream, adbench, aspects, darpa_edges, delimited, find
from bench.published_tables import adbench_split, logarithms, surprises
from detector.errors import InputError

DAY_S = 86_400.0

LINES = """\
172.016.112.020,192.168.001.010,06/01/1998-07:55,-
010.000.000.001,172.016.112.020,06/30/1998-23:59,smurf
010.000.000.001,172.016.112.020,06/30/1998-23:59,smurf
010.000.000.002,172.016.112.020,07/01/1998-00:00,eject
010.000.000.002,172.016.112.020,07/32/1998-05:31,mscan
172.016.112.020,192.168.001.010,08/01/1998-00:01,-
"""


@pytest.fixture
def zipped(tmp_path: Path) -> Path:
    """DARPA's edges, few."""
    path = tmp_path / "darpa_original.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("darpa_original.csv", LINES)
    return path


def test_edges_are_flows_of_addresses_and_minutes(zipped: Path) -> None:
    """Addresses lose their leading zeros; June has thirty days, July one more, and its thirty-second is the first of
    August.
    """
    edges = darpa_edges(zipped, 1)
    assert edges.flows["src_ip"].to_list()[:2] == ["172.16.112.20", "10.0.0.1"]
    minutes = ((edges.flows["ts"].to_numpy() - FIRST_DAY) / 60.0).tolist()
    assert minutes == [7 * 60 + 55, 30 * 1440 - 1, 30 * 1440 - 1, 30 * 1440, 61 * 1440 + 1, 61 * 1440 + 331]
    assert edges.flows["src_bytes"].null_count() == len(edges.flows)


def test_ticks_and_sites_are_numbered_as_midas_has_them(zipped: Path) -> None:
    """A tick is the rank of a minute's text; an address is one number on both sides of an edge."""
    edges = darpa_edges(zipped, 1)
    assert edges.ticks.tolist() == [1, 2, 2, 3, 5, 4]
    assert edges.destinations.tolist() == [3, 2, 2, 2, 3, 2]
    assert edges.sources.tolist() == [2, 0, 0, 1, 2, 1]


def test_quiet_is_a_name_with_few_edges_that_day(zipped: Path) -> None:
    """Two edges of one name on a day are not quiet where one is the most; benign edges never are."""
    edges = darpa_edges(zipped, 1)
    assert edges.attacks.tolist() == [False, True, True, True, False, True]
    assert edges.quiet.tolist() == [False, False, False, True, False, True]


def test_edges_are_told_by_all_and_by_quiet_attacks(zipped: Path) -> None:
    """Loud attacks that are the oddest, and quiet ones that are the least odd, are 0.5 in all and 0 among the quiet."""
    edges = darpa_edges(zipped, 1)
    told = on_the_rest(edges, np.ones(6, bool), np.array([1.0, 2.0, 2.0, 0.0, 1.0, 0.0]))
    assert (told["rest"], told["quiet"]) == (0.5, 0.0)
    assert np.isnan(on_the_rest(edges, ~edges.attacks, np.zeros(2))["rest"])


def test_memstream_files_must_fit(tmp_path: Path) -> None:
    """Rows and labels are read from text; one label too few is an error that names both files."""
    rows, labels = tmp_path / "memnslnumeric.txt", tmp_path / "memnsllabel.txt"
    rows.write_text("1,2.5\n3,4\n")
    labels.write_text("0\n1.0\n")
    stream = delimited(rows, labels)
    assert stream.rows.tolist() == [[1.0, 2.5], [3.0, 4.0]]
    assert stream.attacks.tolist() == [False, True]
    labels.write_text("0\n")
    with pytest.raises(InputError, match=r"2 rows, but 1 labels in .*memnsllabel\.txt"):
        delimited(rows, labels)


def test_mstream_files_must_fit(tmp_path: Path) -> None:
    """Four files of as many rows are read; numbers below 0, which have no logarithm, become 0."""
    texts = {"n": "1,-2\n3,4\n", "c": "7\n8\n", "t": "1\n2\n", "l": "0\n1\n"}
    paths = [tmp_path / f"{name}.txt" for name in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        path.write_text(text)
    read = aspects(*paths)
    assert read.numbers.tolist() == [[1.0, 0.0], [3.0, 4.0]]
    assert (read.categories.tolist(), read.ticks.tolist(), read.attacks.tolist()) == ([[7], [8]], [1, 2], [False, True])
    paths[2].write_text("1\n")
    with pytest.raises(InputError, match="2 rows, 1 times and 2 labels"):
        aspects(*paths)


def test_an_npz_of_another_kind_is_an_error(tmp_path: Path) -> None:
    """ADBench's arrays are X and y; a file without them is named with what to give."""
    path = tmp_path / "16_http.npz"
    np.savez(path, X=np.ones((3, 2)), y=np.array([0, 1, 0]))
    assert adbench(path).attacks.tolist() == [False, True, False]
    np.savez(path, x=np.ones(3))
    with pytest.raises(InputError, match=r"16_http\.npz: .*give ADBench's npz"):
        adbench(path)


def test_files_are_found_in_any_folder(tmp_path: Path) -> None:
    """A name is looked for below the folder; what is missing is named, and so is the variable that was not set."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "16_http.npz").write_bytes(b"")
    assert find(tmp_path, "*_http.npz") == [tmp_path / "deep" / "16_http.npz"]
    assert find(tmp_path, "*_http.npz", "a.txt") == f"{tmp_path} has no a.txt"
    assert find(None, "a.txt") == "set ODDFLOW_PUBLISHED to a folder with a.txt"


def test_adbench_splits_and_scales(tmp_path: Path) -> None:
    """Of ten thousand rows at most, 70 % are fitted to and lie in 0 to 1; odd ones are shared out alike."""
    del tmp_path
    rows = np.random.default_rng(1).normal(0, 5, (12_000, 2)).astype(np.float32)
    train, tested, odd = adbench_split(Stream(rows, np.arange(12_000) % 10 == 0), 3)
    assert (len(train), len(tested), len(odd)) == (7_000, 3_000, 3_000)
    assert (train.min(), train.max()) == (0.0, pytest.approx(1.0))
    assert odd.mean() == pytest.approx(0.1, abs=0.02)


def test_columns_of_others_become_numbers() -> None:
    """Sizes by their logarithm, with their sign; a category by how rare it was in what was learnt from."""
    assert logarithms(np.array([[-1.0, 0.0, 1.0]])).tolist() == [pytest.approx([-np.log(2), 0.0, np.log(2)])]
    told = surprises(np.array([[5], [5], [6], [9]]), np.array([True, True, True, False]))
    assert told[:, 0].tolist() == pytest.approx([-np.log(2 / 3), -np.log(2 / 3), np.log(3), np.log(6)])


def test_absent_sets_are_named_and_nothing_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each set says where it was looked for, by the option or variable that names it; the last line is empty JSON."""
    main(["--data", str(tmp_path), "--published", str(tmp_path)])
    told = capsys.readouterr().out
    assert f"darpa-edges: not run, {tmp_path / 'darpa98' / 'darpa_original.zip'} is not there" in told
    assert f"memstream-nsl: not run, {tmp_path} has no memnslnumeric.txt, memnsllabel.txt" in told
    assert "adbench-smtp: not run" in told
    assert told.splitlines()[-1] == "{}"


def test_what_was_measured_is_not_measured_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a file that keeps figures, those of the same seed are told as they are."""
    path, table = tmp_path / "kept", tmp_path / "aad" / "yeast.csv.gz"
    table.parent.mkdir()
    table.write_bytes(b"no table: reading it would fail")
    keep(path, 1, "aad-yeast", {"oddflow": {"tested": 0.75}})
    keep(path, 2, "aad-weather", {"oddflow": {"tested": 0.5}})
    assert kept(path, 1) == {"aad-yeast": {"oddflow": {"tested": 0.75}}}
    main(["--data", str(tmp_path), "--only", "aad-yeast", "--kept", str(path)])
    told = capsys.readouterr().out
    assert "aad-yeast: measured before" in told
    assert json.loads(told.splitlines()[-1])["aad-yeast"] == {"oddflow": {"tested": 0.75}}


def test_a_figure_that_nobody_published_is_a_dash() -> None:
    """The line has who, what was published, and what it is here."""
    assert line(Told("midas-f", {"all": 0.98449}, "0.984")).split() == [
        "midas-f",
        "published",
        "0.984",
        "here:",
        "all",
        "0.984",
    ]
    assert "published –" in line(Told("oddflow", {"rest": 0.5}))
