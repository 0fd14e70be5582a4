"""``oddflow suppress``: rules that keep known false alarms quiet for a while, made of what was found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detector.cli.incidents import BootstrapOption, ConfigOption
from detector.cli.suppress_draft import Draft, Scope, figures, foreseen
from detector.cli.suppress_found import Named
from detector.cli.suppress_places import Places
from detector.cli.suppress_rules import found_in
from detector.errors import ConfigurationError

if TYPE_CHECKING:
    from detector.suppression.objections import Kind

SHORT = 8
"""Signs of an id that are shown."""

FLAGS: Mapping[Kind, str] = {
    "hides_true": "add --force if that is meant",
    "over_broad": "add --confirm-broad if it is meant so broadly",
}
"""How to have a rule in spite of what speaks against it."""

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
    named, lasts = Named(incident, alert, from_label), timedelta(days=days)
    _add(
        Places(config, bootstrap_servers, topic, file, incidents, labels, alerts),
        Draft(scope, named, lasts, reason, owner, src_ip, dst_ip, dst_port, proto, bound, any_source),
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
    _add(
        Places(config, bootstrap_servers, topic, file, incidents, labels),
        Draft(scope, Named(incident), timedelta(hours=hours), "snoozed", owner, src_ip, dst_ip),
        force=force,
        broad=confirm_broad,
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

    named, lasts = Named(incident, alert, from_label), timedelta(days=7)
    draft = Draft(scope, named, lasts, "a preview", "nobody", src_ip, dst_ip, dst_port, proto, bound, any_source)
    evidence = Places(config, bootstrap_servers, None, None, incidents, labels, alerts).evidence()
    if not evidence.knows_incidents:
        raise ConfigurationError("output.incidents_topic is empty: name files with --incidents")
    rule = draft.rule(evidence, forced=True)
    found = foreseen(rule, evidence, days)
    against = objections(rule, found.whole)
    if as_json:
        told = {"preview": figures(found.recent, days), "against": [each._asdict() for each in against]}
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
    rules = sorted(Places(config, bootstrap_servers, topic, file).rules().read(), key=lambda rule: rule.expires_s)
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

    found = found_in(Places(config, bootstrap_servers, topic, file).rules().read(), rule)
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

    rules = Places(config, bootstrap_servers, topic, file).rules()
    found = found_in(rules.read(), rule)
    rules.remove(found)
    typer.echo(json.dumps({"removed": found.id}) if as_json else f"removed {found.id[:SHORT]}: {told(found)}")


# --- inside ---------------------------------------------------------------------------------------------------------


def _add(
    places: Places,
    draft: Draft,
    *,
    force: bool,
    broad: bool,
    create: bool = False,
    dry: bool = False,
    as_json: bool,
) -> None:
    from msgspec import to_builtins  # noqa: PLC0415 - --help needs none of these

    from detector.suppression.objections import check  # noqa: PLC0415
    from detector.suppression.preview import DAYS  # noqa: PLC0415
    from detector.suppression.rule import told  # noqa: PLC0415

    rules, evidence = places.rules(), places.evidence()
    if not evidence.knows_incidents and not force:
        raise ConfigurationError(
            "nothing tells what it would hide: name files with --incidents and --labels, or add --force"
        )
    rule = draft.rule(evidence, forced=force)
    found = foreseen(rule, evidence, DAYS)
    check(rule, found.whole, forced=force, confirmed=broad, ways=FLAGS)
    if not dry:
        if create and places.file is None:
            from detector.transport.kafka.own_topics import create_missing  # noqa: PLC0415

            create_missing(places.settings, only=places.settings.suppression.topic)
        rules.write(rule)
    if as_json:
        document = {"rule": to_builtins(rule), "written": not dry, "preview": figures(found.recent, DAYS)}
        typer.echo(json.dumps(document))
        return
    typer.echo(found.recent.words(DAYS))
    typer.echo(f"{'would be' if dry else 'in force:'} {rule.id[:SHORT]}: {told(rule)}")
