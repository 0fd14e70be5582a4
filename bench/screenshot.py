"""The picture of triage's page of one incident: ``python -m bench.screenshot`` writes ``docs/triage.png``.

Simulates a morning and an afternoon of a small office, trains on the one, has the daemon's code read the other, and has
triage serve the gravest incident to a Chromium without a window. Takes a minute; needs the extras ``train`` and
``triage``, and Chromium. No Kafka runs, and nothing is fetched.
"""

from __future__ import annotations

import io
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from detector.casebook.latest import Latest
from detector.casebook.told import read_told
from detector.casebook.words import ordered

PICTURE = Path("docs/triage.png")

WIDTH, HEIGHT = 1280, 944
"""Of the window, in pixels: down to the end of the host's time, and above the table of flows."""

COLOURS = 128
"""Text and a few plain areas need no more; a file of all colours is twice as large."""

READY_S = 60.0

COMMANDS = """
simulate --seed 7 --hosts 25 --start 2026-01-05T10:00 --duration 4h --attacks none --quiet --output morning.json
train --data morning.json --format zeek --registry registry --kind isolation-forest --folds 0
simulate --seed 7 --hosts 25 --start 2026-01-05T14:00 --duration 2h --attack-share 0.03 --quiet --output afternoon.json
detect --input afternoon.json --format zeek --registry registry --output alerts.jsonl --incidents incidents.jsonl
"""


def gravest(told: list[bytes]) -> str:
    """The id of the incident of the highest risk."""
    latest = Latest()
    for document in told:
        latest.put(read_told(document))
    return ordered(latest.wholes(), "risk")[0].ours.id


def small(png: bytes) -> bytes:
    """The same picture in few colours."""
    with Image.open(io.BytesIO(png)) as whole:
        few = whole.convert("RGB").quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    packed = io.BytesIO()
    few.save(packed, "PNG", optimize=True)
    return packed.getvalue()


def photograph(address: str, folder: Path) -> bytes:
    """What Chromium shows there, by day."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit("no Chromium on the path: Debian's package chromium has it")
    path = folder / "whole.png"
    options = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--user-data-dir={folder / 'tab'}",
    ]
    command = [chromium, *options, f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={path}", address]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return path.read_bytes()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the folder's incidents within this block; gives the address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ["triage", "serve", "--input", "incidents.jsonl", "--input", "alerts.jsonl", "--port", str(port)]
    process = subprocess.Popen(["oddflow", *words], cwd=folder, stderr=subprocess.DEVNULL)  # noqa: S607
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}/readyz", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _wait_until_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + READY_S
    while process.poll() is None and time.monotonic() < ends:
        try:
            with urllib.request.urlopen(address, timeout=5):  # noqa: S310 - of this machine
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    sys.exit("triage did not start: run `oddflow triage serve --input incidents.jsonl` to see why")


def main() -> None:
    """Take it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        for line in COMMANDS.strip().splitlines():
            subprocess.run(["oddflow", *line.split()], cwd=folder, check=True, capture_output=True)  # noqa: S607
        incident = gravest((folder / "incidents.jsonl").read_bytes().splitlines())
        with served(folder) as address:
            PICTURE.write_bytes(small(photograph(f"{address}/incidents/{incident}", folder)))


if __name__ == "__main__":
    main()
