"""Which hosts' risks are to be told: of each partition, by what was told of them before."""

from __future__ import annotations

from typing import Annotated

import msgspec

from detector.decisions.severity import MOST_RISK, Severity, severity_of
from detector.incidents.hosts import (
    MAX_HELD,
    MAX_HOSTS,
    STEP,
    Held,
    HostRisk,
    Risks,
    has_faded,
)
from detector.incidents.incident import Figure, Name

SOONEST_S, LATEST_S = 10.0, 300.0
"""Event time after which risks are looked at again: where an incident was told since, and in any case."""

TOP = 10
"""Hosts whose risks are shown as a metric."""

ToldRisk = Annotated[float, msgspec.Meta(ge=0, le=2 * MOST_RISK)]


class Hosts(msgspec.Struct):
    """What is remembered of a partition's hosts."""

    over: Annotated[list[Held], msgspec.Meta(max_length=MAX_HELD)] = []
    """Incidents that are over and still count, in the order in which they ended."""
    told: Annotated[dict[Name, ToldRisk], msgspec.Meta(max_length=MAX_HOSTS)] = {}
    """By host: the risk that was told last."""
    looked_at: Figure = 0.0
    """When, in event time."""
    news: bool = False
    """Whether an incident was told since."""

    def end(self, incident: Held) -> None:
        """An incident is over: it goes on to count, fading."""
        self.news = True
        self.over.append(incident)
        del self.over[:-MAX_HELD]

    def go_back(self, now: float) -> None:
        """The clock moved far: what seems to be after it would not fade until it came there again."""
        self.over = [each for each in self.over if each.last_seen <= now]

    def is_due(self, now: float) -> bool:
        """Whether to look at risks again; clocks that went back are looked at too."""
        passed = now - self.looked_at
        return not 0.0 <= passed < (SOONEST_S if self.news else LATEST_S) and bool(self.news or self.told or self.over)

    def look(self, partition: int, found: Risks, now: float) -> list[HostRisk]:
        """Give those of the risks to be told now, the highest first; a host whose risk faded away has 0."""
        self.looked_at, self.news = now, False
        self.over = [each for each in self.over if not has_faded(each, now)]
        changed = [
            HostRisk(host, partition, now, risk, shares)
            for host, (risk, shares) in found.items()
            if host not in self.told or _differs(risk, self.told[host])
        ]
        gone = [HostRisk(host, partition, now, 0.0, ()) for host in self.told if host not in found]
        told = self.told | {each.host: each.risk for each in changed}
        self.told = {host: min(told[host], 2.0 * MOST_RISK) for host in found}
        return changed + gone


def level(risk: float) -> str:
    """The severity that a host's risk is: ``low``, ``medium``, ``high`` or ``critical``."""
    return _band(risk).word


def _differs(risk: float, told: float) -> bool:
    return abs(risk - told) >= STEP or _band(risk) is not _band(told)


def _band(risk: float) -> Severity:
    return severity_of(min(int(risk), MOST_RISK))
