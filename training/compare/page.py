"""A comparison as one self-contained page: no scripts, nothing fetched, all that came from data escaped."""

from __future__ import annotations

from detector.printable import html_text
from training.cards.pieces import figures, folding, listed, section, whole_page
from training.cards.words import named
from training.compare import words
from training.compare.contract import Compared, Comparison

RANGES = ("train s", "rows/s", "runs", "parameters")


def page(comparison: Comparison) -> str:
    """Write the page."""
    title = "Detectors compared"
    ended = [row for row in comparison.compared if not row.failed]
    failed = [row for row in comparison.compared if row.failed]
    body = [
        f"<h1>{title}</h1>",
        _paragraph(words.about(comparison)),
        folding(("", *words.QUALITY), [(words.called(row), *words.quality(row)) for row in ended]),
        *(_paragraph(line) for line in (words.FOUND, *words.legend(comparison))),
        *section("What each costs", folding(("", "package", *words.COSTS), [_costs(row) for row in ended])),
        *section("Without figures", listed(f"{words.called(row)}: {row.failed}" for row in failed) if failed else ""),
        *section("What to know", listed(comparison.notes) if comparison.notes else ""),
        *section("How it was measured", _paragraph(words.how(comparison))),
    ]
    for name in dict.fromkeys(name for row in ended for name in row.figures):
        found = {words.called(row): row.figures[name] for row in ended if name in row.figures}
        body += section(named(name), figures("", found))
    body += section(
        "Costs, the least and the most of the runs", folding(("", *RANGES), [_ranges(row) for row in ended])
    )
    return whole_page(title, body)


def _paragraph(text: str) -> str:
    return f"<p>{html_text(text)}</p>"


def _costs(row: Compared) -> tuple[str, ...]:
    return (words.called(row), row.package, *words.costs(row))


def _ranges(row: Compared) -> tuple[str, ...]:
    parameters = ", ".join(f"{name} = {value}" for name, value in row.parameters.items()) or "defaults"
    train, rate = row.train_s, row.rows_per_s
    return (
        words.called(row),
        f"{train.least:.3g} to {train.most:.3g}" if train else "–",
        f"{rate.least:,.0f} to {rate.most:,.0f}" if rate else "–",
        str(row.runs),
        parameters,
    )
