"""Where ``oddflow suppress`` looks: the flags that name places, held together with the settings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from detector.cli.suppress_found import Evidence
from detector.cli.suppress_rules import FileRules, Rules, TopicRules
from detector.errors import ConfigurationError
from detector.settings.load import load_settings
from detector.settings.tree import Settings


@dataclass(frozen=True)
class Places:
    """Where rules are, and what they are held against."""

    config: Path | None
    servers: str | None
    topic: str | None = None
    file: Path | None = None
    incidents: list[str] | None = None
    labels: list[str] | None = None
    alerts: list[str] | None = None

    @cached_property
    def settings(self) -> Settings:
        """Read once, when they are first asked for."""
        return load_settings(self.config, {"kafka.bootstrap_servers": self.servers, "suppression.topic": self.topic})

    def rules(self) -> Rules:
        """Where rules are. Raises ConfigurationError for flags that do not go together."""
        if self.file is not None:
            if self.topic:
                raise ConfigurationError("--file: it is in the topic's place; leave out --topic")
            return FileRules(self.file)
        if not self.settings.suppression.topic:
            raise ConfigurationError("suppression.topic is empty: name a topic with --topic, or a file with --file")
        return TopicRules(self.settings)

    def evidence(self) -> Evidence:
        """What rules are made of and held against: files, or topics unless files are in their place."""
        given = {"incidents": self.incidents, "labels": self.labels, "alerts": self.alerts}
        files = {kind: paths for kind, paths in given.items() if paths}
        return Evidence(self.settings, files, kafka=not (self.file or self.incidents) or bool(self.servers))
