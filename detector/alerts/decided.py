"""The part of an alert's document that is ours: what it was decided by, as much of it as is asked for."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from msgspec import UNSET, UnsetType, convert

from detector.alerts.content import Content
from detector.alerts.contract import (
    DETAILS,
    Cut,
    Detail,
    EcsSeverity,
    RiskLevelId,
    SeverityId,
    SeverityWord,
    Sum,
    Weight,
    Word,
)
from detector.decisions.severity import Severity
from detector.structs import resolved

Value = TypeVar("Value")

SHORT = 6
"""Significant digits of what nobody computes with again."""


class Band(NamedTuple):
    """A severity as documents have it."""

    number: SeverityId
    caption: SeverityWord
    risk_level: RiskLevelId
    word: Word
    ecs: EcsSeverity
    """In the numbers that Elastic's detection rules use."""


BANDS: Final[dict[int, Band]] = {
    Severity.LOW: Band(2, "Low", 1, "low", 21),
    Severity.MEDIUM: Band(3, "Medium", 2, "medium", 47),
    Severity.HIGH: Band(4, "High", 3, "high", 73),
    Severity.CRITICAL: Band(5, "Critical", 4, "critical", 99),
}


def has(detail: Detail, wanted: Detail) -> bool:
    """Whether documents of this detail hold what ``wanted`` brings."""
    return DETAILS.index(detail) >= DETAILS.index(wanted)


def decided(content: Content, detail: Detail) -> dict[str, Any]:
    """The fields of :class:`~detector.alerts.contract.Decided` that this detail has."""
    told: dict[str, Any] = {
        "score": content.score,
        "p_value": short(content.p_value),
        "allowed": content.allowed or UNSET,
        "suppressed_by": content.suppressed_by or UNSET,
        "cut": convert(content.cut, resolved(list[Cut])) if content.cut else UNSET,
    }
    if content.suspicion is not None:
        told["false_incidents_per_day"] = short(content.suspicion["false_incidents_per_day"])
    if has(detail, "vector"):
        told |= {name: short(value) for name, value in (content.suspicion or {}).items()}
        told["threshold"] = short(content.threshold)
        told["model_kind"] = content.model["kind"]
        told["model_sha256"] = content.model["digest"]
        told["features_sha256"] = content.model["features"]
        told["vector"] = packed(content.vector)
    if has(detail, "features"):
        told["features"] = convert(content.features, resolved(list[Weight]))
        told["explanation"] = convert(content.explanation, resolved(Sum))
    return told


def why_so_severe(content: Content) -> str | UnsetType:
    """What makes it so severe, but for what its sentence says already: how rare it is."""
    told = [part for part in content.severity_why.split("; ") if part not in content.why]
    return "; ".join(told) or UNSET


def packed(vector: list[float]) -> str:
    """A row of features as base64 of little-endian float32."""
    return base64.b64encode(np.array(vector, "<f4").tobytes()).decode()


def unpacked(vector: str) -> list[float]:
    """The row that :func:`packed` packed."""
    return [float(each) for each in np.frombuffer(base64.b64decode(vector), "<f4")]


def short(value: float) -> float:
    """Rounded to six significant digits."""
    return float(f"{value:.{SHORT}g}")


def is_deviation(fact: dict[str, Any]) -> bool:
    """Whether a number is told with the bound that it is beyond."""
    return "usual_most" in fact or "usual_least" in fact


def fitting(sizes: Sequence[int], first: Sequence[bool], room: int) -> list[bool]:
    """Which of several parts fit into so many bytes: those that come ``first`` before the others, each in order."""
    chosen = [False] * len(sizes)
    for place in sorted(range(len(sizes)), key=lambda each: not first[each]):
        if sizes[place] <= room:
            room -= sizes[place]
            chosen[place] = True
    return chosen


def known(flow: dict[str, Any], name: str) -> Any:
    """A column of the flow, unset where it has none."""
    return flow.get(name, UNSET)


def or_unset(value: Value | None) -> Value | UnsetType:
    """The value, unset for None."""
    return UNSET if value is None else value
