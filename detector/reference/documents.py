"""JSON Schemas of alerts, incidents, labels and suppressions, and a page of all their fields, from their types.

A field that says neither what it means nor has one value alone is an error: none goes undocumented.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from detector.alerts.contract import ALERT_VERSION, ECS_VERSION, OCSF_VERSION, Alert, EcsAlert
from detector.feedback.label import FEEDBACK_VERSION, WITHDRAWAL_OR_VERDICT, Label
from detector.incidents.contract import INCIDENT_VERSION, EcsIncident, Finding
from detector.suppression.rule import SUPPRESSION_RULES, SUPPRESSION_VERSION, Suppression


class Document(NamedTuple):
    """A kind of document that is published."""

    name: str
    title: str
    type: type[msgspec.Struct]
    version: int
    ours: str
    """Where in it the part is that is ours; empty where all of it is."""
    package: str
    """The package that its schema is in."""
    rules: Mapping[str, Any] = {}
    """Of the schema, beside what the type says."""


DOCUMENTS = (
    Document("alert", f"Alert, OCSF {OCSF_VERSION}", Alert, ALERT_VERSION, "unmapped.oddflow", "alerts"),
    Document("alert-ecs", f"Alert, ECS {ECS_VERSION}", EcsAlert, ALERT_VERSION, "oddflow", "alerts"),
    Document("incident", f"Incident, OCSF {OCSF_VERSION}", Finding, INCIDENT_VERSION, "unmapped.oddflow", "incidents"),
    Document("incident-ecs", f"Incident, ECS {ECS_VERSION}", EcsIncident, INCIDENT_VERSION, "oddflow", "incidents"),
    Document("label", "Label", Label, FEEDBACK_VERSION, "", "feedback", WITHDRAWAL_OR_VERDICT),
    Document("suppression", "Suppression", Suppression, SUPPRESSION_VERSION, "", "suppression", SUPPRESSION_RULES),
)

INTRODUCTION = """\
# Fields of alerts, incidents, labels and suppressions

<!-- Made from contract.py in detector/alerts and detector/incidents, detector/feedback/label.py and
detector/suppression/rule.py by `make docs`; change it there. -->

Each field that a document can have. Those marked *maybe* are left out where there is nothing to tell; no field is ever
null. `[]` is a list. Fields under `unmapped.oddflow` or `oddflow` are ours, the others the standard's; labels and
suppressions are ours alone. The same as JSON Schema: `oddflow config schema alert`, `incident`, `alert-ecs`,
`incident-ecs`, `label` or `suppression`. How to read them is in [alerts](../explanation/alerts.md), and how to write
labels in [label what was found](../guides/label.md).
"""


def schema_of(document: Document) -> dict[str, Any]:
    """A document's JSON Schema, draft 2020-12."""
    (whole,), parts = msgspec.json.schema_components([document.type], ref_template="#/$defs/{name}")
    for struct in _structs(document.type):
        part = parts[struct.__name__]
        fields = msgspec.structs.fields(struct)
        part["required"] = [each.encode_name for each in fields if each.default is not msgspec.UNSET]
        for described in part["properties"].values():
            described.pop("default", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:oddflow:{document.name}:{document.version}",
        "title": document.title,
        **whole,
        **document.rules,
        "$defs": parts,
    }


def schema_file(document: Document) -> str:
    """The same as text."""
    return json.dumps(schema_of(document), indent=1, ensure_ascii=False) + "\n"


def _structs(kind: Any) -> set[type[msgspec.Struct]]:
    """A struct and all those within it."""
    found: set[type[msgspec.Struct]] = set()
    waiting = [msgspec.inspect.type_info(kind)]
    while waiting:
        info = waiting.pop()
        if isinstance(info, msgspec.inspect.StructType):
            if info.cls not in found:
                found.add(info.cls)
                waiting += [each.type for each in info.fields]
        else:
            parts = (getattr(info, name, ()) for name in ("types", "item_types"))
            waiting += [each for some in parts for each in some]
            waiting += [each for name in ("type", "item_type") if (each := getattr(info, name, None)) is not None]
    return found


def fields_page() -> str:
    """``docs/reference/fields.md``."""
    return INTRODUCTION + "".join(_section(document) for document in DOCUMENTS)


def _section(document: Document) -> str:
    schema = schema_of(document)
    rows = "".join(_rows(document, schema))
    return f"\n## {document.title}\n\n| field | type | unit | meaning | of |\n|---|---|---|---|---|\n{rows}"


def _rows(document: Document, schema: dict[str, Any]) -> Iterator[str]:
    standard = "" if not document.ours else document.title.split(", ")[1].split()[0]
    for path, described, required in described_fields(schema, schema, ""):
        ours = not document.ours or path == document.ours or path.startswith(f"{document.ours}.")
        meaning = described.get("description") or f"Always `{_one(described)}`."
        cells = (
            f"`{path}`",
            _type(described, schema) + ("" if required else ", maybe"),
            described.get("unit", ""),
            meaning,
            "ours" if ours else standard,
        )
        yield f"| {' | '.join(cells)} |\n"


def described_fields(part: Any, schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Every field within a part of a schema: its path, what is said of it, and whether it is always there.

    Raises ValueError for one of which nothing is said.
    """
    part = _resolved(part, schema)
    for name, described in part.get("properties", {}).items():
        way = f"{path}.{name}" if path else name
        items = _resolved(described, schema).get("items")
        way += "[]" if items is not None else ""
        if "description" not in described and len(described.get("enum", ())) != 1:
            raise ValueError(f"{way}: nothing says what it means")
        yield way, described, name in part["required"]
        yield from described_fields(described if items is None else items, schema, way)


def _resolved(part: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """What a reference stands for."""
    found: dict[str, Any] = schema["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
    return found


def _one(described: dict[str, Any]) -> str:
    return json.dumps(described["enum"][0])


def _type(described: dict[str, Any], schema: dict[str, Any]) -> str:
    """In a word: of a list, that of its items; of some values, these."""
    if "enum" in described:
        return ", ".join(f"`{json.dumps(each)}`" for each in described["enum"])
    if (kind := _resolved(described, schema).get("type")) == "array":
        items: dict[str, Any] = described.get("items", {})
        return f"list of {_type(items, schema)}s" if "enum" not in items else f"list of {_type(items, schema)}"
    return str(kind)
