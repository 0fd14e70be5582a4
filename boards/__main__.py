"""``python -m boards [--check]``: write the boards, or say which are not as they are declared."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from boards.incidents import INCIDENTS
from boards.models import MODELS
from boards.overview import OVERVIEW
from boards.troubleshooting import TROUBLESHOOTING
from boards.written import text_of

FOLDER = Path(__file__).parents[1] / "config" / "grafana" / "boards"

BOARDS = {
    "overview.json": OVERVIEW,
    "incidents.json": INCIDENTS,
    "models.json": MODELS,
    "troubleshooting.json": TROUBLESHOOTING,
}
"""By their files' names."""


def main(arguments: Sequence[str]) -> int:
    """Write them; with ``--check`` nothing is written, and 1 is given where one is not current."""
    texts = {name: text_of(board) for name, board in BOARDS.items()}
    if "--check" not in arguments:
        for name, text in texts.items():
            (FOLDER / name).write_text(text, encoding="utf-8")
        return 0
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    odd = sorted(name for name in texts.keys() | there.keys() if texts.get(name) != there.get(name))
    for name in odd:
        print(f"config/grafana/boards/{name} is not as boards/ declares it: run `make boards`", file=sys.stderr)  # noqa: T201
    return int(bool(odd))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
