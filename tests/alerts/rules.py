"""The rules that an alert's sentence keeps, as checks of a sentence and its facts; each names what is broken."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from detector.alerts.facts import name_of
from detector.alerts.quantities import number, said
from detector.alerts.wording import MOST_CHARACTERS, Told
from detector.features.meanings import Unit

NUMBER = re.compile(r"(?<![\w.,])[-−]?\d[\d,]*(?:\.\d+)?")

COUNTS = {"flows", "hosts", "sources", "ports", "bytes"}

LAST = re.compile(
    r"; benign (?:traffic is this odd|traffic keeps on being odd like this|hosts make this many odd new contacts"
    r"|hosts call somewhere by the clock like this|hosts begin to administer others like this"
    r"|hosts do this much at a new place)"
    r" (?:about|at most) once in [\d,.]+ \S+\.$|(?:; |: )odder than all but (?:about )?1 in [\d,.]+ usual flows\.$"
)


def broken_rules(told: Told, flow: Mapping[str, Any]) -> Iterator[str]:
    """Say which rules a sentence breaks."""
    text = told.message
    if not text.startswith(f"{name_of(flow['src_ip'])} → {name_of(flow['dst_ip'])} "):
        yield "who did it to whom comes first"
    if not LAST.search(text):
        yield "rarity comes last"
    yield from (wrong := list(_of_facts(told.facts)))
    if not wrong:
        yield from _of_numbers(text, told.facts, flow)
    if not text.isprintable() or len(text) > MOST_CHARACTERS:
        yield "a sentence is printable, and not long"
    if re.search(r"\b(?:nan|inf|None|log)\b", without_names(text, flow)) or "{" in without_names(text, flow):
        yield "a sentence is in words and numbers"


def _of_facts(facts: list[dict[str, Any]]) -> Iterator[str]:
    units = {unit.value for unit in Unit}
    for fact in facts:
        numbers = [value for name, value in fact.items() if name not in {"what", "unit"}]
        if not all(math.isfinite(value) for value in numbers) or fact["unit"] not in units:
            yield f"every number is one and has a unit: {fact}"
            continue
        if fact["unit"] != "" and any(value < 0 for value in numbers):
            yield f"no amount is negative: {fact}"
        if not fact["value"] > fact.get("usual_most", -math.inf) or not fact["value"] < fact.get(
            "usual_least", math.inf
        ):
            yield f"a value inside its usual range is no reason: {fact}"


def _of_numbers(text: str, facts: list[dict[str, Any]], flow: Mapping[str, Any]) -> Iterator[str]:
    known = {each for fact in facts for form in _forms(fact) for each in NUMBER.findall(form)}
    plain = without_names(text, flow)
    for each in NUMBER.findall(plain):
        if each not in known | {"1", "99", "100"}:  # of *1 in so many*, and of *99 of 100 flows*
            yield f"each number is a fact: {each}"
    for fact in facts:
        value = said(fact["value"], Unit(fact["unit"]))
        bounds = [said(fact[side], Unit(fact["unit"])) for side in ("usual_most", "usual_least") if side in fact]
        if any(bound not in plain and bound.split()[0] not in plain for bound in bounds):
            yield f"what is usual stands beside: {fact}"
        if (
            "window_s" in fact
            and fact["unit"] in COUNTS
            and not re.search(f"(?:about|at least) {re.escape(value)}", plain)
        ):
            yield f"damped counts say so: {fact}"


def _forms(fact: dict[str, Any]) -> Iterator[str]:
    unit = Unit(fact["unit"])
    for side in ("value", "usual_most", "usual_least"):
        if side in fact:
            yield from (said(fact[side], unit), number(fact[side]))
    if "window_s" in fact:
        yield said(fact["window_s"], Unit.SECONDS)


def without_names(text: str, flow: Mapping[str, Any]) -> str:
    """The sentence without what the record calls things, which may look like numbers."""
    rest = text.removeprefix(f"{name_of(flow['src_ip'])} → {name_of(flow['dst_ip'])} ")
    names = [flow.get(column) for column in ("src_ip", "dst_ip", "service", "state", "proto")]
    for name in sorted({name_of(str(name)) for name in names if name}, key=len, reverse=True):
        rest = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "·", rest)
    return re.sub(r"port -?\d+", "port ·", rest.partition(": ")[2])
