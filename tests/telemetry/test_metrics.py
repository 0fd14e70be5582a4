"""Metrics have one owner each: what is declared is what is shown, what is documented, and what something feeds."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.process_collector import ProcessCollector

from detector.every_metric import open_metrics

ROOT = Path(__file__).parent.parent.parent

PRODUCING = frozenset({"inc", "set", "observe", "replace", "set_to_current_time"})
"""Methods of a metric that give it a value; making its labels, reading it and forgetting it are none."""

OWN = frozenset({"build_info"})
"""Told by their declaration itself."""

Source = tuple[str, ast.Module]


def modules() -> list[Source]:
    """Every module of the daemon, by its path."""
    paths = sorted((ROOT / "detector").glob("**/*.py"))
    return [(str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Every call, wherever in the tree."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def called(call: ast.Call) -> str:
    """The last name of what is called."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def produced(tree: ast.AST) -> set[str]:
    """The attributes of ``metrics``, or within its own class of ``self``, that are given a value."""
    found = set()
    for call in calls(tree):
        if called(call) in PRODUCING:
            inner = call.func
            while isinstance(inner, ast.Attribute | ast.Call):
                if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name):
                    found |= {inner.attr} if inner.value.id in {"metrics", "self"} else set()
                inner = inner.func if isinstance(inner, ast.Call) else inner.value
    return found


def functions(sources: Iterable[Source]) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every function with the name by which it is reached: an event's ``record`` by that of its class."""
    for _, tree in sources:
        classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        methods = {id(each): owner for owner in classes for each in owner.body}
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_declare"):
                owner = methods.get(id(node))
                yield owner.name if owner and node.name == "record" else node.name, node


def unfed(names: Iterable[str], sources: list[Source]) -> list[str]:
    """The metrics that no function which is called anywhere gives a value; an event is called by being told."""
    reached = {called(call) for _, tree in sources for call in calls(tree)}
    fed = set().union(*(produced(function) for name, function in functions(sources) if name in reached))
    return sorted(set(names) - fed)


def tells(node: ast.stmt) -> bool:
    """Whether it is the method that makes a class an event."""
    return isinstance(node, ast.FunctionDef) and [each.arg for each in node.args.args] == ["self", "metrics", "log"]


def unset_fields(sources: list[Source]) -> list[str]:
    """Fields of events that have a default, and that nothing which tells the event ever gives."""
    events = {
        node.name: [each for each in node.body if isinstance(each, ast.AnnAssign)]
        for _, tree in sources
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any(tells(each) for each in node.body)
    }
    given: dict[str, set[str]] = {name: set() for name in events}
    for _, tree in sources:
        for call in calls(tree):
            if (name := called(call)) in events:
                fields = [ast.unparse(each.target) for each in events[name]]
                given[name] |= {*fields[: len(call.args)], *(keyword.arg or "" for keyword in call.keywords)}
    return sorted(
        f"{name}.{ast.unparse(each.target)}"
        for name, fields in events.items()
        for each in fields
        if each.value is not None and ast.unparse(each.target) not in given[name]
    )


def attributes() -> list[str]:
    """The attributes of ``Metrics`` that are metrics."""
    metrics = open_metrics(CollectorRegistry())
    return [name for name, value in vars(metrics).items() if hasattr(value, "collect") and name != "registry"]


def test_every_metric_has_a_producer() -> None:
    """Whatever is declared is given a value by an event that is told, or by a function that is called."""
    assert unfed(set(attributes()) - OWN, modules()) == []


def test_every_field_of_an_event_is_given() -> None:
    """No event has a field that would feed a metric or a line if only somebody gave it."""
    assert unset_fields(modules()) == []


def test_what_is_shown_is_what_is_declared() -> None:
    """The registry holds each declared metric under its name and type, one attribute each, and those of the process."""
    metrics, of_process = open_metrics(CollectorRegistry()), CollectorRegistry()
    ProcessCollector(registry=of_process)
    others = {family.name for family in of_process.collect()}
    shown = {(family.name, family.type) for family in metrics.registry.collect() if family.name not in others}
    assert shown == {(each.name.removesuffix("_total"), each.type) for each in metrics.declared}
    assert len(attributes()) == len(metrics.declared) == len(shown)


def test_what_is_documented_is_what_is_declared() -> None:
    """The page of metrics has a row for each that is declared, with its labels, and no other."""
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(oddflow_\w+)` \| (\w+) \| ([^|]*) \|", page, re.MULTILINE)
    declared = open_metrics(CollectorRegistry()).declared
    assert rows == [(each.name, each.type, ", ".join(f"`{label}`" for label in each.labels)) for each in declared]


@pytest.mark.parametrize(
    ("source", "missing", "fields"),
    [
        ("class Seen:\n def record(self, metrics, log): metrics.x.labels('a').inc()\ntell(Seen())", [], []),
        ("class Seen:\n def record(self, metrics, log): metrics.x.inc()", ["x"], []),
        ("class Seen:\n def record(self, metrics, log): metrics.x.labels('a').collect()\ntell(Seen())", ["x"], []),
        ("def passed(metrics): metrics.x.observe(1)\ndef other(): pass\nother()", ["x"], []),
        (
            "class Seen:\n n: int\n p: int = 0\n def record(self, metrics, log): metrics.x.set(1)\ntell(Seen(1))",
            [],
            ["Seen.p"],
        ),
        ("class Seen:\n p: int = 0\n def record(self, metrics, log): metrics.x.set(1)\ntell(Seen(p=2))", [], []),
    ],
)
def test_the_walk_finds_what_is_missing(source: str, missing: list[str], fields: list[str]) -> None:
    """An event that nobody tells, a helper that nobody calls, a read, and a field that nobody gives are found."""
    sources = [("planted", ast.parse(source))]
    assert (unfed(["x"], sources), unset_fields(sources)) == (missing, fields)
