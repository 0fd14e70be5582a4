"""The whole loop on this machine, in about a minute: a real Kafka, a day to learn from, the real daemon, live traffic.

The daemon and the trainings are processes of their own, started by the commands that a user would give; the demo knows
of them only what Kafka, the registry and the metrics show.
"""

from __future__ import annotations

import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from detector.casebook.latest import Latest
from detector.records.flow import BENIGN
from detector.transport.kafka.topics import Topic, ensure_topics
from training.demo.broker import EmbeddedKafka
from training.demo.gauges import Gauges
from training.demo.ports import free_port
from training.demo.processes import NICENESS, TICK_S, DemoError, daemon, start, stop
from training.demo.scrape import scrape
from training.demo.screen import Screen
from training.demo.summary import Findings, SummaryLine, outcomes, problems, show
from training.demo.topics import ALERTS, DEAD_LETTERS, FLOWS, INCIDENTS, PARTITIONS, RISK, OutputTopics
from training.demo.traffic import HOUR_S, LiveTraffic, live_hour, write_day

LIVE_S = 60.0
"""How long the live hour takes."""

DAYS = ("monday.jsonl", "tuesday.jsonl", "wednesday.jsonl")
"""What the models learn from: the first two, then the last two."""

RETRAIN_AT = 0.1
"""When the second training begins, as a share of the live hour."""

DRAIN_S = 180.0
"""How long to wait, at most, after the last record for the rest to be scored and the second model to take over."""

SETTINGS = """\
[model]
poll_interval_s = 1.0

[batch]
max_wait_ms = 100

[alerts]
repeat = "all"
"""


@dataclass(slots=True)
class Demo:
    """One run in ``folder``, which holds Kafka's data, the registry and every log afterwards."""

    folder: Path
    console: Console
    seed: int = 1
    live_s: float = LIVE_S
    keep: bool = False
    findings: Findings = field(default_factory=Findings)
    gauges: Gauges = field(default_factory=Gauges)
    _port: int = field(default_factory=free_port)

    def run(self) -> bool:
        """Do it all; give whether everything held. Raises OddflowError where a part would not start."""
        with ExitStack() as parts:
            screen = parts.enter_context(Screen(self.console, self.live_s))
            screen.step("starting a real Apache Kafka of its own")
            kafka = parts.enter_context(EmbeddedKafka(self.folder / "kafka"))
            servers = kafka.bootstrap_servers
            topics = [Topic(FLOWS, PARTITIONS), Topic(ALERTS), Topic(INCIDENTS), Topic(RISK), Topic(DEAD_LETTERS)]
            ensure_topics({"bootstrap.servers": servers}, topics)
            self._train_first(screen)
            screen.step("starting the daemon: oddflow detect")
            process = parts.enter_context(daemon(self.folder, self._port, self._detect(servers)))
            outputs = OutputTopics.open(servers)
            parts.callback(outputs.close)
            traffic = LiveTraffic(servers, FLOWS, live_hour(self.seed), HOUR_S / self.live_s)
            self._watch(screen, process, traffic, outputs)
            if self.keep:
                self._stay(screen, servers, process)
            code = stop(process)
        return self._sum_up(traffic, outputs.incidents, code)

    # --- the parts ----------------------------------------------------------------------------------------------

    def _train_first(self, screen: Screen) -> None:
        screen.step("simulating two days of traffic of a small company")
        flows = sum(write_day(self.folder / day, self.seed, number) for number, day in enumerate(DAYS[:2]))
        screen.step(f"training the first model on {flows:,} flows: oddflow train")
        training = self._train(*DAYS[:2])
        if training.wait() != 0:
            raise DemoError(f"training the first model: exit code {training.returncode}; see {self.folder}/train.log")

    def _retrain(self) -> subprocess.Popen[bytes]:
        write_day(self.folder / DAYS[2], self.seed, day=2)
        return self._train(*DAYS[1:])

    def _promote(self) -> subprocess.Popen[bytes]:
        where = ["--registry", str(self.folder / "registry"), "--reason", "passed the gate"]
        return start(self.folder, "promote", ["models", "promote", "challenger", *where])

    def _train(self, *days: str) -> subprocess.Popen[bytes]:
        data = [word for day in days for word in ("--data", str(self.folder / day))]
        command = ["train", *data, "--format", "zeek-json", "--registry", str(self.folder / "registry")]
        command += ["--partitions", str(PARTITIONS), "--folds", "0"]  # the gate measures for minutes otherwise
        return start(self.folder, "train", command, niceness=NICENESS)

    def _detect(self, servers: str) -> list[str]:
        settings = self.folder / "oddflow.toml"
        settings.write_text(SETTINGS, encoding="utf-8")
        options = {
            "--config": str(settings),
            "--bootstrap-servers": servers,
            "--topic": FLOWS,
            "--group": "oddflow-demo",
            "--format": "zeek-json",
            "--registry": str(self.folder / "registry"),
            "--log-format": "json",
        }
        return [word for pair in options.items() for word in pair]

    # --- while it runs ------------------------------------------------------------------------------------------

    def _watch(
        self, screen: Screen, process: subprocess.Popen[bytes], traffic: LiveTraffic, outputs: OutputTopics
    ) -> None:
        """Show what happens until the hour is over, all of it is scored, and a second model is in charge."""
        traffic.start()
        screen.step("live traffic, with attacks in it that no model has seen")
        retraining, promoting, last_word = None, None, time.monotonic() + self.live_s + DRAIN_S
        retrain_at = time.monotonic() + RETRAIN_AT * self.live_s
        while process.poll() is None and time.monotonic() < last_word:
            self._look(screen, traffic, outputs)
            if retraining is None and time.monotonic() > retrain_at:
                screen.step("retraining on the latest two days: oddflow train; the stream goes on")
                retraining = self._retrain()
            if retraining is not None and promoting is None and retraining.poll() is not None:
                if retraining.returncode != 0:
                    raise DemoError(f"retraining: exit code {retraining.returncode}; see {self.folder}/train.log")
                screen.step("it passed the gate, and is the challenger; putting it in charge: oddflow models promote")
                promoting = self._promote()
            if not traffic.running and self._settled(traffic, outputs):
                break
            time.sleep(TICK_S)
        traffic.stop()
        self._look(screen, traffic, outputs)  # incidents are told behind the alerts that change them
        for command in (retraining, promoting):
            if command is not None:
                stop(command)

    def _look(self, screen: Screen, traffic: LiveTraffic, outputs: OutputTopics) -> None:
        if (seen := scrape(self._port)) is not None:
            self.gauges = Gauges.of(seen)
            screen.show(self.gauges)
        version = self.gauges.version
        if version and version not in self.findings.versions:
            self.findings.versions.append(version)
            if len(self.findings.versions) > 1:
                screen.step(f"model {version} took over between two batches")
        for alert in outputs.read():
            self.findings.take(traffic.attack_of(alert), alert)
        for told in outputs.take_told():
            one = None if told.ours.merged_into else outputs.incidents.whole(told.ours.id)
            screen.incident(one or told)
        self.findings.alerts_on_topic, self.findings.dead_letters_on_topic = outputs.alerts, outputs.dead_letters

    def _settled(self, traffic: LiveTraffic, outputs: OutputTopics) -> bool:
        gauges = self.gauges
        return (
            gauges.read >= traffic.produced
            and gauges.in_flight == 0
            and len(self.findings.versions) > 1
            and (outputs.alerts, outputs.dead_letters) == (gauges.alerts, gauges.dead_lettered)
        )

    def _stay(self, screen: Screen, servers: str, process: subprocess.Popen[bytes]) -> None:
        screen.step(
            f"kept running until Ctrl-C: Kafka at {servers}, metrics at http://127.0.0.1:{self._port}/metrics, "
            f"the rest in {self.folder}"
        )
        try:
            process.wait()
        except KeyboardInterrupt:
            screen.step("stopping")

    # --- the end ------------------------------------------------------------------------------------------------

    def _sum_up(self, traffic: LiveTraffic, incidents: Latest, exit_code: int) -> bool:
        gauges, findings = self.gauges, self.findings
        findings.produced, findings.broken = traffic.produced, traffic.broken
        findings.benign_flows = traffic.flows_by_kind[BENIGN]
        line = SummaryLine(
            read=gauges.read,
            scored=gauges.scored,
            dead_lettered=gauges.dead_lettered,
            passed_over=gauges.passed_over,
            alerts=gauges.alerts,
            incidents=len(incidents.wholes()),
            versions=findings.versions,
            balanced=gauges.balanced and gauges.in_flight == 0,
        )
        wrong = problems(line, findings)
        if exit_code != 0:
            wrong.append(f"the daemon ended with exit code {exit_code}; see {self.folder / 'daemon.log'}")
        show(self.console, line, outcomes(traffic.attacks, findings, incidents), findings, wrong)
        return not wrong
