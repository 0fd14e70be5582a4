"""How fast windows are, and what a host costs: ``python -m bench.windows``; the last line is one JSON object.

Every source talks to eight of the destinations on one of five ports, 1,000 flows a second, in random order; the state
is full before anything is timed. Figures are medians of rounds, in records per second of one core's CPU time;
``pass`` is the windows alone, ``frame`` begins with a frame of canonical flows and hashes its text.

usage: python -m bench.windows [--hosts N …] [--records N] [--rounds N]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
import polars as pl

from detector.features.windows import WindowState, default_windows
from detector.features.windows_keys import Arrivals, arrivals_of
from detector.records.flow import SCHEMA

BATCH_ROWS = 20_000
PEERS = 8


def flows(count: int, hosts: int, seed: int) -> pl.DataFrame:
    """Canonical flows among ``hosts`` sources and as many destinations."""
    rng = np.random.default_rng(seed)
    source = rng.integers(0, hosts, count)
    destination = (source * 2_654_435_761 + rng.integers(0, PEERS, count) * 97) % hosts
    size = rng.lognormal(7, 2, (2, count)).astype(np.int64)
    columns = {
        "ts": 1.7e9 + np.cumsum(rng.exponential(1e-3, count)),
        "src_ip": _addresses(10, source),
        "dst_ip": _addresses(11, destination),
        "dst_port": rng.choice([53, 80, 443, 22, 445], count),
        "proto": pl.repeat("tcp", count, eager=True),
        "service": pl.Series(["ssl", "dns", None])[rng.integers(0, 3, count)],
        "state": pl.Series(["SF", "S0"])[rng.integers(0, 2, count)],
        "src_bytes": size[0],
        "dst_bytes": size[1],
        "dst_packets": rng.integers(0, 9, count),
    }
    frame = pl.DataFrame(columns)
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in SCHEMA.items() if name not in columns]
    return frame.with_columns(absent).select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())


def _addresses(first: int, numbers: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> pl.Series:
    parts = pl.DataFrame({"n": numbers}).select(
        pl.format("{}.{}.{}.{}", pl.lit(first), pl.col("n") // 65536, pl.col("n") // 256 % 256, pl.col("n") % 256)
    )
    return parts.to_series()


def rate(work: Callable[[int], object], count: int) -> float:
    """Records per second of CPU time over all batches."""
    started = time.process_time()
    for start in range(0, count, BATCH_ROWS):
        work(start)
    return count / (time.process_time() - started)


def measure(hosts: int, records: int, rounds: int) -> dict[str, float]:
    """Fill the state with these hosts, then time it."""
    bound = max(32_768, 1 << (hosts - 1).bit_length())
    state = WindowState(default_windows(hosts=bound, pairs=max(131_072, 2 * bound)))
    for start in range(0, 2 * hosts, 250_000):
        state.update(flows(min(250_000, 2 * hosts - start), hosts, seed=start + 1))
    frame = flows(records, hosts, seed=0)
    arrivals = arrivals_of(frame)

    def of_arrays(start: int) -> object:
        return state.update_arrays(Arrivals._make(array[start : start + BATCH_ROWS] for array in arrivals))

    def of_frame(start: int) -> object:
        return state.update(frame[start : start + BATCH_ROWS])

    passes = [rate(of_arrays, records) for _ in range(rounds)]
    frames = [rate(of_frame, records) for _ in range(rounds)]
    counts = state.counts()
    return {
        "features": len(state.names),
        "pass_per_s": round(statistics.median(passes)),
        "frame_per_s": round(statistics.median(frames)),
        "keys": counts.keys,
        "bytes_per_host": round(counts.bytes / hosts),
        "bytes_per_key_and_scale": round(counts.bytes / counts.keys / len(state.windows.half_lives_s)),
        "snapshot_bytes": len(state.snapshot(0)) if hosts <= BATCH_ROWS else 0,
    }


def main() -> None:
    """Measure each number of hosts and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--records", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    result = {}
    for hosts in options.hosts:
        result[str(hosts)] = measured = measure(hosts, options.records, options.rounds)
        print(f"{hosts} hosts:", ", ".join(f"{name} {value:,}" for name, value in measured.items()))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
