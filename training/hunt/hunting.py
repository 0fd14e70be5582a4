"""From flows to the incidents among them: each flow judged by what learnt from other stretches of time.

Listed are more hosts than the budget raises (:data:`LISTED`), the gravest first: a person reads from the top and stops.
Flows that are odd at a laxer level and of the same edge are put into their incidents, which so have their whole size.

No daemon and no second way to judge: scores and assessment are those that training computes to calibrate
(:mod:`training.learn`), alerts and incidents are written as a daemon writes them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.alerts.build import AlertBuilder
from detector.alerts.wording import Told
from detector.bundle.files import read_bundle
from detector.bundle.loaded_model import LoadedModel
from detector.decisions.decide import Decision, IncidentRule
from detector.decisions.findings import Findings
from detector.decisions.severity import decades_beyond
from detector.errors import InputError
from detector.incidents.book import Change, IncidentBook
from detector.incidents.document import write_incidents
from detector.models.single_flows import Scores
from detector.net.directions import directions_of
from detector.records.flow import ROW, FlowBatch
from detector.scoring.dataset import Dataset
from detector.transport.base import Envelope, RawBatch
from training.hunt.ranking import ranked
from training.hunt.who import ALONG, ByWho, along_with, odd, who_of
from training.learn import Learnt
from training.train import Recipe, Trained, train_and_keep
from training.watched import Watched

NAME = "hunt"
"""Of the model, which nobody keeps, and of the topic that alerts name."""

LISTED = 6.0
"""So many times the hosts that the budget raises are listed: chosen on simulated days, of 1, 3, 6, 12 and 24."""

MOST_TOLD = 60_000
"""So many flows are put into incidents at most, the oddest: some seconds, and 200 MB."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One incident."""

    document: dict[str, Any]
    """As a daemon's topic of incidents has it at its end (OCSF)."""
    rows: NDArray[np.intp]
    """Places of its flows in the frame, ascending; of one at least."""
    per_day: float
    """False incidents a day of those who are as odd as its oddest flow: the lower, the odder."""
    why: str
    """What is told of its oddest flow."""
    further: tuple[Found, ...] = ()
    """Less grave incidents of the same host."""

    @property
    def ours(self) -> dict[str, Any]:
        """The part of the document that OCSF has no fields for."""
        ours: dict[str, Any] = self.document["unmapped"]["oddflow"]
        return ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunted:
    """What came of a hunt."""

    read: Dataset
    trained: Trained
    model: LoadedModel
    incidents: list[Found]
    """One for each host that is listed, the gravest first, of equals the oddest."""
    budget: float
    """False incidents a day that were asked for."""
    used: float
    """Those that are: more, where what was asked for would raise nobody in the time. By these, severity is graded."""
    raised: int
    """Flows that are odd enough to be listed."""
    told: int
    """Flows in incidents: these, and those along with them; no more than :data:`MOST_TOLD`."""

    @property
    def hosts(self) -> float:
        """How many are listed, attacks or not."""
        return LISTED * self.used * self.trained.watched.days

    @property
    def every(self) -> list[Found]:
        """The incidents of all hosts, also where a host has several; the gravest first."""
        return sorted((each for first in self.incidents for each in (first, *first.further)), key=order)


def order(found: Found) -> tuple[float, ...]:
    """Sort by risk, then by how odd, then by time."""
    return -found.ours["risk"], found.per_day, int(found.rows[0])


def hunt(read: Dataset, recipe: Recipe, budget: float, tell: Tell = lambda _: None) -> Hunted:
    """Learn from flows, and find the incidents among them at ``budget`` false ones a day.

    Raises InputError for flows that are too few, or have no addresses or times.
    """
    trained, learnt = train_and_keep(read.frame, recipe, tell, np.zeros(len(read.frame), np.int32))
    tell("deciding")
    model = read_bundle(replace(trained, beginning=None).bundle(NAME, read))
    frame, chosen = decided(read.frame, learnt, model, trained.watched, budget)
    kept = oddest_of(chosen.decision, MOST_TOLD)
    tell(f"putting {len(kept.rows):,} of {len(frame):,} flows into incidents")
    found = incidents_of(frame, learnt, kept, model)
    found = [each for each in found if chosen.raised[each.rows].any()]
    return Hunted(
        read=replace(read, frame=frame),
        trained=trained,
        model=model,
        incidents=ranked(sorted(found, key=order), chosen.who),
        budget=budget,
        used=chosen.used,
        raised=int(chosen.raised.sum()),
        told=sum(len(each.rows) for each in found),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which flows are put into incidents."""

    decision: Decision
    """Those that are raised, and those along with them."""
    raised: NDArray[np.bool_]
    """Which flows are odd enough to be listed, of all (rows,)."""
    who: NDArray[np.uint64]
    """Whom each flow counts for (rows,): see :func:`training.hunt.who.who_of`."""
    used: float
    """The budget, in hosts a day, that severity is graded by."""


def decided(
    frame: pl.DataFrame, learnt: Learnt, model: LoadedModel, watched: Watched, budget: float
) -> tuple[pl.DataFrame, Chosen]:
    """Which flows are put into incidents; the frame is that of the flows that were weighed.

    Raises InputError for flows without addresses, or all of one time.
    """
    if learnt.unseen is None or learnt.incidents is None:
        raise InputError("hunting: these flows have no addresses, or all the same time; give logs that have both")
    weighed = np.isin(learnt.rows, learnt.weighed)
    frame, scores = frame[learnt.rows[weighed]], learnt.judged.scores.overall[weighed]
    inside = model.extractor.inside
    by_who = ByWho.of(frame, learnt.unseen, watched.seconds, inside)
    used = by_who.budget(budget)
    within, beyond = (
        IncidentRule.of(model.calibration, by_who.everyone, each, inside).decide(frame, scores, learnt.unseen).rows
        for each in (used, LISTED * used)
    )
    raised = np.union1d(within, np.intersect1d(beyond, odd(learnt.unseen, ALONG)))
    rows = along_with(frame, learnt.unseen, raised)
    few, directions = learnt.unseen.take(rows), directions_of(frame.select("src_ip", "dst_ip")[rows], inside)
    rule = IncidentRule.of(model.calibration, by_who.rest, used, inside)
    rates = np.maximum(by_who.rest.rates(few, directions), min(by_who.rest.least_told, used))
    decision = Decision(
        rows,
        model.calibration.p_values(scores[rows]),
        decades_beyond(rates, used),
        rule.scores[directions],
        few,
        rates,
        by_who.rest.oddest_views(few, directions),
    )
    among = np.zeros(len(frame), np.bool_)
    among[raised] = True
    return frame, Chosen(decision=decision, raised=among, who=who_of(frame, learnt.unseen), used=used)


def oddest_of(decision: Decision, most: int) -> Decision:
    """The same of so many rows at most, the oddest."""
    if len(decision.rows) <= most or decision.rates is None:
        return decision
    kept = np.zeros(len(decision.rows), np.bool_)
    kept[np.argsort(decision.rates, kind="stable")[:most]] = True
    return decision.take(np.flatnonzero(kept))


def incidents_of(frame: pl.DataFrame, learnt: Learnt, decision: Decision, model: LoadedModel) -> list[Found]:
    """Put flows into incidents, which are in no order."""
    count = len(frame)
    partitions = np.zeros(count, np.int32)
    rows = np.arange(count)
    raw = RawBatch(
        NAME, [], partitions, rows.astype(np.int64), np.full(count, -1, np.int64), lambda _: Envelope(None, ())
    )
    flows = FlowBatch(frame.with_columns(pl.Series(ROW, rows.astype(np.uint32))))
    weighed = np.isin(learnt.rows, learnt.weighed)
    scores = learnt.judged.scores
    single = None if scores.single is None else scores.single[weighed]
    findings = Findings(frame, learnt.matrix[weighed], Scores(scores.overall[weighed], single), learnt.unseen)
    book = IncidentBook()
    book.hear(frame["ts"].to_numpy(), partitions)
    builder = AlertBuilder()
    alerts = builder.raised(raw, flows, findings, decision, model)
    names = [book.put(alert, row).id for alert, row in zip(alerts, decision.rows.tolist(), strict=True)]
    book.close_all()
    shown, changes = book.unexplained(), book.take(builder.usual(model))
    places = _places(names, changes)
    rates = np.zeros(len(alerts)) if decision.rates is None else decision.rates
    oddest = {name: min(of, key=lambda place: rates[place]) for name, of in places.items()}
    few = sorted({*shown, *oddest.values()})
    contents = builder.build(
        [alerts[place] for place in few], flows, findings, decision.take(np.array(few, np.intp)), model
    )
    book.explain({content.id: Told(content.why, content.facts) for content in contents})
    why = {place: content.why for place, content in zip(few, contents, strict=True)}
    latest = {each["unmapped"]["oddflow"]["id"]: each for each in _documents(write_incidents(changes))}
    return [
        Found(
            document=latest[name],
            rows=decision.rows[of],
            per_day=float(rates[oddest[name]]),
            why=why[oddest[name]],
        )
        for name, of in places.items()
    ]


def _documents(records: list[Any]) -> list[dict[str, Any]]:
    return [json.loads(record.value) for record in records]


def _places(names: list[str], changes: list[Change]) -> dict[str, list[int]]:
    """The alerts of each incident, by the ``names`` of theirs: those of one that was merged are the other's."""
    into = {change.incident.id: change.incident.merged_into for change in changes}
    places: dict[str, list[int]] = {}
    for place, first in enumerate(names):
        name = first
        while into[name]:
            name = into[name]
        places.setdefault(name, []).append(place)
    return places
