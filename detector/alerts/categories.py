"""How rare a flow's port, service, protocol and state were among the flows that the model was trained on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from detector.alerts.facts import Clause, Fact, name_of
from detector.alerts.quantities import number, rounded, said
from detector.alerts.readings import Reading, Readings
from detector.features.meanings import Unit

ONCE_SEEN = 0.5
"""A count in training below this is none, whatever a float32 made of it."""

NO_PORT_PROTOCOLS = frozenset({"icmp", "icmp6", "ipv6-icmp"})
"""Where type and code stand in the place of ports."""

MOST = 2
"""Of port, service, protocol and state, that one statement tells."""

Flow = Mapping[str, Any]


def how_rare_all(rare: Sequence[tuple[Reading, float]], readings: Readings, flow: Flow) -> Clause | None:
    """Say how rare these columns' values are: those that training never showed together, else each by itself."""
    never = [reading for reading, value in rare if _seen(reading, value, readings) == 0][:MOST]
    if never:
        trained = _trained(never[0], readings)
        names = " and ".join(_name(reading, flow) for reading in never)
        facts = [Fact(reading.meaning.what, 0, Unit.FLOWS.value) for reading in never]
        text = f"{names} never among {said(trained, Unit.FLOWS)} of training"
        return Clause(text, (*facts, Fact("flows of training", trained, Unit.FLOWS.value)))
    each = (how_rare(reading, value, readings, flow, bounded=True) for reading, value in rare)
    told = [clause for clause in each if clause is not None][:MOST]
    if not told:
        return None
    return Clause(", ".join(clause.text for clause in told), tuple(fact for clause in told for fact in clause.facts))


def how_rare(reading: Reading, value: float, readings: Readings, flow: Flow, *, bounded: bool = False) -> Clause | None:
    """Say of how many training flows one was such; where ``bounded``, only of what is rarer than usual, beside that."""
    if _seen(reading, value, readings) is None:
        return None
    what, one_in = f"{reading.meaning.what}: one in", rounded(reading.meaning.inverse(value), Unit.FLOWS, exact=True)
    text = f"{_name(reading, flow)} in 1 of {said(one_in, Unit.FLOWS)} of training"
    if not bounded:
        return Clause(text, (Fact(what, one_in, Unit.FLOWS.value),))
    most = round(reading.high.value)
    if one_in <= most:
        return None
    fact = Fact(what, one_in, Unit.FLOWS.value, usual_most=most)
    return Clause(f"{text} (usual ones in 1 of {number(most)} or more)", (fact,))


def _seen(reading: Reading, value: float, readings: Readings) -> float | None:
    """In how many training flows it was seen, 0 for never; None where that cannot be told."""
    trained = _trained(reading, readings)
    if not math.isfinite(value) or value < 0 or not trained:
        return None
    count = (trained + 2.0) * 10.0 ** -min(value, 300.0) - 1.0
    return 0 if count < ONCE_SEEN else count


def _trained(reading: Reading, readings: Readings) -> int:
    return readings.trained.get(reading.meaning.category, 0)


def _name(reading: Reading, flow: Flow) -> str:
    """Such as ``port 6667``, ``no service told``."""
    column = reading.meaning.category
    value, noun = flow.get(column), _NOUNS.get(column, column)
    if column == "dst_port" and flow["proto"] in NO_PORT_PROTOCOLS:
        value = None
    return f"no {noun} told" if value is None or value == "" else f"{noun} {name_of(str(value))}"


_NOUNS = {"dst_port": "port", "proto": "protocol"}
