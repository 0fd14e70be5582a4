"""The demo's analyst: says of one incident that it was false, and sees what comes of it, at once and for good.

At once: a suppression, which the daemon has within seconds; the backup comes again, and is hidden. For good: a model
that is retrained with the label, without the suppression; the backup comes a third time, and is not raised.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import msgspec

from training.demo.processes import DemoError, stop, succeeded
from training.demo.running import Running
from training.demo.traffic import later_minutes

ANSWER_S = 10.0
TAKEN_S = 30.0
PASSED_S = 240.0
TRAINED_S = 600.0
NEXT_DAY, MONDAY = 1, 4
"""Days after the hour."""

REASON = "our new backup, known to us"


class Triage:
    """Triage's interface for programs, at an address on this machine."""

    def __init__(self, port: int, token: str) -> None:
        self.address = f"127.0.0.1:{port}"
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    @property
    def is_ready(self) -> bool:
        """Whether it answers, and its database is there."""
        try:
            with urlopen(f"http://{self.address}/readyz", timeout=ANSWER_S):
                return True
        except (URLError, ConnectionError, TimeoutError):
            return False

    def knows(self, incident: str) -> bool:
        """Whether it has read of this one."""
        try:
            self.ask("GET", f"/incidents/{incident}")
        except DemoError:
            return False
        return True

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask for one thing; give its answer. Raises DemoError where it is refused."""
        content = None if body is None else msgspec.json.encode(body)
        request = Request(f"http://{self.address}/api/v1{path}", content, self._headers, method=method)
        try:
            with urlopen(request, timeout=ANSWER_S) as response:  # noqa: S310 - made two lines above
                answer = response.read()
        except HTTPError as error:
            raise DemoError(f"triage: {method} {path}: {error.code} {error.read().decode(errors='replace')}") from None
        except (URLError, ConnectionError, TimeoutError) as error:
            raise DemoError(f"triage: {method} {path}: {error}") from None
        return msgspec.json.decode(answer) if answer else None


class Answering:
    """One false incident, answered while all runs."""

    def __init__(self, running: Running, triage: Triage, folder: Path, seed: int) -> None:
        self._running = running
        self._triage = triage
        self._folder = folder
        self._seed = seed

    def run(
        self, retrain: Callable[[], subprocess.Popen[bytes]], promote: Callable[[], subprocess.Popen[bytes]]
    ) -> None:
        """Do it all, with the commands that these start. Raises DemoError where a part does not do what it should."""
        running = self._running
        backup = running.findings.backup
        whole = running.outputs.incidents.whole(backup.incident)
        if whole is None:
            running.screen.step("the backup raised no alarm, so that there is nothing to answer")
            return
        incident = whole.ours.id
        self._wait(lambda: self._triage.knows(incident), TAKEN_S, "triage does not know the incident of the backup")
        running.screen.step(
            f"an analyst looks at «{whole.headline}»: our new backup. It is false, and suppressed for a day"
        )
        label = self._triage.ask("POST", f"/incidents/{incident}/labels", {"verdict": "false", "comment": REASON})
        rule = self._suppress(incident, label["id"])
        running.screen.step(
            f"in force in the daemon after {backup.in_force_s:.1f} s; the backup comes again, the next day"
        )
        backup.hidden, backup.raised_again = self._again(NEXT_DAY)
        running.screen.step("retraining with the label: oddflow retrain --once")
        self._finish(retrain(), "retrain")
        before = running.gauges.version
        self._finish(promote(), "promote")
        self._wait(
            lambda: running.gauges.version != before, TAKEN_S, "the daemon did not take the model with the label"
        )
        self._triage.ask("DELETE", f"/suppressions/{rule}")
        self._wait(
            lambda: not running.gauges.suppressions, TAKEN_S, "the daemon keeps a suppression that was withdrawn"
        )
        running.screen.step("the suppression is withdrawn; the backup comes a third time, on Monday")
        backup.hidden_later, backup.repeated = self._again(MONDAY)
        backup.answered = True

    def _suppress(self, incident: str, label: str) -> str:
        backup = self._running.findings.backup
        asked = {"incident": incident, "scope": "pair", "days": 1, "reason": REASON, "label": label}
        rule: str = self._triage.ask("POST", "/suppressions", asked)["id"]
        began = time.monotonic()
        self._wait(lambda: self._running.gauges.suppressions > 0, TAKEN_S, "the daemon does not take the suppression")
        backup.in_force_s = time.monotonic() - began
        return rule

    def _again(self, days: int) -> tuple[int, int]:
        """Let some minutes pass so many days later, with the backup in them; give its alerts, hidden and raised."""
        running, backup = self._running, self._running.findings.backup
        hidden, raised = backup.alerts_hidden, backup.alerts_raised
        running.traffic.start(later_minutes(self._seed, days))
        self._wait(lambda: running.settled, PASSED_S, "the daemon did not score all of a later day")
        running.traffic.join()
        running.look()
        return backup.alerts_hidden - hidden, backup.alerts_raised - raised

    def _finish(self, command: subprocess.Popen[bytes], name: str) -> None:
        try:
            self._wait(lambda: command.poll() is not None, TRAINED_S, f"oddflow {name} does not end")
        except DemoError:
            stop(command)
            raise
        succeeded(command, f"oddflow {name}", self._folder / f"{name}.log")

    def _wait(self, done: Callable[[], bool], seconds: float, otherwise: str) -> None:
        if not self._running.until(done, seconds):
            raise DemoError(f"{otherwise}, within {seconds:.0f} s; see the logs in {self._folder}")
