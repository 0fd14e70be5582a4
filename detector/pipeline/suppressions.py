"""The suppressions that stand, from their topic and their file; followed at the side, in a thread of its own.

The pipeline asks for them (:meth:`Suppressions.current`) and never waits. While the topic cannot be read, or the file
cannot be used, what was known before stays in force, and that is told once. Rules that have ended stay among those that
stand: by the clock they hide nothing (:mod:`detector.suppression.matching`), and a clock that is set right again brings
back what only seemed to have ended.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from detector.deadline import Deadline
from detector.errors import InputError, OddflowError
from detector.settings.tree import Settings
from detector.suppression.events import (
    SuppressionFileRefused,
    SuppressionsChanged,
    SuppressionsRead,
    SuppressionsUnfit,
    SuppressionsUnread,
)
from detector.suppression.files import read_rules
from detector.suppression.matching import Matcher
from detector.suppression.rule import Suppression
from detector.suppression.topic import RuleReader
from detector.telemetry.events import Tell
from detector.transport.base import KeyedRecord

TURN_S = 0.5
"""How often it is looked whether a rule ended or the file changed, and how long the topic is waited for at a time."""

START_S = 10.0
"""So long a start waits until the topic is read."""


class Followed(Protocol):
    """A compacted topic; :class:`detector.transport.kafka.compacted.CompactedTopic` is the one."""

    trouble: str
    """Why it is not read for now; empty while it is."""
    begins: int
    """How often it was begun from its beginning."""

    @property
    def read_whole(self) -> bool:
        """Whether all was read that was there when it began."""
        ...

    def poll(self, timeout_s: float) -> list[KeyedRecord]:
        """Give what came, waiting so long for it at most."""
        ...

    def close(self) -> None:
        """Read no more."""
        ...


class Suppressions:
    """Which rules stand now. ``followed`` None: there is no topic; ``file`` None: no file."""

    def __init__(
        self,
        *,
        followed: Followed | None,
        file: Path | None,
        tell: Tell,
        topic: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._followed = followed
        self._file = file
        self._topic = topic
        self._tell = tell
        self._clock = clock
        self._matcher = Matcher(())
        self._of_topic: tuple[Suppression, ...] = ()
        self._of_file: tuple[Suppression, ...] = ()
        self._in_force: dict[str, Suppression] = {}
        self._reader = RuleReader()
        self._begins = 0
        self._unfit = 0
        self._said_why = False
        self._stamp: tuple[int, int, int] | None = None
        self._trouble = ""
        self._settled = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def current(self) -> Matcher:
        """Those that stand now; neither waits nor raises."""
        return self._matcher

    def start(self) -> None:
        """Read the file, and the topic as far as it is there within some seconds; go on following both.

        Raises InputError for a file that cannot be used.
        """
        if self._file is not None:
            self._stamp = _stamp(self._file)
            self._of_file = tuple(_read(self._file))
        self._take_over()
        if self._followed is None and self._file is None:
            return
        self._thread = threading.Thread(target=self._run, name="suppressions", daemon=True)
        self._thread.start()
        if self._followed is not None:
            self._settled.wait(START_S)

    def stop(self, deadline: Deadline) -> None:
        """End, within the deadline."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(deadline.remaining_s)

    # --- the thread -----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._turn()
        finally:
            if self._followed is not None:
                self._followed.close()

    def _turn(self) -> None:
        try:
            if self._followed is None:
                self._stopping.wait(TURN_S)
            else:
                self._follow(self._followed)
            if self._file is not None:
                self._look_at(self._file)
            self._take_over()
        except Exception as error:  # noqa: BLE001 - whatever it is, flows are judged on
            self._say(f"{type(error).__name__}: {error}")
            self._settled.set()
            self._stopping.wait(TURN_S)

    def _follow(self, followed: Followed) -> None:
        records = followed.poll(TURN_S)
        if followed.begins != self._begins:
            self._begins, self._reader, self._unfit = followed.begins, RuleReader(), 0
        reader = self._reader
        reader.take(records)
        if followed.read_whole:
            self._of_topic = reader.rules
            if (unfit := reader.unfit - self._unfit) > 0:
                self._unfit = reader.unfit
                why, self._said_why = ("" if self._said_why else reader.why), True
                self._tell(SuppressionsUnfit(self._topic, unfit, why))
        self._say(followed.trouble)
        if followed.trouble or followed.read_whole:
            if followed.read_whole:
                self._take_over()
            self._settled.set()

    def _look_at(self, file: Path) -> None:
        stamp = _stamp(file)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._of_file = tuple(_read(file))
        except OddflowError as error:
            self._tell(SuppressionFileRefused(str(error)))

    def _say(self, trouble: str) -> None:
        """Tell once that the topic is not read, and once that it is again."""
        before, self._trouble = self._trouble, trouble
        if trouble and not before:
            self._tell(SuppressionsUnread(self._topic, trouble))
        elif before and not trouble:
            self._tell(SuppressionsRead(self._topic))

    def _take_over(self) -> None:
        """Have what was read stand, and tell what changed by it or by the time that passed."""
        standing = {rule.id: rule for rule in (*self._of_topic, *self._of_file)}
        if set(standing.values()) != set(self._matcher.rules):
            self._matcher = Matcher(standing.values())
        now = datetime.fromtimestamp(self._clock(), UTC)
        in_force = {name: rule for name, rule in standing.items() if not rule.has_ended(now)}
        before, self._in_force = self._in_force, in_force
        if before == in_force:
            return
        gone = [rule for name, rule in before.items() if name not in in_force]
        self._tell(
            SuppressionsChanged(
                _by_id(in_force.values()),
                _by_id(rule for name, rule in in_force.items() if before.get(name) != rule),
                _by_id(rule for rule in gone if rule.id in standing),
                _by_id(rule for rule in gone if rule.id not in standing),
            )
        )


def open_suppressions(settings: Settings, tell: Tell) -> Suppressions:
    """Make what the settings name, not yet started."""
    chosen = settings.suppression
    topic = "" if settings.input.transport == "files" else chosen.topic
    followed: Followed | None = None
    if topic:
        from detector.transport.kafka.compacted import CompactedTopic  # noqa: PLC0415 - brings the Kafka client

        followed = CompactedTopic(topic, settings.kafka.consumer())
    return Suppressions(followed=followed, file=chosen.file, tell=tell, topic=topic)


def _by_id(rules: Iterable[Suppression]) -> list[Suppression]:
    return sorted(rules, key=lambda rule: rule.id)


def _stamp(file: Path) -> tuple[int, int, int] | None:
    """What changes with the file; None where it cannot be seen."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(file: Path) -> list[Suppression]:
    try:
        return read_rules(file.read_bytes(), str(file))
    except OSError as error:
        raise InputError(
            f"reading suppressions {file}: {error.strerror}; give a file of JSON lines, or leave suppression.file out"
        ) from error
