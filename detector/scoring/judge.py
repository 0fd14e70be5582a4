"""Steps 3 to 5 of a record's way: features, score, decide; and the swap of models between two batches.

Takes decoded flows, gives a :class:`~detector.scoring.batch_result.BatchResult`: what to emit and what it accounts for.
Does no I/O.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from detector.alerts.build import AlertBuilder
from detector.alerts.dead_letter import dead_letters
from detector.alerts.score_record import score_records
from detector.alerts.writer import AlertWriter
from detector.bundle.loaded_model import LoadedModel
from detector.decisions.decide import Budget, Decision
from detector.decisions.findings import Findings
from detector.drift.events import DriftSeen, FlowsRaised, StrangersSeen
from detector.drift.familiarity import Familiarity
from detector.drift.monitor import DriftMonitor
from detector.drift.strangers import StrangerWatch
from detector.features.events import WindowsSeen
from detector.features.windows import WindowCounts
from detector.incidents.document import write_incidents
from detector.incidents.events import BudgetSet, IncidentsTold, RisksTold
from detector.incidents.host_document import write_risks
from detector.incidents.put_together import Together, put_together
from detector.records.events import RecordsPassedOver, RecordsRejected
from detector.records.flow import FlowBatch
from detector.scoring.batch_result import BatchResult
from detector.scoring.events import BatchDecided, BatchFeatured, BatchScored, ModelSwapped, ViewsForgot
from detector.scoring.hiding import Rules, hiding
from detector.scoring.judged import NO_RULES, Beside, Judged, Nobody
from detector.scoring.partition_state import PartitionState
from detector.scoring.scorer import Scorer
from detector.state.events import StateBegun, StateLeft, StateUnfit
from detector.suppression.events import AlertsSuppressed
from detector.suppression.matching import Matcher
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
        write_risks: bool = False,
        beside: Beside | None = None,
        rules: Rules = lambda: NO_RULES,
        clock: Callable[[], float] = time.time,
        tell: Tell,
    ) -> None:
        self.model = model
        self.memory = PartitionState(model, builder.assets)
        self._drift = DriftMonitor(model)
        self._familiarity = Familiarity()
        self._strangers = StrangerWatch.of(model)
        self._incoming = incoming
        self._budget = budget
        self._scorer = Scorer(model, self.memory.flows, budget)
        self._builder = builder
        self._writer = writer
        self._write_scores = write_scores
        self._write_incidents = write_incidents
        self._write_risks = write_risks
        self._beside = beside or Nobody()
        self._rules = rules
        self._clock = clock
        self._tell = tell
        self._windows = WindowCounts()
        self._evicted: dict[str, int] = {}
        self._open = -1
        self._tell_budget()

    def judge(self, raw: RawBatch, flows: FlowBatch) -> BatchResult:
        """Score ``flows``, decoded from ``raw``, and decide which become alerts."""
        self._swap()
        findings = self._find(raw, flows)
        decision = self._decide(findings)
        self._tell_begun()
        letters = dead_letters(raw, flows.rejects)
        rules, now = self._rules(), self._clock()
        raised = self._alerts(raw, flows, findings, decision, self._writer.tells, rules, now)
        alerts = self._writer.write(raised.told)
        written_hidden = sum(bool(each.suppressed_by) for each in raised.told)
        shown = np.array([not by for by in raised.hidden], np.bool_)
        suppressed = Counter(filter(None, raised.hidden))
        if suppressed:
            self._tell(AlertsSuppressed(rules.scopes(suppressed)))
        self._tell_of_rejects(flows)
        scores = findings.scores.overall
        result = BatchResult(
            scored=len(scores),
            model_version=self.model.version,
            alerts=alerts,
            suppressed=suppressed,
            written_hidden=written_hidden,
            withheld=int(shown.sum()) - (len(alerts) - written_hidden),
            incidents=self._incidents(),
            incidents_met=self.memory.incidents.met,
            risks=self._risks(),
            dead_letters=letters,
            dead_lettered=len(flows.rejects),
            scores=self._scores(raw, flows, scores),
            passed_over=flows.passed_over,
            severities=raised.severities,
            allowed=raised.allowed,
            alert_timestamps_ms=raw.timestamps_ms[flows.rows[decision.rows[shown]]].tolist(),
        )
        clocks = self.memory.incidents.clocks()
        self._beside.offer(Judged(raw, flows, findings, decision, self.model, clocks, rules, now))
        return result

    def remember(self, raw: RawBatch, flows: FlowBatch) -> None:
        """Take flows in that were judged before a restart: for what is remembered of them, without a verdict.

        Suppressions hide what they hid then, by the flows' own time.
        """
        self._swap()
        findings = self._found(raw, flows)
        decision = self._scorer.decide(findings)
        self._alerts(raw, flows, findings, decision, lambda _: False, self._rules(), -math.inf)
        self._tell_begun()
        self.memory.incidents.pass_time()
        self.memory.incidents.take()
        self.memory.incidents.take_ended()
        self.memory.incidents.take_hosts()

    def rest(self) -> None:
        """Take a new model over while no records come."""
        self._swap()

    def conclude(self) -> BatchResult:
        """Give what is left to tell once the input has ended: open incidents are closed."""
        self.memory.incidents.close_all()
        return BatchResult(
            scored=0, model_version=self.model.version, incidents=self._told(), risks=self._risks(at_once=True)
        )

    # --- models ---------------------------------------------------------------------------------------------------

    def _swap(self) -> None:
        if (new := self._incoming.take()) is None:
            return
        started, old = time.perf_counter(), self.model
        self.model = new
        self.memory.adopt(new)
        self._drift = DriftMonitor(new)
        self._familiarity = Familiarity()
        self._strangers = StrangerWatch.of(new)
        self._scorer = Scorer(new, self.memory.flows, self._budget)
        self._tell_budget()
        self._tell(ModelSwapped(new.name, old.version, new.version, time.perf_counter() - started, new.digest))

    def _tell_budget(self) -> None:
        self._tell(BudgetSet(self._budget.incidents_per_day if self._scorer.counts_incidents else None))

    # --- what flows are found to be -------------------------------------------------------------------------------

    def _find(self, raw: RawBatch, flows: FlowBatch) -> Findings:
        findings = self._found(raw, flows)
        rows, scores, seconds = len(findings.frame), findings.scores.overall, findings.seconds
        self._tell(BatchFeatured(rows, seconds.features))
        if windows := self.memory.flows.windows:
            before, self._windows = self._windows, windows.counts()
            self._tell(WindowsSeen(before, self._windows))
        forgotten, self._evicted = self._evicted, self.memory.flows.evicted
        if self._evicted != forgotten:
            self._tell(ViewsForgot({name: count - forgotten.get(name, 0) for name, count in self._evicted.items()}))
        self._tell(BatchScored(rows, seconds.score, scores, self.model.version))
        if report := self._drift.look(flows.frame, findings.matrix, scores):
            self._tell(DriftSeen(report))
        if block := self._strangers.look(flows.frame["src_ip"]):
            self._tell(StrangersSeen(block, self.model.name, self.model.version))
        return findings

    def _found(self, raw: RawBatch, flows: FlowBatch) -> Findings:
        partitions = raw.partitions[flows.rows]
        for partition, why_not in self.memory.begin(np.unique(partitions).tolist()).items():
            self._tell(StateUnfit(partition, self.model.version, why_not))
        return self._scorer.find(flows.frame, partitions)

    def _decide(self, findings: Findings) -> Decision:
        started, rows = time.perf_counter(), len(findings.frame)
        decision = self._scorer.decide(findings)
        seconds = findings.seconds.assess + time.perf_counter() - started
        self._tell(BatchDecided(rows, len(decision.rows), seconds))
        if block := self._familiarity.look(rows, len(decision.rows)):
            self._tell(FlowsRaised(block, self.model.name, self.model.version))
        return decision

    # --- what is told of them -------------------------------------------------------------------------------------

    def _alerts(  # noqa: PLR0917 - a batch is its parts, one by one
        self,
        raw: RawBatch,
        flows: FlowBatch,
        findings: Findings,
        decision: Decision,
        tells: Callable[[int], bool],
        rules: Matcher,
        now: float,
    ) -> Together:
        """The alerts, after all were put into their incidents."""
        book, builder = self.memory.incidents, self._builder
        hides = hiding(rules, now, findings, decision.rows, self.model)
        return put_together(book, raw, flows, findings, decision, self.model, builder, tells, hides)

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
        changes, ended = book.take(self._builder.usual(self.model)), book.take_ended()
        shown = [each for each in changes if not each.incident.is_suppressed]
        if (shown, book.open) != ([], self._open) or ended:
            self._open = book.open
            self._tell(IncidentsTold(shown, book.open, ended))
        return write_incidents(changes, self._writer.shape) if self._write_incidents else []

    def _risks(self, *, at_once: bool = False) -> list[OutRecord]:
        """What is to be told of hosts' risks."""
        book = self.memory.incidents
        hosts = book.take_hosts(at_once=at_once)
        if not hosts:
            return []
        self._tell(RisksTold(book.top_risks()))
        return write_risks(hosts, self._builder.assets) if self._write_risks else []

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
