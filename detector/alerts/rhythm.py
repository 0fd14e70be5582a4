"""How a regular pair calls, in words: how often and how exactly, how many times, how much, and who else does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from detector.alerts.facts import Clause, Fact
from detector.alerts.quantities import number, rounded, said
from detector.decisions.regular_kernel import FULL
from detector.features.meanings import Unit

ALIKE = 0.5
"""Sizes of which fewer are within an octave have no middle that one would tell."""

RESTS = 0.75
"""Of the time since its first call: what is active for less of it rests, and that is told."""

PRECISE = 0.01
"""A jitter below it cannot be told from none: intervals are counted in steps of a third of an octave."""


Figure = Annotated[float, msgspec.Meta(ge=0, le=1e18)]
"""Bounds are held against what is read back: anyone may write where state is kept."""


class Rhythm(msgspec.Struct, frozen=True, kw_only=True):
    """How a regular pair calls: as :class:`~detector.decisions.regular.Regular` has it."""

    period: Figure
    jitter: Figure
    calls: Figure
    size: Figure
    alike: Figure
    span: Figure
    active: Figure
    hosts: Figure

    @property
    def words(self) -> Clause:
        """The same for people."""
        return by_the_clock(msgspec.structs.asdict(self))


def by_the_clock(told: Mapping[str, float]) -> Clause:
    """Say what :class:`~detector.decisions.regular.Regular` tells of a pair; without it, no more than that it calls."""
    if not told.get("calls"):
        return Clause("calls by the clock, as it never did and few others do")
    parts = [_rhythm(told), _times(told), _size(told), _others(told)]
    kept = [part for part in parts if part is not None]
    return Clause(", ".join(part.text for part in kept), tuple(fact for part in kept for fact in part.facts))


def _rhythm(told: Mapping[str, float]) -> Clause:
    period = Fact("usual time between calls", rounded(told["period"], Unit.SECONDS), Unit.SECONDS.value)
    every = f"calls every {said(period.value, Unit.SECONDS)}"
    if told["jitter"] < PRECISE:
        return Clause(f"{every}, by the clock", (period,))
    jitter = Fact("spread of the times between calls", rounded(100 * told["jitter"], Unit.PERCENT), Unit.PERCENT.value)
    return Clause(f"{every} ± {said(jitter.value, Unit.PERCENT)}", (period, jitter))


def _times(told: Mapping[str, float]) -> Clause:
    calls = Fact("calls", round(told["calls"]), Unit.FLOWS.value)
    since = Fact("time since the first call", rounded(told["span"], Unit.SECONDS), Unit.SECONDS.value)
    forgotten = 2 * calls.value >= FULL  # half are, whenever so many are counted
    times = f"{'at least ' if forgotten else ''}{number(calls.value)} times"
    active = Fact("time active since the first call", rounded(told["active"], Unit.SECONDS), Unit.SECONDS.value)
    if active.value >= RESTS * since.value:
        return Clause(f"{times} in {said(since.value, Unit.SECONDS)}", (calls, since))
    worked = f", at work for {said(active.value, Unit.SECONDS)} of them"
    return Clause(f"{times} in {said(since.value, Unit.SECONDS)}{worked}", (calls, since, active))


def _size(told: Mapping[str, float]) -> Clause | None:
    if told["alike"] < ALIKE or told["size"] <= 2.0:
        return None
    size = Fact("bytes usually sent by a call", rounded(told["size"], Unit.BYTES), Unit.BYTES.value)
    return Clause(f"about {said(size.value, Unit.BYTES)} sent each", (size,))


def _others(told: Mapping[str, float]) -> Clause:
    others = Fact("other hosts that had answers there", rounded(told["hosts"] - 1.0, Unit.HOSTS), Unit.HOSTS.value)
    if not others.value:
        return Clause("no other host goes there")
    return Clause(
        f"about {said(others.value, Unit.HOSTS)} more {'goes' if others.value == 1 else 'go'} there", (others,)
    )
