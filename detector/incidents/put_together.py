"""A batch's alerts, put into their incidents; of these few are told, and only they are explained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.alerts.build import AlertBuilder
from detector.alerts.content import Content, Joined
from detector.alerts.grading import severities
from detector.alerts.wording import Told
from detector.bundle.loaded_model import LoadedModel
from detector.decisions.decide import Decision
from detector.decisions.findings import Findings
from detector.decisions.severity import Severity
from detector.incidents.book import IncidentBook, membership
from detector.incidents.kinds import kind_of
from detector.records.flow import FlowBatch
from detector.transport.base import RawBatch

Hiding = Callable[[NDArray[np.float64]], Sequence[str]]
"""Gives, of each alert of a batch, the id of the suppression that hides it, or an empty text.

It is called once, with the times, in seconds since 1970, at which their flows count as happening; shape (alerts,).
"""


def hides_nothing(times: NDArray[np.float64]) -> Sequence[str]:
    """No suppression hides any."""
    return [""] * len(times)


class Together(NamedTuple):
    """What a batch's alerts came to."""

    told: list[Content]
    """In row order; hidden ones among them, which are written and no more."""
    severities: dict[str, int]
    """Of all that are not hidden, told or not."""
    allowed: int
    """How many of these are no risk by the allow-list."""
    hidden: Sequence[str]
    """Of each, by its place, the id of the suppression that hides it; empty where none does."""


def put_together(  # noqa: PLR0917 - a batch is its parts, one by one
    book: IncidentBook,
    raw: RawBatch,
    flows: FlowBatch,
    findings: Findings,
    decision: Decision,
    model: LoadedModel,
    builder: AlertBuilder,
    tells: Callable[[int], bool],
    hiding: Hiding = hides_nothing,
) -> Together:
    """Put the alerts of a batch into the incidents of ``book``; give those that are told.

    ``tells`` is asked of each by how many of its incident's it makes. Explained are these, and those that incidents
    show. Those that ``hiding`` names a suppression for are in incidents of their own. ``findings`` are of all of
    ``flows``, which were decoded from ``raw``.
    """
    heard = book.hear(flows.frame["ts"].to_numpy(), raw.partitions[flows.rows])
    hidden = hiding(heard.counts_as[decision.rows])
    told: dict[int, Joined] = {}
    allowed: dict[int, str] = {}
    alerts = builder.raised(raw, flows, findings, decision, model)
    for alert, row, by in zip(alerts, decision.rows.tolist(), hidden, strict=True):
        incident = book.put(alert, row, by)
        rule = alert.allowed
        if rule and rule.covers(kind_of(incident).name if rule.kinds else ""):
            allowed[alert.place] = rule.words
        if tells(incident.count):
            told[alert.place] = membership(incident)
    places = sorted({*told, *book.unexplained()})
    few = [alerts[place] for place in places]
    contents = builder.build(few, flows, findings, decision.take(np.array(places, np.intp)), model)
    book.explain({content.id: Told(content.why, content.facts) for content in contents})
    for place, content in zip(places, contents, strict=True):
        content.incident, content.suppressed_by = told.get(place), hidden[place]
        if place in allowed:
            content.allowed = content.severity_why = allowed[place]
            content.risk, content.severity = 0, Severity.LOW
    return Together(
        [content for content in contents if content.incident],
        severities(0 if alert.place in allowed else alert.risk for alert in alerts if not hidden[alert.place]),
        sum(not hidden[place] for place in allowed),
        hidden,
    )
