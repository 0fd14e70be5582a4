"""Alerts for tests, as incidents take them."""

from __future__ import annotations

from typing import Any

from detector.alerts.raised import RAISED_COLUMNS, Origin, Raised
from detector.alerts.rhythm import Rhythm
from detector.assets.assets import NOTHING, Assets
from detector.decisions.severity import Severity
from tests.features.flows import ONE


def alert(
    offset: int,
    *,
    score: float = 0.7,
    severity: int = 2,
    partition: int = 0,
    direction: str = "outbound",
    first_contact: bool | None = None,
    assets: Assets = NOTHING,
    period_s: float = 0.0,
    rhythm: Rhythm | None = None,
    view: str = "surprise",
    **flow: Any,
) -> Raised:
    """An alert of the record at ``offset``, the first of its batch, with this much of its flow changed."""
    whole = ONE | flow
    return Raised(
        **{name: whole[name] for name in RAISED_COLUMNS},
        direction=direction,
        first_contact=first_contact,
        score=score,
        p_value=0.0005,
        decades=float(severity - Severity.LOW),
        partition=partition,
        place=0,
        origin=Origin("flows", [offset], None, "v1", lambda _: "rare", assets),
        period_s=period_s,
        rhythm=rhythm,
        view=view,
    )
