"""What makes an alert or an incident so severe, in a few words for people.

Such as ``benign traffic is this odd at most once in 139 days; raised by 747 MB sent out, a source inside``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from detector.alerts.quantities import size
from detector.bundle.loaded_model import LoadedModel
from detector.decisions.severity import (
    OUT_FROM_BYTES,
    Circumstances,
    Severity,
    Sign,
    bytes_out,
    is_from_inside,
    severity_of,
    signs_of,
)

FIRST_CONTACT = "pair_first"
"""The feature that tells whether two addresses meet for the first time."""

LEAST_TOLD = 3.0
"""Points below which a sign is not worth a word."""


def told_severity(given: Circumstances, rarity: str, kind: str = "") -> str:
    """Say it: how rare it is, what raised the risk and what lowered it, the most telling first."""
    signs = sorted(signs_of(given).items(), key=lambda each: -abs(each[1]))
    told = [(points > 0, _words(sign, given, kind)) for sign, points in signs if abs(points) >= LEAST_TOLD]
    told += [(given.worth > 1.0, f"a host that weighs {given.worth:g}")] if given.worth != 1.0 else []
    raised, lowered = (", ".join(words for up, words in told if up == is_up) for is_up in (True, False))
    parts = [rarity, f"raised by {raised}" if raised else "", f"lowered by {lowered}" if lowered else ""]
    return "; ".join(part for part in parts if part)


def circumstances_of(
    decades: float,
    direction: str,
    src_bytes: int | None,
    dst_bytes: int | None,
    *,
    unanswered: bool,
    first_contact: bool,
    worth: float | None = None,
) -> Circumstances:
    """What the risk of one alert is made of: rarity as far as it matters, and bytes where they do."""
    out = bytes_out(direction, src_bytes or 0, dst_bytes or 0)
    return Circumstances(
        decades=round(decades, 2),
        bytes_out=out if out > OUT_FROM_BYTES else 0,
        from_inside=is_from_inside(direction),
        unanswered=unanswered,
        first_contact=first_contact,
        worth=1.0 if worth is None else worth,
    )


def first_contacts(matrix: NDArray[np.float32], model: LoadedModel) -> list[bool] | list[None]:
    """Whether each alert's flow (alerts × columns) is the first of its pair, where a feature tells."""
    names = model.extractor.spec.names
    if FIRST_CONTACT not in names:
        return [None] * len(matrix)
    firsts: list[bool] = (matrix[:, names.index(FIRST_CONTACT)] != 0).tolist()
    return firsts


def severities(risks: Iterable[int]) -> dict[str, int]:
    """How many alerts of each severity; those that did not occur are left out."""
    counts = Counter(map(severity_of, risks))
    return {severity.word: counts[severity] for severity in Severity if counts[severity]}


def _words(sign: Sign, given: Circumstances, kind: str) -> str:
    match sign:
        case Sign.KIND:
            return f"its kind ({kind})"
        case Sign.BYTES_OUT:
            return f"{size(given.bytes_out)} sent out"
        case Sign.INSIDE:
            return "a source inside"
        case Sign.UNANSWERED:
            return "the lack of an answer" if given.alerts == 1 else "the lack of answers"
        case Sign.FIRST_CONTACT:
            return "first contact"
        case Sign.REPEATED:
            return f"{given.alerts:,} alerts"
