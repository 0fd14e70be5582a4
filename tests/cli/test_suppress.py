"""``oddflow suppress``: rules made of what was found, checked, listed and withdrawn; by files and by a real topic."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from detector.alerts.contract import (
    Alert,
    Analytic,
    Connection,
    Endpoint,
    Evidence,
    FindingInfo,
    Metadata,
    Product,
)
from detector.cli import app
from detector.errors import ConfigurationError, InputError, OutputError
from detector.feedback.label import Of, iso, write_label
from detector.suppression.files import write_rules
from detector.suppression.rule import Suppression, convert_rule
from detector.transport.base import OutRecord
from tests import commands
from tests.casebook.documents import ID, ocsf
from tests.conftest import MakeTopic
from tests.feedback.labels import label, uid
from tests.kafka.world import publish, simulated
from tests.transport.arena import consume, produce

SOURCE, DESTINATION = "10.0.10.17", "10.0.10.35"


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    result = CliRunner().invoke(app, ["suppress", *arguments])
    return result.exit_code, result.stdout, result.stderr


class Desk:
    """Files of incidents and labels, and one of rules that is not there yet."""

    def __init__(self, folder: Path) -> None:
        self.incidents = folder / "incidents.jsonl"
        self.labels = folder / "judged.jsonl"
        self.rules = folder / "rules.jsonl"
        self.have()
        self.said()

    def have(self, *documents: bytes) -> None:
        """One incident, of today, and these."""
        self.incidents.write_bytes(b"\n".join([ocsf(**BEACON), *documents]) + b"\n")

    def said(self, *labels: Any) -> None:
        """These labels."""
        self.labels.write_bytes(b"".join(write_label(each) + b"\n" for each in labels))

    def __call__(self, command: str, *flags: str) -> tuple[int, str, str]:
        """Run a command on them."""
        given = {
            "add": ("--incidents", str(self.incidents), "--labels", str(self.labels), "--file", str(self.rules)),
            "preview": ("--incidents", str(self.incidents), "--labels", str(self.labels)),
        }
        files = given.get("add" if command == "snooze" else command, ("--file", str(self.rules)))
        return run(command, *flags, *files)

    def kept(self) -> list[dict[str, Any]]:
        """The rules in the file."""
        lines = self.rules.read_bytes().splitlines() if self.rules.exists() else []
        return [json.loads(line) for line in lines]


NOW = 4e9
"""After every test: what is of now counts as of the last days."""

BEACON: dict[str, Any] = {"sources": [SOURCE], "destinations": [DESTINATION], "ports": [443], "last_seen": NOW}

GIVEN = ("--incident", ID[:6], "--scope", "pair", "--reason", "our backup", "--owner", "ada")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """One incident, nothing said, no rules."""
    return Desk(tmp_path)


def of_incident(verdict: str, **changes: Any) -> Any:
    """A label of the incident."""
    return msgspec.structs.replace(label(verdict), of=Of(incident=ID), **changes)


def test_a_rule_is_made_listed_shown_and_removed(desk: Desk) -> None:
    """By the first signs of its id, as people type them."""
    code, out, err = desk("add", *GIVEN, "--days", "14")
    assert (code, err) == (0, "")
    first, second = out.splitlines()
    assert first == "would have hidden 1 of 1 incidents in the last 7 days, none of them labelled true"
    (rule,) = desk.kept()
    assert (rule["src_ip"], rule["dst_ip"], rule["owner"], rule["reason"]) == (
        *(SOURCE, DESTINATION),
        *("ada", "our backup"),
    )
    assert second.startswith(f"in force: {rule['id'][:8]}: {SOURCE} to {DESTINATION}, until ")
    assert desk("list")[1].startswith(f"{rule['id'][:8]}  pair     {SOURCE} to {DESTINATION}, until ")
    assert json.loads(desk("list", "--json")[1]) == rule
    assert json.loads(desk("show", rule["id"][:4], "--json")[1]) == rule
    assert "our backup" in desk("show", rule["id"][:4])[1]
    assert json.loads(desk("remove", rule["id"][:4], "--json")[1]) == {"removed": rule["id"]}
    assert desk.kept() == []
    assert desk("list") == (0, "", "no suppressions are in force\n")


def test_a_rule_made_again_takes_the_place_of_the_one_before(desk: Desk) -> None:
    """As when it is wanted for longer."""
    desk("add", *GIVEN)
    desk("add", *GIVEN, "--days", "20")
    assert len(desk.kept()) == 1


def test_a_label_makes_a_rule(desk: Desk) -> None:
    """Its comment is the reason, and the rule names it; by itself it suppresses nothing."""
    desk.said(of_incident("false", comment="our\nbackup"))
    assert desk.kept() == []
    code, out, err = desk("add", "--from-label", label("false").id[:9], "--scope", "source", "--owner", "ada", "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert (told["rule"]["reason"], told["rule"]["label"], told["written"]) == ("our backup", label("false").id, True)
    assert told["preview"]["judged_false"] == 1


def test_a_label_that_is_not_false_makes_none(desk: Desk) -> None:
    """Unless that is forced."""
    desk.said(of_incident("unsure"))
    given = ("--from-label", label("unsure").id, "--scope", "source", "--owner", "ada", "--reason", "x")
    code, _, err = desk("add", *given)
    assert (code, "what counts of it is unsure" in err) == (ConfigurationError.exit_code, True)
    assert desk("add", *given, "--force")[0] == 0


def test_one_that_hides_a_true_one_is_refused(desk: Desk) -> None:
    """Unless it is forced; nothing is written before."""
    desk.said(of_incident("true"))
    code, _, err = desk("add", *GIVEN)
    assert (code, "labelled true" in err, desk.kept()) == (ConfigurationError.exit_code, True, [])
    assert desk("add", *GIVEN, "--confirm-broad")[0] == ConfigurationError.exit_code
    assert desk("add", *GIVEN, "--force")[0] == 0
    assert len(desk.kept()) == 1


@pytest.mark.parametrize(
    "flags", [("--days", "60"), ("--scope", "pattern", "--bound", "pair_total=..3", "--any-source")]
)
def test_one_that_is_over_broad_needs_a_second_word(desk: Desk, flags: tuple[str, ...]) -> None:
    """Of long, and for every host."""
    assert desk("add", *GIVEN, *flags)[0] == ConfigurationError.exit_code
    assert desk.kept() == []
    assert desk("add", *GIVEN, *flags, "--confirm-broad")[0] == 0


def test_a_preview_writes_nothing(desk: Desk) -> None:
    """It tells what would be hidden, and what speaks against it."""
    desk.said(of_incident("true"))
    code, out, _ = desk("preview", "--incident", ID, "--scope", "source")
    assert (code, desk.kept()) == (0, [])
    assert "would have hidden 1 of 1 incidents" in out
    assert "against it: it would have hidden alerts of what was labelled true" in out
    told = json.loads(desk("preview", "--incident", ID, "--scope", "source", "--json")[1])
    assert (told["preview"]["hidden"], told["against"][0]["kind"]) == ([ID], "hides_true")


def test_a_dry_run_writes_nothing(desk: Desk) -> None:
    """It is checked all the same."""
    assert desk("add", *GIVEN, "--dry-run")[1].splitlines()[1].startswith("would be ")
    assert desk.kept() == []


def test_snoozing_is_a_rule_of_hours(desk: Desk) -> None:
    """Of the incident's pair, and it ends by itself."""
    assert desk("snooze", ID[:5], "--hours", "2", "--owner", "ada")[0] == 0
    (rule,) = desk.kept()
    assert (rule["scope"], rule["reason"], rule["created"][:10] <= rule["expires"][:10]) == ("pair", "snoozed", True)


ALERT = Alert(
    time=0,
    start_time=0,
    end_time=0,
    severity_id=2,
    severity="Low",
    message="it is odd",
    confidence_id=0,
    risk_score=10,
    risk_level_id=1,
    metadata=Metadata(uid=uid(9), product=Product(version="1"), log_source="flows", original_event_uid="0/1"),
    finding_info=FindingInfo(uid=uid(9), title="x", analytic=Analytic(name="flows", uid="f", version="1")),
    observables=[],
    evidences=[
        Evidence(
            src_endpoint=Endpoint(ip=SOURCE),
            dst_endpoint=Endpoint(ip=DESTINATION, port=53),
            connection_info=Connection(direction_id=3, protocol_name="udp", protocol_ver_id=4),
        )
    ],
)


def test_an_alert_makes_a_rule(desk: Desk, tmp_path: Path) -> None:
    """Of its flow, by the document that tells it."""
    file = tmp_path / "alerts.jsonl"
    file.write_bytes(msgspec.json.encode(ALERT) + b"\n")
    given = ("--scope", "service", "--reason", "x", "--owner", "ada", "--alerts", str(file))
    assert desk("add", "--alert", uid(9)[:20], *given)[0] == 0
    (rule,) = desk.kept()
    assert (rule["src_ip"], rule["dst_port"], rule["proto"]) == (SOURCE, 53, "udp")


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (("--scope", "pair", "--reason", "x"), "tells no src_ip"),
        (("--incident", "ffff", "--scope", "pair", "--reason", "x"), "0 of 1 begin so"),
        (("--incident", ID, "--scope", "pair"), "--reason is missing"),
        (("--incident", ID, "--alert", ID, "--scope", "pair", "--reason", "x"), "give one of them"),
        (("--incident", ID, "--scope", "pair", "--reason", "x", "--days", "91"), "at most 90"),
        (("--incident", ID, "--scope", "pair", "--reason", "x", "--topic", "t"), "leave out --topic"),
        (("--incident", ID, "--scope", "pattern", "--reason", "x"), "pattern"),
    ],
)
def test_flags_that_make_no_rule_are_errors(desk: Desk, flags: tuple[str, ...], why: str) -> None:
    """They say what to give instead."""
    code, _, err = desk("add", *flags, "--owner", "ada")
    assert (code in {ConfigurationError.exit_code, InputError.exit_code}, why in err, desk.kept()) == (True, True, [])


def test_without_incidents_it_must_be_forced(desk: Desk) -> None:
    """Nothing tells what it would hide then."""
    given = ("--src-ip", SOURCE, "--scope", "source", "--reason", "x", "--owner", "ada", "--file", str(desk.rules))
    code, _, err = run("add", *given)
    assert (code, "name files with --incidents" in err) == (ConfigurationError.exit_code, True)
    assert run("add", *given, "--force")[0] == 0


def test_a_broken_file_of_rules_is_left_as_it_is(desk: Desk) -> None:
    """The error names the line."""
    desk.rules.write_bytes(b"{broken\n")
    code, _, err = desk("add", *GIVEN)
    assert (code, "rules.jsonl line 1" in err) == (InputError.exit_code, True)
    assert desk.rules.read_bytes() == b"{broken\n"


def test_a_file_that_cannot_be_written_is_told(desk: Desk, tmp_path: Path) -> None:
    """With the way out."""
    desk.rules = tmp_path / "absent" / "rules.jsonl"
    code, _, err = desk("add", *GIVEN)
    assert (code, "choose another --file" in err) == (OutputError.exit_code, True)


@pytest.mark.kafka
def test_rules_go_to_a_topic(kafka: str, topic: MakeTopic, tmp_path: Path) -> None:
    """Which is made if that is asked for; a rule is checked by the topics of incidents and labels, and withdrawn."""
    incidents, labels, rules = topic(), topic(), topic() + "-rules"
    produce(kafka, incidents, [OutRecord(ocsf(**BEACON))])
    config = tmp_path / "oddflow.toml"
    config.write_text(
        f'[kafka]\nbootstrap_servers = "{kafka}"\n[output]\nincidents_topic = "{incidents}"\n'
        f'[feedback]\ntopic = "{labels}"\n[suppression]\ntopic = "{rules}"\n'
    )
    at = ("--config", str(config))
    code, _, err = run("add", *GIVEN, *at)
    assert (code, "does not exist" in err) == (4, True)
    assert run("add", *GIVEN, *at, "--create-topics")[0] == 0
    (rule,) = map(json.loads, run("list", "--json", *at)[1].splitlines())
    assert rule["src_ip"] == SOURCE
    produce(kafka, labels, [OutRecord(write_label(of_incident("true")))])
    assert run("add", *GIVEN, *at)[0] == ConfigurationError.exit_code
    assert run("remove", rule["id"][:6], *at)[0] == 0
    assert run("list", *at) == (0, "", "no suppressions are in force\n")
    assert [each.value is None for each in consume(kafka, rules)] == [False, True]


def everything(days: int = 7) -> Suppression:
    """A rule of every flow of any host."""
    now = datetime.now(UTC)
    given: dict[str, Any] = {"suppression_version": 1, "id": "all", "scope": "pattern", "owner": "ada", "reason": "x"}
    given |= {"pattern": [{"feature": "duration_log", "at_least": -1e30}]}
    made = now - timedelta(days=8)
    return convert_rule(given | {"created": iso(made), "expires": iso(made + timedelta(days=days))})


@pytest.mark.slow
def test_a_run_over_files_goes_by_the_file_of_rules(tmp_path: Path) -> None:
    """What it hides is written as suppressed; a rule that has ended hides nothing; a broken file ends the start."""
    publish(tmp_path / "registry")
    (tmp_path / "flows.jsonl").write_bytes(b"\n".join(simulated(2_000)) + b"\n")
    rules = tmp_path / "rules.jsonl"
    given = ("--input", str(tmp_path / "flows.jsonl"), "--format", "zeek", "--registry", str(tmp_path / "registry"))
    output = tmp_path / "alerts.jsonl"

    def detected(data: bytes) -> tuple[int, str, set[int]]:
        rules.write_bytes(data)
        output.unlink(missing_ok=True)
        ran = commands.run("detect", *given, "--output", str(output), ODDFLOW_SUPPRESSION__FILE=str(rules))
        lines = output.read_bytes().splitlines() if output.exists() else []
        return ran.code, ran.err.splitlines()[-1], {json.loads(line)["status_id"] for line in lines}

    code, said, stati = detected(write_rules([everything(30)]))
    assert (code, "no alerts; " in said, said.endswith(" suppressed"), stati) == (0, True, True, {3})
    code, said, stati = detected(write_rules([everything(7)]))
    assert (code, "suppressed" in said, stati) == (0, False, {1})
    code, said, _ = detected(b"{broken\n")
    assert (code, "rules.jsonl line 1" in said) == (InputError.exit_code, True)
