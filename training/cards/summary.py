"""The first screen of a card: a few sentences that someone reads who has a minute. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from detector.bundle.manifest import LabelsTaught, Manifest
from training.cards.contract import Expected, Found
from training.cards.facts import CardFacts
from training.cards.words import count, percent, rate, span
from training.evaluation.report import AttackFound, Report

MISSED, SURE = 0.5, 0.9
"""Below this share of its attacks a kind is called mostly missed; from this one on, found."""

MANY = 8
"""Kinds that are named in a sentence."""


def summary(manifest: Manifest, facts: CardFacts) -> tuple[str, ...]:
    """What it was trained on, finds, misses, raises falsely, changed; whether the gate passed it."""
    return (
        trained_on(manifest, facts),
        *taught(manifest),
        *finds(facts),
        expects(facts),
        gate(facts),
        *changed_briefly(facts),
    )


def trained_on(manifest: Manifest, facts: CardFacts) -> str:
    """Of how many flows and hosts it knows, for how long, and of which set."""
    training, report = manifest.training, facts.report
    hosts = f" of {count(report.data.hosts, 'inside host')}" if report is not None and report.data.hosts else ""
    watched = f", watched for {span(training.watched_s)}" if training.watched_s else ""
    named = f", data set {training.dataset}" if isinstance(training.dataset, str) else ""
    return f"It was trained on {count(training.rows, 'flow')}{hosts}{watched}{named}."


def taught(manifest: Manifest) -> Iterator[str]:
    """What people's labels taught it; nothing where nobody said anything."""
    labels = manifest.training.taught
    if isinstance(labels, LabelsTaught):
        left_out = sum(labels.left_out.values())
        others = f" {count(left_out, 'more label')} taught nothing." if left_out else ""
        yield (
            f"{count(labels.false + labels.true, 'label')} of {count(len(labels.by), 'analyst')} taught it:"
            f" {labels.false:,} false, of {count(labels.flows, 'flow')}, and {labels.true:,} true.{others}"
        )


def finds(facts: CardFacts) -> Iterator[str]:
    """What it finds and misses by kind of attack, and what was tried."""
    report = facts.report
    if report is None or not report.attacks:
        yield "What it finds is not known: no attack could be tried on it."
        return
    lines = [found_of(each) for each in report.attacks]
    tried = (
        "attacks labelled in the data" if report.protocol.attacks == "labelled" else "simulated attacks on your hosts"
    )
    found = _listed([line for line in lines if line.found >= SURE * line.attacks])
    partly = _listed([line for line in lines if MISSED * line.attacks <= line.found < SURE * line.attacks])
    missed = _listed([line for line in lines if line.found < MISSED * line.attacks])
    yield f"Of {tried} it finds {found}." if found else f"Of {tried} it finds no kind reliably."
    if partly:
        yield f"It finds some: {partly}."
    if missed:
        yield f"It mostly misses {missed}."


def expects(facts: CardFacts) -> str:
    """How many false incidents a day to expect, of how many were asked for."""
    told = expected_of(facts.report)
    if not told:
        return "How many false incidents a day to expect is not known: nothing was measured on later time."
    asked = facts.report.protocol.incidents_per_day if facts.report is not None else 0.0
    each = min(told, key=lambda one: abs(one.asked - asked))
    within = f" ({rate(each.least)} to {rate(each.most)})" if each.most > each.least else ""
    return (
        f"Expect about {rate(each.obtained)} false incidents a day{within}, where {rate(each.asked)} are asked for;"
        f" measured on {each.days:.1f} days that it was not trained on."
    )


def gate(facts: CardFacts) -> str:
    """What the gate said."""
    if facts.verdict is None:
        return "No gate was asked."
    if facts.verdict.passed:
        return "It passed the gate."
    return f"The gate refused it: {'; '.join(facts.verdict.reasons)}."


def changed_briefly(facts: CardFacts) -> tuple[str, ...]:
    """Whether there is something that it takes the place of."""
    if facts.parent is None:
        return ("It is the first: there is nothing that it takes the place of.",)
    if facts.parent.why_not:
        return (f"It is to take the place of {facts.parent.version}, which {facts.parent.why_not}.",)
    return ()


def found_of(each: AttackFound) -> Found:
    """The line of one kind."""
    found = min(each.attacks, round(each.found.mean * each.attacks))
    return Found(kind=each.kind, attacks=each.attacks, found=found, seconds=each.seconds)


def expected_of(report: Report | None) -> tuple[Expected, ...]:
    """By budget: what was obtained."""
    if report is None:
        return ()
    return tuple(
        Expected(
            asked=each.asked,
            obtained=each.obtained.mean,
            least=max(0.0, each.obtained.interval[0]),
            most=each.obtained.interval[1],
            days=each.days,
        )
        for each in report.budget
    )


def changes(manifest: Manifest, facts: CardFacts) -> tuple[str, ...]:
    """What is other than in the parent, a sentence each; none without one that can be read."""
    parent = facts.parent
    if parent is None or parent.manifest is None:
        return ()
    before = parent.manifest
    told = [f"It is to take the place of {parent.version}."]
    told += _of_data(before, manifest)
    if before.kind != manifest.kind:
        told.append(f"It is of kind {manifest.kind}, not {before.kind}.")
    told += _of_parameters(before, manifest)
    if before.features_hash != manifest.features_hash:
        told.append(_of_features(before, manifest))
    told += _of_figures(parent.report, facts.report)
    return tuple(told)


def _of_data(before: Manifest, now: Manifest) -> Iterator[str]:
    rows, were = now.training.rows, before.training.rows
    if were and abs(rows / were - 1) >= 0.01:
        yield f"It was trained on {percent(abs(rows / were - 1))} {'more' if rows > were else 'fewer'} flows."
    later = (now.training.end or 0.0) - (before.training.end or 0.0)
    if now.training.end is not None and before.training.end is not None and abs(later) >= 60.0:
        yield f"Its last flow is {span(abs(later))} {'later' if later > 0 else 'earlier'}."


def _of_parameters(before: Manifest, now: Manifest) -> Iterator[str]:
    names = sorted(before.parameters.keys() | now.parameters.keys())
    usual = "as it comes"
    differ = [
        f"{name} is {now.parameters.get(name, usual)}, was {before.parameters.get(name, usual)}"
        for name in names
        if before.parameters.get(name) != now.parameters.get(name)
    ]
    if differ:
        yield f"Parameters: {'; '.join(differ)}."


def _of_features(before: Manifest, now: Manifest) -> str:
    new = [name for name in now.features.names if name not in set(before.features.names)]
    gone = [name for name in before.features.names if name not in set(now.features.names)]
    parts = [f"{len(each)} {word}" for each, word in ((new, "new"), (gone, "gone")) if each]
    return f"Features differ: {', '.join(parts) or 'their settings'}."


def _of_figures(before: Report | None, now: Report | None) -> Iterator[str]:
    if before is None or now is None:
        return
    for name, say in (
        ("attacks_found", "{:.0%} of the attacks tried are found, {:.0%} were."),
        ("false_incidents_per_day", "{:.1f} false incidents a day, {:.1f} were."),
    ):
        if name in now.by_time and name in before.by_time:
            yield say.format(now.by_time[name].mean, before.by_time[name].mean)


def _listed(lines: list[Found]) -> str:
    """Kinds with their counts, the surest first: «syn-flood (6 of 6), beacon (5 of 6)»."""
    ordered = sorted(lines, key=lambda line: (-line.found / max(1, line.attacks), line.kind))
    named = [f"{line.kind} ({line.found} of {line.attacks})" for line in ordered[:MANY]]
    more = f" and {count(len(lines) - MANY, 'more kind')}" if len(lines) > MANY else ""
    return ", ".join(named) + more
