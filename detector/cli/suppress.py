"""``oddflow suppress``: rules that keep known false alarms quiet for a while, made of what was found."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from detector.cli.feedback import login
from detector.cli.incidents import BootstrapOption, ConfigOption
from detector.cli.suppress_found import Evidence, Named
from detector.cli.suppress_rules import FileRules, Rules, TopicRules, found_in
from detector.errors import ConfigurationError
from detector.settings.load import load_settings

if TYPE_CHECKING:
    from detector.settings.tree import Settings
    from detector.suppression.preview import Foreseen, Preview
    from detector.suppression.rule import Suppression

SHORT = 8
"""Signs of an id that are shown."""

Scope = Literal["source", "pair", "service", "pattern"]

app = typer.Typer(
    help="Keep known false alarms quiet for a while: rules with an owner and an end.", no_args_is_help=True
)

ScopeOption = Annotated[
    Scope,
    typer.Option(
        "--scope",
        help="Of what it is: all that the `source` begins, a `pair` of two, a `service` (one port of any host), or"
        " a `pattern` of features.",
    ),
]
IncidentOption = Annotated[
    str | None, typer.Option("--incident", metavar="ID", help="Of this incident; the id, or how it begins.")
]
AlertOption = Annotated[str | None, typer.Option("--alert", metavar="ID", help="Of this alert's flow, likewise.")]
LabelOption = Annotated[
    str | None, typer.Option("--from-label", metavar="ID", help="Of what this label calls false, likewise.")
]
SourceOption = Annotated[str | None, typer.Option("--src-ip", help="The source's address, where that is not told.")]
DestinationOption = Annotated[str | None, typer.Option("--dst-ip", help="The destination's address, likewise.")]
PortOption = Annotated[
    int | None, typer.Option("--dst-port", min=0, max=65_535, help="The destination's port, likewise.")
]
ProtocolOption = Annotated[str | None, typer.Option("--proto", help="The protocol, such as tcp, likewise.")]
BoundOption = Annotated[
    list[str] | None,
    typer.Option(
        "--bound", metavar="FEATURE=LOW..HIGH", help="Of a pattern: the feature is within. May be repeated: all hold."
    ),
]
AnyOption = Annotated[bool, typer.Option("--any-source", help="Of a pattern: of every host, not of this source alone.")]
FileOption = Annotated[
    Path | None,
    typer.Option("--file", help="Rules are in this file of JSON lines (`suppression.file`), not on the topic."),
]
TopicOption = Annotated[
    str | None, typer.Option("--topic", help="Kafka topic of rules; the settings' suppression.topic if not given.")
]
IncidentsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--incidents",
        metavar="FILE",
        help="Read incidents from this file, a folder or glob, not Kafka. May be repeated.",
    ),
]
LabelsOption = Annotated[
    list[str] | None, typer.Option("--labels", metavar="FILE", help="The same of labels, as JSON lines.")
]
AlertsOption = Annotated[list[str] | None, typer.Option("--alerts", metavar="FILE", help="The same of alerts.")]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Although it would hide what was labelled true, or that cannot be looked up.")
]
BroadOption = Annotated[bool, typer.Option("--confirm-broad", help="It is meant to be so broad, or so long.")]
CreateOption = Annotated[bool, typer.Option("--create-topics", help="Create the topic if it is missing.")]
DryOption = Annotated[bool, typer.Option("--dry-run", help="Check it, and write nothing.")]
JsonOption = Annotated[bool, typer.Option("--json", help="For a program to read.")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The rule's id, or how it begins.")]
OwnerOption = Annotated[str | None, typer.Option("--owner", help="Who answers for it; your login name if not given.")]


class Place(NamedTuple):
    """The flags that say where things are."""

    config: Path | None
    servers: str | None
    topic: str | None
    file: Path | None
    incidents: list[str] | None = None
    labels: list[str] | None = None
    alerts: list[str] | None = None


class Asked(NamedTuple):
    """The flags that say what a rule is of."""

    named: Named
    scope: Scope
    ends: tuple[str | None, str | None, int | None, str | None]
    bounds: list[str] | None
    any_source: bool


@app.command()
def add(  # noqa: PLR0917 - of the command line
    scope: ScopeOption,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why it is harmless; a label's comment if not given.")
    ] = None,
    days: Annotated[float, typer.Option("--days", help="How long it holds; at most 90.")] = 7.0,
    owner: OwnerOption = None,
    incident: IncidentOption = None,
    alert: AlertOption = None,
    from_label: LabelOption = None,
    src_ip: SourceOption = None,
    dst_ip: DestinationOption = None,
    dst_port: PortOption = None,
    proto: ProtocolOption = None,
    bound: BoundOption = None,
    file: FileOption = None,
    topic: TopicOption = None,
    bootstrap_servers: BootstrapOption = None,
    incidents: IncidentsOption = None,
    labels: LabelsOption = None,
    alerts: AlertsOption = None,
    *,
    any_source: AnyOption = False,
    force: ForceOption = False,
    confirm_broad: BroadOption = False,
    create_topics: CreateOption = False,
    dry_run: DryOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Make a rule. Running daemons have it in force within seconds.

    It is held against the incidents that are stored: one that would hide what was labelled true needs --force, an
    over-broad one needs --confirm-broad. A rule of the same scope and hosts takes the place of the one before.

    Examples:

      oddflow suppress add --incident 3bc9adf7 --scope pair --reason "our backup" --days 14

      oddflow suppress add --from-label 7f3a --scope source

      oddflow suppress add --alert 903b9f5f --scope pattern --bound src_bytes_log=..12 --reason "small uploads"

      oddflow suppress add --src-ip 10.0.0.7 --scope source --reason "our scanner" --file rules.jsonl --force
    """
    place = Place(config, bootstrap_servers, topic, file, incidents, labels, alerts)
    ends = (src_ip, dst_ip, dst_port, proto)
    asked = Asked(Named(incident, alert, from_label), scope, ends, bound, any_source)
    _add(
        place,
        asked,
        timedelta(days=days),
        reason,
        owner,
        force=force,
        broad=confirm_broad,
        create=create_topics,
        dry=dry_run,
        as_json=as_json,
    )


@app.command()
def snooze(  # noqa: PLR0917 - of the command line
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="The incident's id, or how it begins.")],
    hours: Annotated[float, typer.Option("--hours", help="How long.")] = 8.0,
    scope: ScopeOption = "pair",
    owner: OwnerOption = None,
    src_ip: SourceOption = None,
    dst_ip: DestinationOption = None,
    file: FileOption = None,
    topic: TopicOption = None,
    bootstrap_servers: BootstrapOption = None,
    incidents: IncidentsOption = None,
    labels: LabelsOption = None,
    *,
    force: ForceOption = False,
    confirm_broad: BroadOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Keep an incident's hosts quiet for some hours: a rule as `add` makes it, and it ends by itself.

    Examples:

      oddflow suppress snooze 3bc9adf7

      oddflow suppress snooze 3bc9adf7 --hours 2 --scope source
    """
    place = Place(config, bootstrap_servers, topic, file, incidents, labels)
    asked = Asked(Named(incident), scope, (src_ip, dst_ip, None, None), None, any_source=False)
    _add(
        place,
        asked,
        timedelta(hours=hours),
        "snoozed",
        owner,
        force=force,
        broad=confirm_broad,
        create=False,
        dry=False,
        as_json=as_json,
    )


@app.command()
def preview(  # noqa: PLR0917 - of the command line
    scope: ScopeOption,
    days: Annotated[float, typer.Option("--days", help="Of incidents that are looked at.")] = 7.0,
    incident: IncidentOption = None,
    alert: AlertOption = None,
    from_label: LabelOption = None,
    src_ip: SourceOption = None,
    dst_ip: DestinationOption = None,
    dst_port: PortOption = None,
    proto: ProtocolOption = None,
    bound: BoundOption = None,
    bootstrap_servers: BootstrapOption = None,
    incidents: IncidentsOption = None,
    labels: LabelsOption = None,
    alerts: AlertsOption = None,
    *,
    any_source: AnyOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Tell what a rule would have hidden of the last days, and what speaks against it. It writes nothing.

    Examples:

      oddflow suppress preview --incident 3bc9adf7 --scope source

      oddflow suppress preview --src-ip 10.0.0.7 --scope source --incidents incidents.jsonl --labels judged.jsonl
    """
    from detector.suppression.objections import objections  # noqa: PLC0415 - --help needs none of these

    place = Place(config, bootstrap_servers, None, None, incidents, labels, alerts)
    ends = (src_ip, dst_ip, dst_port, proto)
    asked = Asked(Named(incident, alert, from_label), scope, ends, bound, any_source)
    evidence = _evidence(place)
    if not evidence.knows_incidents:
        raise ConfigurationError("output.incidents_topic is empty: name files with --incidents")
    rule = _made(evidence, asked, timedelta(days=7), "a preview", "nobody", forced=True)
    found = _foreseen(rule, evidence, days)
    against = objections(rule, found.whole)
    if as_json:
        told = {"preview": _figures(found.recent, days), "against": [each._asdict() for each in against]}
        typer.echo(json.dumps(told))
        return
    typer.echo(f"{rule.words}: {found.recent.words(days)}")
    for each in against:
        typer.echo(f"against it: {each.why}")


@app.command("list")
def list_rules(
    file: FileOption = None,
    topic: TopicOption = None,
    bootstrap_servers: BootstrapOption = None,
    *,
    ended: Annotated[bool, typer.Option("--ended", help="Also those that have ended.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The documents as they are, one a line.")] = False,
    config: ConfigOption = None,
) -> None:
    """List the rules that are in force, the one that ends first at the top.

    Examples:

      oddflow suppress list

      oddflow suppress list --json --ended
    """
    from detector.suppression.rule import told, write_rule  # noqa: PLC0415 - --help needs none of these

    now = datetime.now(UTC)
    rules = sorted(_rules(Place(config, bootstrap_servers, topic, file)).read(), key=lambda rule: rule.expires_s)
    shown = [rule for rule in rules if ended or not rule.has_ended(now)]
    for rule in shown:
        over = " (ended)" if rule.has_ended(now) else ""
        typer.echo(write_rule(rule).decode() if as_json else f"{rule.id[:SHORT]}  {rule.scope:7}  {told(rule)}{over}")
    if not shown:
        typer.echo("no suppressions are in force", err=True)


@app.command()
def show(
    rule: IdArgument,
    file: FileOption = None,
    topic: TopicOption = None,
    bootstrap_servers: BootstrapOption = None,
    *,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show a rule in full.

    Examples:

      oddflow suppress show 1f2e3d4c
    """
    from msgspec import to_builtins  # noqa: PLC0415 - --help needs none of these

    from detector.suppression.rule import write_rule  # noqa: PLC0415

    found = found_in(_rules(Place(config, bootstrap_servers, topic, file)).read(), rule)
    if as_json:
        typer.echo(write_rule(found))
        return
    given = to_builtins(found) | {"is of": found.words}
    width = max(map(len, given))
    for name, value in given.items():
        text = value if isinstance(value, str) else json.dumps(value)
        typer.echo(f"{name:{width}}  {text}")
    if found.has_ended(datetime.now(UTC)):
        typer.echo("it has ended")


@app.command()
def remove(
    rule: IdArgument,
    file: FileOption = None,
    topic: TopicOption = None,
    bootstrap_servers: BootstrapOption = None,
    *,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Withdraw a rule. Running daemons raise again what it hid within seconds.

    Examples:

      oddflow suppress remove 1f2e3d4c
    """
    from detector.suppression.rule import told  # noqa: PLC0415 - --help needs none of these

    rules = _rules(Place(config, bootstrap_servers, topic, file))
    found = found_in(rules.read(), rule)
    rules.remove(found)
    typer.echo(json.dumps({"removed": found.id}) if as_json else f"removed {found.id[:SHORT]}: {told(found)}")


# --- inside ---------------------------------------------------------------------------------------------------------


def _add(
    place: Place,
    asked: Asked,
    lasts: timedelta,
    reason: str | None,
    owner: str | None,
    *,
    force: bool,
    broad: bool,
    create: bool,
    dry: bool,
    as_json: bool,
) -> None:
    from msgspec import to_builtins  # noqa: PLC0415 - --help needs none of these

    from detector.suppression.objections import check  # noqa: PLC0415
    from detector.suppression.preview import DAYS  # noqa: PLC0415
    from detector.suppression.rule import told  # noqa: PLC0415

    rules, evidence = _rules(place), _evidence(place)
    if not evidence.knows_incidents and not force:
        raise ConfigurationError(
            "nothing tells what it would hide: name files with --incidents and --labels, or add --force"
        )
    rule = _made(evidence, asked, lasts, reason, owner or login("--owner"), forced=force)
    found = _foreseen(rule, evidence, DAYS)
    check(rule, found.whole, forced=force, confirmed=broad)
    if not dry:
        if create and place.file is None:
            from detector.transport.kafka.own_topics import create_missing  # noqa: PLC0415

            settings = _settings(place)
            create_missing(settings, only=settings.suppression.topic)
        rules.write(rule)
    if as_json:
        document = {"rule": to_builtins(rule), "written": not dry, "preview": _figures(found.recent, DAYS)}
        typer.echo(json.dumps(document))
        return
    typer.echo(found.recent.words(DAYS))
    typer.echo(f"{'would be' if dry else 'in force:'} {rule.id[:SHORT]}: {told(rule)}")


def _settings(place: Place) -> Settings:
    return load_settings(place.config, {"kafka.bootstrap_servers": place.servers, "suppression.topic": place.topic})


def _rules(place: Place) -> Rules:
    """Where rules are. Raises ConfigurationError for flags that do not go together."""
    if place.file is not None:
        if place.topic:
            raise ConfigurationError("--file: it is in the topic's place; leave out --topic")
        return FileRules(place.file)
    settings = _settings(place)
    if not settings.suppression.topic:
        raise ConfigurationError("suppression.topic is empty: name a topic with --topic, or a file with --file")
    return TopicRules(settings)


def _evidence(place: Place) -> Evidence:
    given = {"incidents": place.incidents, "labels": place.labels, "alerts": place.alerts}
    files = {kind: paths for kind, paths in given.items() if paths}
    return Evidence(_settings(place), files, kafka=not (place.file or place.incidents) or bool(place.servers))


def _made(
    evidence: Evidence, asked: Asked, lasts: timedelta, reason: str | None, owner: str, *, forced: bool
) -> Suppression:
    """The rule that the flags ask for."""
    from detector.suppression.make import make_rule, narrowed, parse_bound  # noqa: PLC0415 - --help needs none of these

    subject, label = evidence.subject(asked.named, forced=forced)
    comment = label.comment if label is not None and isinstance(label.comment, str) else None
    why = reason or (None if comment is None else " ".join(comment.split()))
    if not why:
        raise ConfigurationError("--reason is missing: say why it is harmless")
    return make_rule(
        narrowed(subject, *asked.ends),
        asked.scope,
        owner=owner,
        reason=why,
        now=datetime.now(UTC).replace(microsecond=0),
        lasts=lasts,
        pattern=[parse_bound(each) for each in asked.bounds or ()],
        any_source=asked.any_source,
        label=None if label is None else label.id,
    )


def _foreseen(rule: Suppression, evidence: Evidence, days: float) -> Foreseen:
    from detector.suppression.preview import foresee  # noqa: PLC0415 - --help needs none of these

    return foresee(rule, evidence.incidents().values(), evidence.labels()[0], time.time(), days)


def _figures(found: Preview, days: float) -> dict[str, object]:
    """A preview for programs."""
    return {
        "days": days,
        "incidents": found.incidents,
        "hidden": found.hidden,
        "thinned": found.thinned,
        "judged_true": (*found.judged_true, *found.true_thinned),
        "judged_false": found.judged_false,
        "at_most": found.at_most,
    }
