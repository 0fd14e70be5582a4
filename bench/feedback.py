"""What a hundred labels teach: ``python -m bench.feedback``, or ``make bench-feedback``.

An analyst is shown the oddest row that was not shown yet, and answers by the set's labels; after each answer the model
learns. Told is how many anomalies were among those shown, medians and each seed's figure, by three who ask:

* *static*: an isolation forest that learns nothing (100 trees of 256 rows);
* *aad*: coniferest's ``AADForest`` as it comes, with as many trees and rows (extra ``compare``);
* *feedback*: the static forest, its leaves learnt from the labels (``training.feedback.leaf_weights``).

Then the same forest is taught a hundred labels of one half of each set, by the incident where there are flows, and
tried on the other half: how many false incidents there are at the recall that the untaught forest has where it raises
a share ``--raised`` of the first half; asked is half as many. A false incident is a benign source, destination and
port, or a benign row. And recall and false incidents where each raises that share of the first half by itself.

The sets are NSL-KDD (one attack in a hundred rows), a Zeek capture and simulated flows by our own features, and six
tables that active anomaly discovery is published on. ``--set`` adds a table of your own: CSV, gzipped or not, a label
(anomaly or nominal) in the first column, then numbers. The last line is one JSON object: set → who asks → median.

usage: python -m bench.feedback [--data FOLDER] [--set NAME=PATH]… [--only NAME]… [--ask WHO]… [--seeds 3]

  python -m bench.feedback --only zeek-008 --only simulator
  python -m bench.feedback --set mine=mine.csv.gz --only mine --seeds 5
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.feedback_sets import Halved, Rows, sets
from bench.quality_sets import data_folder
from detector.errors import InputError
from detector.models.kinds.isolation_forest import IsolationForest
from training.estimators import fit_estimator
from training.feedback.leaf_weights import Ground

TREES, SAMPLE = 100, 256

OF_AN_INCIDENT = 20
"""A label of an incident is learnt from so many of its rows at most, evenly spread, which share its weight."""

Scores = NDArray[np.float64]
Asks = Callable[[Rows, int, int], int]
"""Rows, how many labels, seed → anomalies among those shown."""


class Raised(NamedTuple):
    """What is raised of a half that nobody was asked about."""

    recall: float
    """Share of the odd rows."""
    false: int
    """Benign incidents."""


class Learnt(NamedTuple):
    """What labels of the first half were good for in the second."""

    before: Raised
    """By the untaught forest, where it raises a share of the first half."""
    after: Raised
    """By the taught forest, likewise."""
    false_at_recall: int
    """Benign incidents that the taught forest raises at the recall before."""


def forest_of(rows: Rows, seed: int) -> IsolationForest:
    """The forest that all begin with."""
    params = {"n_estimators": TREES, "max_samples": min(SAMPLE, len(rows.odd))}
    model = fit_estimator(IsolationForest.kind, rows.matrix, seed=seed, params=params)
    assert isinstance(model, IsolationForest)  # noqa: S101 - of this kind
    return model


def static(rows: Rows, labels: int, seed: int) -> int:
    """Shown are the oddest, and nothing is learnt."""
    scores = forest_of(rows, seed).score(rows.matrix)
    return int(rows.odd[np.argsort(-scores, kind="stable")[:labels]].sum())


def feedback(rows: Rows, labels: int, seed: int) -> int:
    """Shown is the oddest row, and its label moves leaves."""
    each = Rows(rows.matrix, rows.odd, np.arange(len(rows.odd), dtype=np.uint64))
    return taught(each, labels, forest_of(rows, seed))[1]


def aad(rows: Rows, labels: int, seed: int) -> int:
    """The same by coniferest's forest."""
    make: Any = importlib.import_module("coniferest.aadforest").AADForest
    label: Any = importlib.import_module("coniferest.label").Label
    matrix = rows.matrix.astype(np.float64)
    size = min(SAMPLE, len(matrix))
    forest = make(n_trees=TREES, n_subsamples=size, n_jobs=1, random_seed=seed).fit(matrix)
    known: list[int] = []
    while len(known) < min(labels, len(matrix)):
        scores = np.array(forest.score_samples(matrix))
        scores[known] = np.inf
        known.append(int(np.argmin(scores)))
        said = np.where(rows.odd[known], label.ANOMALY, label.REGULAR)
        forest.fit_known(matrix, matrix[known], said)
    return int(rows.odd[known].sum())


ASKING: dict[str, Asks] = {"static": static, "aad": aad, "feedback": feedback}


def taught(rows: Rows, labels: int, forest: IsolationForest) -> tuple[IsolationForest, int]:
    """Ask about the incident of the oddest row, and learn, so often; and how many of the incidents shown were odd."""
    ground = Ground.of(forest, rows.matrix)
    shown = np.zeros(len(rows.odd), bool)
    learnt: list[tuple[NDArray[np.intp], bool]] = []
    for _ in range(labels):
        if shown.all():
            break
        scores = np.where(shown, -np.inf, forest.score(rows.matrix))
        place = int(np.argmax(scores))
        same = np.flatnonzero(rows.incidents == rows.incidents[place])
        shown[same] = True
        learnt.append((same[:: -(-len(same) // OF_AN_INCIDENT)], bool(rows.odd[same].any())))
        forest = ground.learn(
            rows.matrix[np.concatenate([few for few, _ in learnt])],
            np.concatenate([np.full(len(few), verdict) for few, verdict in learnt]),
            np.concatenate([np.full(len(few), 1.0 / len(few)) for few, _ in learnt]),
        )
    return forest, sum(verdict for _, verdict in learnt)


def learnt(halved: Halved, labels: int, raised: float, seed: int) -> Learnt:
    """Teach labels of one half, and try on the other."""
    plain = forest_of(halved.first, seed)
    told, _ = taught(halved.first, labels, plain)
    before, after = (_raised(forest, halved, raised) for forest in (plain, told))
    scores = told.score(halved.second.matrix)
    return Learnt(before, after, false_at(scores, halved.second, before.recall))


def _raised(forest: IsolationForest, halved: Halved, share: float) -> Raised:
    least = np.quantile(forest.score(halved.first.matrix), 1.0 - share)
    above = forest.score(halved.second.matrix) > least
    return Raised(float(above[halved.second.odd].mean()), _false(above, halved.second))


def false_at(scores: Scores, rows: Rows, recall: float) -> int:
    """Benign incidents that are raised where at least so large a share of the odd rows is."""
    odd = np.sort(scores[rows.odd])[::-1]
    wanted = round(recall * len(odd))
    return _false(scores >= odd[wanted - 1], rows) if wanted else 0


def _false(above: NDArray[np.bool_], rows: Rows) -> int:
    return len(np.unique(rows.incidents[above & ~rows.odd]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=data_folder(), help="folder of the labelled sets")
    parser.add_argument(
        "--set", type=_named, action="append", default=[], metavar="NAME=PATH", help="a table beside them"
    )
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="these sets alone; else all")
    parser.add_argument("--ask", action="append", default=[], choices=[*ASKING], help="who asks; else all three")
    parser.add_argument("--seeds", type=int, default=3, help="how often each is measured")
    parser.add_argument("--labels", type=int, default=100, help="how many are asked for")
    parser.add_argument("--raised", type=float, default=0.03, help="share of the first half that is raised")
    options = parser.parse_args(arguments)
    asking = {name: asks for name, asks in ASKING.items() if name in (options.ask or ASKING)}
    try:
        print(f"coniferest {importlib.metadata.version('coniferest')}; each with {TREES} trees of {SAMPLE} rows")
    except importlib.metadata.PackageNotFoundError:
        print("aad: not run, coniferest is not installed; install the extra compare")
        asking.pop("aad", None)
    summary: dict[str, dict[str, float]] = {}
    halved: dict[str, list[Learnt]] = {}
    try:
        for name, make in sets(options.data, dict(options.set)):
            if options.only and name not in options.only:
                continue
            if isinstance(make, str):
                print(f"{name}: not run, {make}")
                continue
            runs = [make(seed) for seed in range(options.seeds)]
            summary[name] = dict(_asked(name, runs, asking, options.labels))
            if "feedback" in asking:
                halved[name] = [learnt(run, options.labels, options.raised, seed) for seed, run in enumerate(runs)]
                print(f"  {_told(halved[name])}", flush=True)
    except InputError as error:
        parser.error(str(error))
    print(f"\n{'false incidents at the same recall':<36}{'before':>8}{'asked':>8}{'after':>8}{'recall':>16}")
    for name, each in halved.items():
        before, after = (np.median([_number(one)[i] for one in each]) for i in (0, 1))
        recalls = [np.median([one.before.recall for one in each]), np.median([one.after.recall for one in each])]
        print(f"{name:<36}{before:>8.0f}{before / 2:>8.0f}{after:>8.0f}{recalls[0]:>8.2f} → {recalls[1]:.2f}")
    print(json.dumps(summary))


def _asked(name: str, runs: Sequence[Halved], asking: dict[str, Asks], labels: int) -> Iterator[tuple[str, float]]:
    rows = [run.whole for run in runs]
    print(f"{name}: {len(rows[0].odd):,} rows, {int(rows[0].odd.sum()):,} odd, {rows[0].matrix.shape[1]} features")
    for who, asks in asking.items():
        began = time.monotonic()
        found = [asks(each, labels, seed) for seed, each in enumerate(rows)]
        seconds = (time.monotonic() - began) / len(found)
        print(f"  {who:<10}{np.median(found):>5.0f}  {found}, {seconds:.0f} s each", flush=True)
        yield who, float(np.median(found))


def _number(one: Learnt) -> tuple[int, int]:
    return one.before.false, one.false_at_recall


def _told(each: Sequence[Learnt]) -> str:
    return "other half: " + "; ".join(
        f"false {one.before.false} → {one.false_at_recall} at recall {one.before.recall:.2f}, as it raises by itself"
        f" {one.after.false} at {one.after.recall:.2f}"
        for one in each
    )


def _named(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if not name or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=PATH, such as mine=mine.csv.gz")
    return name, Path(path)


if __name__ == "__main__":
    main()
