"""``config/compose.yaml``, as Compose reads it: its variables filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

COMPOSE = Path(__file__).parent.parent / "config" / "compose.yaml"


def composed(given: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The file with the variables that a `.env` file gives; the others have their defaults."""
    return dict(_filled(yaml.safe_load(COMPOSE.read_text(encoding="utf-8")), given or {}))


def _filled(each: Any, given: Mapping[str, str]) -> Any:
    if isinstance(each, dict):
        return {name: _filled(value, given) for name, value in each.items()}
    if isinstance(each, list):
        return [_filled(value, given) for value in each]
    if isinstance(each, str):
        return re.sub(r"(?<!\$)\$\{(\w+):-([^}]*)\}", lambda found: given.get(found[1], "") or found[2], each)
    return each
