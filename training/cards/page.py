"""``card.html``: one page for people, whole in itself. HTML and inline SVG, no script, nothing fetched, all escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from detector.bundle.manifest import Manifest
from detector.drift.monitor import INDEX_LIMIT
from detector.printable import html_text
from training.cards import plots
from training.cards.contract import Card, Named
from training.cards.facts import CardFacts
from training.cards.style import STYLE
from training.cards.words import WORDS, moment, percent, rate, span
from training.evaluation.report import Report, Segment, Spread
from training.evaluation.segments import worst_told

SHOWN = 12
"""Features that are shown; all are in ``card.json``."""

SEGMENTS = 8
"""Shown of each way to cut, those with the most false incidents a day."""

CUTS = {"service": "Service", "subnet": "Subnet", "direction": "Direction", "hour": "Hour of the day, UTC"}


def page(manifest: Manifest, facts: CardFacts, card: Card) -> str:
    """Write the page of ``card``."""
    title = f"{manifest.name} {manifest.version}"
    body = [
        f"<h1>{html_text(title)}</h1>",
        _about(manifest),
        _first(card),
        *_section("What changed", _list(card.changed) if card.changed else ""),
        *_section("What it finds", _found(facts.report, card)),
        *_section("False incidents", _budget(facts.report)),
        *_section("Scores", _scores(facts.report)),
        *_section("Where it differs", _segments(facts.report)),
        *_section("Where it is weak", _list(card.weak)),
        *_section("What matters to it", _matters(card.matters)),
        *_section("Drift against its parent", _drift(card)),
        *_section("The gate", _gate(facts)),
        *_section("Trained on", _trained_on(manifest, facts)),
        *_section("Calibration", _calibration(manifest, facts)),
        *_section("How it was made", _made(manifest, facts)),
        *_section(
            "Features",
            f"<details><summary>{len(manifest.features.names)} names</summary>"
            f"<p>{html_text(', '.join(manifest.features.names))}</p></details>",
        ),
    ]
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{html_text(title)}</title><style>{STYLE}</style>"
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n' + "\n".join(body) + "\n</body></html>\n"


def _about(manifest: Manifest) -> str:
    made_by = f"oddflow {manifest.libraries.get('oddflow', '')}, {manifest.created}"
    told = f"A detector of unusual network flows ({manifest.kind}), made by {made_by}."
    return f"<p class=quiet>{html_text(told)}</p>"


def _first(card: Card) -> str:
    css = "" if card.passed is None else " passed" if card.passed else " refused"
    back = f"<li>To go back: <code>{html_text(card.rollback)}</code></li>" if card.parent else ""
    items = "".join(f"<li>{html_text(line)}</li>" for line in card.summary)
    return (
        f'<section class="first{css}" id="summary"><ul>{items}{back}</ul></section>'
        "<p class=quiet>It scores each flow by how unlike the training flows it is. What is odd need not be an attack,"
        " and an attack that looks like everyday traffic scores like it.</p>"
    )


def _found(report: Report | None, card: Card) -> str:
    if report is None or not (card.found or report.random or report.by_time):
        return (
            "<p>Not known: there were no attacks to try. Measure it on labelled flows with"
            " <code>oddflow evaluate</code>.</p>"
        )
    protocol = report.protocol
    source = {
        "labelled": "attacks that are labelled in the data",
        "transplanted": "the simulator's attacks, put on inside hosts of the data",
        "none": "no attacks",
    }[protocol.attacks]
    budget = rate(protocol.incidents_per_day)
    tried = f"Tried: {source}. An attack is found where one of its flows is raised at {budget} false incidents a day."
    parts = [f"<p>{tried}</p>"]
    if card.found:
        rows = [
            (
                html_text(line.kind),
                f"{line.found} of {line.attacks}",
                plots.bar(line.found / max(1, line.attacks)),
                _after(line.seconds),
            )
            for line in card.found
        ]
        parts.append(_table(("attack", "found", "", "first alert"), rows))
    parts.append(_curves(report))
    runs = f"{protocol.folds} × {protocol.repeats} random splits, {protocol.time_splits} by time"
    parts.append(
        f"<p>Over {runs}; precision and recall where {percent(protocol.prevalence)} of flows are attacks. The interval"
        " holds the mean with 95 %. Another network may lie outside it.</p>"
    )
    for name, figures in (("at random", report.random), ("by time", report.by_time)):
        if figures:
            told = [_figure(WORDS.get(each, each), spread) for each, spread in figures.items()]
            parts.append(_table((f"figure, {name}", "mean", "interval", "least", "most"), told))
    return "".join(parts)


def _after(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    return "at once" if seconds < 1.0 else f"after {span(seconds)}"


def _figure(name: str, spread: Spread) -> tuple[str, ...]:
    low, high = spread.interval
    numbers = (f"{spread.mean:.3f}", f"{low:.3f} to {high:.3f}", f"{spread.least:.3f}", f"{spread.most:.3f}")
    return (html_text(name), *numbers)


def _curves(report: Report) -> str:
    figures = []
    if report.roc is not None:
        caption = "Attack flows found, by the share of benign flows raised. The band is from the worst run to the best."
        figures.append(_plot(plots.roc(report.roc), caption))
    if report.precision_recall is not None:
        prevalence = report.protocol.prevalence
        caption = (
            f"Of what is raised, the share that is attacks, by how many of them are found, where {percent(prevalence)}"
            " of flows are attacks."
        )
        figures.append(_plot(plots.precision_recall(report.precision_recall, prevalence), caption))
    return f'<div class="plots">{"".join(figures)}</div>' if figures else ""


def _budget(report: Report | None) -> str:
    if report is None or not report.budget:
        return "<p>Not known: nothing was measured on time that it was not trained on.</p>"
    rows = [
        (
            rate(each.asked),
            rate(each.obtained.mean),
            f"{rate(max(0.0, each.obtained.interval[0]))} to {rate(each.obtained.interval[1])}",
            f"{each.days:.1f}",
        )
        for each in report.budget
    ]
    caption = (
        "On the dashed line as many are obtained as are asked for. In the band they are at most twice, at least half."
    )
    return (
        f'<div class="plots">{_plot(plots.asked_and_obtained(report.budget), caption)}<div>'
        f"{_table(('asked for, a day', 'obtained', 'interval', 'days'), rows)}</div></div>"
    )


def _scores(report: Report | None) -> str:
    if report is None or not sum(report.scores.benign):
        return ""
    histogram = report.scores
    attacks = sum(histogram.attacks)
    caption = (
        f"Scores of {sum(histogram.benign):,} benign flows (blue)"
        + (f" and of {attacks:,} of attacks (red)" if attacks else "")
        + " that it was not trained on. Where they lie apart, it tells them apart."
    )
    return _plot(plots.scores(histogram), caption)


def _segments(report: Report | None) -> str:
    if report is None or not report.segments:
        return ""
    worst = worst_told(report.segments)
    parts = [_list([note for note in report.notes if note not in worst])]
    for by, title in CUTS.items():
        chosen = [each for each in report.segments if each.by == by]
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
    return _table(("", "benign flows", "raised", "false a day", "", "attack flows found"), rows) + more


def _matters(matters: Sequence[Named]) -> str:
    if not matters or not matters[0].value:
        return ""
    most = matters[0].value
    rows = [
        (html_text(each.what or each.feature), f"<code>{html_text(each.feature)}</code>", percent(each.value),
         plots.bar(each.value / most))
        for each in matters[:SHOWN]
    ]  # fmt: skip
    return (
        "<p>What the scores of its oddest training flows are made of, in shares. A feature that never makes a flow odd"
        f" is not here.</p>{_table(('', 'feature', 'share', ''), rows)}"
    )


def _drift(card: Card) -> str:
    if card.parent is None:
        return ""
    if not card.drift:
        return "<p>Not known.</p>"
    changed = [each for each in card.drift if each.value > INDEX_LIMIT]
    told = f"{len(changed)} of {len(card.drift)} features have changed (an index above {INDEX_LIMIT:g})."
    most = max(card.drift[0].value, INDEX_LIMIT)
    rows = [
        (html_text(each.what or each.feature), f"<code>{html_text(each.feature)}</code>", f"{each.value:.2f}",
         plots.bar(each.value / most, "red" if each.value > INDEX_LIMIT else "dot"))
        for each in card.drift[:SHOWN]
    ]  # fmt: skip
    return f"<p>{told}</p>{_table(('', 'feature', 'index', ''), rows)}"


def _gate(facts: CardFacts) -> str:
    verdict = facts.verdict
    if verdict is None:
        return ""
    words = {True: "passed", False: "refused", None: "not asked"}
    rows = [(f"<code>{html_text(each.rule)}</code>", words[each.passed], html_text(each.why)) for each in verdict.rules]
    return _table(("rule", "", "why"), rows, text=True)


def _trained_on(manifest: Manifest, facts: CardFacts) -> str:
    training = manifest.training
    dataset = training.dataset if isinstance(training.dataset, str) else "none: files or a topic"
    return _pairs(
        {
            "Data set": dataset,
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
    )


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
    rows = [(f"{each:g} of benign flows", f"{score:.6g}") for each, score in facts.thresholds.items()]
    budget = "<p>Where false incidents are counted, all flows are held against the same thresholds.</p>"
    if facts.directions:
        budget = (
            "<p>Where false incidents are counted, flows have thresholds of their own by where they go"
            f" ({html_text(', '.join(facts.directions))}); any others are held against those of all.</p>"
        )
    return text + _table(("alert budget", "alerts from score"), rows) + budget


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
    return ", ".join(f"{number:,} {name}" for name, number in counts.items())


def _section(title: str, content: str) -> tuple[str, ...]:
    return (f"<h2>{html_text(title)}</h2>", content) if content else ()


def _plot(svg: str, caption: str) -> str:
    return f"<figure>{svg}<figcaption>{html_text(caption)}</figcaption></figure>"


def _pairs(rows: Mapping[str, str]) -> str:
    return f"<dl>{''.join(f'<dt>{html_text(k)}</dt><dd>{html_text(v)}</dd>' for k, v in rows.items())}</dl>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, text: bool = False) -> str:
    """A table whose cells are markup already; numbers stand to the right unless all of it is ``text``."""

    def line(cells: Sequence[str], tag: str) -> str:
        kinds = ["" if text or not place else " class=number" for place in range(len(cells))]
        return "<tr>" + "".join(f"<{tag}{k}>{c}</{tag}>" for c, k in zip(cells, kinds, strict=True)) + "</tr>"

    return f'<div class="wide"><table>{line(heads, "th")}{"".join(line(row, "td") for row in rows)}</table></div>'


def _list(items: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{html_text(item)}</li>' for item in items)}</ul>"
