"""What an alert tells, before it is laid out as OCSF or ECS."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Confidence = Literal["sure", "likely", "possible", "unknown"]
"""How sure a kind of incident is: by counts alone; by a pattern that is seldom benign; by one that often is; none."""

Named = tuple[str, str]
"""Id and name of a tactic or technique of MITRE ATT&CK."""


NO_PATTERN = "other"
"""The kind of incident that is no pattern: nobody is helped by its name in a title."""


class Joined(NamedTuple):
    """The incident that an alert belongs to, as far as it is known once the alert is in it."""

    id: str
    alerts: int
    """How many it has, with this one."""
    kind: str
    confidence: Confidence
    tactic: Named | None
    techniques: tuple[Named, ...]

    @property
    def pattern(self) -> str:
        """The kind, where it is a pattern that has a name; else empty."""
        return "" if self.kind == NO_PATTERN else self.kind


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
    """The top features, most telling first, as many as are asked for: see :mod:`detector.alerts.explanation`."""
    vector: list[float]
    """Every feature in the model's order, exact as float32: scoring it again gives ``score``."""
    explanation: dict[str, Any]
    model: dict[str, str]
    """Its ``name``, ``version``, ``digest`` and ``kind``, and the hash of its ``features``."""
    position: dict[str, Any]
    suspicion: dict[str, float] | None = None
    """Surprise, evidence and rate, where false incidents are what the budget counts."""
    incident: Joined | None = None
    """Which incident it belongs to, where incidents are kept: see :mod:`detector.incidents.book`."""
    facts: list[dict[str, Any]] = field(default_factory=list)
    """The numbers of ``why``, in its order."""
    assets: dict[str, str] = field(default_factory=dict)
    """Names and roles of its hosts, where they are known."""
    allowed: str = ""
    """Why it is no risk, where the allow-list says so."""
    suppressed_by: str = ""
    """The id of the suppression that hides it, if one does."""
    cut: list[dict[str, Any]] = field(default_factory=list)
    """Which texts are not whole: see :mod:`detector.alerts.texts`."""
