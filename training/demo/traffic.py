"""The demo's traffic: days to learn from, as files, and then a live hour with attacks, streamed to Kafka.

The live hour's event time runs faster than the clock, so that it passes in about a minute. What is streamed is written
to a file as well, as a sensor would: a later model learns from it.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any, BinaryIO

import polars as pl
from confluent_kafka import Producer

from detector.records.flow import LABEL
from training.demo.backup import BACKUP, add_backup
from training.simulator.attacks import USUAL_ATTACKS
from training.simulator.scenario import DEFAULT_START, Scenario
from training.simulator.stream import encode

HOSTS = 40
DAY_S = 86_400.0
HOUR_S = 3_600.0
LIVE_BEGINS_S = 3 * DAY_S + 9 * HOUR_S
"""Nine in the morning after the three days that the models learn from: a Thursday."""

BACKUP_AFTER_S = 1_200.0
"""When the backup begins, in the hour."""

LATER_S, EARLIER_S = 600.0, 120.0
"""For how long there is traffic on later days, and how long before the backup it begins."""

ATTACK_SHARE = 0.12
"""More than any network has, so that an hour shows every kind at some length."""

BROKEN = (
    b'{"ts": 1767571200.0, "uid": "Ccut", "id.orig_h": "10.1.0.7"',
    b'{"ts": "yesterday", "id.orig_h": "10.1.0.7", "id.resp_h": "10.1.0.1", "proto": "tcp"}',
    b'{"ts": 1767571200.0, "id.orig_h": "nobody", "id.resp_h": "10.1.0.1", "proto": "tcp"}',
    b"\xff\xfe not text",
    b"",
)
"""Records as a broken sender would write them: each of them must become a dead letter."""

BROKEN_SHARE = 0.0005
SLICE_S = 0.05
"""How often the sender wakes up."""


def write_day(path: Path, seed: int, day: int) -> int:
    """Write a day without attacks for a model to learn from; give the number of flows."""
    scenario = Scenario(seed=seed, hosts=HOSTS, start=DEFAULT_START + day * DAY_S, duration_s=DAY_S, attacks=())
    written = 0
    with path.open("wb") as file:
        for frame in scenario.frames():
            file.write(b"\n".join(encode(frame, "zeek-json", labels=False)) + b"\n")
            written += len(frame)
    return written


def live_hour(seed: int) -> Scenario:
    """The hour that is streamed: the same hosts a day later, with every kind of attack in it, and a new backup."""
    hour = Scenario(
        seed=seed,
        hosts=HOSTS,
        start=DEFAULT_START + LIVE_BEGINS_S,
        duration_s=HOUR_S,
        attacks=USUAL_ATTACKS,
        attack_share=ATTACK_SHARE,
    )
    add_backup(hour, BACKUP_AFTER_S)
    return hour


def later_minutes(seed: int, days: int) -> Scenario:
    """Some minutes so many days after the hour: no attack, and the backup again, at its usual time."""
    start = DEFAULT_START + LIVE_BEGINS_S + BACKUP_AFTER_S - EARLIER_S + days * DAY_S
    later = Scenario(seed=seed, hosts=HOSTS, start=start, duration_s=LATER_S, attacks=())
    add_backup(later, EARLIER_S)
    return later


@dataclass(slots=True)
class Attack:
    """One attack in the live hour."""

    kind: str
    began: float
    """Its first flow, seconds since 1970."""
    flows: int = 0


@dataclass(slots=True)
class LiveTraffic:
    """Sends scenarios to a topic, keyed by source, in a thread of its own; knows the truth about each flow."""

    bootstrap_servers: str
    topic: str
    log: Path
    """All that was sent and is a flow, as lines."""
    speedup: float
    attacks: dict[str, Attack] = field(default_factory=dict)
    """What was sent of each, by its id, in order of time."""
    attack_by_uid: dict[str, str] = field(default_factory=dict)
    """Benign flows are not in it."""
    backup_uids: set[str] = field(default_factory=set)
    """Flows of the backup."""
    produced: int = 0
    broken: int = 0
    flows_by_kind: Counter[str] = field(default_factory=Counter)
    failure: BaseException | None = None
    _scenarios: int = 0
    _stopping: Flag = field(default_factory=Flag)
    _thread: Thread | None = None

    def start(self, scenario: Scenario) -> None:
        """Begin to send one, when the one before is over. Flows of two get other ids; the simulator gives the same."""
        self._scenarios += 1
        self._stopping.clear()
        self._thread = Thread(target=self._run, args=(scenario,), name="live-traffic", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop sending; returns when all that was sent is acknowledged. Raises what the sender failed with."""
        self._stopping.set()
        self.join()

    def join(self) -> None:
        """Wait for the end of the scenario."""
        if self._thread:
            self._thread.join()
        if self.failure:
            raise self.failure

    def attack_of(self, alert: Mapping[str, Any]) -> str | None:
        """The id of the attack that an alert's flow was part of; None for a benign one."""
        return self.attack_by_uid.get(uid_of(alert))

    @property
    def running(self) -> bool:
        """Whether there is more to come."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self, scenario: Scenario) -> None:
        try:
            settings = {"bootstrap.servers": self.bootstrap_servers, "linger.ms": 5, "acks": "all"}
            producer = Producer({**settings, "partitioner": "murmur2_random"})  # as training splits flows
            with self.log.open("ab") as log:
                for frame in self._paced(scenario):
                    self._send(producer, frame, log)
            producer.flush()
        except BaseException as error:  # noqa: BLE001 - raised again by join, in the caller's thread
            self.failure = error

    def _paced(self, scenario: Scenario) -> Iterator[pl.DataFrame]:
        """Give the flows when they are due."""
        began = time.monotonic()
        for frame in scenario.frames():
            rest = frame.with_columns(pl.concat_str(pl.col("uid"), pl.lit(str(self._scenarios))))
            while len(rest) and not self._stopping.is_set():
                due = scenario.start + (time.monotonic() - began) * self.speedup
                count = int(rest["ts"].search_sorted(due, side="right"))
                if count:
                    yield rest[:count]
                    rest = rest[count:]
                time.sleep(SLICE_S)

    def _send(self, producer: Producer, frame: pl.DataFrame, log: BinaryIO) -> None:
        values = encode(frame, "zeek-json", labels=False)
        self._note(frame)
        log.write(b"\n".join(values) + b"\n")
        for source, value in zip(frame["src_ip"].to_list(), values, strict=True):
            producer.produce(self.topic, value, key=source)
            if random.random() < BROKEN_SHARE or self.broken < len(BROKEN):
                producer.produce(self.topic, BROKEN[self.broken % len(BROKEN)], key=source)
                self.broken += 1
                self.produced += 1
        self.produced += len(values)
        producer.poll(0)

    def _note(self, frame: pl.DataFrame) -> None:
        named = pl.col("attack_id")
        self.backup_uids.update(frame.filter(named == BACKUP)["uid"].to_list())
        attacks = frame.filter(named.is_not_null() & (named != BACKUP))
        for attack, uid, kind, ts in attacks.select("attack_id", "uid", LABEL, "ts").iter_rows():
            self.attack_by_uid[uid] = attack
            self.attacks.setdefault(attack, Attack(kind, ts)).flows += 1
        self.flows_by_kind.update(frame[LABEL].to_list())


def uid_of(alert: Mapping[str, Any]) -> str:
    """The flow's own id, as an alert carries it."""
    return str(alert["evidences"][0]["connection_info"].get("uid", ""))
