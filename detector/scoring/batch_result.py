"""What a batch came to: the outputs to send, and how many records they account for."""

from __future__ import annotations

from dataclasses import dataclass, field

from detector.transport.base import Channel, OutRecord


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What a batch came to."""

    scored: int
    model_version: str
    alerts: list[OutRecord] = field(default_factory=list)
    dead_letters: list[OutRecord] = field(default_factory=list)
    """A message each, with every record in it that cannot be used."""
    dead_lettered: int = 0
    """How many records the dead letters are of."""
    scores: list[OutRecord] = field(default_factory=list)
    incidents: list[OutRecord] = field(default_factory=list)
    risks: list[OutRecord] = field(default_factory=list)
    """Of hosts; one without a value says that a host has none any more."""
    passed_over: dict[str, int] = field(default_factory=dict)
    severities: dict[str, int] = field(default_factory=dict)
    allowed: int = 0
    """Alerts that are no risk by the allow-list; counted like the others."""
    suppressed: dict[str, int] = field(default_factory=dict)
    """Alerts that a suppression hides, by its id: neither severities nor what follows counts them."""
    written_hidden: int = 0
    """How many of ``alerts`` are such ones."""
    withheld: int = 0
    """Alerts that are counted and in their incident, but not written: it was told lately."""
    incidents_met: int = 0
    """How many incidents there have been until now, open and closed."""
    alert_timestamps_ms: list[int] = field(default_factory=list)
    """The broker's timestamps of the records behind the alerts."""

    def outputs(self) -> dict[Channel, list[OutRecord]]:
        """What to send where; channels with nothing to send are left out."""
        channels = {
            Channel.ALERTS: self.alerts,
            Channel.INCIDENTS: self.incidents,
            Channel.RISKS: self.risks,
            Channel.DEAD_LETTERS: self.dead_letters,
            Channel.SCORES: self.scores,
        }
        return {channel: records for channel, records in channels.items() if records}
