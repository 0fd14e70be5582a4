"""The commands of a page that are marked to be run, and whether what they print is what the page shows.

``<!-- run -->`` before a block of shell runs it in the page's own folder; ``<!-- run in PAGE -->`` goes on in the
folder of another page. A block without a language right after it is what is printed. There ``…`` stands for anything,
on a line by itself for any lines; numbers, ids and the width of gaps may differ.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

_BLOCK = re.compile(
    r"^<!-- run(?: in (?P<page>\S+))? -->\n```sh\n(?P<script>.*?)^```$(?:\n\n```\n(?P<printed>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)

_ID = re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{8}\b(?!-)")

_SHOW = re.compile(r"(incidents show )([0-9a-f]+)")

TIMEOUT_S = 600


class Block(NamedTuple):
    """One block of shell."""

    script: str
    printed: str | None
    page: str | None
    """The page in whose folder it goes on."""


def blocks(page: str) -> list[Block]:
    """The marked blocks of a page, in order."""
    return [Block(each["script"], each["printed"], each["page"]) for each in _BLOCK.finditer(page)]


def run(script: str, folder: Path) -> str:
    """What a script prints, on either channel. Raises AssertionError where it fails."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],  # noqa: S607
        cwd=folder,
        env=os.environ | {"COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout[-2000:]}"
    return done.stdout


def follow(marked: Iterable[Block], folder: Path) -> None:
    """Run blocks one after the other. Raises AssertionError where one fails, or prints what its page does not show.

    Ids that a page shows stand for those that were printed in their place, also in scripts that come after.
    """
    ids = dict[str, str]()
    for block in marked:
        script = _with_ids(block.script, ids)
        printed = run(script, folder)
        if block.printed is not None:
            assert fits(block.printed, printed), f"{script}\n{printed}"
            shown = _ID.findall(block.printed)
            ids |= dict(zip(shown, _ID.findall(printed), strict=False))


def _with_ids(script: str, ids: Mapping[str, str]) -> str:
    return _SHOW.sub(lambda each: f"{each[1]}{_meant(each[2], ids)}", script)


def _meant(beginning: str, ids: Mapping[str, str]) -> str:
    return next((printed for shown, printed in ids.items() if shown.startswith(beginning)), beginning)


def fits(shown: str, printed: str) -> bool:
    """Whether what was printed is what a page shows."""
    lines = [r"(?:.*\n)*?" if line.strip() == "…" else f"{_pattern(line)}\n" for line in shown.strip().splitlines()]
    return (
        re.fullmatch("".join(lines), "".join(f"{_loose(line)}\n" for line in printed.strip().splitlines())) is not None
    )


def _pattern(line: str) -> str:
    return ".*".join(re.escape(_loose(part)) for part in line.split("…")).replace(r"\ .*", r"\ ?.*")


def _loose(text: str) -> str:
    """Without what may differ."""
    text = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b(?=[a-f]*\d)[0-9a-f]{8}\b", "ID", text)
    return re.sub(r"\s+", " ", re.sub(r"\d[\d,.]*\d|\d", "0", text)).rstrip()
