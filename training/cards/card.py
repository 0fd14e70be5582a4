"""The card of a model, for programs and as a page, from its manifest and what is known beside it."""

from __future__ import annotations

from collections.abc import Mapping

from detector.alerts.readings import meanings_of
from detector.bundle.manifest import Manifest
from training.cards.contract import CARD, CARD_VERSION, PAGE, Card, Named
from training.cards.facts import CardFacts
from training.cards.page import page
from training.cards.summary import changes, expected_of, found_of, summary
from training.cards.weaknesses import weaknesses


def card_files(manifest: Manifest, facts: CardFacts) -> dict[str, bytes]:
    """Give the files of both: the same manifest and facts give the same bytes."""
    card = card_of(manifest, facts)
    return {CARD: card.encode(), PAGE: page(manifest, facts, card).encode()}


def card_of(manifest: Manifest, facts: CardFacts) -> Card:
    """What there is to tell."""
    report, training = facts.report, manifest.training
    return Card(
        card_version=CARD_VERSION,
        model=manifest.name,
        version=manifest.version,
        kind=manifest.kind,
        created=manifest.created,
        oddflow=manifest.libraries.get("oddflow", ""),
        dataset=training.dataset if isinstance(training.dataset, str) else None,
        rows=training.rows,
        hosts=report.data.hosts if report is not None else None,
        start=training.start,
        end=training.end,
        watched_s=training.watched_s,
        attacks="none" if report is None else report.protocol.attacks,
        found=() if report is None else tuple(map(found_of, report.attacks)),
        expected=expected_of(report),
        passed=None if facts.verdict is None else facts.verdict.passed,
        reasons=() if facts.verdict is None else facts.verdict.reasons,
        parent=manifest.parent,
        changed=changes(manifest, facts),
        rollback=f"oddflow models rollback --model {manifest.name}",
        summary=summary(manifest, facts),
        weak=tuple(weaknesses(manifest, facts.report, facts.constant)),
        matters=_named(manifest, facts.matters),
        drift=_named(manifest, facts.drift or {}),
    )


def _named(manifest: Manifest, values: Mapping[str, float]) -> tuple[Named, ...]:
    meanings = meanings_of(manifest.features)
    ordered = sorted(values.items(), key=lambda item: (-item[1], item[0]))
    return tuple(
        Named(feature=name, what=meanings[name].what if name in meanings else "", value=round(value, 6))
        for name, value in ordered
    )
