"""What an alert tells, before it is laid out as OCSF or ECS."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ALERT_VERSION = 1
"""Of the part that is ours; rises when a field changes its meaning or goes away, not when one is added."""


@dataclass(slots=True)
class Content:
    """One alert. ``flow`` holds the canonical columns that tell something."""

    id: str
    """See :mod:`detector.alerts.identity`."""
    time_ms: int
    """The broker's timestamp of the record, or the flow's start where there is none; milliseconds since 1970."""
    start_ms: int
    end_ms: int
    severity: int
    """The band that ``risk`` is in: see :mod:`detector.decisions.severity`."""
    risk: int
    """0 to 100."""
    severity_why: str
    """What makes it so severe, in a few words for people."""
    score: float
    p_value: float
    threshold: float
    why: str
    """One sentence for people: see :mod:`detector.alerts.wording`."""
    title: str
    flow: dict[str, Any]
    direction: str
    """By its addresses, as thresholds go by: see :mod:`detector.net.directions`."""
    ip_version: int
    protocol: int | None
    community_id: str | None
    features: list[dict[str, Any]]
    """The top features, most telling first: see :func:`detector.alerts.explanation.explained`."""
    vector: list[float]
    """Every feature in the model's order, exact as float32: scoring it again gives ``score``."""
    explanation: dict[str, Any]
    model: dict[str, str]
    position: dict[str, Any]
    suspicion: dict[str, float] | None = None
    """Surprise, evidence and rate, where false incidents are what the budget counts."""
    incident: dict[str, Any] | None = None
    """Which incident it belongs to, where incidents are kept: see :mod:`detector.incidents.book`."""
    facts: list[dict[str, Any]] = field(default_factory=list)
    """The numbers of ``why``, in its order."""
    assets: dict[str, str] = field(default_factory=dict)
    """Names and roles of its hosts, where they are known."""
    allowed: str = ""
    """Why it is no risk, where the allow-list says so."""
    cut: list[dict[str, Any]] = field(default_factory=list)
    """Which texts are not whole: see :mod:`detector.alerts.texts`."""

    def ours(self) -> dict[str, Any]:
        """The part that neither OCSF nor ECS has fields for; the same in both."""
        optional = {
            "suspicion": self.suspicion,
            "incident": self.incident,
            "cut": self.cut or None,
            "assets": self.assets or None,
            "allowed": self.allowed or None,
        }
        return {name: value for name, value in optional.items() if value is not None} | {
            "alert_version": ALERT_VERSION,
            "id": self.id,
            "score": self.score,
            "p_value": self.p_value,
            "threshold": self.threshold,
            "why": self.why,
            "risk": self.risk,
            "severity_why": self.severity_why,
            "facts": self.facts,
            "model": self.model,
            "position": self.position,
            "flow": self.flow,
            "features": self.features,
            "explanation": self.explanation,
            "vector": self.vector,
        }
