"""The picture of README and of the site's first page: ``python -m bench.picture`` writes ``docs/incidents.svg``.

Simulates two days of a small network, trains on the first, has the daemon read the second with attacks in it, and draws
the list as ``oddflow incidents`` prints it. Takes two minutes. Nothing is fetched, neither here nor by the picture.
"""

from __future__ import annotations

import io
import re
import subprocess
import tempfile
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from detector.casebook.latest import Latest
from detector.casebook.told import read_told
from detector.casebook.words import rows
from detector.cli.incidents_table import incidents_table

PICTURE = Path("docs/incidents.svg")

WIDTH = 116

COMMANDS = """
simulate --seed 7 --hosts 25 --start 2026-01-05 --duration 24h --attacks none --quiet --output monday.json
train --data monday.json --format zeek --registry registry
simulate --seed 7 --hosts 25 --start 2026-01-06 --duration 24h --attack-share 0.03 --quiet --output tuesday.json
detect --input tuesday.json --format zeek --registry registry --output alerts.jsonl --incidents incidents.jsonl
"""

LISTED = "oddflow incidents --input incidents.jsonl --severity medium"


def documents(folder: Path) -> list[bytes]:
    """The incidents of the second day."""
    for line in COMMANDS.strip().splitlines():
        subprocess.run(["oddflow", *line.split()], cwd=folder, check=True, capture_output=True)  # noqa: S607
    return (folder / "incidents.jsonl").read_bytes().splitlines()


def picture(told: list[bytes]) -> str:
    """The SVG of the list, after the command that prints it."""
    latest = Latest()
    for document in told:
        latest.put(read_told(document))
    shown = [row for row in rows(latest) if row.severity != "low"]
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False, markup=False, force_terminal=True)
    console.print(f"$ {LISTED}")
    console.print(incidents_table(shown, WIDTH))
    format_ = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    drawn = console.export_svg(title="oddflow", code_format=format_, unique_id="incidents")
    return re.sub(r"<!--.*?-->\s*|[ \t]+$", "", drawn, flags=re.MULTILINE)


def main() -> None:
    """Draw it."""
    with tempfile.TemporaryDirectory() as folder:
        PICTURE.write_text(picture(documents(Path(folder))), encoding="utf-8")


if __name__ == "__main__":
    main()
