"""The rules that stand are followed at the side: from a topic, from a file, by the clock."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from detector.deadline import Deadline
from detector.errors import InputError
from detector.every_metric import open_metrics
from detector.pipeline.suppressions import Suppressions
from detector.suppression.files import read_rules, write_rules
from detector.suppression.rule import Suppression
from detector.suppression.topic import records_of, withdrawals_of
from detector.telemetry.events import Telemetry
from detector.telemetry.logs import open_log
from detector.transport.base import KeyedRecord, OutRecord
from tests.suppression.rules import NOW, rule

PATIENCE_S = 30.0
DAY_S = 86_400.0


class Topic:
    """A compacted topic that says what a test has it say."""

    def __init__(self, *sent: OutRecord) -> None:
        self.trouble = ""
        self.begins = 1
        self.read_whole = True
        self.offset = 0
        self.waiting: list[KeyedRecord] = []
        self.polled = 0
        self.closed = False
        self.fails = False
        self.send(sent)

    def send(self, records: Sequence[OutRecord]) -> None:
        """Have these come."""
        self.waiting += [
            KeyedRecord(each.key, each.value, self.offset + at, 0, self.offset + at) for at, each in enumerate(records)
        ]
        self.offset += len(records)

    def poll(self, timeout_s: float) -> list[KeyedRecord]:
        """Give them."""
        time.sleep(min(timeout_s, 0.01))
        self.polled += 1
        if self.fails:
            raise RuntimeError("a defect")
        came, self.waiting = self.waiting, []
        return came

    def close(self) -> None:
        """Note it."""
        self.closed = True


class Bench:
    """What follows, and what it tells."""

    def __init__(self, topic: Topic | None = None, file: Path | None = None) -> None:
        self.topic = topic
        self.now = NOW
        self.registry = CollectorRegistry()
        self.stream = io.StringIO()
        tell = Telemetry(open_metrics(self.registry), open_log(self.stream)).tell
        self.suppressions = Suppressions(followed=topic, file=file, tell=tell, topic="rules", clock=lambda: self.now)

    @property
    def ids(self) -> list[str]:
        """Of the rules that stand."""
        return sorted(each.id for each in self.suppressions.current().rules)

    def told(self, event: str) -> list[dict[str, Any]]:
        """What was logged of one kind."""
        lines = map(json.loads, self.stream.getvalue().splitlines())
        return [line for line in lines if line["event"] == event]

    def shown(self) -> float:
        """How many are in force, by the metric."""
        value = self.registry.get_sample_value("oddflow_suppressions", {"scope": "source"})
        assert value is not None
        return value

    def turn(self) -> None:
        """Wait until the topic was asked twice more, so that what came before is taken over."""
        topic = self.topic
        assert topic is not None
        before = topic.polled
        wait_for(lambda: topic.polled >= before + 3)


def wait_for(condition: Any) -> None:
    """Wait until it holds."""
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture
def benches() -> Iterator[list[Bench]]:
    """Whatever is put in is stopped."""
    made: list[Bench] = []
    yield made
    for each in made:
        each.suppressions.stop(Deadline.after(PATIENCE_S))


def test_the_topic_is_read_before_a_start_ends(benches: list[Bench]) -> None:
    """A daemon has its rules before its first flow."""
    benches.append(bench := Bench(Topic(*records_of([rule()]))))
    bench.suppressions.start()
    assert (bench.ids, bench.shown()) == (["r1"], 1.0)
    assert bench.told("suppressions.begun")[0]["rules"][0]["id"] == "r1"


def test_rules_come_and_go(benches: list[Bench]) -> None:
    """What is written later is in force, what is withdrawn is not; both are told."""
    benches.append(bench := Bench(topic := Topic()))
    bench.suppressions.start()
    topic.send(records_of([rule(), rule(id="r2")]))
    wait_for(lambda: bench.ids == ["r1", "r2"])
    topic.send(withdrawals_of(["r1"]))
    wait_for(lambda: bench.ids == ["r2"])
    wait_for(lambda: bench.told("suppressions.withdrawn"))
    assert bench.shown() == 1.0


def test_what_is_known_stays_in_force_while_the_topic_is_away(benches: list[Bench]) -> None:
    """That is told once, and once that it is read again; what was withdrawn meanwhile goes."""
    benches.append(bench := Bench(topic := Topic(*records_of([rule()]))))
    bench.suppressions.start()
    topic.trouble = "no broker answers"
    bench.turn()
    topic.read_whole, topic.begins = False, 2  # it begins anew, and has come to nothing yet
    bench.turn()
    assert bench.ids == ["r1"]
    topic.read_whole, topic.trouble = True, ""
    wait_for(lambda: bench.ids == [])
    assert [each["why"] for each in bench.told("suppressions.unread")] == ["no broker answers"]
    wait_for(lambda: len(bench.told("suppressions.read")) == 1)


def test_a_defect_of_the_follower_ends_nothing(benches: list[Bench]) -> None:
    """It is told, and what is known stays in force."""
    benches.append(bench := Bench(topic := Topic(*records_of([rule()]))))
    bench.suppressions.start()
    topic.fails = True
    wait_for(lambda: bench.told("suppressions.unread"))
    topic.fails = False
    topic.send(records_of([rule(id="r2")]))
    wait_for(lambda: bench.ids == ["r1", "r2"])


def test_a_missing_topic_delays_no_start(benches: list[Bench]) -> None:
    """It is told, and there are no rules until it is there."""
    topic = Topic()
    topic.read_whole, topic.trouble = False, "there is no topic"
    benches.append(bench := Bench(topic))
    began = time.monotonic()
    bench.suppressions.start()
    assert time.monotonic() - began < 10.0  # the patience of a start that hears nothing
    wait_for(lambda: bench.told("suppressions.unread"))
    assert bench.ids == []


def test_foreign_messages_are_counted_and_told_once(benches: list[Bench]) -> None:
    """Rules beside them count."""
    benches.append(bench := Bench(topic := Topic(OutRecord(b"nothing", b"x"), *records_of([rule()]))))
    bench.suppressions.start()
    topic.send([OutRecord(b"{}", b"y")])

    def counted() -> float | None:
        return bench.registry.get_sample_value("oddflow_suppressions_unfit_total")

    wait_for(lambda: counted() == 2)
    assert (bench.ids, len(bench.told("suppressions.unfit"))) == (["r1"], 1)


def test_a_rule_ends_by_the_clock(benches: list[Bench]) -> None:
    """That is told; a clock that is set right again has it in force again."""
    benches.append(bench := Bench(Topic(*records_of([rule(days=7)]))))
    bench.suppressions.start()
    bench.now += 8 * DAY_S
    wait_for(lambda: bench.told("suppressions.ended"))
    assert bench.shown() == 0.0
    bench.now -= 8 * DAY_S
    wait_for(lambda: bench.shown() == 1.0)


def test_one_that_had_ended_before_a_start_is_not_in_force(benches: list[Bench]) -> None:
    """It is shown by nothing."""
    benches.append(bench := Bench(Topic(*records_of([rule(days=7)]))))
    bench.now += 8 * DAY_S
    bench.suppressions.start()
    assert (bench.shown(), bench.told("suppressions.begun")) == (0.0, [])


def test_a_file_is_read_again_when_it_changes(benches: list[Bench], tmp_path: Path) -> None:
    """One that cannot be used leaves what it had before, and that is told; topic and file hold together."""
    file = tmp_path / "rules.jsonl"
    file.write_bytes(write_rules([rule()]))
    benches.append(bench := Bench(Topic(*records_of([rule(id="r2")])), file))
    bench.suppressions.start()
    assert bench.ids == ["r1", "r2"]
    replaced(file, b"{broken\n")
    wait_for(lambda: bench.told("suppressions.file_refused"))
    assert bench.ids == ["r1", "r2"]
    assert f"{file} line 1" in bench.told("suppressions.file_refused")[0]["error"]
    file.unlink()
    wait_for(lambda: len(bench.told("suppressions.file_refused")) == 2)
    assert bench.ids == ["r1", "r2"]
    replaced(file, write_rules([rule(id="r3")]))
    wait_for(lambda: bench.ids == ["r2", "r3"])


def test_a_start_needs_a_file_that_can_be_used(tmp_path: Path) -> None:
    """The error names file, line, field and fix."""
    file = tmp_path / "rules.jsonl"
    file.write_bytes(write_rules([rule()]) + b'{"id": "r2"}\n')
    with pytest.raises(InputError, match=r"rules.jsonl line 2: suppression_version|rules.jsonl line 2: scope"):
        Bench(None, file).suppressions.start()
    with pytest.raises(InputError, match="No such file"):
        Bench(None, tmp_path / "absent").suppressions.start()


def test_it_ends_with_the_daemon() -> None:
    """Its thread closes the topic."""
    bench = Bench(topic := Topic())
    bench.suppressions.start()
    bench.suppressions.stop(Deadline.after(PATIENCE_S))
    assert topic.closed


def replaced(file: Path, data: bytes) -> None:
    """Put another file in its place at once, as editors do."""
    beside = file.with_suffix(".new")
    beside.write_bytes(data)
    os.replace(beside, file)  # noqa: PTH105 - the one call


def test_files_are_read_back() -> None:
    """The last line of an id counts; blank lines and a byte order mark are no rules."""
    rules: list[Suppression] = [rule(), rule(id="r2"), rule(days=9)]
    assert read_rules(b"\xef\xbb\xbf" + write_rules(rules) + b"\n \r\n", "f") == rules[1:]


def test_a_file_is_taken_whole_or_not_at_all() -> None:
    """Several wrong lines are told in one error."""
    with pytest.raises(InputError, match=r"line 2: .*line 3: .*and 2 more lines; nothing of it is taken"):
        read_rules(write_rules([rule()]) + b"{\n" * 5, "f")
