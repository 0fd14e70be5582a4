"""Grafana's boards are as declared, and of Grafana's own schema, as far as its package for Python has it."""

from __future__ import annotations

import enum
import json
import typing
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from pydantic import ConfigDict, TypeAdapter, ValidationError

import boards.__main__ as written
from tests.boards.read import boards, panels

BOARDS = boards()
each_board = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS.keys())
LOOSE = ConfigDict(arbitrary_types_allowed=True)


def test_the_boards_are_those_that_are_declared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are current; one that was changed by hand, is missing, or is not declared at all, is named."""
    assert written.main(["--check"]) == 0
    monkeypatch.setattr(written, "FOLDER", tmp_path)
    written.main([])
    assert written.main(["--check"]) == 0
    (tmp_path / "overview.json").write_text("{}")
    (tmp_path / "models.json").unlink()
    (tmp_path / "mine.json").write_text("{}")
    assert written.main(["--check"]) == 1
    told = [line.split()[0].rpartition("/")[2] for line in capsys.readouterr().err.splitlines()]
    assert told == ["mine.json", "models.json", "overview.json"]


def odd_values(of: object, at: str = "") -> list[str]:
    """Where a value of Grafana's schema is not of the type that the schema says."""
    if isinstance(of, list):
        return [odd for number, each in enumerate(of) for odd in odd_values(each, f"{at}[{number}]")]
    if not type(of).__module__.startswith("grafana_foundation_sdk.models") or isinstance(of, enum.Enum):
        return []
    found = []
    for name, wanted in typing.get_type_hints(type(of)).items():
        value = getattr(of, name)
        try:
            TypeAdapter(wanted, config=LOOSE).validate_python(value)
        except ValidationError as error:
            found.append(f"{at}.{name}: {error.errors()[0]['msg']}")
        found += odd_values(value, f"{at}.{name}")
    return found


def as_read(board: dict[str, Any]) -> Dashboard:
    """A board as Grafana's package reads it."""
    register_default_plugins()
    return Dashboard.from_json(board)


@each_board
def test_grafana_knows_every_field(board: dict[str, Any]) -> None:
    """Read by Grafana's schema and written again a board is the same: no field is unknown, and none is missing."""
    assert json.loads(json.dumps(as_read(board), cls=JSONEncoder)) == board


@each_board
def test_values_are_of_grafana_s_types(board: dict[str, Any]) -> None:
    """Each value is of the type that Grafana's schema gives its field."""
    assert odd_values(as_read(board)) == []


def test_a_board_that_grafana_would_not_take_is_told() -> None:
    """An unknown field is lost on the way, and a value of another type is named."""
    board = json.loads(json.dumps(BOARDS["overview"]))
    board["panels"][1]["colour"] = "red"
    board["panels"][1]["gridPos"]["w"] = "wide"
    assert "colour" not in json.dumps(as_read(board), cls=JSONEncoder)
    (odd,) = odd_values(as_read(board))
    assert odd.startswith(".panels[1].grid_pos.w: Input should be a valid integer")


@each_board
def test_panels_do_not_overlap(board: dict[str, Any]) -> None:
    """Each has a place and a number of its own, and asks the data source that is chosen at the top."""
    cells: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        own = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert (at["x"] + at["w"] <= 24, own & cells) == (True, set()), panel["title"]
        cells |= own
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    chosen = {f"${{{each['name']}}}" for each in board["templating"]["list"] if each["type"] == "datasource"}
    assert {panel["datasource"]["uid"] for panel in panels(board)} <= chosen
    assert {target["datasource"]["uid"] for panel in panels(board) for target in panel["targets"]} <= chosen


def test_boards_are_found_by_their_addresses() -> None:
    """Their addresses differ; the first one's is as it always was, and triage links to the incidents' for a host."""
    assert [board["uid"] for board in BOARDS.values()] == [
        "oddflow-incidents",
        "oddflow-models",
        "oddflow",
        "oddflow-troubleshooting",
    ]
    assert "host" in {choice["name"] for choice in BOARDS["incidents"]["templating"]["list"]}


def test_a_headline_leads_into_triage() -> None:
    """The incidents' table links each headline to its page."""
    (table,) = [panel for panel in panels(BOARDS["incidents"]) if panel["title"] == "Incidents" and panel["id"] != 2]
    links = {
        override["matcher"]["options"]: prop["value"][0]["url"]
        for override in table["fieldConfig"]["overrides"]
        for prop in override["properties"]
        if prop["id"] == "links"
    }
    assert links["headline"] == "${triage}/incidents/${__data.fields.id}"
    assert links["source"].startswith("/d/oddflow-incidents?var-host=")


def test_models_are_named() -> None:
    """The panel of the model in use shows its name and version, and each swap is marked with them."""
    panel = next(panel for panel in panels(BOARDS["overview"]) if panel["title"] == "Model in use")
    assert (panel["options"]["textMode"], panel["targets"][0]["legendFormat"]) == ("name", "{{name}} {{version}}")
    mark = next(note for note in BOARDS["overview"]["annotations"]["list"] if note["name"] == "Models")
    assert (mark["titleFormat"], mark["useValueForTime"]) == ("{{name}} {{version}}", True)
