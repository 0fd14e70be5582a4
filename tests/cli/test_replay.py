"""``oddflow replay``: alerts of a real run come out the same once more, or it is said what is missing or differs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from detector.alerts.decided import packed, unpacked
from detector.cli import app
from detector.registry.registry import Registry
from tests.bundles import bundle, version_of
from training.simulator.scenario import DEFAULT_START, Scenario
from training.simulator.stream import encode

pytestmark = pytest.mark.slow

FORMAT = ("--format", "zeek-json")


def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    result = CliRunner().invoke(app, arguments, env={"ODDFLOW_CONFIG": "", **environment})
    return result.exit_code, result.stdout, result.stderr


@dataclass(frozen=True)
class Day:
    """Some minutes of flows, and what the daemon told of them."""

    registry: str
    flows: Path
    folder: Path

    def alerts(self, detail: str, layout: str = "ocsf") -> list[dict[str, Any]]:
        """The alerts of a run with this detail."""
        path = self.folder / f"{detail}-{layout}.json"
        if not path.exists():
            more = {"ODDFLOW_ALERTS__DETAIL": detail, "ODDFLOW_OUTPUT__FORMAT": layout}
            given = ("--input", str(self.flows), *FORMAT, "--output", str(path), "--registry", self.registry)
            code, _, err = run("detect", *given, "--log-level", "error", **more)
            assert code == 0, err
        return [json.loads(line) for line in path.read_text().splitlines()]

    def replay(self, alert: dict[str, Any], *more: str) -> tuple[int, dict[str, Any], str]:
        """Replay one; what it tells as JSON, where it does."""
        path = self.folder / "alert.json"
        path.write_text(json.dumps(alert, separators=(",", ":")))
        code, out, err = run("replay", str(path), "--registry", self.registry, "--json", *more)
        return code, json.loads(out) if out else {}, err


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """Ten minutes with a scan in them, after what the model was trained on."""
    folder = tmp_path_factory.mktemp("day")
    files, registry = bundle(windows=True), Registry(str(folder / "registry"))
    registry.publish("flows", version_of(files), files)
    registry.promote("flows", version_of(files), by="ann")
    scenario = Scenario(
        seed=3, hosts=25, start=DEFAULT_START, duration_s=600.0, attacks=("vertical-scan",), attack_share=0.2
    )
    lines = [line for frame in scenario.frames() for line in encode(frame, "zeek-json", labels=False)]
    flows = folder / "flows.json"
    flows.write_bytes(b"\n".join(lines) + b"\n")
    return Day(registry.url, flows, folder)


def ours(alert: dict[str, Any]) -> dict[str, Any]:
    """The part of an alert that it was decided by."""
    found: dict[str, Any] = alert["unmapped"]["oddflow"] if "unmapped" in alert else alert["oddflow"]
    return found


def test_alerts_of_a_version_of_elsewhere_replay_by_the_same_setting(day: Day) -> None:
    """A version that was told to judge by single flows alone replays so where it is named again, and else differs."""
    path, version = day.folder / "elsewhere.json", version_of(bundle(windows=True))
    given = ("--input", str(day.flows), *FORMAT, "--output", str(path), "--registry", day.registry)
    named = {"ODDFLOW_MODEL__OF_ELSEWHERE": json.dumps([version])}
    code, _, err = run("detect", *given, "--log-level", "error", ODDFLOW_ALERTS__DETAIL="vector", **named)
    assert code == 0, err
    alert = path.with_name("elsewhere-alert.json")
    alert.write_text(path.read_text().splitlines()[0])
    replay = ("replay", str(alert), "--registry", day.registry, "--json")
    assert run(*replay, **named)[0] == 0
    code, out, _ = run(*replay)
    assert code == 1
    assert "score" in out


@pytest.mark.parametrize("layout", ["ocsf", "ecs"])
def test_alert_with_its_features_replays_exactly(day: Day, layout: str) -> None:
    """By its own copy of the features each alert has its score, p-value, rate and explanation again."""
    alerts = day.alerts("features", layout)
    assert len(alerts) >= 3
    for alert in alerts[:3] + alerts[-3:]:
        code, told, err = day.replay(alert)
        assert (code, err, told["same"], told["by"]) == (0, "", True, "vector"), told
        assert told["score"] == ours(alert)["score"]
        assert {"score", "p_value", "surprise", "evidence", "false_incidents_per_day", "explanation: output"} <= set(
            told["compared"]
        )


def test_alert_without_its_features_replays_from_its_record(day: Day) -> None:
    """From the flows before it and its record an alert has its score, p-value and rate again."""
    alerts = day.alerts("numbers")
    for alert in (alerts[0], alerts[-1]):
        code, told, err = day.replay(alert, "--data", str(day.flows), *FORMAT)
        assert (code, err, told["by"], told["differing"]) == (0, "", "record", [])
        assert {"score", "p_value", "false_incidents_per_day"} <= set(told["compared"])


def test_the_record_gives_every_feature_again(day: Day) -> None:
    """Where the alert has its features, those of the record are held against them, and its explanation as well."""
    code, told, _ = day.replay(day.alerts("features")[-1], "--data", str(day.flows), *FORMAT)
    assert (code, told["by"], told["differing"]) == (0, "record", [])
    assert {"vector", "evidence", "breadth", "features"} <= set(told["compared"])


def test_without_what_came_before_it_differs(day: Day, tmp_path: Path) -> None:
    """A record without the flows before it has other windows: which features differ is said."""
    lines = day.flows.read_bytes().splitlines(keepends=True)
    alert = day.alerts("features")[-1]
    offset = int(alert["metadata"]["original_event_uid"].split("/")[1])
    only = tmp_path / "only.json"
    only.write_bytes(lines[offset])
    code, told, _ = day.replay(alert, "--data", str(only), *FORMAT)
    assert (code, told["same"]) == (1, False)
    assert any(each["field"].startswith("vector: ") for each in told["differing"])


def test_a_copy_of_the_topic_will_do(day: Day, tmp_path: Path) -> None:
    """Files of another name hold the record by its flow: the same comes out."""
    copy = tmp_path / "copy.json"
    copy.write_bytes(day.flows.read_bytes())
    alert = day.alerts("numbers")[-1]
    code, told, err = day.replay(alert, "--data", str(copy), *FORMAT)
    assert (code, err, told["differing"]) == (0, "", [])


def test_people_are_told(day: Day) -> None:
    """Without --json it says «same» as its last line; an alert may come by standard input."""
    text = json.dumps(day.alerts("features")[0], separators=(",", ":"))
    result = CliRunner().invoke(app, ["replay", "-", "--registry", day.registry], input=text)
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "same")


def test_missing_model_is_told(day: Day, tmp_path: Path) -> None:
    """A registry without the version ends with 5, and says how to have it kept."""
    alert = day.alerts("features")[0]
    code, _, err = day.replay(alert, "--registry", str(tmp_path))
    assert (code, "its model is missing" in err, "keep versions" in err) == (5, True, True)


def test_another_model_of_that_name_is_told(day: Day) -> None:
    """A version whose digest is not the alert's ends with 6."""
    alert = day.alerts("features")[0]
    alert["finding_info"]["analytic"]["uid"] = "0" * 16
    code, _, err = day.replay(alert)
    assert (code, "one of them was altered" in err) == (6, True)


def test_missing_record_is_told(day: Day, tmp_path: Path) -> None:
    """Files without the record end with 3, and it is said how the alert would not need it."""
    lines = day.flows.read_bytes().splitlines(keepends=True)
    alert = day.alerts("numbers")[-1]
    offset = int(alert["metadata"]["original_event_uid"].split("/")[1])
    cut = tmp_path / "cut.json"
    cut.write_bytes(b"".join(lines[:offset]))
    code, _, err = day.replay(alert, "--data", str(cut), *FORMAT)
    assert (code, "its record" in err, 'alerts.detail to "vector"' in err) == (3, True, True)


def altered_vector(alert: dict[str, Any]) -> None:
    """One feature is another."""
    vector = unpacked(ours(alert)["vector"])
    ours(alert)["vector"] = packed([vector[0] + 1.0, *[value + 5.0 for value in vector[1:]]])


def altered_score(alert: dict[str, Any]) -> None:
    """A score a little lower."""
    ours(alert)["score"] -= 1e-6


def altered_weight(alert: dict[str, Any]) -> None:
    """Another reason."""
    ours(alert)["features"][0]["contribution"] *= 1.01


@pytest.mark.parametrize("alter", [altered_vector, altered_score, altered_weight], ids=lambda each: each.__name__)
def test_altered_numbers_differ(day: Day, alter: Callable[[dict[str, Any]], None]) -> None:
    """An alert whose features, score or explanation were changed does not come out the same."""
    alert = day.alerts("features")[0]
    alter(alert)
    code, told, _ = day.replay(alert)
    assert (code, told["same"], bool(told["differing"])) == (1, False, True)


def test_altered_position_is_told(day: Day) -> None:
    """An alert that names another record than its id is of ends with 3; so does one that is no alert at all."""
    alert = day.alerts("features")[0]
    alert["metadata"]["original_event_uid"] = "0/1"
    code, _, err = day.replay(alert)
    assert (code, "it was altered" in err) == (3, True)
    code, _, err = day.replay({"class_uid": 1})
    assert (code, "reading an alert" in err) == (3, True)


def test_nothing_to_compare_is_no_yes(day: Day) -> None:
    """An alert of the least detail holds no number: what is found is told, and it ends with 1."""
    code, told, _ = day.replay(day.alerts("standard")[0], "--data", str(day.flows), *FORMAT)
    assert (code, told["compared"], told["score"] > 0) == (1, [], True)
