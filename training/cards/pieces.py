"""Pieces of pages about models, for the card and for reports: text is escaped here unless it is said to be markup."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from detector.printable import html_text
from training.cards import plots
from training.cards.style import STYLE
from training.cards.words import named, percent, rate
from training.evaluation.report import BudgetObtained, Report, Segment, Spread

SEGMENTS = 8
"""Shown of each way to cut, those with the most false incidents a day."""

CUTS = {"service": "Service", "subnet": "Subnet", "direction": "Direction", "hour": "Hour of the day, UTC"}


def whole_page(title: str, body: Iterable[str]) -> str:
    """A page of pieces of markup, whole in itself."""
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{html_text(title)}</title><style>{STYLE}</style>"
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n' + "\n".join(body) + "\n</body></html>\n"


def section(title: str, content: str) -> tuple[str, ...]:
    """A heading and markup below it; nothing where that is empty."""
    return (f"<h2>{html_text(title)}</h2>", content) if content else ()


def plot(svg: str, caption: str) -> str:
    """A plot with what is to be seen in it."""
    return f"<figure>{svg}<figcaption>{html_text(caption)}</figcaption></figure>"


def pairs(rows: Mapping[str, str]) -> str:
    """Names and what is said of each."""
    return f"<dl>{''.join(f'<dt>{html_text(k)}</dt><dd>{html_text(v)}</dd>' for k, v in rows.items())}</dl>"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, text: bool = False, folds: bool = False) -> str:
    """A table whose cells are markup already; numbers stand to the right unless all of it is ``text``.

    Where it ``folds``, each row's first cell is a line of its own on a phone, above the four others: for long names.
    """

    def line(cells: Sequence[str], tag: str) -> str:
        kinds = ["" if text or not place else " class=number" for place in range(len(cells))]
        return "<tr>" + "".join(f"<{tag}{k}>{c}</{tag}>" for c, k in zip(cells, kinds, strict=True)) + "</tr>"

    css = ' class="folds"' if folds else ""
    lines = "".join(line(row, "td") for row in rows)
    return f'<div class="wide"><table{css}>{line(heads, "th")}{lines}</table></div>'


def folding(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts in five columns, which folds on a phone: the first of each row a name, the others numbers."""
    cells = [[html_text(cell) for cell in row] for row in rows]
    return table([html_text(head) for head in heads], cells, folds=True)


def listed(items: Iterable[str]) -> str:
    """A list of texts."""
    return f"<ul>{''.join(f'<li>{html_text(item)}</li>' for item in items)}</ul>"


def figures(what: str, found: Mapping[str, Spread]) -> str:
    """A table of figures, each with its range."""

    rows = []
    for name, each in found.items():
        digits = 3 if each.most < 10.0 else 1
        ends = " to ".join(f"{end:.{digits}f}" for end in each.interval)
        numbers = (f"{value:.{digits}f}" for value in (each.least, each.most))
        rows.append((html_text(named(name)), f"{each.mean:.{digits}f}", ends, *numbers))
    return table((what, "mean", "interval", "least", "most"), rows, folds=True)


def curves(report: Report) -> str:
    """What is found by what is falsely raised, drawn; nothing without attacks."""
    drawn = []
    if report.roc is not None:
        of = "resample" if report.model else "run"
        caption = (
            f"Attack flows found, by the share of benign flows raised. The band is from the worst {of} to the best."
        )
        drawn.append(plot(plots.roc(report.roc), caption))
    if report.precision_recall is not None:
        prevalence = report.protocol.prevalence
        caption = (
            f"Of what is raised, the share that is attacks, by how many of them are found, where {percent(prevalence)}"
            " of flows are attacks."
        )
        drawn.append(plot(plots.precision_recall(report.precision_recall, prevalence), caption))
    return f'<div class="plots">{"".join(drawn)}</div>' if drawn else ""


def budgets(found: Sequence[BudgetObtained]) -> str:
    """False incidents asked for against those obtained, drawn and in numbers."""
    rows = [
        (
            rate(each.asked),
            rate(each.obtained.mean),
            f"{rate(max(0.0, each.obtained.interval[0]))} to {rate(each.obtained.interval[1])}",
            f"{each.days:.1f}",
        )
        for each in found
    ]
    caption = (
        "On the dashed line as many are obtained as are asked for. In the band they are at most twice, at least half."
    )
    return (
        f'<div class="plots">{plot(plots.asked_and_obtained(found), caption)}<div>'
        f"{table(('asked for, a day', 'obtained', 'interval', 'days'), rows)}</div></div>"
    )


def scores(report: Report) -> str:
    """How unseen flows score; nothing where there are none."""
    histogram = report.scores
    if not sum(histogram.benign):
        return ""
    attacks = sum(histogram.attacks)
    caption = (
        f"Scores of {sum(histogram.benign):,} benign flows (blue)"
        + (f" and of {attacks:,} of attacks (red)" if attacks else "")
        + ("" if report.model else " that it was not trained on")
        + ". Where they lie apart, it tells them apart."
    )
    return plot(plots.scores(histogram), caption)


def cuts(segments: Sequence[Segment]) -> str:
    """A table for each way to cut the traffic into parts."""
    parts = []
    for by, title in CUTS.items():
        chosen = [each for each in segments if each.by == by]
        if chosen:
            parts.append(f"<h3>{title}</h3>{_cut(chosen, in_order=by == 'hour')}")
    return "".join(parts)


def _cut(segments: Sequence[Segment], *, in_order: bool) -> str:
    worst = sorted(segments, key=lambda each: (-each.incidents_per_day, -each.benign_raised, each.value))
    shown = list(segments) if in_order else worst[:SEGMENTS]
    most = max((each.incidents_per_day for each in shown), default=0.0) or 1.0
    rows = [
        (
            html_text(each.value),
            f"{each.benign:,}",
            percent(each.benign_raised),
            rate(each.incidents_per_day),
            plots.bar(each.incidents_per_day / most, "red"),
            "" if each.recall is None else percent(each.recall),
        )
        for each in shown
    ]
    more = f"<p class=quiet>and {len(segments) - len(shown)} more</p>" if len(shown) < len(segments) else ""
    return table(("", "benign flows", "raised", "false a day", "", "attack flows found"), rows) + more
