"""Prometheus' rules and Grafana's boards as they are in ``config/``, and what each part of a board asks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CONFIG = Path(__file__).parents[2] / "config"


@dataclass(frozen=True)
class Question:
    """One question, and whose it is."""

    place: str
    """Such as ``models: Scores``."""
    text: str
    of_sql: bool


def tree(name: str) -> Any:
    """What a YAML file of ``config/`` holds."""
    return yaml.safe_load((CONFIG / name).read_text(encoding="utf-8"))


def rules(name: str) -> list[dict[str, Any]]:
    """The rules of one of Prometheus' files: ``alerts.yaml``, or ``recording.yaml``."""
    return [rule for group in tree(f"prometheus/{name}")["groups"] for rule in group["rules"]]


def boards() -> dict[str, dict[str, Any]]:
    """The boards by their files' names, without ``.json``."""
    paths = sorted((CONFIG / "grafana" / "boards").glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    """A board's panels but for its headings."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def questions() -> Iterator[Question]:
    """Everything that is asked: by panels, annotations and choices."""
    for name, board in boards().items():
        for panel in panels(board):
            for target in panel["targets"]:
                of_sql = "rawSql" in target
                yield Question(f"{name}: {panel['title']}", target["rawSql" if of_sql else "expr"], of_sql)
        for note in board["annotations"]["list"]:
            yield Question(f"{name}: {note['name']}", note["expr"], False)
        for choice in board["templating"]["list"]:
            if choice["type"] == "query":
                of_sql = choice["datasource"]["uid"] == "${database}"
                yield Question(f"{name}: {choice['name']}", choice["definition"], of_sql)
