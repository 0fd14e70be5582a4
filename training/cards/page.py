"""``card.html``: one page for people, whole in itself. HTML and inline SVG, no script, nothing fetched, all escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from detector.bundle.manifest import LabelsTaught, Manifest
from detector.drift.monitor import INDEX_LIMIT
from detector.printable import html_text
from training.cards import plots
from training.cards.contract import Card, Named
from training.cards.facts import CardFacts
from training.cards.pieces import budgets, curves, cuts, figures, listed, pairs, scores, section, table, whole_page
from training.cards.words import moment, percent, rate, span
from training.evaluation.report import Report
from training.evaluation.segments import worst_told

SHOWN = 12
"""Features that are shown; all are in ``card.json``."""


def page(manifest: Manifest, facts: CardFacts, card: Card) -> str:
    """Write the page of ``card``."""
    title = f"{manifest.name} {manifest.version}"
    body = [
        f"<h1>{html_text(title)}</h1>",
        _about(manifest),
        _first(card),
        *section("What changed", listed(card.changed) if card.changed else ""),
        *section("What it finds", _found(facts.report, card)),
        *section("False incidents", _budget(facts.report)),
        *section("Scores", "" if facts.report is None else scores(facts.report)),
        *section("Where it differs", _segments(facts.report)),
        *section("Where it is weak", listed(card.weak)),
        *section("What matters to it", _matters(card.matters)),
        *section("Drift against its parent", _drift(card)),
        *section("The gate", _gate(facts)),
        *section("Trained on", _trained_on(manifest, facts)),
        *section("Calibration", _calibration(manifest, facts)),
        *section("How it was made", _made(manifest, facts)),
        *section(
            "Features",
            f"<details><summary>{len(manifest.features.names)} names</summary>"
            f"<p>{html_text(', '.join(manifest.features.names))}</p></details>",
        ),
    ]
    return whole_page(title, body)


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
        parts.append(table(("attack", "found", "", "first alert"), rows))
    parts.append(curves(report))
    runs = f"{protocol.folds} × {protocol.repeats} random splits, {protocol.time_splits} by time"
    parts.append(
        f"<p>Over {runs}; precision and recall where {percent(protocol.prevalence)} of flows are attacks. The interval"
        " holds the mean with 95 %. Another network may lie outside it.</p>"
    )
    for name, found in (("at random", report.random), ("by time", report.by_time)):
        if found:
            parts.append(figures(f"figure, {name}", found))
    return "".join(parts)


def _after(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    return "at once" if seconds < 1.0 else f"after {span(seconds)}"


def _budget(report: Report | None) -> str:
    if report is None or not report.budget:
        return "<p>Not known: nothing was measured on time that it was not trained on.</p>"
    return budgets(report.budget)


def _segments(report: Report | None) -> str:
    if report is None or not report.segments:
        return ""
    worst = worst_told(report.segments)
    parts = [listed([note for note in report.notes if note not in worst])]
    return "".join([*parts, cuts(report.segments)])


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
        f" is not here.</p>{table(('', 'feature', 'share', ''), rows)}"
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
    return f"<p>{told}</p>{table(('', 'feature', 'index', ''), rows)}"


def _gate(facts: CardFacts) -> str:
    verdict = facts.verdict
    if verdict is None:
        return ""
    words = {True: "passed", False: "refused", None: "not asked"}
    rows = [(f"<code>{html_text(each.rule)}</code>", words[each.passed], html_text(each.why)) for each in verdict.rules]
    return table(("rule", "", "why"), rows, text=True)


def _trained_on(manifest: Manifest, facts: CardFacts) -> str:
    training = manifest.training
    dataset = training.dataset if isinstance(training.dataset, str) else "none: files or a topic"
    return pairs(
        {
            "Data set": dataset,
            "Flows read": f"{training.rows_read:,} ({training.format})",
            "Flows trained on": f"{training.rows:,} ({training.train_on})",
            "Of these, left out as the oddest": f"{facts.dropped:.3g} of them" if facts.dropped else "none",
            "Left out as incidents": facts.cut,
            "From": ", ".join(training.sources),
            "Period": f"{moment(training.start)} to {moment(training.end)}",
            "Watched": "unknown" if training.watched_s is None else f"{span(training.watched_s)} of it",
            "Inside": ", ".join(("private addresses", *manifest.features.inside)),
            "Labels": _counts(facts.labels),
            **_taught(manifest),
            "Records that could not be used": _counts(facts.rejected) or "none",
            "Records passed over": _counts(facts.passed_over) or "none",
            "sha256 of the records": training.sha256,
            "Takes the place of": manifest.parent or "nothing",
        }
    )


def _taught(manifest: Manifest) -> dict[str, str]:
    labels = manifest.training.taught
    if not isinstance(labels, LabelsTaught):
        return {}
    taught = {"false": labels.false, "true": labels.true}
    return {
        "Labels of people that taught": _counts({name: number for name, number in taught.items() if number}) or "none",
        "Said by": _counts(labels.by) or "nobody",
        "Said on": _counts(labels.days) or "no day",
        "Labels that taught nothing": _counts(labels.left_out) or "none",
    }


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
    return text + table(("alert budget", "alerts from score"), rows) + budget


def _made(manifest: Manifest, facts: CardFacts) -> str:
    return pairs(
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
