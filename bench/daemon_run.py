"""The daemon as a process under measurement: started on a topic, watched by its own metrics."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from training.demo.ports import free_port
from training.demo.scrape import Scrape, scrape

SAMPLE_S = 0.1
WATCH_S = 0.5
"""Between two looks at its metrics while it is measured: each takes the interpreter's lock, and ten a second took a
quarter of the default's rate on a busy machine. Prometheus looks every 15 seconds."""
START_S = 60.0
QUIET_S = 60.0


@dataclass(slots=True)
class Run:
    """A daemon that runs: where its metrics are."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    samples: list[tuple[float, int, int]] = field(default_factory=list)
    """Moments: monotonic seconds, records committed, resident bytes."""

    def scrape(self) -> Scrape | None:
        """Its metrics now."""
        return scrape(self.port)

    def wait_ready(self) -> None:
        """Wait until it has joined its group. Raises RuntimeError when it ends before."""
        deadline = time.monotonic() + START_S
        while True:
            seen = self.scrape()
            if seen and seen.total("oddflow_partitions_assigned"):
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the daemon did not start: {self.log.read_text()[-2000:]}")
            time.sleep(SAMPLE_S)

    def watch(self, records: int) -> None:
        """Sample until so many records are committed. Raises RuntimeError when it ends or stands still."""
        moved = time.monotonic()
        while True:
            seen = self.scrape()
            committed = int(seen.total("oddflow_committed_offset")) if seen else 0
            if seen and (not self.samples or committed != self.samples[-1][1]):
                moved = time.monotonic()
                self.samples.append((moved, committed, int(seen.total("process_resident_memory_bytes"))))
            if committed >= records:
                return
            if self.process.poll() is not None or time.monotonic() - moved > QUIET_S:
                raise RuntimeError(
                    f"the daemon stopped at {committed:,} of {records:,} records: {self.log.read_text()[-2000:]}"
                )
            time.sleep(WATCH_S)

    def per_second(self) -> float:
        """Records committed a second, from the first commit seen to the last."""
        (began, first, _), (ended, last, _) = self.samples[0 if self.samples[0][1] else 1], self.samples[-1]
        return (last - first) / (ended - began)


@contextmanager
def running(folder: Path, bootstrap: str, topic: str, settings: Mapping[str, str]) -> Iterator[Run]:
    """Run ``oddflow detect`` on ``topic`` in a fresh group; ``settings`` are further ``ODDFLOW_`` variables."""
    port = free_port()
    log = folder / f"daemon-{uuid.uuid4().hex[:6]}.log"
    variables = {
        "ODDFLOW_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "ODDFLOW_KAFKA__GROUP": uuid.uuid4().hex,
        "ODDFLOW_INPUT__TOPIC": topic,
        "ODDFLOW_WEB__PORT": str(port),
        "ODDFLOW_BATCH__COMMIT_INTERVAL_S": "0.25",
        **settings,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "detector", "detect"], env=os.environ | variables, stdout=output, stderr=output
        )
    try:
        yield Run(process, port, log)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
