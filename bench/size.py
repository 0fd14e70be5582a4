"""How much memory, disk and time a network of some size takes: ``python -m bench.size [--hosts N …]``.

For each number of hosts a simulated Monday is trained on and a Tuesday is read from a file, each by the command in a
process of its own: peak resident memory, processor time, and what lies on disk afterwards. A table of Markdown comes
last. Needs some 2 GiB of disk and, for the defaults, a quarter of an hour.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

HOSTS = (25, 100, 200)

MEBIBYTE = 1 << 20

DAYS = {"learn": "2026-01-05", "tried": "2026-01-06"}


class Cost(NamedTuple):
    """Of one command."""

    peak_bytes: int
    processor_s: float
    seconds: float
    """By the clock on the wall."""


class Sizes(NamedTuple):
    """Of one network."""

    hosts: int
    flows: int
    record_bytes: float
    """Of a record as JSON, not compressed."""
    train: Cost
    bundle_bytes: int
    state_bytes: int
    """What is remembered of one partition after the day, as it is kept on disk."""
    detect: Cost
    alerts: int
    alert_bytes: int


_WATCH = """
import json, os, subprocess, sys, time
began = time.monotonic()
with open("log", "wb") as log:
    process = subprocess.Popen(sys.argv[1:], stdout=log, stderr=log)
_, status, used = os.wait4(process.pid, 0)
print(json.dumps([status, used.ru_maxrss * 1024, used.ru_utime + used.ru_stime, time.monotonic() - began]))
"""
"""In a small process between: Linux counts what starts a process among the memory that it had at its most."""


def run(*words: str, folder: Path, ends_with: tuple[int, ...] = (0,)) -> Cost:
    """Run ``oddflow`` with these words in ``folder``. Raises RuntimeError where it ends with another exit code."""
    watch = [sys.executable, "-c", _WATCH, "oddflow", *words]
    done = subprocess.run(watch, cwd=folder, stdout=subprocess.PIPE, check=True)
    status, peak_bytes, processor_s, seconds = json.loads(done.stdout)
    if os.waitstatus_to_exitcode(status) not in ends_with:
        raise RuntimeError(f"oddflow {' '.join(words)}: {(folder / 'log').read_text(encoding='utf-8')[-500:]}")
    return Cost(peak_bytes, processor_s, seconds)


def measure(hosts: int, folder: Path) -> Sizes:
    """Simulate two days of ``hosts``, train on one, and read the other."""
    for name, day in DAYS.items():
        attacks = ["--attacks", "none"] if name == "learn" else []
        words = ["--hosts", str(hosts), "--start", day, "--duration", "24h", *attacks, "--output", f"{name}.json"]
        run("simulate", "--seed", "9", "--quiet", *words, folder=folder)
    flows = sum(chunk.count(b"\n") for chunk in _chunks(folder / "tried.json"))
    model = ["--format", "zeek", "--registry", "registry"]
    train = run("train", "--data", "learn.json", *model, folder=folder, ends_with=(0, 9))
    detect = run("detect", "--input", "tried.json", *model, "--output", "alerts.jsonl", folder=folder)
    alerts = (folder / "alerts.jsonl").read_bytes()
    return Sizes(
        hosts,
        flows,
        (folder / "tried.json").stat().st_size / flows,
        train,
        sum(each.stat().st_size for each in (folder / "registry").rglob("*") if each.is_file()),
        sum(each.stat().st_size for each in (folder / "registry").rglob("beginning.msgpack")),
        detect,
        alerts.count(b"\n"),
        len(alerts),
    )


def _chunks(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        return list(iter(lambda: file.read(1 << 24), b""))


def table(measured: list[Sizes]) -> str:
    """The figures as a table of Markdown."""
    head = (
        "| hosts | flows a day | bytes a record | training: peak MiB | s | bundle MiB | state MiB"
        " | daemon: peak MiB | s | alerts | kB each |\n" + "|---" * 11 + "|\n"
    )
    return head + "".join(
        f"| {one.hosts} | {one.flows:,} | {one.record_bytes:.0f} | {one.train.peak_bytes / MEBIBYTE:.0f}"
        f" | {one.train.processor_s:.0f} | {one.bundle_bytes / MEBIBYTE:.1f} | {one.state_bytes / MEBIBYTE:.1f}"
        f" | {one.detect.peak_bytes / MEBIBYTE:.0f} | {one.detect.processor_s:.0f}"
        f" | {one.alerts} | {one.alert_bytes / max(one.alerts, 1) / 1000:.1f} |\n"
        for one in measured
    )


def main(arguments: list[str]) -> None:
    """Measure each network and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, nargs="*", default=HOSTS)
    measured = []
    for hosts in parser.parse_args(arguments).hosts:
        folder = Path(tempfile.mkdtemp(prefix="oddflow-size-"))
        try:
            measured.append(measure(hosts, folder))
        finally:
            shutil.rmtree(folder)
        print(table(measured[-1:]), flush=True)
    print(table(measured))


if __name__ == "__main__":
    main(sys.argv[1:])
