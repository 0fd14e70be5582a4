"""Two small models, an hour of records, and a judge with a challenger beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from detector.alerts.build import AlertBuilder
from detector.alerts.writer import AlertWriter
from detector.bundle.files import read_bundle
from detector.bundle.loaded_model import LoadedModel
from detector.decisions.decide import Budget
from detector.records.every_format import open_decoder
from detector.scoring.judge import Judge
from detector.scoring.judged import Beside, Judged
from detector.shadow.comparison import Comparison
from detector.telemetry.events import Event, silent
from tests.bundles import bundle
from tests.golden.day import batch, model, records

BUDGET = Budget(incidents_per_day=30.0)
BATCH = 500


def champion() -> LoadedModel:
    """The golden day's."""
    return model()


@cache
def challenger() -> LoadedModel:
    """One of other traffic."""
    return read_bundle(bundle(1, windows=True))


def compare(first: LoadedModel, second: LoadedModel, share: float = 0.3) -> Comparison:
    """A comparison at the budget of both."""
    return Comparison(first, second, budget=BUDGET, share=share)


class NoOther:
    """No other model comes."""

    def take(self) -> None:
        """Give none."""


@dataclass
class Once:
    """Gives models one after the other."""

    models: list[Any] = field(default_factory=list)

    def take(self) -> Any:
        """Give the next, once."""
        return self.models.pop(0) if self.models else None


@dataclass
class Kept:
    """Keeps what it is offered."""

    batches: list[Judged] = field(default_factory=list)

    def offer(self, judged: Judged) -> None:
        """Keep it."""
        self.batches.append(judged)


@dataclass
class Heard:
    """Keeps what is told."""

    events: list[Event] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        """Keep it."""
        self.events.append(event)

    def of(self, kind: type[Any]) -> list[Any]:
        """Those of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


def emitted(beside: Beside | None, count: int = 3_000) -> list[Any]:
    """Everything that the judge has emitted for so many records, with ``beside`` beside it."""
    judge = Judge(
        champion(),
        incoming=NoOther(),
        budget=BUDGET,
        builder=AlertBuilder(),
        writer=AlertWriter(),
        write_scores=True,
        write_incidents=True,
        write_risks=True,
        beside=beside,
        tell=silent,
    )
    decoder, outputs = open_decoder("zeek"), list[Any]()
    for first in range(0, count, BATCH):
        raw = batch(records()[first : first + BATCH], first)
        outputs.append(judge.judge(raw, decoder.decode(raw.values)).outputs())
    return [*outputs, judge.conclude().outputs()]


@cache
def judged() -> tuple[Judged, ...]:
    """The batches of the whole hour, as the champion judged them."""
    kept = Kept()
    emitted(kept, len(records()))
    return tuple(kept.batches)
