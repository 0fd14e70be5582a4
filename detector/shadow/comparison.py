"""The challenger on the flows of sampled sources, beside what the champion found of the same flows. Does no I/O.

Sampled are sources, by a hash of their address, so that a source's windows and evidence are whole. What is about a
destination (windows by destination, fan-out by service) sees the sampled sources' part of it alone, as each partition
of a topic does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.alerts.raised import Raised, raised_alerts
from detector.alerts.texts import MAX_TEXT_BYTES
from detector.assets.assets import NOTHING, Assets
from detector.bundle.loaded_model import LoadedModel
from detector.decisions.decide import Budget, Decision
from detector.decisions.findings import Findings
from detector.features.windows_keys import hashes_of
from detector.incidents.book import IncidentBook
from detector.records.flow import NO_PART, PART, ROW, FlowBatch
from detector.scoring.hiding import hiding
from detector.scoring.judged import NO_RULES, Judged
from detector.scoring.partition_state import PartitionState
from detector.scoring.scorer import Scorer
from detector.shadow.figures import Figures
from detector.shadow.pairing import Pairing, Side
from detector.transport.base import Envelope, RawBatch

MAX_SOURCES = 1_000_000
"""Distinct sources that are told apart; beyond, they are not counted further."""

HASHES = 2.0**64


def sampled(sources: pl.Series, share: float) -> NDArray[np.bool_]:
    """Which rows are of sampled sources, by their address alone; shape (rows,)."""
    return of_hashes(hashes_of(sources), share)


def of_hashes(hashes: NDArray[np.uint64], share: float) -> NDArray[np.bool_]:
    """The same, by the addresses' hashes."""
    if share >= 1.0:
        return np.ones(len(hashes), np.bool_)
    return hashes < np.uint64(int(share * HASHES))


@dataclass(frozen=True, slots=True)
class _Part:
    """The sampled flows of a batch, and what the champion found of them."""

    frame: pl.DataFrame
    partitions: NDArray[np.int32]
    offsets: NDArray[np.int64]
    p_values: NDArray[np.float64]
    raised: dict[int, Raised]
    """By the row among these."""
    hidden: frozenset[int]
    """Those of them that a suppression hides."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What the challenger found of flows that were gathered: what tests hold against its scorer alone."""

    findings: Findings
    decision: Decision


class Comparison:
    """One champion and one challenger, from the challenger's initial state on; both are held to ``budget``."""

    def __init__(
        self,
        champion: LoadedModel,
        challenger: LoadedModel,
        *,
        budget: Budget,
        share: float,
        assets: Assets = NOTHING,
        max_text_bytes: int = MAX_TEXT_BYTES,
    ) -> None:
        self.champion = champion
        self.challenger = challenger
        self.figures = Figures(champion=champion.version, challenger=challenger.version, share=share)
        self.compared: Compared | None = None
        self._state = PartitionState(challenger, assets)
        self._scorer = Scorer(challenger, self._state.flows, budget)
        self._books: dict[Side, IncidentBook] = {
            "champion": IncidentBook(assets=assets),
            "challenger": self._state.incidents,
        }
        self._pairing = Pairing()
        self._share = share
        self._assets = assets
        self._max_text_bytes = max_text_bytes
        self._sources: set[int] = set()
        self._parts: list[_Part] = []
        self._topic = ""
        self._rules, self._now = NO_RULES, 0.0
        self._began: dict[int, float] = {}
        self.gathered = 0
        """Sampled flows that wait to be compared."""

    def gather(self, judged: Judged) -> None:
        """Take the sampled flows of a batch, which wait for :meth:`compare`."""
        flows, raw, figures = judged.flows, judged.raw, self.figures
        self._rules, self._now = judged.rules, judged.now
        figures.offered += len(flows.frame)
        figures.champion_s += sum(judged.findings.seconds)
        figures.champion_rows += len(flows.frame)
        hashes = hashes_of(flows.frame["src_ip"])
        chosen = of_hashes(hashes, self._share)
        rows = np.flatnonzero(chosen)
        if not len(rows):
            return
        if len(self._sources) < MAX_SOURCES:
            self._sources.update(np.unique(hashes[rows]).tolist())
            figures.sources = len(self._sources)
        alerts = np.flatnonzero(chosen[judged.decision.rows])
        decision = judged.decision.take(alerts)
        told = raised_alerts(raw, flows, judged.findings, decision, judged.model, self._max_text_bytes, self._assets)
        hidden = self._hidden(judged.findings, decision.rows, judged.model)
        places = np.searchsorted(rows, decision.rows).tolist()
        p_values = judged.model.calibration.p_values(judged.findings.scores.overall[rows])
        frame, places_in = flows.frame[rows].drop(ROW), flows.rows[rows]
        self._parts.append(
            _Part(
                frame,
                raw.partitions[places_in],
                raw.offsets[places_in],
                p_values,
                dict(zip(places, told, strict=True)),
                frozenset(place for place, by in zip(places, hidden, strict=True) if by),
            )
        )
        self._topic = raw.topic
        self.gathered += len(rows)

    def compare(self) -> None:
        """Score what was gathered by the challenger, and add to the figures."""
        if not self._parts:
            return
        parts, self._parts, self.gathered = self._parts, [], 0
        raw, flows, partitions = self._batch(parts)
        began = perf_counter()
        self._state.begin(np.unique(partitions).tolist())
        findings = self._scorer.find(flows.frame, partitions)
        decision = self._scorer.decide(findings)
        self.figures.challenger_s += perf_counter() - began
        self.compared = Compared(findings, decision)
        theirs = dict(
            zip(
                decision.rows.tolist(),
                raised_alerts(raw, flows, findings, decision, self.challenger, self._max_text_bytes, self._assets),
                strict=True,
            )
        )
        ours = self._of_champion(parts)
        count = len(flows.frame)
        self.figures.decided(_mask(count, list(ours)), _mask(count, list(theirs)))
        p_values = self.challenger.calibration.p_values(findings.scores.overall)
        self.figures.shifted(np.concatenate([part.p_values for part in parts]), p_values)
        hidden = self._hidden(findings, decision.rows, self.challenger)
        told = {row: theirs[row] for row, by in zip(decision.rows.tolist(), hidden, strict=True) if not by}
        shown = self._of_champion(parts, hidden=False)
        self._incidents(flows.frame["ts"].to_numpy(), partitions, {"champion": shown, "challenger": told})

    def _hidden(self, findings: Findings, alerts: NDArray[np.intp], model: LoadedModel) -> Sequence[str]:
        """What hides each of these rows, if anything does: nobody is told of it by either model."""
        return hiding(self._rules, self._now, findings, alerts, model)(findings.frame["ts"].to_numpy()[alerts])

    def _batch(self, parts: list[_Part]) -> tuple[RawBatch, FlowBatch, NDArray[np.int32]]:
        """All of it as one batch: how flows are cut changes no value, and few large ones cost less."""
        frame = pl.concat([part.frame for part in parts], how="diagonal")
        if PART in frame.columns:
            frame = frame.with_columns(pl.col(PART).fill_null(NO_PART))
        frame = frame.with_columns(pl.Series(ROW, np.arange(len(frame), dtype=np.uint32)))
        partitions = np.concatenate([part.partitions for part in parts])
        offsets = np.concatenate([part.offsets for part in parts])
        return places_only(self._topic, partitions, offsets), FlowBatch(frame), partitions

    @staticmethod
    def _of_champion(parts: list[_Part], *, hidden: bool = True) -> dict[int, Raised]:
        """What the champion raised, those that are hidden among them or not."""
        found: dict[int, Raised] = {}
        first = 0
        for part in parts:
            found |= {first + row: alert for row, alert in part.raised.items() if hidden or row not in part.hidden}
            first += len(part.frame)
        return found

    def _incidents(
        self, ts: NDArray[np.float64], partitions: NDArray[np.int32], raised: dict[Side, dict[int, Raised]]
    ) -> None:
        for book in self._books.values():
            book.hear(ts, partitions)
        now = self._books["champion"].clocks()
        alerts = sorted((row, side) for side, of in raised.items() for row in of)
        for row, side in alerts:
            alert = raised[side][row]
            incident = self._books[side].put(alert, row)
            at = min(alert.ts, now[alert.partition])
            self._pairing.put(side, alert.partition, (alert.src_ip, alert.dst_ip), at, incident)
        for book in self._books.values():
            book.pass_time()
            book.explain({})
            book.take()
            book.take_ended()
            book.take_hosts()
        for partition, at_end in self._books["challenger"].clocks().items():
            self.figures.covered_s = max(self.figures.covered_s, at_end - self._began.setdefault(partition, at_end))
            counts = self._pairing.settle(partition, at_end)
            self.figures.incidents_both += counts["both"]
            self.figures.incidents_gained += counts["gained"]
            self.figures.incidents_lost += counts["lost"]

    def forget(self, partitions: list[int]) -> None:
        """Drop what is remembered of partitions that are read here no more; the figures stay."""
        self.compare()
        self._state.drop(partitions)
        self._books["champion"].forget(*partitions)
        for partition in partitions:
            self._pairing.forget(partition)
            self._began.pop(partition, None)


def places_only(topic: str, partitions: NDArray[np.int32], offsets: NDArray[np.int64]) -> RawBatch:
    """Where records are, without their bytes."""
    return RawBatch(topic, [], partitions, offsets, np.full(len(offsets), -1, np.int64), _no_envelope)


def _no_envelope(row: int) -> Envelope:
    raise LookupError(f"row {row}: only the place of it is kept")


def _mask(count: int, rows: list[int]) -> NDArray[np.bool_]:
    mask = np.zeros(count, np.bool_)
    mask[rows] = True
    return mask
