"""The report as one self-contained page: no scripts, nothing fetched, all that came from data escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from detector.printable import html_text
from training.cards.words import moment, span
from training.evaluation.report import Report, Spread

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 1.5rem auto; padding: 0 1rem; color: #1c2430;
  background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; }
td, th { text-align: left; padding: .2rem 1rem .2rem 0; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th { border-bottom: 1px solid #9aa4b2; } .quiet { color: #5b6675; }
""".strip()

WORDS = {
    "roc_auc": "Chance that an attack scores above a benign flow (ROC AUC)",
    "tpr_at_fpr_0.01": "Attack flows found when 1 in 100 benign flows is raised",
    "tpr_at_fpr_0.001": "Attack flows found when 1 in 1,000 benign flows is raised",
    "precision": "Precision of what is raised, at the prevalence",
    "recall": "Attack flows that are raised (recall)",
    "false_incidents_per_day": "False incidents a day",
    "attacks_found": "Attacks with a flow raised",
}

SHOWN_SEGMENTS = 15
"""Of each way to cut."""


def page(report: Report) -> str:
    """Write the page."""
    title = f"Evaluation of {report.kind}"
    body = [f"<h1>{html_text(title)}</h1>", f"<p>{html_text(_about(report))}</p>"]
    if report.notes:
        body += ["<h2>What to know</h2>", f"<ul>{''.join(f'<li>{html_text(each)}</li>' for each in report.notes)}</ul>"]
    if report.by_time:
        body += ["<h2>On later flows than were trained on</h2>", _figures(report.by_time)]
    if report.random:
        body += ["<h2>On blocks of time and source that were not trained on</h2>", _figures(report.random)]
    if report.attacks:
        body += ["<h2>Attacks</h2>", _attacks(report)]
    if report.budget:
        body += ["<h2>False incidents a day: asked and obtained</h2>", _budget(report)]
    if report.segments:
        body += ["<h2>Parts of the traffic</h2>", _segments(report)]
    body += ["<h2>How it was measured</h2>", f"<p>{html_text(_how(report))}</p>"]
    return whole_page(title, body)


def whole_page(title: str, body: Sequence[str]) -> str:
    """A page of these parts, which are HTML; the title is text."""
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html_text(title)}</title><style>{STYLE}</style>"
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n' + "\n".join(body) + "\n</body></html>\n"


def _about(report: Report) -> str:
    data = report.data
    return (
        f"{data.rows:,} flows of {data.hosts:,} inside hosts, watched for {span(data.watched_s)} from"
        f" {moment(data.start)}, {data.attack_rows:,} of them labelled attacks. Each figure is of flows that were not"
        " trained on: its mean, in brackets where the mean lies with 95 %, then the least and the most seen."
    )


def _how(report: Report) -> str:
    asked = report.protocol
    attacks = {
        "labelled": "Attacks are those that are labelled.",
        "transplanted": "Attacks are the simulator's, put on inside hosts of these flows; none was trained on.",
        "none": "There were no attacks.",
    }[asked.attacks]
    return (
        f"{attacks} Precision and recall are told as if {asked.prevalence:.3g} of the flows were attacks, by"
        f" {asked.resamples} resamples of each run. {asked.folds} folds, {asked.repeats} times, of blocks of"
        f" {asked.block_s:g} s of one source; {asked.time_splits} splits by time, raised at"
        f" {asked.incidents_per_day:g} false incidents a day. Intervals over random splits allow for shared training"
        " rows (Nadeau and Bengio 2003); those by time are of resampled attacks and blocks, and do not tell what"
        f" another training would give. Seed {asked.seed}, {report.seconds:.0f} s, {report.created}."
    )


def _figures(figures: dict[str, Spread]) -> str:
    rows = [(named(name), *_told(each)) for name, each in figures.items()]
    return table(("Figure", "mean", "95 %", "least", "most"), rows)


def named(name: str) -> str:
    """What a figure means."""
    at = name.removeprefix("precision_at_prevalence_")
    return f"Precision if {at} of the flows were attacks, and as many raised" if at != name else WORDS.get(name, name)


def _told(spread: Spread) -> tuple[str, str, str, str]:
    low, high = spread.interval
    return f"{spread.mean:.4g}", f"{low:.3g} – {high:.3g}", f"{spread.least:.3g}", f"{spread.most:.3g}"


def _attacks(report: Report) -> str:
    rows = [
        (
            each.kind,
            f"{each.attacks:,}",
            f"{each.found.mean:.0%}",
            f"{each.found.interval[0]:.0%} – {each.found.interval[1]:.0%}",
            f"{each.flows_found.mean:.0%}",
            "–" if each.seconds is None else f"{each.seconds:,.0f} s",
        )
        for each in report.attacks
    ]
    return table(("Kind", "attacks", "found", "95 %", "of its flows", "first after"), rows)


def _budget(report: Report) -> str:
    rows = [(f"{each.asked:g}", *_told(each.obtained), f"{each.days:.2g}") for each in report.budget]
    return table(("Asked", "mean", "95 %", "least", "most", "days watched"), rows)


def _segments(report: Report) -> str:
    tables = []
    for by in dict.fromkeys(each.by for each in report.segments):
        few = [each for each in report.segments if each.by == by]
        shown = few if by == "hour" else few[:SHOWN_SEGMENTS]
        rows = [
            (
                each.value,
                f"{each.benign:,}",
                f"{each.benign_raised:.2%}",
                f"{each.incidents_per_day:.2g}",
                f"{each.attacks:,}",
                "–" if each.recall is None else f"{each.recall:.0%}",
            )
            for each in shown
        ]
        heads = (by.capitalize(), "benign", "raised", "false incidents a day", "attack flows", "recall")
        tables.append(table(heads, rows))
        if len(shown) < len(few):
            tables.append(f"<p class=quiet>and {len(few) - len(shown)} with fewer flows</p>")
    return "\n".join(tables)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts; all but the first column are numbers."""

    def line(cells: Sequence[str], tag: str) -> str:
        kinds = ["", *[" class=number"] * (len(cells) - 1)]
        inner = "".join(f"<{tag}{kind}>{html_text(cell)}</{tag}>" for cell, kind in zip(cells, kinds, strict=True))
        return f"<tr>{inner}</tr>"

    return f'<div class="wide"><table>{line(heads, "th")}{"".join(line(row, "td") for row in rows)}</table></div>'
