"""Plots as inline SVG: no script, nothing fetched, colours by class so that a page can be light or dark.

Each is as wide as a phone, so that its letters stay legible there. Numbers are rounded to a tenth of a unit: the same
figures give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from detector.printable import html_text
from training.evaluation.report import Band, BudgetObtained, Histogram

WIDTH, HEIGHT = 360.0, 250.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 22.0, 10.0, 40.0

Scale = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: where values lie, and what is written beside it."""

    label: str
    ticks: Sequence[tuple[float, str]]
    low: float
    high: float
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Where a value is between the ends, 0 to 1."""
        low, high = self.low, self.high
        value = min(max(value, low), high)
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return (value - low) / (high - low)


SHARES = [(0.0, "0"), (0.25, "25 %"), (0.5, "50 %"), (0.75, "75 %"), (1.0, "100 %")]


def roc(band: Band) -> str:
    """True-positive rate by false-positive rate, which is drawn in tens: the left is where alerts are."""
    ticks = [(0.001, "0.1 %"), (0.01, "1 %"), (0.1, "10 %"), (1.0, "100 %")]
    across = Axis("benign flows raised", ticks, 0.001, 1.0, logarithmic=True)
    return _bands(band, across, Axis("attack flows found", SHARES, 0.0, 1.0), "ROC curve")


def precision_recall(band: Band, prevalence: float) -> str:
    """Precision by recall at a prevalence."""
    across = Axis("attack flows found (recall)", SHARES, 0.0, 1.0)
    up = Axis("of those raised, attacks", SHARES, 0.0, 1.0)
    return _bands(band, across, up, f"precision by recall where {prevalence:.1%} of flows are attacks")


def scores(histogram: Histogram) -> str:
    """How unseen flows score: the share of benign ones and of attacks by score."""
    edges = histogram.edges
    benign, attacks = _shares(histogram.benign), _shares(histogram.attacks)
    highest = max([*benign, *attacks, 1e-9])
    across = Axis("score: further right is odder", _round_ticks(edges[0], edges[-1]), edges[0], edges[-1])
    up = Axis("share of each", [(0.0, "0"), (highest, f"{highest:.0%}".replace("%", " %"))], 0.0, highest)
    parts = [_steps("area", edges, benign, across, up)]
    if any(attacks):
        parts.append(_steps("attacks", edges, attacks, across, up))
    return _frame(across, up, parts, "scores of benign flows and of attacks")


def asked_and_obtained(budgets: Sequence[BudgetObtained]) -> str:
    """False incidents a day, obtained by asked: on the line is as asked, within the band at most twice or half."""
    values = [value for each in budgets for value in (each.asked, *each.obtained.interval)]
    positive = [value for value in values if value > 0]
    low = 10.0 ** math.floor(math.log10(min([*positive, 1.0])))
    high = 10.0 ** math.ceil(math.log10(max([*positive, 10.0]) * 1.01))
    ticks = [(10.0**power, f"{10.0**power:g}") for power in range(round(math.log10(low)), round(math.log10(high)) + 1)]
    across = Axis("asked for, a day", ticks, low, high, logarithmic=True)
    up = Axis("obtained, a day", ticks, low, high, logarithmic=True)
    ends = (low, high)
    twice = [(x, 2.0 * x) for x in ends] + [(x, x / 2.0) for x in reversed(ends)]
    parts = [
        f'<polygon class="range" points="{_points(twice, across, up)}"/>',
        f'<polyline class="even" points="{_points([(x, x) for x in ends], across, up)}"/>',
    ]
    for each in budgets:
        x = _x(across, each.asked)
        least, most, mean = (_y(up, value) for value in (*each.obtained.interval, each.obtained.mean))
        parts.append(f'<line class="bar" x1="{x:.1f}" y1="{least:.1f}" x2="{x:.1f}" y2="{most:.1f}"/>')
        parts.append(f'<circle class="dot" cx="{x:.1f}" cy="{mean:.1f}" r="4"/>')
    return _frame(across, up, parts, "false incidents asked for and obtained")


def bar(share: float, tone: str = "dot") -> str:
    """A bar of a table's row, by the share of the longest."""
    width = 100.0 * min(max(share, 0.0), 1.0)
    return (
        '<svg class="strip" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="{tone}" width="{width:.1f}" height="10"/></svg>'
    )


def _bands(band: Band, across: Axis, up: Axis, title: str) -> str:
    seen = [place for place, x in enumerate(band.x) if across.low <= x <= across.high]
    there = [(band.x[place], band.least[place]) for place in seen]
    back = [(band.x[place], band.most[place]) for place in reversed(seen)]
    middle = [(band.x[place], band.mean[place]) for place in seen]
    parts = [
        f'<polygon class="range" points="{_points(there + back, across, up)}"/>',
        f'<polyline class="line" points="{_points(middle, across, up)}"/>',
    ]
    return _frame(across, up, parts, title)


def _steps(css: str, edges: Sequence[float], shares: Sequence[float], across: Axis, up: Axis) -> str:
    corners = [(edges[0], 0.0)]
    for left, right, share in zip(edges, edges[1:], shares, strict=False):
        corners += [(left, share), (right, share)]
    corners.append((edges[-1], 0.0))
    return f'<polygon class="{css}" points="{_points(corners, across, up)}"/>'


def _frame(across: Axis, up: Axis, parts: Iterable[str], title: str) -> str:
    bottom, left = HEIGHT - BOTTOM, LEFT
    lines = []
    for value, text in across.ticks:
        x = _x(across, value)
        lines.append(f'<line class="grid" x1="{x:.1f}" y1="{TOP:.1f}" x2="{x:.1f}" y2="{bottom:.1f}"/>')
        lines.append(f'<text x="{x:.1f}" y="{bottom + 17:.1f}" text-anchor="middle">{html_text(text)}</text>')
    for value, text in up.ticks:
        y = _y(up, value)
        lines.append(f'<line class="grid" x1="{left:.1f}" y1="{y:.1f}" x2="{WIDTH - RIGHT:.1f}" y2="{y:.1f}"/>')
        lines.append(f'<text x="{left - 5:.1f}" y="{y + 4:.1f}" text-anchor="end">{html_text(text)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    lines.append(f'<text class="label" x="{middle:.1f}" y="{HEIGHT - 8:.1f}" text-anchor="middle">')
    lines.append(f"{html_text(across.label)}</text>")
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img" aria-label="{html_text(title)}">'
        f"{''.join(lines)}{''.join(parts)}</svg>"
    )


def _points(pairs: Iterable[tuple[float, float]], across: Axis, up: Axis) -> str:
    return " ".join(f"{_x(across, x):.1f},{_y(up, y):.1f}" for x, y in pairs)


def _x(axis: Axis, value: float) -> float:
    return LEFT + axis.share(value) * (WIDTH - LEFT - RIGHT)


def _y(axis: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - axis.share(value) * (HEIGHT - TOP - BOTTOM)


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts)
    return [number / total if total else 0.0 for number in counts]


def _round_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """About five values that read well, from one end to the other."""
    span = high - low
    step = 10.0 ** math.floor(math.log10(span / 4.0))
    step *= next(times for times in (1.0, 2.0, 5.0, 10.0) if span / (step * times) <= 5.0)
    first = math.ceil(low / step) * step
    return [(float(value), f"{value:.4g}") for value in np.arange(first, high + step / 1e6, step)]
