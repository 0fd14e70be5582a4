"""Where a hunt is weak, as far as it knows: sentences for the report, the gravest first."""

from __future__ import annotations

from collections.abc import Iterator

from training.card import span
from training.hunt.hunting import Hunted
from training.weaknesses import DAY_S, WEEK_S


def weak(hunted: Hunted) -> list[str]:
    """Say what is known to be weak."""
    return list(_sentences(hunted))


def short(hunted: Hunted) -> Iterator[str]:
    """Where the time is too short for the budget."""
    watched = hunted.trained.watched.seconds
    if hunted.budget * watched / DAY_S < 1:
        yield (
            f"{hunted.budget:g} false incidents a day are fewer than one in the {span(watched)} watched. Hunt in"
            f" {span(DAY_S / hunted.budget)} of logs or more, or with a larger --budget."
        )
    if hunted.used > hunted.budget:
        yield (
            f"{hunted.budget:g} a day would raise nobody in the {span(watched)} watched: {hunted.used:.3g} a day are"
            " raised, the oddest by each view and in each direction."
        )


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
