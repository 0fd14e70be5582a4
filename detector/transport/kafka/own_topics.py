"""The topics that oddflow reads and writes, with settings fit for each; created only when asked to."""

from __future__ import annotations

from detector.settings.tree import Settings
from detector.telemetry.events import Tell, silent
from detector.transport.kafka.topics import Topic, ensure_topics

INPUT_PARTITIONS = 4
"""Room for four daemons; changing it later changes what windowed features see."""

_DAY_MS = 24 * 3600 * 1000

ALERT_SETTINGS = {"retention.ms": str(30 * _DAY_MS)}
DEAD_LETTER_SETTINGS = {"retention.ms": str(30 * _DAY_MS), "max.message.bytes": str(16 << 20)}
"""Kept long enough to be looked at; as large as the largest record that a producer can send by default, and more."""

INCIDENT_SETTINGS = ALERT_SETTINGS

RISK_SETTINGS = {"cleanup.policy": "compact", "delete.retention.ms": str(_DAY_MS)}
"""The latest of each host; a deletion is kept for a day, for readers that were away."""

FEEDBACK_SETTINGS = {"retention.ms": "-1", "cleanup.policy": "delete"}
"""Labels are few, and every later model is taught by them: they stay, with their history."""

SUPPRESSION_SETTINGS = {
    "cleanup.policy": "compact",
    "delete.retention.ms": str(_DAY_MS),
    "message.timestamp.type": "LogAppendTime",
}
"""The latest of each rule, by the broker's time; a withdrawal is kept for a day, for readers that were away."""

SCORE_SETTINGS = {"retention.ms": str(3 * _DAY_MS)}


def wanted_topics(settings: Settings) -> list[Topic]:
    """The topics that these settings name."""
    output = settings.output
    topics = [
        Topic(settings.input.topic, settings.input.partitions or INPUT_PARTITIONS, read=True),
        Topic(output.alerts_topic, settings=ALERT_SETTINGS),
        Topic(output.dead_letters_topic, settings=DEAD_LETTER_SETTINGS),
    ]
    if output.scores_topic:
        topics.append(Topic(output.scores_topic, settings=SCORE_SETTINGS))
    if output.incidents_topic:
        topics.append(Topic(output.incidents_topic, settings=INCIDENT_SETTINGS))
    if output.risk_topic:
        topics.append(Topic(output.risk_topic, settings=RISK_SETTINGS))
    if settings.feedback.topic:
        topics.append(Topic(settings.feedback.topic, settings=FEEDBACK_SETTINGS))
    if settings.suppression.topic:
        topics.append(Topic(settings.suppression.topic, settings=SUPPRESSION_SETTINGS))
    return topics


def create_missing(settings: Settings, tell: Tell = silent, only: str = "") -> list[str]:
    """Create those that are missing, or the ``only`` one; tell of each and give their names. Raises BrokerError."""
    wanted = [each for each in wanted_topics(settings) if only in {"", each.name}]
    return ensure_topics(settings.kafka.producer(), wanted, tell=tell)
