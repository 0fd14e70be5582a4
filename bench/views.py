"""What each way to be raised costs a record, beside evidence in one run: ratios, since seconds are a machine's.

A simulated half day goes through the states of all views in batches, one state after the other for each batch, so that
a busy machine slows all of them. Told are medians over rounds; each round begins with what knows nothing. The last line
is one JSON object.

usage: python -m bench.views [--hosts 60] [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import numpy as np
import polars as pl

from detector.decisions.passed import Passed, Surprises
from detector.decisions.views import VIEWS, columns_of, fresh_states
from training.simulator.scenario import Scenario

BATCH_ROWS = 5_000

BESIDE = "evidence"


def flows_of(hosts: int, hours: float) -> Passed:
    """Simulated flows by the columns that views ask for; one in fifty is odd, as evidence has it."""
    scenario = Scenario(seed=1, hosts=hosts, duration_s=hours * 3600.0, attacks=(), attack_share=0.0)
    frame = pl.concat(list(scenario.frames())).sort("ts", maintain_order=True)
    rng = np.random.default_rng(1)
    odd = rng.exponential(size=len(frame))
    return Passed.of(frame, Surprises(odd, odd), np.zeros(len(frame), np.int32), columns_of(VIEWS))


def seconds_of(flows: Passed) -> dict[str, float]:
    """What one round takes of each state, by its name; all batches of each."""
    states = fresh_states(VIEWS)
    taken = dict.fromkeys(states, 0.0)
    for start in range(0, len(flows.ts), BATCH_ROWS):
        batch = flows.take(np.arange(start, min(start + BATCH_ROWS, len(flows.ts))))
        for name, state in states.items():
            began = time.perf_counter()
            state.assessed(batch)
            taken[name] += time.perf_counter() - began
    return taken


def measure(flows: Passed, rounds: int) -> dict[str, dict[str, float]]:
    """Nanoseconds a record and times those of evidence, by state: medians of rounds after one that compiles."""
    seconds_of(flows.take(np.arange(min(BATCH_ROWS, len(flows.ts)))))
    each = [seconds_of(flows) for _ in range(rounds)]
    return {
        name: {
            "ns_a_record": round(1e9 * statistics.median(taken[name] for taken in each) / len(flows.ts), 1),
            "beside_evidence": round(statistics.median(taken[name] / taken[BESIDE] for taken in each), 3),
        }
        for name in each[0]
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    flows = flows_of(options.hosts, 12.0)
    print(f"{len(flows.ts):,} flows")
    found = measure(flows, options.rounds)
    for name, told in found.items():
        print(f"{name:12} {told['ns_a_record']:7.1f} ns a record, {told['beside_evidence']:.2f} times evidence")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
