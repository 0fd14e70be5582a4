"""The service: a run when it is due, or when drift has held; in between it looks what became of the last model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from detector.errors import OddflowError
from training.retrain.drift import DriftRule
from training.retrain.events import DriftAdvised, Note
from training.retrain.run import Retraining
from training.retrain.state import State

LOOK_S = 60.0
"""Between looks at the clock, drift and the registry."""

RETRY_S = 600.0
"""After a run that failed, or the interval if that is shorter."""


@dataclass(slots=True, kw_only=True)
class Service:
    """Runs for ever; whoever calls it holds the lease."""

    retraining: Retraining
    rule: DriftRule
    now: Callable[[], float] = time.time
    look_s: float = LOOK_S
    _failed_at: float | None = field(default=None, init=False)

    def serve(self, stop: threading.Event) -> None:
        """Go on until told to stop."""
        while not stop.is_set():
            self.look()
            stop.wait(self.look_s)

    def look(self) -> None:
        """Run if there is a reason to; else see what became of the last model. What goes wrong is told, not raised."""
        try:
            state = self.retraining.watch()
            if why := self.reason(state):
                self.retraining.run(why)
                self._failed_at = None
                self.rule.forget()
        except OddflowError as error:
            self._failed_at = self.now()
            self.retraining.tell(Note(f"{error}; next try in {self._pause_s:.0f} s at the earliest"))

    def reason(self, state: State) -> str:
        """Why a run should begin, or go on, now; empty where none should."""
        now, chosen = self.now(), self.retraining.settings.retrain
        advised = self.rule.look(now)
        if self._failed_at is not None:
            return "after a failure" if now - self._failed_at >= self._pause_s else ""
        if state.step in {"gather", "make"}:
            return "it was interrupted"
        if now - state.began >= chosen.interval_s:
            return "it is time"
        if advised and now - state.began >= chosen.drift_least_interval_s:
            self.retraining.tell(DriftAdvised(advised))
            return f"drift of {', '.join(advised)}"
        return ""

    @property
    def _pause_s(self) -> float:
        return min(RETRY_S, self.retraining.settings.retrain.interval_s)
