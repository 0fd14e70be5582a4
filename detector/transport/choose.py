"""The one place that turns settings into a transport: each is imported only when it is chosen."""

from __future__ import annotations

import os
from pathlib import Path

from detector.errors import ConfigurationError
from detector.settings.tree import Settings
from detector.telemetry.events import Tell
from detector.transport.base import Channel, Sink, Source


def open_source(settings: Settings, tell: Tell) -> Source:
    """Make the source that ``input.transport`` names, not yet started."""
    chosen = settings.input
    match chosen.transport:
        case "confluent":
            from detector.transport.kafka.confluent import ConfluentSource  # noqa: PLC0415

            return ConfluentSource(topic=chosen.topic, properties=settings.kafka.consumer(), tell=tell)
        case "kafka-python":
            from detector.transport.kafka.kafka_python import KafkaPythonSource  # noqa: PLC0415

            return KafkaPythonSource(topic=chosen.topic, properties=settings.kafka.consumer(), tell=tell)
        case "files":
            from detector.transport.files import FileSource  # noqa: PLC0415
            from detector.transport.paths import expanded  # noqa: PLC0415

            return FileSource(expanded(chosen.paths))
        case "memory":
            raise ConfigurationError("input.transport is memory, which only tests can fill; use confluent or files")


def open_sink(settings: Settings, tell: Tell) -> Sink:
    """Make the sink that belongs to the source, not yet started."""
    topics = _topics(settings)
    match settings.input.transport:
        case "kafka-python":
            from detector.transport.kafka.kafka_python import KafkaPythonSink  # noqa: PLC0415

            return KafkaPythonSink(
                topics=topics, properties=settings.kafka.producer(), tell=tell, whole=_whole(settings)
            )
        case "files":
            from detector.transport.files import FileSink  # noqa: PLC0415

            return FileSink(paths=_paths(settings))
        case _:
            from detector.transport.kafka.confluent import ConfluentSink  # noqa: PLC0415

            return ConfluentSink(topics=topics, properties=settings.kafka.producer(), tell=tell, whole=_whole(settings))


def open_label_sink(settings: Settings, tell: Tell) -> Sink:
    """Make the sink that labels are sent by, not yet started: to their topic, by the Kafka client that is set."""
    return _open_kafka_sink(settings, {Channel.FEEDBACK: settings.feedback.topic}, tell)


def open_suppression_sink(settings: Settings, tell: Tell) -> Sink:
    """Make the sink that suppressions are sent and withdrawn by, likewise."""
    return _open_kafka_sink(settings, {Channel.SUPPRESSIONS: settings.suppression.topic}, tell)


def _open_kafka_sink(settings: Settings, topics: dict[Channel, str], tell: Tell) -> Sink:
    if settings.input.transport == "kafka-python":
        from detector.transport.kafka.kafka_python import KafkaPythonSink  # noqa: PLC0415

        return KafkaPythonSink(topics=topics, properties=settings.kafka.producer(), tell=tell)
    from detector.transport.kafka.confluent import ConfluentSink  # noqa: PLC0415

    return ConfluentSink(topics=topics, properties=settings.kafka.producer(), tell=tell)


def open_reader(settings: Settings, topic: str, group: str, tell: Tell) -> Source:
    """Make a source of a topic of documents with a group of its own, not yet started, by the client that is set."""
    properties = settings.kafka.consumer() | {"group.id": group}
    if settings.input.transport == "kafka-python":
        from detector.transport.kafka.kafka_python import KafkaPythonSource  # noqa: PLC0415

        return KafkaPythonSource(topic=topic, properties=properties, tell=tell)
    from detector.transport.kafka.confluent import ConfluentSource  # noqa: PLC0415

    return ConfluentSource(topic=topic, properties=properties, tell=tell)


def _whole(settings: Settings) -> bool:
    return settings.output.oversized == "parts"


def _topics(settings: Settings) -> dict[Channel, str]:
    output = settings.output
    topics = {Channel.ALERTS: output.alerts_topic, Channel.DEAD_LETTERS: output.dead_letters_topic}
    wanted = {
        Channel.SCORES: output.scores_topic,
        Channel.INCIDENTS: output.incidents_topic,
        Channel.RISKS: output.risk_topic,
    }
    return topics | {channel: topic for channel, topic in wanted.items() if topic}


def _paths(settings: Settings) -> dict[Channel, str | Path]:
    output = settings.output
    paths = {
        Channel.ALERTS: output.alerts_path,
        Channel.DEAD_LETTERS: output.dead_letters_path
        or os.devnull,  # the input keeps them; they are counted all the same
        Channel.SCORES: output.scores_path,
        Channel.INCIDENTS: output.incidents_path,
        Channel.RISKS: output.risk_path,
    }
    return {channel: path for channel, path in paths.items() if path is not None}
