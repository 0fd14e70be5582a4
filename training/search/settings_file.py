"""The settings that a search found, as a file that ``oddflow train --config`` takes; and the command to run next."""

from __future__ import annotations

import json
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from detector.errors import ConfigurationError
from training.train import Recipe


def check_parameters(params: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for a parameter that no settings file can hold, before anything is searched."""
    for name, value in params.items():
        if not isinstance(value, bool | int | float | str):
            raise ConfigurationError(
                f"--param {name}: settings hold numbers, texts, true and false, not {json.dumps(value)}; leave it out"
            )


def settings_text(recipe: Recipe, below: Mapping[str, Any], head: Sequence[str]) -> str:
    """Lay the recipe over the tables of a settings file, ``below``; ``head`` is told in lines before them."""
    training = {
        **below.get("training", {}),
        "kind": recipe.kind,
        "parameters": dict(recipe.params),
        "leave_out": list(recipe.leave_out),
    }
    lines = [f"# {' '.join(text.split())}" for text in head]
    return "\n".join([*lines, *_tables({**below, "training": training})]).rstrip() + "\n"


def tables_of(path: Path | None) -> dict[str, Any]:
    """The tables of a settings file that has been read without an error; none where there is no such file."""
    return tomllib.loads(path.read_text(encoding="utf-8")) if path else {}


def train_command(flags: Sequence[str], output: Path) -> str:
    """What to run next: ``oddflow train`` on the same flows, by the settings found."""
    return shlex.join(["oddflow", "train", *flags, "--config", str(output)])


def _tables(values: Mapping[str, Any], above: str = "") -> list[str]:
    lines = [f"{_key(name)} = {_value(value)}" for name, value in values.items() if not isinstance(value, Mapping)]
    for name, value in values.items():
        if isinstance(value, Mapping):
            path = f"{above}.{_key(name)}" if above else _key(name)
            lines += ["", f"[{path}]", *_tables(value, path)]
    return lines


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):  # within a list
        return "{" + ", ".join(f"{_key(name)} = {_value(each)}" for name, each in value.items()) + "}"
    if isinstance(value, bool | int | float | str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value)  # a date or a time, which TOML writes as Python does
