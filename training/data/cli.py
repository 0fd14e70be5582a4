"""``oddflow dataset``: build, list and show data sets."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer

from detector.cli.data import (
    AttackerOption,
    BootstrapOption,
    ColumnsOption,
    ConfigOption,
    DataOption,
    DatasetsOption,
    FormatOption,
    FromOption,
    JsonOption,
    ToOption,
    TopicOption,
    UnpackOption,
    given_flows,
    read_flows,
    settings_of,
)
from detector.cli.several import SeveralCommand
from detector.errors import ConfigurationError

app = typer.Typer(help="Build, list and show data sets to train on.", no_args_is_help=True, add_completion=False)

WhichArgument = Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="Which set; its latest version if none.")]


@app.command("build", cls=SeveralCommand)
def build_set(
    *,
    name: Annotated[str, typer.Option("--name", help="Name of the set; each build is a version of it.")],
    data: DataOption = None,
    format: FormatOption = None,  # noqa: A002
    unpack: UnpackOption = None,
    columns: ColumnsOption = None,
    topic: TopicOption = None,
    bootstrap_servers: BootstrapOption = None,
    archive: Annotated[
        str | None, typer.Option("--archive", help="Folder or URL of a daemon's archive to read, instead of files.")
    ] = None,
    start: FromOption = None,
    end: ToOption = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only flows that began then or later (ISO 8601, by their own times).")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Only flows that began before (ISO 8601).")] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="NETWORK...", help="Leave out flows from or to these addresses or networks."),
    ] = None,
    attacker: AttackerOption = None,
    datasets: DatasetsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read flows into a set that never changes, with a manifest of all that is known of them.

    Examples:

      oddflow dataset build --name office --data 'logs/conn.*.log.gz' --format zeek

      oddflow dataset build --name office --topic flows --from 2026-11-23T00:00:00Z --to 2026-11-30T00:00:00Z

      oddflow dataset build --name office --archive archive --since 2026-11-23 --until 2026-11-30

      oddflow dataset build --name lab --data conn.log --format zeek --attacker 172.16.1.11 --exclude 10.0.0.5

      oddflow dataset build --name week --data logs --format zeek --since 2026-11-23 --until 2026-11-30 --json
    """
    from detector.cli.rejects import told_reading  # noqa: PLC0415 - --help needs none of these
    from detector.cli.steps import steps_on_stderr  # noqa: PLC0415
    from training.data.archived import from_archive  # noqa: PLC0415
    from training.data.build import Wanted, build  # noqa: PLC0415
    from training.data.store import DataSets, checked_name  # noqa: PLC0415
    from training.data.words import as_data, told  # noqa: PLC0415

    settings = settings_of(
        config,
        input__format=format,
        input__unpack=unpack or None,
        input__columns=columns,
        kafka__bootstrap_servers=bootstrap_servers,
        training__datasets=datasets,
    )
    wanted = Wanted(
        name=checked_name(name),
        attackers=tuple(attacker or ()),
        since=_seconds(since, "--since"),
        until=_seconds(until, "--until"),
        exclude=tuple(exclude or ()),
    )
    if archive and (data or start or end):
        raise ConfigurationError(
            "flows of --archive and of --data, --from or --to: --archive goes with --since, --until"
        )
    asked = None if archive else given_flows(data, topic, start, end)
    sets = DataSets(settings.training.datasets)
    with steps_on_stderr(quiet=as_json) as steps:
        if asked is None:
            steps("reading the archive")
            read, share = from_archive(str(archive), topic, wanted.since, wanted.until)
            steps.count(len(read.frame))
            wanted = replace(wanted, source_share=share)
        else:
            read = read_flows(settings, asked, steps, labels=True)
        if notes := told_reading(read):
            steps.note(notes)
        steps("writing the set")
        info = build(sets, read, wanted)
    typer.echo(json.dumps(as_data(info), indent=2) if as_json else told(info))


@app.command("list")
def list_sets(
    name: Annotated[str | None, typer.Option("--name", help="Only this set.")] = None,
    *,
    datasets: DatasetsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the sets, each with its versions, oldest first.

    Examples:

      oddflow dataset list

      oddflow dataset list --name office --datasets s3://oddflow/datasets --json
    """
    from training.data.store import DataSets  # noqa: PLC0415 - --help needs none of these
    from training.data.words import as_data, show_table  # noqa: PLC0415

    sets = DataSets(settings_of(config, training__datasets=datasets).training.datasets)
    names = [sets.resolve(name)[0]] if name else sets.names()
    infos = [sets.info(f"{each}@{version}") for each in names for version in sets.versions(each)]
    if as_json:
        typer.echo(json.dumps([as_data(info) for info in infos], indent=2))
    elif infos:
        show_table(infos)
    else:
        typer.echo(f"no data sets in {sets.url}; build one: oddflow dataset build --name NAME --data FILE")


@app.command("show")
def show_set(
    which: WhichArgument,
    *,
    datasets: DatasetsOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say in plain words what is in a set, once its flows are verified.

    Examples:

      oddflow dataset show office

      oddflow dataset show office@20261129T053000Z-1f3a9c --json
    """
    from training.data.store import DataSets  # noqa: PLC0415 - --help needs none of these
    from training.data.words import as_data, told  # noqa: PLC0415

    sets = DataSets(settings_of(config, training__datasets=datasets).training.datasets)
    info = sets.info(which)
    sets.read(info.reference)
    typer.echo(json.dumps(as_data(info), indent=2) if as_json else told(info))


def _seconds(text: str | None, flag: str) -> float | None:
    """Seconds since 1970 of a time in ISO 8601, UTC where no zone is given. Raises ConfigurationError."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"{flag} {text}: give a time such as 2026-11-24T08:00:00Z") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
