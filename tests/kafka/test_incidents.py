"""``oddflow incidents`` on a real Kafka."""

from __future__ import annotations

import json
import subprocess
import sys
from http.client import HTTPConnection

import pytest

from detector.transport.base import OutRecord
from tests.casebook.documents import ID, ecs, ocsf
from tests.conftest import MakeTopic
from tests.kafka.fixtures import MakeDaemon
from tests.kafka.world import Outcome, send, simulated, wait_for
from tests.transport.arena import consume, produce

pytestmark = pytest.mark.kafka

OTHER = "e0" + ID[2:]


def command(kafka: str, topic: str, *more: str) -> list[str]:
    """The command on this topic."""
    given = ("--bootstrap-servers", kafka, "--topic", topic)
    return [sys.executable, "-m", "detector", "incidents", *more, *given]


def run(kafka: str, topic: str, *more: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    done = subprocess.run(command(kafka, topic, *more), capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


def test_a_topic_is_read_to_its_end(kafka: str, topic: MakeTopic) -> None:
    """The list and one in full come from the topic, whose marks of deletion are passed over; none is no error."""
    name = topic(2)
    assert run(kafka, name) == (0, "", "no incidents: none was told yet\n")
    produce(kafka, name, [OutRecord(ocsf(revision=1)), OutRecord(ocsf()), OutRecord(None, b"x")])
    produce(kafka, name, [OutRecord(ecs(id=OTHER))], partition=1)
    code, out, err = run(kafka, name)
    assert (code, sorted(line.split()[-1] for line in out.splitlines()[1:]), err) == (0, [ID[:8], OTHER[:8]], "")
    assert run(kafka, name, "show", "3b")[1].startswith("CRITICAL Port scan of 10.0.10.35")


def test_later_incidents_come_as_they_are_told(kafka: str, topic: MakeTopic) -> None:
    """With ``--follow`` what the topic has comes first, then each new document, until it is interrupted."""
    name = topic()
    produce(kafka, name, [OutRecord(ocsf())])
    with subprocess.Popen(command(kafka, name, "--follow", "--json"), stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        first = json.loads(following.stdout.readline())
        produce(kafka, name, [OutRecord(ocsf(revision=5, step="close"))])
        second = json.loads(following.stdout.readline())
        following.terminate()
    assert [each["unmapped"]["oddflow"]["step"] for each in (first, second)] == ["update", "close"]


def test_a_missing_topic_is_told(kafka: str, topic: MakeTopic) -> None:
    """A topic that is not there ends with 4 and names the nearest."""
    code, out, err = run(kafka, topic() + "x")
    assert (code, out, "does not exist" in err, "(there is '" in err) == (4, "", True, True)


def test_a_daemon_shows_what_it_told(make_daemon: MakeDaemon, kafka: str) -> None:
    """The incidents on a daemon's own port are those that its alerts belong to, with or without a topic for them."""
    daemon = make_daemon()
    send(kafka, daemon.topics.flows, simulated(2_000))
    daemon.start()
    daemon.wait_until_handled(2_000)
    connection = HTTPConnection("127.0.0.1", daemon.port, timeout=20)
    connection.request("GET", "/incidents.json")
    shown = [each["metadata"]["correlation_uid"] for each in json.loads(connection.getresponse().read())]
    connection.close()
    assert daemon.stop() == 0
    assert shown
    alerts = Outcome.read(kafka, daemon.topics).alerts
    assert set(shown) <= {alert["metadata"]["correlation_uid"] for alert in alerts}


def flood(count: int, first: int = 0, target: str = "10.0.0.5") -> list[bytes]:
    """Connections to one service that get no answer, each from a source of its own, twenty a second."""
    return [
        json.dumps(
            {
                "ts": 1.7e9 + n / 20,
                "uid": f"F{n}",
                "id.orig_h": f"198.51.{n // 250 % 250}.{n % 250}",
                "id.orig_p": 2_000,
            }
            | {
                "id.orig_p": 2_000,
                "id.resp_h": target,
                "id.resp_p": 9_999,
                "proto": "tcp",
                "conn_state": "S0",
                "duration": 0.0,
            }
            | {"orig_bytes": 0, "resp_bytes": 0, "orig_pkts": 1, "resp_pkts": 0}
        ).encode()
        for n in range(first, first + count)
    ]


def test_a_flood_over_partitions_is_one(make_daemon: MakeDaemon, kafka: str, topic: MakeTopic) -> None:
    """What four partitions tell of a flood, two daemons among them, is one in the list, with every source and alert."""
    name, settings = topic(), {"false_positive_rate": 0.5, "repeat": "all"}
    daemon = make_daemon(partitions=4, alerts=settings, output={"incidents_topic": name})
    send(kafka, daemon.topics.flows, flood(400), partitions=4)
    daemon.start()
    daemon.wait_until_handled(400)
    other = make_daemon(beside=daemon, alerts=settings, output={"incidents_topic": name})
    other.start()
    wait_for(lambda: 0 < other.total("oddflow_partitions_assigned") < 4)
    later = flood(48, 100_000, "10.0.0.6")  # enough in each partition for its clock to follow: the flood is over
    send(kafka, daemon.topics.flows, flood(400, 400) + later, partitions=4)
    wait_for(lambda: len(Outcome.read(kafka, daemon.topics).scores) >= 848)
    assert (daemon.stop(), other.stop()) == (0, 0)
    told = {json.loads(each.value or b"")["metadata"]["correlation_uid"] for each in consume(kafka, name)}
    assert len(told) >= 4
    (line,) = run(kafka, name, "--host", "10.0.0.5", "--json")[1].splitlines()
    ours = json.loads(line)["unmapped"]["oddflow"]
    assert (ours["kind"], ours["alerts"], ours["counts"]["sources"]) == (
        *("flood", 800),
        {"distinct": 800, "or_more": False},
    )
    (_, row) = run(kafka, name, "--host", "10.0.0.5")[1].splitlines()
    assert ("800 sources → 10.0.0.5 port 9999" in row, "closed" in row) == (True, True)
    assert "800 alerts in 40 s, from 800 sources" in run(kafka, name, "show", ours["id"])[1]


def test_risks_of_hosts_are_told_until_they_fade(make_daemon: MakeDaemon, kafka: str, topic: MakeTopic) -> None:
    """A flooded host stands first on the compacted topic, over all partitions; days later it is deleted from it."""
    name = topic(cleanup_policy="compact")
    daemon = make_daemon(partitions=4, alerts={"false_positive_rate": 0.5}, output={"risk_topic": name})
    send(kafka, daemon.topics.flows, flood(400), partitions=4)
    daemon.start()
    daemon.wait_until_handled(400)
    wait_for(lambda: len(consume(kafka, name)) >= 4)
    assert daemon.total("oddflow_host_risk", rank="1") > 0
    code, out, err = run(kafka, name, "hosts", "--json")
    first = json.loads(out.splitlines()[0])
    assert (code, err, first["host"], "attacked: flood" in first["what"]) == (0, "", "10.0.0.5", True)
    days = 20 * 86_400 * 2
    send(kafka, daemon.topics.flows, flood(400, days, "10.0.0.6"), partitions=4)
    daemon.wait_until_handled(800)
    assert daemon.stop() == 0
    latest = {each.key: each.value for each in consume(kafka, name)}
    flooded = [value for key, value in latest.items() if key is not None and key.startswith(b"10.0.0.5 ")]
    assert flooded == [None] * 4
