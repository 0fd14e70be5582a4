"""Published figures beside ours: ``python -m bench.published``, or ``make bench-published``.

Runs each method that a figure was published of, in code of our own, and oddflow by the same protocol on the same rows.
Told are the files with the beginnings of their SHA-256, the published figure, what the method gives here, and ours, in
ROC AUC. Sets that are not there are named, with what to do. Nothing of oddflow is tuned on them.

* *darpa-edges*: MIDAS, MIDAS-R and MIDAS-F (:mod:`bench.midas`, :mod:`bench.published_edges`);
* *memstream-…*: MemStream (:mod:`bench.memstream`); those that end in *-part* are not the published sets;
* *mstream-…*: MStream without reduced dimensions (:mod:`bench.mstream`);
* *adbench-…*, *aad-…*: PyOD's and coniferest's detectors on tables (:mod:`bench.published_tables`).

DARPA's edges and the parts are read from ``ODDFLOW_DATA``, all else from ``ODDFLOW_PUBLISHED``: the authors' own files,
by their own names. ``--kept FILE`` remembers what was measured, a line each, and does not measure it again. The last
line is one JSON object: set → who → part → figure.

usage: python -m bench.published [--only NAME …] [--seed 1] [--epochs 5000] [--kept FILE]

  python -m bench.published --only darpa-edges aad
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.feedback_sets import PUBLISHED as AAD
from bench.memstream import Settings
from bench.mstream import FADING
from bench.published_case import Case, Told
from bench.published_edges import edges_case
from bench.published_sets import (
    Stream,
    adbench,
    aspects,
    delimited,
    find,
    labelled_table,
    nsl_kdd_stream,
    published_folder,
    unsw_aspects,
    unsw_stream,
)
from bench.published_tables import memstream_case, mstream_case, table_case
from bench.quality_sets import data_folder
from detector.errors import InputError

Figures = dict[str, dict[str, float]]

NOT_THE_PUBLISHED = {
    "nsl": ": the 20 % file and the test file, not the published set",
    "unsw": ": a sample of raw flows, not the published set",
}

STREAMS = {
    "nsl": ("memnslnumeric.txt", "memnsllabel.txt", "0.978", Settings()),
    "unsw": ("memunswnewnumeric.txt", "memunswlabel.txt", "0.972", Settings()),
}
"""MemStream's files, figure, and settings, as its repository runs them."""

ASPECTS = {"unsw": "0.90", "dos": "0.95"}
"""MStream's figures: the best of its variants."""

ADBENCH = ("http", "smtp")

Make = Callable[[], Case]


def cases(data: Path, published: Path | None, epochs: int) -> Iterator[tuple[str, Make | str]]:
    """Each set by its name: how it is read, or why it cannot be."""
    yield "darpa-edges", _of_data(data, "darpa98/darpa_original.zip", edges_case)
    for name, folder, read in (("nsl", "nsl-kdd", nsl_kdd_stream), ("unsw", "unsw-nb15", unsw_stream)):
        settings = replace(STREAMS[name][3], epochs=epochs)
        part = partial(_memstream_part, name, read, settings)
        yield f"memstream-{name}-part", _of_data(data, folder, part)
    for name, (rows, labels, figure, usual) in STREAMS.items():
        found = find(published, rows, labels)
        settings = replace(usual, epochs=epochs)
        yield (
            f"memstream-{name}",
            found if isinstance(found, str) else partial(_memstream, found, figure, settings),
        )
    yield "mstream-unsw-part", _of_data(data, "unsw-nb15", _mstream_part)
    for name, figure in ASPECTS.items():
        found = find(published, *(f"{name}{part}.txt" for part in ("numeric", "categ", "time", "_label")))
        yield f"mstream-{name}", found if isinstance(found, str) else partial(_mstream, found, figure, FADING[name])
    for name in ADBENCH:
        found = find(published, f"*_{name}.npz")
        yield f"adbench-{name}", found if isinstance(found, str) else partial(_adbench, found[0])
    for name in AAD:
        yield f"aad-{name}", _of_data(data, f"aad/{name}.csv.gz", lambda path: table_case(path, labelled_table(path)))


def _of_data(data: Path, place: str, make: Callable[[Path], Case]) -> Make | str:
    path = data / place
    return partial(make, path) if path.exists() else f"{path} is not there; name its folder with --data or ODDFLOW_DATA"


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.gz"))


def _memstream(paths: Sequence[Path], figure: str, settings: Settings) -> Case:
    return memstream_case(paths, delimited(*paths), figure, settings)


def _memstream_part(name: str, read: Callable[[Path], Stream], settings: Settings, folder: Path) -> Case:
    return memstream_case(_files(folder), read(folder), "", settings, NOT_THE_PUBLISHED[name])


def _mstream_part(folder: Path) -> Case:
    return mstream_case(_files(folder), unsw_aspects(folder), "", FADING["unsw"], NOT_THE_PUBLISHED["unsw"])


def _mstream(paths: Sequence[Path], figure: str, fading: float) -> Case:
    return mstream_case(paths, aspects(*paths), f"{figure}, by its best variant", fading)


def _adbench(path: Path) -> Case:
    return table_case(path, adbench(path))


def measured(name: str, make: Make, seed: int) -> Figures:
    """Measure and print one set."""
    began = time.monotonic()
    case = make()
    print(f"\n{name}: {case.on}\n  {case.protocol}; seed {seed}", flush=True)
    found: Figures = {}
    for told in case.run(seed):
        found[told.who] = dict(told.figures)
        print(line(told), flush=True)
    print(f"  {time.monotonic() - began:.0f} s", flush=True)
    return found


def line(told: Told) -> str:
    """One of them, for people."""
    figures = ", ".join(f"{part} {value:.3f}" for part, value in told.figures.items())
    return f"  {told.who:28} published {told.published or '–':12} here: {figures}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=data_folder(), help="folder of the labelled sets")
    parser.add_argument("--published", type=Path, default=published_folder(), help="folder of the authors' files")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="beginnings of names of sets; else all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=Settings().epochs, help="of MemStream's autoencoder")
    parser.add_argument("--kept", type=Path, help="file of what was measured before, a JSON object a line")
    options = parser.parse_args(arguments)
    found = kept(options.kept, options.seed)
    try:
        for name, make in cases(options.data, options.published, options.epochs):
            if options.only and not name.startswith(tuple(options.only)):
                continue
            if isinstance(make, str):
                print(f"\n{name}: not run, {make}")
            elif name in found:
                print(f"\n{name}: measured before, {options.kept}")
            else:
                found[name] = measured(name, make, options.seed)
                keep(options.kept, options.seed, name, found[name])
    except InputError as error:
        parser.error(str(error))
    print(json.dumps(found))


def kept(path: Path | None, seed: int) -> dict[str, Figures]:
    """What was measured before with this seed."""
    if path is None or not path.exists():
        return {}
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    return {each["set"]: each["figures"] for each in lines if each["seed"] == seed}


def keep(path: Path | None, seed: int, name: str, figures: Figures) -> None:
    """Remember a set that was measured."""
    if path is not None:
        with path.open("a") as file:
            file.write(json.dumps({"set": name, "seed": seed, "figures": figures}) + "\n")


if __name__ == "__main__":
    main()
