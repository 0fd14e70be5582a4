"""Writes this daemon's figures to the registry, and moves the champion by all daemons' together. A thread of its own.

A registry that is away is told once an outage; nothing of it reaches the judge. Of several daemons that decide the same
in one moment, one moves the alias: it is moved only where it still is what was looked at.
"""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from detector.deadline import Deadline
from detector.registry.registry import AliasMovedError, Registry
from detector.registry.verdicts import verdict_of
from detector.settings.life_cycle import Model, Shadow
from detector.shadow import rules
from detector.shadow.events import FiguresFailed, FiguresWork, ModelMoved, PromotionHeld
from detector.shadow.figures import Figures, read_figures, total
from detector.shadow.tenure import Tenure, read_tenures, together
from detector.telemetry.events import Tell

FIGURES, TENURES = "shadow", "tenure"
"""Folders beside a model's versions."""


class Clerk:
    """``figures`` and ``tenure`` give this daemon's as they are now; ``before`` is done ahead of each look."""

    def __init__(
        self,
        registry: Registry,
        model: Model,
        chosen: Shadow,
        *,
        figures: Callable[[], Figures | None],
        tenure: Callable[[], Tenure],
        before: Callable[[], None],
        tell: Tell,
        member: str | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._registry = registry
        self._model = model
        self._chosen = chosen
        self._figures = figures
        self._tenure = tenure
        self._before = before
        self._tell = tell
        self._member = member or this_member()
        self._now = now
        self._holding = rules.Holding()
        self._failures, self._told = 0, ""
        self._held = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shadow-clerk", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, deadline: Deadline) -> None:
        """End; a write that hangs is left behind at the deadline."""
        self._stopping.set()
        self._thread.join(deadline.remaining_s)

    def look(self) -> None:
        """Write once, decide once. Never raises."""
        try:
            self._before()
            self._write()
            if self._chosen.promote:
                self._promote()
            if self._chosen.rollback:
                self._roll_back()
        except AliasMovedError:
            pass  # another was faster
        except Exception as error:  # noqa: BLE001 - nothing here may end the daemon
            self._failed(str(error) or type(error).__name__)
            return
        if self._failures:
            self._tell(FiguresWork(self._failures))
        self._failures, self._told = 0, ""

    def _run(self) -> None:
        while not self._stopping.wait(self._chosen.figures_interval_s):
            self.look()

    def _failed(self, error: str) -> None:
        self._failures += 1
        self._tell(FiguresFailed(error, known=error == self._told))
        self._told = error

    def _write(self) -> None:
        if (figures := self._figures()) is not None:
            self._put(FIGURES, figures.challenger, figures)
        if self._chosen.rollback and (tenure := self._tenure()).version:
            self._put(TENURES, tenure.version, tenure)

    def _put(self, kind: str, version: str, of: Figures | Tenure) -> None:
        stamped = msgspec.structs.replace(
            of, member=self._member, at=self._now(), interval_s=self._chosen.figures_interval_s
        )
        self._registry.put_figures(self._model.name, kind, version, self._member, msgspec.json.encode(stamped))

    def _promote(self) -> None:
        own = self._figures()
        if own is None:
            return
        every = read_figures(self._registry.figures(self._model.name, FIGURES, own.challenger))
        fresh = [each for each in every if each.champion == own.champion and not each.is_stale(self._now())]
        figures = total(fresh)
        if figures is None:
            return
        held_s = self._holding.held_s(figures, not rules.broken(figures, self._chosen))
        if rules.broken(figures, self._chosen) or held_s < self._chosen.hold_s:
            return
        history = self._registry.history(self._model.name)
        verdict = verdict_of(self._registry, self._model.name, figures.challenger)
        if why := rules.why_held(history, self._model.alias, figures.challenger, verdict):
            if self._held != figures.challenger:
                self._tell(PromotionHeld(figures.challenger, why))
            self._held = figures.challenger
            return
        reason = (
            f"all rules held for {held_s / 3600:.1f} hours of flows: {figures.flows:,} flows of {figures.sources:,}"
            f" sources compared by {len(fresh)} daemons, {figures.agreement:.4%} decided alike,"
            f" {figures.incidents_gained} incidents gained, {figures.incidents_lost} lost"
        )
        self._registry.promote(
            self._model.name,
            figures.challenger,
            self._model.alias,
            by=self._who,
            reason=reason,
            expect={self._model.alias: figures.champion, self._chosen.alias: figures.challenger},
        )
        self._tell(ModelMoved("promote", figures.champion, figures.challenger, reason))

    def _roll_back(self) -> None:
        version, now = self._tenure().version, self._now()
        if not version or self._registry.pointed(self._model.name, self._model.alias) != version:
            return
        history = self._registry.history(self._model.name)
        at, within_s = datetime.fromtimestamp(now, UTC), self._chosen.rollback_within_s
        if not rules.is_on_trial(history, self._model.alias, version, at, within_s):
            return
        every = read_tenures(self._registry.figures(self._model.name, TENURES, version))
        tenure = together([each for each in every if not each.is_stale(now)])
        why = rules.why_roll_back(tenure, self._chosen) if tenure else ""
        if why:
            alias = self._model.alias
            back = self._registry.rollback(self._model.name, alias, by=self._who, reason=why, expect={alias: version})
            self._tell(ModelMoved("rollback", version, back, why))

    @property
    def _who(self) -> str:
        return f"oddflow detect, {self._member}"


def this_member() -> str:
    """A name of this process that a registry takes; a restarted one has another, or its own again."""
    host = re.sub(r"[^A-Za-z0-9-]+", "-", socket.gethostname()).strip("-")[:60] or "host"
    return f"{host}-{os.getpid()}"
