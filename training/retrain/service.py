"""The service: a run when it is due, or when drift has held; in between it looks what became of the last model."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from detector.errors import OddflowError
from training.retrain.drift import DriftRule
from training.retrain.events import Began, DriftAdvised, Note
from training.retrain.lease import BusyError
from training.retrain.run import Retraining
from training.retrain.state import State

LOOK_S = 60.0
"""Between looks at the clock, drift and the registry."""

RETRY_S = 600.0
"""After a run that failed, or the interval if that is shorter."""


@dataclass(slots=True, kw_only=True)
class Service:
    """Runs for ever; whoever calls it holds the lease. Raises BusyError where it was lost."""

    retraining: Retraining
    rule: DriftRule
    now: Callable[[], float] = time.time
    look_s: float = LOOK_S
    _failed_at: float = field(default=-math.inf, init=False)

    def serve(self, stop: threading.Event) -> None:
        """Go on until told to stop. Raises RegistryError where the state cannot be read at the beginning."""
        state, chosen = self.retraining.file.read(), self.retraining.settings.retrain
        due = self.now() if state.step in {"gather", "make"} else max(self.now(), state.began + chosen.interval_s)
        self.retraining.tell(Began(self.retraining.model, due))
        while not stop.is_set():
            self.look()
            stop.wait(self.look_s)

    def look(self) -> None:
        """Run if there is a reason to; else see what became of the last model. What goes wrong is told, not raised."""
        try:
            why = self.reason(self.retraining.watch())
        except BusyError:
            raise
        except OddflowError as error:
            self.retraining.tell(Note(str(error)))
            return
        if not why:
            return
        try:
            self.retraining.run(why)
        except BusyError:
            raise
        except OddflowError as error:
            self._failed_at = self.now()
            self.retraining.tell(Note(f"{error}; next try in {self._pause_s:.0f} s"))
        else:
            self.rule.forget()

    def reason(self, state: State) -> str:
        """Why a run should begin, or go on, now; empty where none should."""
        now, chosen = self.now(), self.retraining.settings.retrain
        advised = self.rule.look(now)
        if state.result == "failed":
            return "after a failure" if now - self._failed_at >= self._pause_s else ""
        if state.step in {"gather", "make"}:
            return "it was interrupted"
        if self.retraining.awaited(state) is not None:
            return ""
        if now - state.began >= chosen.interval_s:
            return "it is time"
        # A challenger is of recent traffic already; drift is of the champion's, until somebody promotes it.
        if advised and state.result != "challenger" and now - state.began >= chosen.drift_least_interval_s:
            self.retraining.tell(DriftAdvised(advised))
            return f"drift of {', '.join(advised)}"
        return ""

    @property
    def _pause_s(self) -> float:
        return min(RETRY_S, self.retraining.settings.retrain.interval_s)
