"""What ``oddflow suppress`` reads: the incident, alert or label that a rule is made of, and what it is held against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import typer

from detector.cli import one_line
from detector.cli.incidents import Documents, tell_unfit
from detector.errors import BrokerError, ConfigurationError, InputError

if TYPE_CHECKING:
    from detector.casebook.told import Ours
    from detector.feedback.label import Label, Of
    from detector.feedback.latest import Said
    from detector.settings.tree import Settings
    from detector.suppression.make import Subject


Thing = TypeVar("Thing")


class Named(NamedTuple):
    """What the flags say a rule is of: at most one of the first three."""

    incident: str | None = None
    alert: str | None = None
    label: str | None = None


class Evidence:
    """Incidents, labels and alerts, from files or from the settings' topics; each is read once, when it is asked for.

    ``files`` are by kind; a kind without any is read from its topic, unless Kafka is not to be asked.
    """

    def __init__(self, settings: Settings, files: dict[str, list[str]], *, kafka: bool) -> None:
        self._settings = settings
        self._files = files
        self._kafka = kafka
        self._incidents: dict[str, Ours] | None = None
        self._said: tuple[Said, list[Label]] | None = None

    @property
    def knows_incidents(self) -> bool:
        """Whether there is a place to read them from."""
        return self._place("incidents") is not None

    def incidents(self) -> dict[str, Ours]:
        """The latest document of each, by id. Raises InputError where there are some and none is an incident's."""
        if self._incidents is None:
            self._incidents = _latest(self._documents("incidents"))
        return self._incidents

    def labels(self) -> tuple[Said, list[Label]]:
        """What people said, and each label; where there is no such topic, nothing."""
        if self._said is None:
            from detector.feedback.latest import weigh  # noqa: PLC0415 - --help needs none of these
            from detector.feedback.topic import LabelReader  # noqa: PLC0415

            reader = LabelReader()
            try:
                reader.take_all(self._documents("labels"), None)
            except BrokerError as error:
                typer.echo(f"labels are not looked up: {one_line(error)}", err=True)
            if reader.parsed.note:
                typer.echo(reader.parsed.note, err=True)
            self._said = weigh(reader.words), [word.label for word in reader.words]
        return self._said

    def subject(self, named: Named, *, forced: bool) -> tuple[Subject, Label | None]:
        """What is named, and the label that names it. Raises ConfigurationError where it is not there, or not one."""
        from msgspec import UNSET  # noqa: PLC0415

        from detector.suppression.make import Subject, of_flows, of_incident  # noqa: PLC0415

        given = [name for name in named if name]
        if len(given) > 1:
            raise ConfigurationError("--incident, --alert, --from-label: give one of them")
        if named.label:
            label, of = self._label(named.label, forced=forced)
            if of.incident is not UNSET:
                return of_incident(self._incident(of.incident)), label
            if of.alert is not UNSET:
                return self._alert(of.alert), label
            return (Subject("the label") if of.flows is UNSET else of_flows(of.flows)), label
        if named.incident:
            return of_incident(self._incident(named.incident)), None
        return (self._alert(named.alert) if named.alert else Subject("the command line")), None

    def _label(self, name: str, *, forced: bool) -> tuple[Label, Of]:
        """A label that judges, and what it is of."""
        from msgspec import UNSET  # noqa: PLC0415

        said, labels = self.labels()
        found, of = sole("label", name, {each.id: (each, each.of) for each in labels if each.of is not UNSET})
        verdict = said.verdict(of)
        if verdict != "false" and not forced:
            told = f"is {verdict}" if verdict else "was withdrawn"
            raise ConfigurationError(
                f"--from-label {name}: what counts of it {told}, and a suppression is of a false alarm; label it false,"
                " or add --force"
            )
        return found, of

    def _incident(self, name: str) -> Ours:
        return sole("incident", name, self.incidents())

    def _alert(self, name: str) -> Subject:
        from detector.alerts.read_alert import ReadAlert, read_alert  # noqa: PLC0415
        from detector.suppression.make import of_alert  # noqa: PLC0415

        found: dict[str, ReadAlert] = {}
        for documents in self._documents("alerts"):
            for document in documents:
                if document and name.encode() in document:
                    try:
                        alert = read_alert(document)
                    except InputError:
                        continue
                    found[alert.id] = alert
        return of_alert(sole("alert", name, found))

    def _documents(self, kind: str) -> Iterator[list[bytes | None]]:
        place = self._place(kind)
        return iter(()) if place is None else place.batches()

    def _place(self, kind: str) -> Documents | None:
        from detector.transport.paths import expanded  # noqa: PLC0415

        if files := self._files.get(kind):
            return Documents(tuple(expanded(files)), "", {})
        chosen = self._settings
        topic = {
            "incidents": chosen.output.incidents_topic,
            "labels": chosen.feedback.topic,
            "alerts": chosen.output.alerts_topic,
        }[kind]
        return Documents((), topic, dict(chosen.kafka.consumer())) if self._kafka and topic else None


def _latest(batches: Iterable[list[bytes | None]]) -> dict[str, Ours]:
    from detector.casebook.parsed import Parsed  # noqa: PLC0415
    from detector.casebook.told import read_told  # noqa: PLC0415

    found: dict[str, Ours] = {}
    parsed = Parsed(read_told, "incident's")
    for documents in batches:
        for told, _ in parsed.of(documents):
            ours = told.ours
            if ours.id not in found or found[ours.id].revision <= ours.revision:
                found[ours.id] = ours
    tell_unfit(parsed, "incidents", "an incident's")
    return found


def sole(kind: str, name: str, there: dict[str, Thing]) -> Thing:
    """The one whose id begins so. Raises ConfigurationError where none does, or several do."""
    from detector.printable import printable  # noqa: PLC0415

    if name in there:
        return there[name]
    found = sorted(each for each in there if each.startswith(name))
    if len(found) != 1:
        fix = "give more of the id" if found else "give its id, or the first signs of it"
        raise ConfigurationError(f"{kind} {printable(name)!r}: {len(found)} of {len(there):,} begin so; {fix}")
    return there[found[0]]
