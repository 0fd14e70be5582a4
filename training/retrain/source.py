"""Where a retraining's flows come from, read anew each time: files, the last days of a topic or of an archive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from detector.casebook.latest import Latest
from detector.casebook.parsed import Parsed
from detector.casebook.told import Told, read_told
from detector.casebook.wanted import Wanted
from detector.cli.data import Given, read_flows
from detector.cli.incidents import Documents
from detector.errors import InputError, OddflowError
from detector.feedback.topic import LabelReader
from detector.incidents.wholes import named
from detector.scoring.dataset import Dataset
from detector.settings.tree import Settings
from detector.transport.paths import expanded
from training.data.archived import from_archive
from training.gate.known import NOTHING_SAID, Spoken, read_judgements, spoken
from training.workflow import Said, TellSteps

if TYPE_CHECKING:
    from detector.cli.steps import Steps

DAY_S = 86_400.0

MOST_INCIDENTS = 100_000
"""That are held at once; with more a run fails, rather than train on an incident that was forgotten."""


INCIDENTS = "incidents whose flows are left out"

NO_INCIDENTS = "--incidents FILE reads them from files; --no-incidents trains on every flow, as before there are any"
"""What to do where they cannot be read."""


NO_LABELS = "--judged FILE reads labels from a file; --no-labels trains without them"
"""Likewise of labels."""


class ReadFlows(NamedTuple):
    """Flows, and the share of the sources that they are of."""

    flows: Dataset
    source_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSource:
    """One of the three; ``topic`` beside ``archive`` names the archive's."""

    paths: tuple[str, ...] = ()
    topic: str | None = None
    archive: str | None = None
    days: float = 7.0
    """Of a topic or an archive, up to now; files are read whole."""

    def read(self, settings: Settings, now: float, steps: Steps) -> ReadFlows:
        """Read them. Raises InputError, BrokerError."""
        since = now - self.days * DAY_S
        if self.archive is not None:
            steps("reading the archive")
            return ReadFlows(*from_archive(self.archive, self.topic, since, None))
        start = None if self.topic is None else f"{datetime.fromtimestamp(since, UTC):%Y-%m-%dT%H:%M:%SZ}"
        given = Given(tuple(expanded(self.paths)), self.topic, start, None)
        return ReadFlows(read_flows(settings, given, steps, labels=True), 1.0)


@dataclass(frozen=True, slots=True)
class CaseSource:
    """What was found, and what people said of it; ``documents`` None: there are no incidents to be left out."""

    documents: Callable[[], Documents] | None
    """Asked each time: there may be more files by then."""
    judged: Path | None
    labels: Callable[[], Documents] | None = None
    """Of the topic of labels, where no file is given; None: it is not read."""

    def check(self) -> None:
        """Raise OddflowError, with the way out, where it is plain that incidents or judgements cannot be read."""
        if self.documents is not None:
            with _with_way_out(INCIDENTS, NO_INCIDENTS):
                self.documents()
        if self.judged is not None:
            read_judgements(self.judged)

    def of(self, read: Dataset, settings: Settings, tell: TellSteps) -> Said:
        """What people said, and the incidents that may be of these flows. Raises InputError, BrokerError."""
        since = read.start - settings.retrain.incident_margin_s
        return Said(spoken=self.said(), incidents=self.incidents(since, tell))

    def incidents(self, since: float, tell: TellSteps) -> list[Told]:
        """Incidents whose last flow is not before ``since``; documents that are none are counted and told.

        Raises InputError, BrokerError, also where not one of the documents is an incident's.
        """
        if self.documents is None:
            return []
        latest = Latest(MOST_INCIDENTS, Wanted(since=since).fits, named)
        parsed = Parsed(read_told, "incident's")
        with _with_way_out(INCIDENTS, NO_INCIDENTS):
            for documents in self.documents().batches():
                for told, _ in parsed.of(documents):
                    latest.put(told)
            if parsed.none_fits:
                raise InputError(f"none of {parsed.read:,} documents is an incident's: {parsed.why}")
        if parsed.note:
            tell.note(parsed.note)
        if latest.dropped:
            raise InputError(
                f"reading incidents: there are more than {MOST_INCIDENTS:,} of the time of these flows; retrain on"
                " fewer days, or find out what floods them"
            )
        return latest.wholes()

    def said(self) -> Spoken:
        """What people said. Raises InputError, BrokerError; a topic that is not there yet has no labels."""
        if self.judged is not None:
            return read_judgements(self.judged)
        if self.labels is None:
            return NOTHING_SAID
        from detector.transport.kafka.topics import is_there  # noqa: PLC0415 - brings the Kafka client

        place, reader = self.labels(), LabelReader()
        with _with_way_out("what people said", NO_LABELS):
            if not is_there(place.properties, place.topic):
                return NOTHING_SAID._replace(notes=(f"no labels are read: there is no topic {place.topic} yet",))
            reader.take_all(place.batches(), time.time())
        found = spoken(reader.words)
        parsed = reader.parsed
        if not parsed.unfit:
            return found
        unfit = f"{parsed.unfit:,} of {parsed.read:,} documents on {place.topic} are no labels: {parsed.why}"
        return found._replace(notes=(unfit, *found.notes))


@contextmanager
def _with_way_out(what: str, way_out: str) -> Iterator[None]:
    try:
        yield
    except OddflowError as error:
        raise type(error)(f"{what}: {error}; {way_out}") from error
