"""The whole loop on this machine: a real Kafka, days to learn from, the real daemon, live traffic, people's answer.

The daemon, triage and the trainings are processes of their own, started by the commands that a user would give; the
demo knows of them only what Kafka, the registry, the metrics and triage's interface show.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rich.console import Console

from detector.records.flow import BENIGN
from detector.transport.kafka.topics import Topic, ensure_topics
from training.demo.answering import Answering, Triage
from training.demo.broker import EmbeddedKafka
from training.demo.ports import free_port
from training.demo.processes import NICENESS, ODDFLOW, DemoError, running, start, stop, succeeded
from training.demo.running import Running
from training.demo.scrape import has_started
from training.demo.screen import Screen
from training.demo.summary import Findings, SummaryLine, outcomes, problems, show
from training.demo.topics import FLOWS, PARTITIONS, TOPICS, OutputTopics
from training.demo.traffic import HOUR_S, LiveTraffic, live_hour, write_day

LIVE_S = 60.0
"""How long the live hour takes."""

DAYS = ("monday.jsonl", "tuesday.jsonl", "wednesday.jsonl")
"""What the models learn from: the first two, then the last two, then those and what was streamed."""

LIVE = "live.jsonl"
"""What is streamed."""

RETRAIN_AT = 0.1
"""When the second training begins, as a share of the live hour."""

DRAIN_S = 900.0
"""How long to wait, at most, after the last record for the rest to be scored and the second model to take over.

Where other work has both cores, a training takes four minutes.
"""

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
    _port: int = field(default_factory=free_port)

    def run(self) -> bool:
        """Do it all; give whether everything held. Raises OddflowError where a part would not start."""
        with ExitStack() as parts:
            screen = parts.enter_context(Screen(self.console))
            screen.step("starting a real Apache Kafka of its own")
            kafka = parts.enter_context(EmbeddedKafka(self.folder / "kafka"))
            servers = kafka.bootstrap_servers
            topics = [Topic(name, PARTITIONS if name == FLOWS else 1) for name in TOPICS]
            ensure_topics({"bootstrap.servers": servers}, topics)
            self._train_first(screen)
            self._settings.write_text(SETTINGS, encoding="utf-8")
            triage = parts.enter_context(self._triage(servers))
            screen.step(f"triage, a page to judge incidents on: http://{triage.address}")
            screen.step("starting the daemon: oddflow detect")
            detect = running(self.folder, "daemon", self._detect(servers), lambda: has_started(self._port))
            process = parts.enter_context(detect)
            outputs = OutputTopics.open(servers)
            parts.callback(outputs.close)
            traffic = LiveTraffic(servers, FLOWS, self.folder / LIVE, HOUR_S / self.live_s)
            seen = Running(screen, process, self._port, traffic, outputs, self.findings)
            self._watch(seen)
            if len(self.findings.versions) > 1:
                labelled = partial(self._retrain_labelled, servers)
                Answering(seen, triage, self.folder, self.seed).run(labelled, self._promote)
            if self.keep:
                self._stay(screen, servers, triage.address, process)
            code = stop(process)
        return self._sum_up(seen, code)

    # --- the parts ----------------------------------------------------------------------------------------------

    def _train_first(self, screen: Screen) -> None:
        screen.step("simulating two days of traffic of a small company")
        flows = sum(write_day(self.folder / day, self.seed, number) for number, day in enumerate(DAYS[:2]))
        screen.step(f"training the first model on {flows:,} flows: oddflow train")
        succeeded(self._train(*DAYS[:2]), "training the first model", self.folder / "train.log")

    def _retrain(self) -> subprocess.Popen[bytes]:
        write_day(self.folder / DAYS[2], self.seed, day=2)
        return self._train(*DAYS[1:])

    def _promote(self) -> subprocess.Popen[bytes]:
        where = ["--registry", str(self.folder / "registry"), "--reason", "passed the gate"]
        return start(self.folder, "promote", ["models", "promote", "challenger", *where])

    def _train(self, *days: str) -> subprocess.Popen[bytes]:
        return start(self.folder, "train", ["train", *self._learnt_from(days)], niceness=NICENESS)

    def _retrain_labelled(self, servers: str) -> subprocess.Popen[bytes]:
        where = ["--config", str(self._settings), "--bootstrap-servers", servers]
        where += ["--datasets", str(self.folder / "datasets")]
        words = ["retrain", "--once", *where, *self._learnt_from((*DAYS[1:], LIVE))]
        return start(self.folder, "retrain", words, niceness=NICENESS)

    def _learnt_from(self, days: Iterable[str]) -> list[str]:
        data = [word for day in days for word in ("--data", str(self.folder / day))]
        command = [*data, "--format", "zeek-json", "--registry", str(self.folder / "registry")]
        return [*command, "--partitions", str(PARTITIONS), "--folds", "0"]  # the gate measures for minutes otherwise

    def _detect(self, servers: str) -> list[str]:
        options = {
            "--port": str(self._port),
            "--config": str(self._settings),
            "--bootstrap-servers": servers,
            "--topic": FLOWS,
            "--group": "oddflow-demo",
            "--format": "zeek-json",
            "--registry": str(self.folder / "registry"),
            "--log-format": "json",
        }
        return ["detect", *(word for pair in options.items() for word in pair)]

    @property
    def _settings(self) -> Path:
        return self.folder / "oddflow.toml"

    @contextmanager
    def _triage(self, servers: str) -> Iterator[Triage]:
        """Run ``oddflow triage serve`` within this block, with a token for whoever asks on behalf of the analyst."""
        settings = ["--config", str(self._settings), "--database", f"sqlite:///{self.folder / 'triage.db'}"]
        made = subprocess.run(  # noqa: S603 - our own command
            [*ODDFLOW, "triage", "tokens", "add", "demo", "--role", "analyst", *settings],
            capture_output=True,
            check=False,
        )
        if made.returncode != 0:
            raise DemoError(f"making a token for triage: {made.stderr.decode(errors='replace').strip()}")
        port = free_port()
        triage = Triage(port, made.stdout.decode().split()[-1])
        arguments = ["triage", "serve", *settings, "--bootstrap-servers", servers, "--port", str(port)]
        with running(self.folder, "triage", arguments, lambda: triage.is_ready):
            yield triage

    # --- while it runs ------------------------------------------------------------------------------------------

    def _watch(self, seen: Running) -> None:
        """Show what happens until the hour is over, all of it is scored, and a second model is in charge."""
        seen.traffic.start(live_hour(self.seed))
        seen.screen.step("live traffic, with attacks in it that no model has seen")
        retrain_at = time.monotonic() + RETRAIN_AT * self.live_s
        second = SecondModel(seen.screen, self.folder, self._retrain, self._promote)
        seen.until(
            lambda: (
                second.go_on(due=time.monotonic() > retrain_at) and seen.settled and len(self.findings.versions) > 1
            ),
            self.live_s + DRAIN_S,
        )
        seen.traffic.stop()
        seen.look()  # incidents are told behind the alerts that change them
        second.stop()

    def _stay(self, screen: Screen, servers: str, triage: str, process: subprocess.Popen[bytes]) -> None:
        screen.step(
            f"kept running until Ctrl-C: triage at http://{triage}, Kafka at {servers}, metrics at "
            f"http://127.0.0.1:{self._port}/metrics, the rest in {self.folder}"
        )
        try:
            process.wait()
        except KeyboardInterrupt:
            screen.step("stopping")

    # --- the end ------------------------------------------------------------------------------------------------

    def _sum_up(self, seen: Running, exit_code: int) -> bool:
        gauges, findings, traffic = seen.gauges, self.findings, seen.traffic
        incidents = seen.outputs.incidents
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
            answered=findings.backup.answered,
        )
        wrong = problems(line, findings)
        if exit_code != 0:
            wrong.append(f"the daemon ended with exit code {exit_code}; see {self.folder / 'daemon.log'}")
        show(self.console, line, outcomes(traffic.attacks, findings, incidents), findings, wrong)
        return not wrong


@dataclass(slots=True)
class SecondModel:
    """A model that is trained while the first one works, and takes its place."""

    screen: Screen
    folder: Path
    retrain: Callable[[], subprocess.Popen[bytes]]
    promote: Callable[[], subprocess.Popen[bytes]]
    _retraining: subprocess.Popen[bytes] | None = None
    _promoting: subprocess.Popen[bytes] | None = None

    def go_on(self, *, due: bool) -> bool:
        """Do what is next, if it can be; True once it is being put in charge. Raises DemoError."""
        if self._retraining is None and due:
            self.screen.step("retraining on the latest two days: oddflow train; the stream goes on")
            self._retraining = self.retrain()
        if self._retraining is not None and self._promoting is None and self._retraining.poll() is not None:
            succeeded(self._retraining, "retraining", self.folder / "train.log")
            self.screen.step("it passed the gate, and is the challenger; putting it in charge: oddflow models promote")
            self._promoting = self.promote()
        return self._promoting is not None

    def stop(self) -> None:
        """End what still runs."""
        for command in (self._retraining, self._promoting):
            if command is not None:
                stop(command)
