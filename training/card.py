"""The model card: what a model was trained on, how good it is and where it is weak, as one plain page for people.

HTML without scripts, links or anything fetched; all that came from data or flags is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from detector.bundle.manifest import Figure, Manifest
from detector.printable import html_text
from training.weaknesses import weaknesses

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
table { border-collapse: collapse; } td, th { text-align: left; padding: .2rem 1.2rem .2rem 0; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
th { border-bottom: 1px solid #9aa4b2; } .quiet { color: #5b6675; } code { overflow-wrap: anywhere; }
""".strip()

WORDS: dict[str, str] = {
    "roc_auc": "Chance that an attack scores above a benign flow (ROC AUC)",
    "average_precision": "Average precision, at this data's own share of attacks",
    "tpr_at_fpr_0.01": "Attacks found when 1 in 100 benign flows is raised",
    "tpr_at_fpr_0.001": "Attacks found when 1 in 1,000 benign flows is raised",
    "precision_at_prevalence_0.01": "Precision if 1 in 100 flows were an attack",
}
"""What each figure means; a figure that is not here is shown by its name."""

RATES = (0.01, 0.001, 0.0001)
"""Budgets whose thresholds are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """What the card tells beyond the manifest."""

    labels: Mapping[str, int]
    """Flows by label in all that was read."""
    rejected: Mapping[str, int]
    passed_over: Mapping[str, int]
    found: Mapping[str, Figure]
    """By label of attack: the share found at 1 % false positives."""
    folds: int
    thresholds: Mapping[float, float]
    """The score that alerts begin at, by false-positive rate."""
    constant: Sequence[str] = field(default=())
    """Features that had one value throughout the training rows."""
    dropped: float = 0.0
    """Share of the training rows that the model was fitted without, as the oddest: attacks may be among them."""
    members: str = ""
    """How much each member of an ensemble counts; empty for other kinds."""
    directions: Sequence[str] = field(default=())
    """Directions of flows that have thresholds of their own where false incidents are counted."""


def card(manifest: Manifest, facts: CardFacts) -> str:
    """Write the page."""
    title = f"{manifest.name} {manifest.version}"
    body = [
        f"<h1>{html_text(title)}</h1>",
        f"<p>{html_text(_about(manifest))}</p>",
        *_section("Trained on", _trained_on(manifest, facts)),
        *_section("How good it is", _quality(manifest, facts)),
        *_section("Calibration", _calibration(manifest, facts)),
        *_section("Where it is weak", _list(weaknesses(manifest, facts.found, facts.constant))),
        *_section("How it was made", _made(manifest, facts)),
        *_section("Features", f"<p>{html_text(', '.join(manifest.features.names))}</p>"),
    ]
    head = f'<meta charset="utf-8"><title>{html_text(title)}</title><style>{STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n' + "\n".join(body) + "\n</body></html>\n"


def moment(seconds: float | None) -> str:
    """A time as people read it."""
    if seconds is None:
        return "unknown"
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):  # a clock may say anything
        return f"{seconds:g} s"


def span(seconds: float) -> str:
    """A length of time as people read it."""
    for unit, length in (("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} seconds"


def _about(manifest: Manifest) -> str:
    return (
        f"A detector of unusual network flows ({manifest.kind}), made by oddflow"
        f" {manifest.libraries.get('oddflow', '')} at {manifest.created}. It scores each flow by how unlike the"
        " training flows it is: what is odd need not be an attack, and an attack that looks like everyday traffic"
        " scores like it."
    )


def _trained_on(manifest: Manifest, facts: CardFacts) -> str:
    training = manifest.training
    rows = {
        "Flows read": f"{training.rows_read:,} ({training.format})",
        "Flows trained on": f"{training.rows:,} ({training.train_on})",
        "Of these, left out as the oddest": f"{facts.dropped:.3g} of them" if facts.dropped else "none",
        "From": ", ".join(training.sources),
        "Period": f"{moment(training.start)} to {moment(training.end)}",
        "Watched": "unknown" if training.watched_s is None else f"{span(training.watched_s)} of it",
        "Inside": ", ".join(("private addresses", *manifest.features.inside)),
        "Labels": _counts(facts.labels),
        "Records that could not be used": _counts(facts.rejected) or "none",
        "Records passed over": _counts(facts.passed_over) or "none",
        "sha256 of the records": training.sha256,
        "Takes the place of": manifest.parent or "nothing",
    }
    return _pairs(rows)


def _quality(manifest: Manifest, facts: CardFacts) -> str:
    if not manifest.quality:
        return (
            "<p>Not known: the flows have no labels of both attacks and benign traffic. Measure it on labelled flows"
            " with <code>oddflow evaluate</code>.</p>"
        )
    text = (
        f"<p>Each figure is the median, the least and the most of {facts.folds} trainings, each measured on a stretch"
        " of time that it was not trained on. The range is what to expect on other days of the same network; another"
        " network may lie outside it.</p>"
    )
    named = {WORDS.get(name, name): figure for name, figure in manifest.quality.items()}
    parts = [text, _figures("Figure", named)]
    if facts.found:
        parts += [
            "<p>By kind of attack, found when 1 in 100 benign flows is raised:</p>",
            _figures("Attack", facts.found),
        ]
    return "\n".join(parts)


def _calibration(manifest: Manifest, facts: CardFacts) -> str:
    held = manifest.calibration
    text = (
        f"<p>Scores become p-values by {held.rows:,} flows, watched for {span(held.seconds)}, each scored by what did"
        " not see its stretch of time; none is labelled as an attack. The smallest p-value it can give is"
        f" {1 / (held.rows + 1):.2g}.</p>"
    )
    if held.seconds > 0:
        text += (
            f"<p>A budget of fewer than {86_400 / held.seconds:.2g} false incidents a day is fewer than one in that"
            " time: its threshold is beyond all that was seen.</p>"
        )
    rows = [(f"{rate:g} of benign flows", f"{score:.6g}") for rate, score in facts.thresholds.items()]
    budget = "<p>Where false incidents are counted, all flows are held against the same thresholds.</p>"
    if facts.directions:
        budget = (
            "<p>Where false incidents are counted, flows have thresholds of their own by where they go"
            f" ({html_text(', '.join(facts.directions))}); any others are held against those of all.</p>"
        )
    return text + _table(("Alert budget", "Alerts from score"), rows) + budget


def _made(manifest: Manifest, facts: CardFacts) -> str:
    return _pairs(
        {
            **({"Members": facts.members} if facts.members else {}),
            "Parameters": ", ".join(f"{name}={value}" for name, value in manifest.parameters.items()) or "as they come",
            "Seeds": ", ".join(f"{name} {seed}" for name, seed in manifest.seeds.items()),
            "Libraries": ", ".join(f"{name} {version}" for name, version in manifest.libraries.items()),
            "Hash of the features": manifest.features_hash,
        }
    )


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def _section(title: str, content: str) -> tuple[str, str]:
    return f"<h2>{html_text(title)}</h2>", content


def _pairs(rows: Mapping[str, str]) -> str:
    cells = "".join(
        f"<tr><td class=quiet>{html_text(k)}</td><td><code>{html_text(v)}</code></td></tr>" for k, v in rows.items()
    )
    return f"<table>{cells}</table>"


def _figures(first: str, figures: Mapping[str, Figure]) -> str:
    rows = [(name, *(f"{value:.4f}" for value in _spread(figure))) for name, figure in figures.items()]
    return _table((first, "median", "least", "most"), rows)


def _spread(figure: Figure) -> tuple[float, float, float]:
    low = figure.value if figure.low is None else figure.low
    high = figure.value if figure.high is None else figure.high
    return figure.value, low, high


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    def line(cells: tuple[str, ...], tag: str) -> str:
        kinds = ["", *[" class=number"] * (len(cells) - 1)]
        inner = "".join(f"<{tag}{kind}>{html_text(cell)}</{tag}>" for cell, kind in zip(cells, kinds, strict=True))
        return f"<tr>{inner}</tr>"

    return f"<table>{line(heads, 'th')}{''.join(line(row, 'td') for row in rows)}</table>"


def _list(items: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{html_text(item)}</li>' for item in items)}</ul>"
