"""What runs while the demo looks on: the daemon, the traffic, and what the daemon wrote."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from training.demo.gauges import Gauges
from training.demo.processes import TICK_S
from training.demo.scrape import scrape
from training.demo.screen import Screen
from training.demo.summary import Findings
from training.demo.topics import OutputTopics
from training.demo.traffic import LiveTraffic, uid_of

SUPPRESSED = 3
"""OCSF's `status_id` of what a suppression hides."""


@dataclass(slots=True)
class Running:
    """Looked at from outside alone: by its metrics and its topics."""

    screen: Screen
    process: subprocess.Popen[bytes]
    """The daemon."""
    port: int
    """Of its metrics."""
    traffic: LiveTraffic
    outputs: OutputTopics
    findings: Findings
    gauges: Gauges = field(default_factory=Gauges)

    def look(self) -> None:
        """Take what is new, and show it."""
        if (seen := scrape(self.port)) is not None:
            self.gauges = Gauges.of(seen)
            self.screen.show(self.gauges)
        findings, version = self.findings, self.gauges.version
        if version and version not in findings.versions:
            findings.versions.append(version)
            if len(findings.versions) > 1:
                self.screen.step(f"model {version} took over between two batches")
        for alert in self.outputs.read():
            hidden = alert.get("status_id") == SUPPRESSED
            if uid_of(alert) in self.traffic.backup_uids:
                findings.backup.take(alert, hidden=hidden)
            if not hidden:
                findings.take(self.traffic.attack_of(alert), alert)
        for told in self.outputs.take_told():
            one = None if told.ours.merged_into else self.outputs.incidents.whole(told.ours.id)
            self.screen.incident(one or told)
        findings.alerts_on_topic, findings.dead_letters_on_topic = self.outputs.alerts, self.outputs.dead_letters

    def until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Look on until that holds; False where it does not within so many seconds, or the daemon has ended."""
        last = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < last:
            self.look()
            if done():
                return True
            time.sleep(TICK_S)
        return False

    @property
    def settled(self) -> bool:
        """Whether all that was sent is scored, and all that the daemon wrote was seen."""
        gauges = self.gauges
        return (
            not self.traffic.running
            and gauges.read >= self.traffic.produced
            and gauges.in_flight == 0
            and (self.outputs.alerts, self.outputs.dead_letters) == (gauges.alerts, gauges.dead_lettered)
        )
