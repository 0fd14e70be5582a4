"""Where ``oddflow suppress`` keeps rules: on their topic, or in a file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from detector.cli.suppress_found import sole
from detector.cli.whole_file import write_whole
from detector.errors import BrokerError, ConfigurationError

if TYPE_CHECKING:
    from detector.settings.tree import Settings
    from detector.suppression.rule import Suppression
    from detector.transport.base import OutRecord

READ_S = 30.0
"""How long to wait until the topic is read."""


class Rules(Protocol):
    """Where rules are."""

    def read(self) -> tuple[Suppression, ...]:
        """All that stand, those that have ended among them."""
        ...

    def write(self, rule: Suppression) -> None:
        """Have it stand, in the place of the one with its id."""
        ...

    def remove(self, rule: Suppression) -> None:
        """Have it stand no more."""
        ...


class TopicRules:
    """On the topic that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def read(self) -> tuple[Suppression, ...]:
        """Read the whole topic. Raises BrokerError where it cannot be."""
        from detector.suppression.topic import RuleReader  # noqa: PLC0415 - --help needs none of these
        from detector.transport.kafka.compacted import CompactedTopic  # noqa: PLC0415

        name, reader = self._settings.suppression.topic, RuleReader()
        topic = CompactedTopic(name, self._settings.kafka.consumer())
        until = time.monotonic() + READ_S
        try:
            while not topic.read_whole:
                reader.take(topic.poll(0.2))
                if topic.trouble or time.monotonic() > until:
                    raise BrokerError(f"reading suppressions of topic {name!r}: {topic.trouble or 'no answer'}")
        finally:
            topic.close()
        return reader.rules

    def write(self, rule: Suppression) -> None:
        """Send it."""
        from detector.suppression.topic import records_of  # noqa: PLC0415

        self._send(records_of([rule]))

    def remove(self, rule: Suppression) -> None:
        """Send that it is withdrawn."""
        from detector.suppression.topic import withdrawals_of  # noqa: PLC0415

        self._send(withdrawals_of([rule.id]))

    def _send(self, records: Sequence[OutRecord]) -> None:
        from detector.telemetry.events import silent  # noqa: PLC0415
        from detector.transport.base import Channel  # noqa: PLC0415
        from detector.transport.choose import open_suppression_sink  # noqa: PLC0415
        from detector.transport.sending import send_once  # noqa: PLC0415

        send_once(open_suppression_sink(self._settings, silent), Channel.SUPPRESSIONS, records)


class FileRules:
    """In a file of JSON lines, which is replaced as a whole."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> tuple[Suppression, ...]:
        """Read it; one that is not there yet has none. Raises InputError for one that cannot be used."""
        from detector.suppression.files import read_rules  # noqa: PLC0415

        try:
            data = self._file.read_bytes()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise ConfigurationError(f"--file {self._file}: {error.strerror}; choose another one") from error
        return tuple(read_rules(data, str(self._file)))

    def write(self, rule: Suppression) -> None:
        """Put it at the end."""
        self._replace([*(each for each in self.read() if each.id != rule.id), rule])

    def remove(self, rule: Suppression) -> None:
        """Leave it out."""
        self._replace([each for each in self.read() if each.id != rule.id])

    def _replace(self, rules: Sequence[Suppression]) -> None:
        from detector.suppression.files import write_rules  # noqa: PLC0415

        write_whole(str(self._file), lambda file: file.write(write_rules(rules)), option="--file")


def found_in(rules: Sequence[Suppression], name: str) -> Suppression:
    """The rule whose id begins so. Raises ConfigurationError where none does, or several do."""
    return sole("suppression", name, {rule.id: rule for rule in rules})
