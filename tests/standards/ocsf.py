"""Holds a document against what OCSF publishes, as far as ``ocsf.json`` has it: what that does not know is wrong.

Strict on purpose: unknown attributes, deprecated ones and those of a profile that ``metadata.profiles`` does not name
are errors, and a caption must be that of its number.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FACTS: dict[str, Any] = json.loads(Path(__file__).with_name("ocsf.json").read_text(encoding="utf-8"))

VERSION: str = FACTS["version"]

OTHER = 99
"""The number of an enum whose caption is the source's own."""

LONGS = (-(1 << 63), (1 << 63) - 1)
"""What 64 bits hold."""

NATIVE: dict[str, type | tuple[type, ...]] = {
    "string_t": str,
    "integer_t": int,
    "long_t": int,
    "float_t": (int, float),
    "boolean_t": bool,
}


def wrong_with(document: Any) -> list[str]:
    """Everything that is wrong with an event, each with the path of its place; empty for a valid one."""
    if not isinstance(document, dict):
        return ["it is no object"]
    described = FACTS["classes"].get(str(document.get("class_uid")))
    if described is None:
        return [f"class_uid: {document.get('class_uid')!r} is none that is known"]
    return [*_identity(document), *_object(document, described, frozenset(_profiles(document)), "")]


def _profiles(document: dict[str, Any]) -> list[str]:
    metadata = document.get("metadata")
    profiles = metadata.get("profiles", []) if isinstance(metadata, dict) else []
    return profiles if isinstance(profiles, list) else []


def _identity(document: dict[str, Any]) -> Iterator[str]:
    """Whether the numbers of class, activity and type fit each other, and the version is the one that is known."""
    activity, metadata = document.get("activity_id"), document.get("metadata")
    if isinstance(activity, int) and document.get("type_uid") != document["class_uid"] * 100 + activity:
        yield f"type_uid: {document.get('type_uid')!r} is not of this class and activity"
    version = metadata.get("version") if isinstance(metadata, dict) else None
    if version != VERSION:
        yield f"metadata.version: {version!r} is not {VERSION!r}"


def _object(value: dict[str, Any], described: dict[str, Any], profiles: frozenset[str], path: str) -> Iterator[str]:
    attributes = described["attributes"]
    for name, attribute in attributes.items():
        active = attribute.get("profile") in {None, *profiles}
        if active and attribute["requirement"] == "required" and name not in value:
            yield f"{path}{name}: is missing"
    for name, part in value.items():
        attribute = attributes.get(name)
        place = f"{path}{name}"
        if attribute is None:
            yield f"{place}: is no attribute"
        elif attribute.get("profile") not in {None, *profiles}:
            yield f"{place}: is of the profile {attribute['profile']}, which is not applied"
        elif attribute.get("deprecated"):
            yield f"{place}: is deprecated"
        elif not attribute.get("is_array"):
            yield from _value(part, attribute, profiles, place)
            yield from _caption(value, attribute, part, place)
        elif not isinstance(part, list) or not part:
            yield f"{place}: is no list of something"
        else:
            for each, item in enumerate(part):
                yield from _value(item, attribute, profiles, f"{place}[{each}]")
    for rule, names in described.get("constraints", {}).items():
        there = sum(name in value for name in names)
        if (rule == "at_least_one" and not there) or (rule == "just_one" and there != 1):
            yield f"{path or 'it'}: {rule} of {', '.join(names)}, has {there}"


def _value(value: Any, attribute: dict[str, Any], profiles: frozenset[str], path: str) -> Iterator[str]:
    kind = attribute["type"]
    if kind in FACTS["objects"]:
        if isinstance(value, dict):
            yield from _object(value, FACTS["objects"][kind], profiles, f"{path}.")
        else:
            yield f"{path}: is no object"
    elif kind == "object":
        if not isinstance(value, dict):
            yield f"{path}: is no object"
    elif kind in FACTS["types"]:
        yield from _plain(value, kind, path)
    else:
        yield f"{path}: objects of {kind} are not among the facts; see tests/standards/extract.py"
    enum: dict[str, str] = attribute.get("enum", {})
    if path.rpartition(".")[2] == "type_id" and "observables" in path:
        enum = enum | {str(number): name for name, number in FACTS["observables"].items()}
    if enum and str(value) not in enum:
        yield f"{path}: {value!r} is none of {', '.join(enum)}"


def _plain(value: Any, kind: str, path: str) -> Iterator[str]:
    facts = FACTS["types"][kind]
    native = facts.get("type", kind)
    if native == "json_t":
        return
    if not isinstance(value, NATIVE[native]) or (native != "boolean_t" and isinstance(value, bool)):
        yield f"{path}: {value!r} is no {kind}"
    elif isinstance(value, int):
        low, high = facts.get("range", LONGS)
        if not low <= value <= high:
            yield f"{path}: {value!r} is beyond the range of {kind}"
    elif isinstance(value, str):
        if len(value) > facts.get("max_len", len(value)):
            yield f"{path}: is longer than {kind} may be"
        if kind == "ip_t" and not is_address(value):
            yield f"{path}: {value!r} is no address"


def is_address(text: str) -> bool:
    """Whether a text is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _caption(holder: dict[str, Any], attribute: dict[str, Any], value: Any, path: str) -> Iterator[str]:
    """Whether the caption beside a number of an enum is that of the number."""
    sibling, enum = attribute.get("sibling"), attribute.get("enum")
    if sibling is None or enum is None:
        return
    if value == OTHER:
        if sibling not in holder:
            yield f"{path}: is {OTHER}, and {sibling} does not say what"
    elif sibling in holder and str(value) in enum and holder[sibling] != enum[str(value)]:
        yield f"{path}: {value!r} is {enum[str(value)]!r}, not {holder[sibling]!r}"
