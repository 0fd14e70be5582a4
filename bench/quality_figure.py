"""The figure of the page about quality, made of its own table: ``python -m bench.quality_figure``.

Reads the table below ``<!-- figure -->`` in ``docs/explanation/quality.md`` and writes ``quality.svg`` beside it: for
each kind of attack the share that is found within a minute, and ever. A test holds the figure to the table.
"""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path("docs/explanation/quality.md")

MARK = "<!-- figure -->"

LEFT, WIDTH, ROW, TOP = 150, 440, 26, 46

FONT = 'role="img" font-family="system-ui, sans-serif" font-size="13"'

SHARES = {"within 60 s": "#303f9f", "ever": "#9fa8da"}
"""What is shown, the first in front, with its colour."""


def shares(page: str) -> list[tuple[str, float, float]]:
    """The rows of the marked table: kind, share within a minute, share ever."""
    table, _, _ = page.partition(MARK)[2].strip().partition("\n\n")
    rows = re.findall(r"^\| ([^|]+?) \| ([\d.]+) \| ([\d.]+) \|$", table, re.MULTILINE)
    return [(kind, float(soon), float(ever)) for kind, soon, ever in rows]


def figure(rows: list[tuple[str, float, float]]) -> str:
    """The SVG: two bars a kind, one over the other."""
    soon, ever = SHARES.values()
    height = TOP + ROW * len(rows) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 60} {height}" {FONT}>',
        "<title>Share of simulated attacks found at ten false incidents a day</title>",
        f'<rect width="100%" height="{height}" fill="#ffffff"/>',
    ]
    for place, (name, colour) in enumerate(SHARES.items()):
        x = LEFT + 130 * place
        parts.append(f'<rect x="{x}" y="12" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{x + 18}" y="23" fill="#222222">{name}</text>')
    for place, (kind, first, all_) in enumerate(rows):
        y = TOP + ROW * place
        parts.append(f'<text x="{LEFT - 10}" y="{y + 14}" text-anchor="end" fill="#222222">{kind}</text>')
        parts.append(f'<rect x="{LEFT}" y="{y}" width="{WIDTH * all_:.0f}" height="18" fill="{ever}"/>')
        parts.append(f'<rect x="{LEFT}" y="{y}" width="{WIDTH * first:.0f}" height="18" fill="{soon}"/>')
        parts.append(f'<text x="{LEFT + WIDTH * all_ + 8:.0f}" y="{y + 14}" fill="#222222">{all_:.2f}</text>')
    for tenth in range(0, 11, 2):
        at = LEFT + WIDTH * tenth / 10
        parts.append(f'<text x="{at:.0f}" y="{height - 8}" text-anchor="middle" fill="#555555">{tenth / 10:g}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    """Write the figure."""
    PAGE.with_suffix(".svg").write_text(figure(shares(PAGE.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
