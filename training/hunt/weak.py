"""Where a hunt is weak, as far as it knows: sentences for the report, the gravest first."""

from __future__ import annotations

from collections.abc import Iterator

from training.cards.weaknesses import DAY_S, WEEK_S
from training.cards.words import span
from training.hunt.hunting import Hunted


def weak(hunted: Hunted) -> list[str]:
    """Say what is known to be weak."""
    return list(_sentences(hunted))


def short(hunted: Hunted) -> Iterator[str]:
    """Where the time is too short for the budget."""
    if told := short_of(hunted.budget, hunted.used, hunted.trained.watched.seconds):
        yield told


def short_of(budget: float, used: float, seconds: float) -> str:
    """What it means that so many false incidents a day are asked and used, in the seconds watched; empty if nothing."""
    few = budget * seconds / DAY_S < 1
    instead = f"{used:.3g} a day are raised, the oddest by each view and in each direction." if used > budget else ""
    more = f"Hunt in {span(DAY_S / budget)} of logs or more, or with a larger --budget." if few else ""
    if not few and not instead:
        return ""
    why = "are fewer than one" if few else "would raise nobody"
    begin = f"{budget:g} false incidents a day {why} in the {span(seconds)} watched"
    return " ".join(part for part in (f"{begin}: {instead}" if instead else f"{begin}.", more) if part)


def _sentences(hunted: Hunted) -> Iterator[str]:
    watched, held = hunted.trained.watched.seconds, hunted.trained.calibration
    yield from short(hunted)
    if watched < DAY_S * 0.9:
        yield "It saw less than a day: what happens only at other hours, such as backups at night, may look odd."
    elif watched < WEEK_S:
        yield "It saw less than a week: what happens only on other days may look odd."
    yield (
        "It calls odd what other stretches of the same logs do not have. An attack that goes on through all of them"
        " looks usual, and many attacks at once hide each other."
    )
    yield (
        f"It was calibrated on {held.rows:,} flows of {span(held.seconds)}, attacks among them: up to"
        f" {hunted.hosts:.0f} hosts are listed whether there are attacks or not."
    )
    if not hunted.trained.extractor.spec.windows:
        yield "It looked at single flows: what shows only in many flows together is mostly out of its sight."
    constant = [
        name
        for name, varies in zip(hunted.trained.extractor.spec.names, hunted.trained.varying.tolist(), strict=True)
        if not varies
    ]
    if constant:
        yield f"These features had one value throughout, so that nothing is odd by them: {', '.join(constant)}."
