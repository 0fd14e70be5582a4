"""An attack that is repeated day after day, while a service retrains every night on all that came before."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import polars as pl
import pytest

from detector.alerts.build import AlertBuilder
from detector.alerts.writer import AlertWriter
from detector.bundle.files import read_bundle
from detector.bundle.loaded_model import LoadedModel
from detector.casebook.told import Told, read_told
from detector.decisions.decide import Budget
from detector.records.every_format import open_decoder
from detector.records.flow import LABEL
from detector.scoring.judge import Judge
from detector.telemetry.events import silent
from tests.bundles import as_read
from tests.golden.day import NoOther, batch, read
from tests.training.small_days import flows_of
from training.lessons.lessons import INCIDENT_MARGIN_S, lessons_of
from training.simulator.frames import ATTACK_ID
from training.simulator.scenario import DEFAULT_START, Scenario
from training.simulator.stream import encode
from training.train import Recipe, train

pytestmark = pytest.mark.slow

DAYS = 7
DAY_S, PART_S = 86_400.0, 1_500.0
RECIPE = Recipe(kind="isolation-forest", params={"n_estimators": 20}, folds=0)
FALSE_INCIDENTS_PER_DAY = 30.0


@cache
def part_of(day: int) -> pl.DataFrame:
    """A part of one morning; from the first on with the same attack of the same host."""
    start = DEFAULT_START + day * DAY_S + 32_400.0
    scenario = Scenario(seed=7, hosts=25, start=start, duration_s=PART_S, attacks=())
    if day:
        scenario.inject("vertical-scan", start + 500.0, 80)
    return flows_of(scenario)


def trained(frame: pl.DataFrame) -> LoadedModel:
    """A model of flows."""
    return read_bundle(train(frame, RECIPE).bundle("flows", as_read(frame)))


def judged(model: LoadedModel, frame: pl.DataFrame) -> tuple[float, list[Told]]:
    """The share of the attack's flows that is raised, and what is told of incidents."""
    judge = Judge(
        model,
        incoming=NoOther(),
        budget=Budget(incidents_per_day=FALSE_INCIDENTS_PER_DAY),
        builder=AlertBuilder(),
        writer=AlertWriter(),
        write_scores=False,
        write_incidents=True,
        tell=silent,
    )
    values = [*encode(frame, "zeek-json")]
    raw = batch(values, 0)
    result = judge.judge(raw, open_decoder("zeek").decode(raw.values))
    raised = {uid for each in result.alerts for uid in uids(read(each))}
    attack = frame.filter(pl.col(ATTACK_ID).is_not_null() & (pl.col(ATTACK_ID) != ""))["uid"]
    documents = [*result.incidents, *judge.conclude().incidents]
    latest = {told.ours.id: told for each in documents for told in [read_told(each.value or b"")]}
    return float(np.mean([uid in raised for uid in attack])) if len(attack) else 0.0, [*latest.values()]


def uids(document: object) -> Iterator[str]:
    """Every ``uid`` within."""
    if isinstance(document, dict):
        for name, value in document.items():
            if name == "uid" and isinstance(value, str):
                yield value
            yield from uids(value)
    elif isinstance(document, list):
        for each in document:
            yield from uids(each)


def shares(days: int, margin_s: float | None) -> list[float]:
    """What is raised of the attack on each day, where each night's model is of all the days before.

    Without a margin nothing is left out.
    """
    usable, found = part_of(0), list[float]()
    for day in range(1, days + 1):
        model = trained(usable.drop(LABEL, ATTACK_ID))
        today = part_of(day)
        share, incidents = judged(model, today)
        found.append(share)
        if margin_s is not None:
            today = today.filter(lessons_of(today, incidents, margin_s=margin_s).keep)
        usable = pl.concat([usable, today])
    return found


def test_an_attack_of_seven_days_does_not_become_usual() -> None:
    """On day 7 at least 0.9 of day 1's share is raised where rows of incidents are left out."""
    found = shares(DAYS, INCIDENT_MARGIN_S)
    assert found[0] > 0.5
    assert found[-1] >= 0.9 * found[0], found


def test_trained_on_it_is_usual_the_day_after() -> None:
    """With all rows left in, less than a tenth of day 1's share is raised on day 2."""
    first, second = shares(2, None)
    assert second < 0.1 * first
