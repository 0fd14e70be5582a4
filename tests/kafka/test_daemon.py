"""The whole daemon, as a process of its own, on a real Kafka: everything that goes in comes out once."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from itertools import groupby
from operator import itemgetter

import pytest

from detector.transport.base import OutRecord
from tests.kafka.fixtures import MakeDaemon
from tests.kafka.world import (
    PATIENCE_S,
    Outcome,
    Trickle,
    damage,
    limit,
    promote,
    publish,
    send,
    simulated,
    wait_for,
)
from tests.transport.arena import produce

pytestmark = pytest.mark.kafka

RECORDS = 3_000


@pytest.mark.parametrize("transport", ["confluent", "kafka-python"])
def test_everything_comes_out_once(make_daemon: MakeDaemon, kafka: str, transport: str) -> None:
    """By either client, every flow is scored once, alerts name records that were read, and the counters agree."""
    daemon = make_daemon(partitions=2, input={"transport": transport})
    places = send(kafka, daemon.topics.flows, simulated(RECORDS), partitions=2)
    daemon.start()
    daemon.wait_until_handled(RECORDS)
    wait_for(lambda: daemon.total("oddflow_lag_records") == 0)
    scraped = daemon.scrape()
    assert daemon.stop() == 0
    outcome = Outcome.read(kafka, daemon.topics)
    assert set(outcome.scored()) == places
    assert set(outcome.scored().values()) == {1}
    assert outcome.dead_letters == []
    assert 0 < len(outcome.alerts) == scraped.total("oddflow_alerts_total")
    assert scraped.total("oddflow_stage_records_in_total", stage="score") == RECORDS
    assert scraped.total("oddflow_outputs_acknowledged_total", channel="scores") == RECORDS
    assert scraped.total("oddflow_lag_records") == 0
    assert scraped.total("oddflow_broker_up") == 1


def test_it_goes_on_where_it_stopped(make_daemon: MakeDaemon, kafka: str) -> None:
    """Stopped in order and started again, it reads on from there: nothing is scored twice, nothing is left out."""
    daemon = make_daemon()
    values = simulated(2_000)
    daemon.work_through(values[:1_000])
    daemon.work_through(values[1_000:])
    scored = Outcome.read(kafka, daemon.topics).scored()
    assert scored == {(0, offset): 1 for offset in range(2_000)}


def test_a_missing_topic_ends_the_start_as_an_error(make_daemon: MakeDaemon) -> None:
    """A start that finds no input topic says in its last line which, and does not call it the end of the input."""
    daemon = make_daemon()
    daemon.topics = replace(daemon.topics, flows=f"{daemon.topics.flows}-nowhere")
    assert daemon.launch().wait(3 * PATIENCE_S) == 4  # a first start compiles
    assert f"'{daemon.topics.flows}'" in daemon.log.splitlines()[-1]
    assert [told["reason"] for told in daemon.events("daemon.stopping")] == ["error"]


def test_new_models_take_over_under_load(make_daemon: MakeDaemon, kafka: str) -> None:
    """Models promoted while records stream in score from then on, each record by exactly one, without a restart."""
    daemon = make_daemon(batch={"max_records": 100})
    daemon.start()
    versions = [daemon.events("model.swapped")[0]["new"]]
    with Trickle(kafka, daemon.topics.flows, simulated(RECORDS), per_s=1_000) as load:
        for number in (1, 2):
            wait_for(lambda: daemon.handled() >= 500 * number)  # noqa: B023 - called at once
            versions.append(publish(daemon.registry, number))
            wait_for(lambda: len(daemon.events("model.swapped")) > number)  # noqa: B023
        wait_for(lambda: daemon.handled() >= load.sent)
    daemon.wait_until_handled(load.sent)
    scraped = daemon.scrape()
    assert daemon.stop() == 0
    outcome = Outcome.read(kafka, daemon.topics)
    assert outcome.scored() == load.places()
    assert [version for version, _ in groupby(outcome.scores, itemgetter("model_version"))] == versions
    assert scraped.total("oddflow_model_swaps_total", result="taken") == len(versions)
    assert scraped.total("oddflow_stage_records_in_total", stage="poll") == load.sent
    assert len(daemon.events("daemon.started")) == 1


def test_a_bad_model_is_refused_and_the_old_one_stays(make_daemon: MakeDaemon, kafka: str) -> None:
    """A promoted bundle with one byte off is refused and told once; the model in charge goes on scoring."""
    daemon = make_daemon()
    values = simulated(1_000)
    daemon.start()
    good = daemon.events("model.swapped")[0]["new"]
    bad = publish(daemon.registry, 1, promote=False)
    damage(daemon.registry, bad)
    promote(daemon.registry, bad)
    wait_for(lambda: bool(daemon.events("model.refused")))
    send(kafka, daemon.topics.flows, values)
    daemon.wait_until_handled(len(values))
    assert daemon.stop() == 0
    assert {one["model_version"] for one in Outcome.read(kafka, daemon.topics).scores} == {good}
    assert [one["version"] for one in daemon.events("model.refused")] == [bad]


def test_poison_is_set_aside_exactly(make_daemon: MakeDaemon, kafka: str) -> None:
    """Unusable records among good ones become dead letters with their bytes, key and headers; the rest is scored."""
    daemon = make_daemon()
    flows = simulated(200)
    poison = [
        OutRecord(b"\xff\xfe not text", b"\x00key", [("sensor", b"\xff"), ("sensor", b"2"), ("nothing", None)]),
        OutRecord(flows[0][:40], b"cut"),
        OutRecord(b"", None),
        OutRecord(None, b"null"),
        OutRecord(b'{"ts": 1.0, "id.orig_h": "nobody", "id.resp_h": "10.0.0.1", "proto": "tcp"}'),
        OutRecord(b'{"a": "' + b"x" * 900_000 + b'"}', b"large"),
        OutRecord(b"[" * 100_000),
        OutRecord(b"{}\n{}"),
    ]
    records = [OutRecord(value) for value in flows]
    for number, record in enumerate(poison):
        records.insert(number * 20, record)
    produce(kafka, daemon.topics.flows, records)
    daemon.start()
    daemon.wait_until_handled(len(records))
    assert daemon.stop() == 0
    outcome = Outcome.read(kafka, daemon.topics)
    assert outcome.places() == {(0, offset): 1 for offset in range(len(records))}
    assert len(outcome.scores) == len(flows)
    assert [(one.value, one.key) for one in outcome.dead_letters] == [(one.value, one.key) for one in poison]
    for letter, record in zip(outcome.dead_letters, poison, strict=True):
        assert [one for one in letter.headers if not one[0].startswith("oddflow.error.")] == list(record.headers)
        told = dict(letter.headers)
        assert told["oddflow.error.topic"] == daemon.topics.flows.encode()
        assert told["oddflow.error.reason"]


def test_what_a_topic_refuses_for_its_size_stops_nothing(make_daemon: MakeDaemon, kafka: str) -> None:
    """Noise that the dead letters' topic does not take goes there cut, saying so, and what lies behind it is scored."""
    daemon = make_daemon()
    limit(kafka, daemon.topics.dead_letters, 50_000)
    noise = os.urandom(300_000)
    produce(kafka, daemon.topics.flows, [OutRecord(noise, b"key"), *(OutRecord(value) for value in simulated(200))])
    daemon.start()
    daemon.wait_until_handled(201)
    scraped = daemon.scrape()
    assert daemon.stop() == 0
    outcome = Outcome.read(kafka, daemon.topics)
    assert outcome.places() == {(0, offset): 1 for offset in range(201)}
    (letter,) = outcome.dead_letters
    assert noise.startswith(letter.value or b"-")
    told = dict(letter.headers)
    assert told["oddflow.error.value_bytes"] == b"300000"
    assert told["oddflow.error.value_sha256"] == hashlib.sha256(noise).hexdigest().encode()
    assert scraped.total("oddflow_outputs_oversized_total", channel="dead_letters", sent="cut") == 1


def test_other_event_types_are_passed_over(make_daemon: MakeDaemon, kafka: str) -> None:
    """Suricata flows are scored, its other events are counted and left alone, and the sums agree."""
    daemon = make_daemon(input={"format": "suricata"})
    flows = simulated(500, "suricata")
    others = [b'{"timestamp": "2026-01-05T00:00:00.0+0000", "event_type": "dns", "dns": {}}'] * 50
    send(kafka, daemon.topics.flows, [*flows, *others])
    daemon.start()
    daemon.wait_until_handled(550)
    scraped = daemon.scrape()
    assert daemon.stop() == 0
    outcome = Outcome.read(kafka, daemon.topics)
    assert outcome.scored() == {(0, offset): 1 for offset in range(500)}
    assert outcome.dead_letters == []
    assert scraped.total("oddflow_records_passed_over_total") == 50
