"""Takes the facts that tests need out of the published schemas: names, types, requirements, enums, constraints.

``python -m tests.standards.extract ocsf-1.8.0.tar.gz ecs-9.4.0-fields.csv.gz`` writes ``ocsf.json`` and ``ecs.json``
beside this file. The first is the schema of github.com/ocsf/ocsf-schema (Apache-2.0) in one archive, the second the
field list (``generated/csv/fields.csv``) of github.com/elastic/ecs (Apache-2.0).
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

CLASSES = ("detection_finding",)

OBJECTS = (
    *("metadata", "product", "finding_info", "analytic", "attack", "tactic", "technique", "sub_technique"),
    *("related_event", "observable", "evidences", "network_endpoint", "network_connection_info"),
    *("anomaly_analysis", "analysis_target", "anomaly", "baseline", "observation", "timespan"),
)
"""Those that documents have; an attribute of another object is refused until that is listed here."""

ECS_SETS = (
    *("base", "ecs", "event", "observer", "source", "destination", "network", "related", "rule", "threat"),
    *("labels", "tags"),
)

NOT_NEEDED = re.compile(
    r"\.(as|geo|user|enrichments|indicator|nat|os|ingress|egress|inner|group|software|feed)\.|\.text$"
)
"""Fields within those sets that no document has."""

Json = dict[str, Any]


class Published:
    """The files of an OCSF archive."""

    def __init__(self, archive: Path) -> None:
        with tarfile.open(archive) as packed:
            self.files: dict[str, Json] = {
                member.name.partition("/")[2]: json.loads(packed.extractfile(member).read())  # type: ignore[union-attr]
                for member in packed.getmembers()
                if member.name.endswith(".json")
            }
        self.dictionary = self.files["dictionary.json"]

    def flat(self, path: str) -> tuple[Json, Json]:
        """Attributes and constraints of an object or class, with those of what it extends; and of its profiles."""
        own = self.files[path]
        attributes: Json = {}
        constraints: Json = {}
        if "extends" in own:
            attributes, constraints = self.flat(self.base(path, own["extends"]))
        for included in own["attributes"].get("$include", ()):
            profile = self.files[included]
            for name, part in profile["attributes"].items():
                attributes[name] = attributes.get(name, {}) | {"profile": profile["name"]} | part
        for name, part in own["attributes"].items():
            if name != "$include":
                attributes[name] = merged(attributes.get(name, {}), part)
        return attributes, own.get("constraints", constraints)

    def base(self, path: str, name: str) -> str:
        """The file of what a file extends."""
        if path.startswith("objects/"):
            return f"objects/{name}.json"
        return "events/base_event.json" if name == "base_event" else f"events/findings/{name}.json"

    def described(self, path: str) -> Json:
        """An object or class as facts."""
        attributes, constraints = self.flat(path)
        told = {name: self.attribute(name, part) for name, part in sorted(attributes.items())}
        return {"attributes": told} | ({"constraints": constraints} if constraints else {})

    def attribute(self, name: str, part: Json) -> Json:
        """An attribute as facts: what the dictionary says of it, and what its place adds."""
        whole = merged(self.dictionary["attributes"].get(name, {}), part)
        found = {"type": whole["type"], "requirement": whole.get("requirement", "optional")}
        for flag in ("is_array", "sibling", "profile"):
            if whole.get(flag):
                found[flag] = whole[flag]
        if "@deprecated" in whole:
            found["deprecated"] = True
        if whole.get("enum"):
            found["enum"] = {number: value["caption"] for number, value in whole["enum"].items()}
        return found

    def observables(self) -> dict[str, int]:
        """The numbers of ``observable.type_id``, by what they are of: types, attributes, objects."""
        found: dict[str, int] = {}
        for names in (self.dictionary["types"]["attributes"], self.dictionary["attributes"]):
            found |= {name: part["observable"] for name, part in names.items() if "observable" in part}
        for path, whole in self.files.items():
            if path.startswith("objects/"):
                own = path.removeprefix("objects/").removesuffix(".json")
                of = {own: whole} | {f"{own}.{name}": part for name, part in whole["attributes"].items()}
                found |= {name: part["observable"] for name, part in of.items() if "observable" in part}
        return dict(sorted(found.items(), key=lambda each: each[1]))

    def types(self) -> Json:
        """The types: what each is made of, its range and longest length."""
        found = {}
        for name, part in self.dictionary["types"]["attributes"].items():
            found[name] = {key: part[key] for key in ("type", "range", "max_len") if key in part}
        return found


def merged(one: Json, other: Json) -> Json:
    """An attribute as one place describes it, and then another; their enums are one."""
    enum = one.get("enum", {}) | other.get("enum", {})
    return one | other | ({"enum": enum} if enum else {})


def ocsf_facts(archive: Path) -> Json:
    """What tests need of OCSF."""
    published = Published(archive)
    categories = published.files["categories.json"]["attributes"]
    classes = {}
    for name in CLASSES:
        path = f"events/findings/{name}.json"
        whole = published.files[path]
        category, caption = categories["findings"]["uid"], whole["caption"]
        uid = category * 1000 + whole["uid"]
        found = published.described(path)
        attributes = found["attributes"]
        activities = attributes["activity_id"]["enum"].items()
        attributes["class_uid"]["enum"] = {uid: caption}
        attributes["category_uid"]["enum"] = {category: categories["findings"]["caption"]}
        attributes["type_uid"]["enum"] = {uid * 100 + int(each): f"{caption}: {word}" for each, word in activities}
        classes[str(uid)] = found
    return {
        "source": "OCSF schema, github.com/ocsf/ocsf-schema, Apache-2.0",
        "version": published.files["version.json"]["version"],
        "types": published.types(),
        "observables": published.observables(),
        "classes": classes,
        "objects": {name: published.described(f"objects/{name}.json") for name in OBJECTS},
    }


def ecs_facts(fields: Path) -> Json:
    """What tests need of ECS: the type of each field."""
    with gzip.open(fields, "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    wanted = [row for row in rows if row["Field_Set"] in ECS_SETS and not NOT_NEEDED.search(row["Field"])]
    return {
        "source": "ECS fields, github.com/elastic/ecs, Apache-2.0",
        "version": rows[0]["ECS_Version"],
        "fields": {row["Field"]: row["Type"] for row in wanted},
    }


def lines(value: Json, depth: int) -> Iterator[str]:
    """JSON with an entry a line down to a depth, so that a difference can be read."""
    for place, (name, part) in enumerate(value.items()):
        end = "," if place + 1 < len(value) else ""
        start = f"{json.dumps(name)}: "
        if isinstance(part, dict) and depth:
            yield f"{start}{{"
            yield from lines(part, depth - 1)
            yield f"}}{end}"
        else:
            yield f"{start}{json.dumps(part)}{end}"


def main(archive: str, fields: str) -> None:
    """Write both files."""
    for name, facts, depth in (("ocsf", ocsf_facts(Path(archive)), 3), ("ecs", ecs_facts(Path(fields)), 1)):
        text = "\n".join(("{", *lines(facts, depth), "}")) + "\n"
        (HERE / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
