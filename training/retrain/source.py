"""Where a retraining's flows come from, read anew each time: files, the last days of a topic or of an archive."""

from __future__ import annotations

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
from detector.incidents.wholes import named
from detector.scoring.dataset import Dataset
from detector.settings.tree import Settings
from detector.transport.paths import expanded
from training.data.archived import from_archive
from training.gate.known import Judgement, read_judgements

if TYPE_CHECKING:
    from detector.cli.steps import Steps
    from training.workflow import TellSteps

DAY_S = 86_400.0

MOST_INCIDENTS = 100_000
"""That are held at once; with more a run fails, rather than train on an incident that was forgotten."""


NO_INCIDENTS = "--incidents FILE reads them from files; --no-incidents trains on every flow, as before there are any"
"""What to do where they cannot be read."""


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

    def check(self) -> None:
        """Raise OddflowError, with the way out, where it is plain that incidents or judgements cannot be read."""
        if self.documents is not None:
            with _with_way_out():
                self.documents()
        self.judgements()

    def incidents(self, since: float, tell: TellSteps) -> list[Told]:
        """Incidents whose last flow is not before ``since``; documents that are none are counted and told.

        Raises InputError, BrokerError, also where not one of the documents is an incident's.
        """
        if self.documents is None:
            return []
        latest = Latest(MOST_INCIDENTS, Wanted(since=since).fits, named)
        parsed = Parsed(read_told, "incident's")
        with _with_way_out():
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

    def judgements(self) -> list[Judgement]:
        """What people said."""
        return [] if self.judged is None else read_judgements(self.judged)


@contextmanager
def _with_way_out() -> Iterator[None]:
    try:
        yield
    except OddflowError as error:
        raise type(error)(f"incidents whose flows are left out: {error}; {NO_INCIDENTS}") from error
