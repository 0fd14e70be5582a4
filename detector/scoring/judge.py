"""Steps 3 to 5 of a record's way: features, score, decide; and the swap of models between two batches.

Takes decoded flows, gives a :class:`~detector.scoring.batch_result.BatchResult`: what to emit and what it accounts for.
Does no I/O.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from detector.alerts.build import AlertBuilder
from detector.alerts.content import Content
from detector.alerts.dead_letter import dead_letters
from detector.alerts.score_record import score_records
from detector.alerts.writer import AlertWriter
from detector.bundle.loaded_model import LoadedModel
from detector.decisions.assess import assess
from detector.decisions.decide import Budget, Decision, decide
from detector.drift.events import DriftSeen, FlowsRaised
from detector.drift.familiarity import Familiarity
from detector.drift.monitor import DriftMonitor
from detector.features.events import WindowsSeen
from detector.features.windows import WindowCounts
from detector.incidents.document import write_incidents
from detector.incidents.events import BudgetSet, IncidentsTold
from detector.incidents.put_together import put_together
from detector.models.single_flows import Scores
from detector.records.events import RecordsPassedOver, RecordsRejected
from detector.records.flow import FlowBatch
from detector.scoring.batch_result import BatchResult
from detector.scoring.events import BatchDecided, BatchFeatured, BatchScored, ModelSwapped
from detector.scoring.partition_state import PartitionState
from detector.state.events import StateBegun, StateLeft, StateUnfit
from detector.telemetry.events import Tell
from detector.transport.base import OutRecord, RawBatch


class Incoming(Protocol):
    """Where newly verified models come from; the registry's watcher is one."""

    def take(self) -> LoadedModel | None:
        """Give a model that came since the last call, once."""
        ...


class Judge:
    """Holds the model in charge and judges batches with it, one after the other."""

    def __init__(
        self,
        model: LoadedModel,
        *,
        incoming: Incoming,
        budget: Budget,
        builder: AlertBuilder,
        writer: AlertWriter,
        write_scores: bool,
        write_incidents: bool,
        tell: Tell,
    ) -> None:
        self.model = model
        self.memory = PartitionState(model)
        self._drift = DriftMonitor(model)
        self._familiarity = Familiarity()
        self._incoming = incoming
        self._budget = budget
        self._rule = budget.rule(model.calibration, model.incidents, model.extractor.inside)
        self._builder = builder
        self._writer = writer
        self._write_scores = write_scores
        self._write_incidents = write_incidents
        self._tell = tell
        self._windows = WindowCounts()
        self._open = -1
        self._tell_budget()

    def judge(self, raw: RawBatch, flows: FlowBatch) -> BatchResult:
        """Score ``flows``, decoded from ``raw``, and decide which become alerts."""
        self._swap()
        matrix = self._features(raw, flows)
        scores = self._score(flows, matrix)
        decision = self._decide(raw, flows, scores)
        self._tell_begun()
        letters = dead_letters(raw, flows.rejects)
        told = self._told_alerts(raw, flows, matrix, scores.overall, decision, self._writer.tells)
        alerts = self._writer.write(told)
        self._tell_of_rejects(flows)
        return BatchResult(
            scored=len(scores.overall),
            model_version=self.model.version,
            alerts=alerts,
            withheld=len(decision.rows) - len(alerts),
            incidents=self._incidents(),
            dead_letters=letters,
            dead_lettered=len(flows.rejects),
            scores=self._scores(raw, flows, scores.overall),
            passed_over=flows.passed_over,
            severities=decision.severities(),
            alert_timestamps_ms=raw.timestamps_ms[flows.rows[decision.rows]].tolist(),
        )

    def remember(self, raw: RawBatch, flows: FlowBatch) -> None:
        """Take flows in that were judged before a restart: for what is remembered of them, without a verdict."""
        self._swap()
        matrix = self._matrix(raw, flows)
        scores = self.model.score(matrix)
        decision = self._decision(raw, flows, scores)
        self._told_alerts(raw, flows, matrix, scores.overall, decision, lambda _: False)
        self._tell_begun()
        self.memory.incidents.pass_time()
        self.memory.incidents.take()
        self.memory.incidents.take_ended()

    def rest(self) -> None:
        """Take a new model over while no records come."""
        self._swap()

    def conclude(self) -> BatchResult:
        """Give what is left to tell once the input has ended: open incidents are closed."""
        self.memory.incidents.close_all()
        return BatchResult(scored=0, model_version=self.model.version, incidents=self._told())

    # --- models ---------------------------------------------------------------------------------------------------

    def _swap(self) -> None:
        if (new := self._incoming.take()) is None:
            return
        started, old = time.perf_counter(), self.model
        self.model = new
        self.memory.adopt(new)
        self._drift = DriftMonitor(new)
        self._familiarity = Familiarity()
        self._rule = self._budget.rule(new.calibration, new.incidents, new.extractor.inside)
        self._tell_budget()
        self._tell(ModelSwapped(new.name, old.version, new.version, time.perf_counter() - started, new.digest))

    def _tell_budget(self) -> None:
        self._tell(BudgetSet(None if self._rule is None else self._budget.incidents_per_day))

    # --- features and score ---------------------------------------------------------------------------------------

    def _features(self, raw: RawBatch, flows: FlowBatch) -> NDArray[np.float32]:
        started = time.perf_counter()
        matrix = self._matrix(raw, flows)
        self._tell(BatchFeatured(rows=len(matrix), seconds=time.perf_counter() - started))
        if windows := self.memory.windows:
            before, self._windows = self._windows, windows.counts()
            self._tell(WindowsSeen(before, self._windows))
        return matrix

    def _matrix(self, raw: RawBatch, flows: FlowBatch) -> NDArray[np.float32]:
        partitions = raw.partitions[flows.rows]
        for partition, why_not in self.memory.begin(np.unique(partitions).tolist()).items():
            self._tell(StateUnfit(partition, self.model.version, why_not))
        return self.model.extractor.transform(flows.frame, partitions, self.memory)

    def _score(self, flows: FlowBatch, matrix: NDArray[np.float32]) -> Scores:
        started = time.perf_counter()
        scores = self.model.score(matrix)
        seconds = time.perf_counter() - started
        self._tell(BatchScored(len(matrix), seconds, scores.overall, self.model.version))
        if report := self._drift.look(flows.frame, matrix, scores.overall):
            self._tell(DriftSeen(report))
        return scores

    # --- decide ---------------------------------------------------------------------------------------------------

    def _decide(self, raw: RawBatch, flows: FlowBatch, scores: Scores) -> Decision:
        started = time.perf_counter()
        decision = self._decision(raw, flows, scores)
        self._tell(BatchDecided(len(scores.overall), len(decision.rows), time.perf_counter() - started))
        if block := self._familiarity.look(len(scores.overall), len(decision.rows)):
            self._tell(FlowsRaised(block, self.model.name, self.model.version))
        return decision

    def _decision(self, raw: RawBatch, flows: FlowBatch, scores: Scores) -> Decision:
        if self._rule is None:
            return decide(scores.overall, self.model.calibration, self._budget)
        keys, partitions = self.memory.evidence_keys(flows.frame), raw.partitions[flows.rows]
        assessment = assess(flows.frame, self.model.surprises(scores), self.memory.evidence, partitions, keys)
        return self._rule.decide(flows.frame, scores.overall, assessment)

    def _told_alerts(  # noqa: PLR0917 - a batch is its arrays, one by one
        self,
        raw: RawBatch,
        flows: FlowBatch,
        matrix: NDArray[np.float32],
        scores: NDArray[np.float64],
        decision: Decision,
        tells: Callable[[int], bool],
    ) -> list[Content]:
        """The alerts that are told, after all were put into their incidents."""
        book, builder = self.memory.incidents, self._builder
        return put_together(book, raw, flows, matrix, scores, decision, self.model, builder, tells)

    def _scores(self, raw: RawBatch, flows: FlowBatch, scores: NDArray[np.float64]) -> list[OutRecord]:
        """Every flow's score, if they are asked for."""
        if not self._write_scores:
            return []
        return score_records(raw, flows, scores, self.model, self._builder.max_text_bytes)

    def _incidents(self) -> list[OutRecord]:
        """What is to be told of incidents, after this batch's alerts and by its time."""
        self.memory.incidents.pass_time()
        return self._told()

    def _told(self) -> list[OutRecord]:
        book = self.memory.incidents
        changes, ended = book.take(), book.take_ended()
        if (changes, book.open) == ([], self._open) and not ended:
            return []
        self._open = book.open
        self._tell(IncidentsTold(changes, book.open, ended))
        return write_incidents(changes, self._writer.shape) if self._write_incidents else []

    def _tell_begun(self) -> None:
        version = self.model.version
        for partition, why_not in self.memory.settled().items():
            self._tell(StateBegun(partition, version) if why_not is None else StateLeft(partition, version, why_not))

    def _tell_of_rejects(self, flows: FlowBatch) -> None:
        if flows.rejects:
            counts = Counter(reject.reason for reject in flows.rejects)
            by_name = {reason.value: count for reason, count in counts.items()}
            self._tell(RecordsRejected(by_name, flows.rejects[0].detail))
        if flows.passed_over:
            self._tell(RecordsPassedOver(flows.passed_over))
