"""What judging costs a record, by the half-lives of a model's windows: batches of one network, by turns, in one run.

For each set of half-lives the default model is trained by the command that users have. Then records of so many hosts,
all of them new to the models, go through a judge of each, one after the other for each batch: a busy machine slows all
alike, so ratios are what counts. Told are medians over batches, in µs of CPU a record: of the judge as a whole, and by
themselves of features and of scores. The first batches, which compile and fill tables, are left out. The last line is
one JSON object.

usage: python -m bench.judging [--half-lives 60,600 …] [--hosts 10000] [--records 400000] [--learnt 150000]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.speed import distinct_hosts, write_values
from bench.storm_inside import batch_of, judge_of
from detector.bundle.loaded_model import LoadedModel
from detector.pipeline.interpreter import tuned
from detector.records.every_format import open_decoder
from detector.records.flow import FlowBatch
from detector.scoring.flow_state import FlowState
from detector.scoring.kept_flows import load_model
from detector.settings.load import load_settings
from detector.transport.base import RawBatch

BATCH_RECORDS = 20_000

WARM_BATCHES = 3

HALF_LIVES = ("10,60,600,3600", "60,600")

Costs = dict[str, float]
"""By step: seconds of CPU for a batch, or µs for a record."""


class Contender:
    """A model, its judge, and a state of its own for features by themselves."""

    def __init__(self, model: LoadedModel) -> None:
        self.model = model
        self.columns = len(model.extractor.spec.features)
        self.batches: list[Costs] = []
        self._judge = judge_of(model)
        self._state = FlowState.fresh(model)

    def take(self, raw: RawBatch, flows: FlowBatch) -> None:
        """Judge a batch, and note what each step took of it."""
        partitions = raw.partitions[flows.rows]
        began = time.thread_time()
        matrix = self.model.extractor.transform(flows.frame, partitions, self._state)
        featured = time.thread_time()
        self.model.score(matrix)
        scored = time.thread_time()
        self._judge.judge(raw, flows)
        judged = time.thread_time()
        self.batches.append({"judge": judged - scored, "features": featured - began, "scores": scored - featured})

    def told(self) -> Costs:
        """Medians in µs of CPU a record."""
        later = self.batches[WARM_BATCHES:]
        steps = {step: statistics.median(each[step] for each in later) for step in later[0]}
        return {step: round(1e6 * seconds / BATCH_RECORDS, 2) for step, seconds in steps.items()}


def trained(folder: Path, flows: Path, half_lives_s: str) -> LoadedModel:
    """The default with windows of these half-lives, by the command that users have."""
    registry = str(folder / half_lives_s)
    options = ("--data", str(flows), "--format", "zeek-json", "--registry", registry, "--folds", "0")
    environment = os.environ | {"ODDFLOW_TRAINING__HALF_LIVES_S": f"[{half_lives_s}]"}
    command = [sys.executable, "-m", "detector", "train", *options]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return load_model(load_settings(None, {"model.registry": registry}, {}))


def measure(contenders: Sequence[Contender], values: Sequence[bytes]) -> None:
    """Judge all the records, in whole batches, by each in turn: who is first changes from batch to batch."""
    decoder = open_decoder("zeek-json")
    with tuned():
        for number, first in enumerate(range(0, len(values) - BATCH_RECORDS + 1, BATCH_RECORDS)):
            raw = batch_of(values[first : first + BATCH_RECORDS], first)
            flows = decoder.decode(raw.values)
            for turn in range(len(contenders)):
                contenders[(number + turn) % len(contenders)].take(raw, flows)


def main() -> None:
    """Train, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half-lives", nargs="+", default=HALF_LIVES, help="sets of them, in seconds")
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--records", type=int, default=400_000)
    parser.add_argument("--learnt", type=int, default=150_000, help="records to train on")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        flows = Path(name) / "flows.jsonl"
        write_values(flows, options.learnt)
        contenders = {each: Contender(trained(Path(name), flows, each)) for each in options.half_lives}
    measure(list(contenders.values()), distinct_hosts(options.hosts, options.records))
    found = {each: contender.told() for each, contender in contenders.items()}
    for each, costs in found.items():
        steps = ", ".join(f"{step} {microseconds:.2f}" for step, microseconds in costs.items())
        print(f"{each:20} {contenders[each].columns} columns, µs a record: {steps}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
