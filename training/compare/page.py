"""A comparison as one self-contained page: no scripts, nothing fetched, all that came from data escaped."""

from __future__ import annotations

from collections.abc import Sequence

from detector.printable import html_text
from training.cards.pieces import figures, listed, section, table, whole_page
from training.cards.words import named
from training.compare import words
from training.compare.contract import Compared, Comparison


def page(comparison: Comparison) -> str:
    """Write the page."""
    title = "Detectors compared"
    ended = [row for row in comparison.compared if not row.failed]
    failed = [row for row in comparison.compared if row.failed]
    body = [
        f"<h1>{title}</h1>",
        _paragraph(words.about(comparison)),
        _table(("", *words.HEADS), [(words.called(row), *words.cells(row)) for row in ended]),
        *(_paragraph(line) for line in (words.FOUND, *words.legend(comparison))),
        *section("Without figures", listed(f"{words.called(row)}: {row.failed}" for row in failed) if failed else ""),
        *section("What to know", listed(comparison.notes) if comparison.notes else ""),
        *section("How it was measured", _paragraph(words.how(comparison))),
    ]
    for name in dict.fromkeys(name for row in ended for name in row.figures):
        found = {words.called(row): row.figures[name] for row in ended if name in row.figures}
        body += section(named(name), figures("", found))
    body += section("Costs, the least and the most of the runs", _costs(ended))
    return whole_page(title, body)


def _paragraph(text: str) -> str:
    return f"<p>{html_text(text)}</p>"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return table([html_text(head) for head in heads], [[html_text(cell) for cell in row] for row in rows])


def _costs(ended: Sequence[Compared]) -> str:
    rows = [
        (
            words.called(row),
            row.package,
            ", ".join(f"{name} = {value}" for name, value in row.parameters.items()) or "defaults",
            f"{row.train_s.least:.3g} to {row.train_s.most:.3g}",
            f"{row.rows_per_s.least:,.0f} to {row.rows_per_s.most:,.0f}",
        )
        for row in ended
        if row.train_s and row.rows_per_s
    ]
    return _table(("", "package", "parameters", "train s", "rows/s"), rows) if rows else ""
