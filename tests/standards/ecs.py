"""Holds a document against the fields that ECS publishes, as far as ``ecs.json`` has them; ``oddflow`` is our own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.standards.ocsf import LONGS, is_address

FACTS: dict[str, Any] = json.loads(Path(__file__).with_name("ecs.json").read_text(encoding="utf-8"))

VERSION: str = FACTS["version"]

OURS = "oddflow"

REQUIRED = ("@timestamp", "ecs.version", "event.kind")

ALLOWED: dict[str, frozenset[str]] = {
    "event.kind": frozenset({"alert", "asset", "enrichment", "event", "metric", "state", "pipeline_error", "signal"}),
    "network.direction": frozenset({"ingress", "egress", "inbound", "outbound", "internal", "external", "unknown"}),
    "network.type": frozenset({"ipv4", "ipv6"}),
}
"""Values that the fields' reference lists; the field list has names and types alone."""

LISTS = frozenset(
    {
        *("event.category", "event.type", "related.ip", "threat.tactic.id", "threat.tactic.name"),
        *("threat.technique.id", "threat.technique.name"),
        *("threat.technique.subtechnique.id", "threat.technique.subtechnique.name"),
    }
)
"""Fields that the fields' reference has as lists: an index maps one value alike, other readers do not."""

DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def wrong_with(document: Any) -> list[str]:
    """Everything that is wrong with a document, each with its field; empty for a valid one."""
    if not isinstance(document, dict):
        return ["it is no object"]
    leaves = dict(_leaves({name: part for name, part in document.items() if name != OURS}, ""))
    found = [f"{name}: is missing" for name in REQUIRED if name not in leaves]
    if leaves.get("ecs.version", VERSION) != VERSION:
        found.append(f"ecs.version: {leaves['ecs.version']!r} is not {VERSION!r}")
    for name, value in leaves.items():
        kind = FACTS["fields"].get(name)
        if kind is None:
            found.append(f"{name}: is no field")
        elif isinstance(value, list) != (name in LISTS):
            found.append(f"{name}: is {'no' if name in LISTS else 'a'} list")
        else:
            items = value if isinstance(value, list) else [value]
            found += [f"{name}: {item!r} is no {kind}" for item in items if not _fits(item, kind)]
            found += [f"{name}: {item!r} is not allowed" for item in items if item not in ALLOWED.get(name, {item})]
    return found


def _leaves(value: dict[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for name, part in value.items():
        if isinstance(part, dict) and FACTS["fields"].get(f"{path}{name}") != "object":
            yield from _leaves(part, f"{path}{name}.")
        else:
            yield f"{path}{name}", part


FITS: dict[str, Callable[[Any], bool]] = {
    "long": lambda value: isinstance(value, int) and LONGS[0] <= value <= LONGS[1],
    "float": lambda value: isinstance(value, int | float),
    "date": lambda value: isinstance(value, str) and DATE.fullmatch(value) is not None,
    "ip": lambda value: isinstance(value, str) and is_address(value),
    "object": lambda value: isinstance(value, dict),
}
"""By type; the others are texts."""


def _fits(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return FITS.get(kind, lambda text: isinstance(text, str))(value)
