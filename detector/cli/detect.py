"""``oddflow detect``: the daemon, on Kafka or on files."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from detector.cli.data import ColumnsOption, FormatOption, UnpackOption
from detector.drift.familiarity import Raised
from detector.errors import ConfigurationError, InputError
from detector.settings.load import load_settings
from detector.settings.tree import Settings

if TYPE_CHECKING:
    from detector.pipeline.tally import Tally

STDIN = "-"

OUTPUT_TOPICS = {
    "--output": "output.alerts_topic",
    "--dead-letters": "output.dead_letters_topic",
    "--scores": "output.scores_topic",
    "--incidents": "output.incidents_topic",
    "--risk": "output.risk_topic",
}
"""By flag: the setting that names the topic instead."""


def detect(
    *,
    config: Annotated[
        Path | None, typer.Option(help="Settings file (TOML). Default: the one ODDFLOW_CONFIG names.")
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="FILE...",
            help="Read these files instead of Kafka, folders of them, or globs; `-` is standard input.",
        ),
    ] = None,
    output: Annotated[str | None, typer.Option(help="With --input: where alerts go; `-` is standard output.")] = None,
    dead_letters: Annotated[str | None, typer.Option(help="With --input: where unusable records go.")] = None,
    scores: Annotated[str | None, typer.Option(help="With --input: where every record's score goes.")] = None,
    incidents: Annotated[str | None, typer.Option(help="With --input: where incidents go.")] = None,
    risk: Annotated[str | None, typer.Option(help="With --input: where hosts' risks go.")] = None,
    format: FormatOption = None,  # noqa: A002
    unpack: UnpackOption = None,
    columns: ColumnsOption = None,
    bootstrap_servers: Annotated[str | None, typer.Option(help="Kafka brokers, as host:port.")] = None,
    topic: Annotated[str | None, typer.Option(help="Kafka topic with the flow records.")] = None,
    group: Annotated[str | None, typer.Option(help="Kafka consumer group.")] = None,
    registry: Annotated[str | None, typer.Option(help="Folder or URL of the model registry.")] = None,
    model: Annotated[str | None, typer.Option(help="Name of the model.")] = None,
    alias: Annotated[str | None, typer.Option(help="Alias to follow, such as champion.")] = None,
    create_topics: Annotated[
        bool, typer.Option("--create-topics", help="Create Kafka topics that are missing.")
    ] = False,
    port: Annotated[int | None, typer.Option(help="Port for metrics and health; 0 takes any free one.")] = None,
    log_format: Annotated[
        str | None, typer.Option(help="json, console, or auto: console on a terminal, else json.")
    ] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
) -> None:
    """Run the daemon: records in, alerts and metrics out.

    It ends by SIGTERM or Ctrl-C: the batch in hand is finished, acknowledged and committed first. With --input it
    ends with its input.

    Examples:

      oddflow detect --config config/oddflow.toml

      oddflow detect --bootstrap-servers kafka:9092 --topic flows --registry s3://models

      oddflow detect --input conn.log.gz --format zeek --registry registry --output alerts.jsonl

      zcat eve.json.gz | oddflow detect --input - --format suricata --registry registry --output -
    """
    to_files = {"--output": output, "--dead-letters": dead_letters, "--scores": scores, "--incidents": incidents}
    to_files["--risk"] = risk
    of_kafka = {"--bootstrap-servers": bootstrap_servers, "--topic": topic, "--group": group}
    flags: dict[str, Any] = {
        "input.transport": "files" if inputs else None,
        "input.paths": inputs or None,
        "input.format": format,
        "input.unpack": unpack or None,
        "input.columns": columns,
        "input.topic": topic,
        "output.alerts_path": output,
        "output.dead_letters_path": dead_letters,
        "output.scores_path": scores,
        "output.incidents_path": incidents,
        "output.risk_path": risk,
        "kafka.bootstrap_servers": bootstrap_servers,
        "kafka.group": group,
        "model.registry": registry,
        "model.name": model,
        "model.alias": alias,
        "web.port": port,
        "log.format": log_format,
        "log.level": log_level,
    }
    settings = load_settings(config, flags, {"web.enabled": False if inputs and port is None else None})
    of_kafka["--create-topics"] = "yes" if create_topics else None
    _check_fit(settings, to_files, of_kafka)
    _run(settings, create_topics=create_topics)


def _check_fit(settings: Settings, to_files: Mapping[str, str | None], of_kafka: Mapping[str, str | None]) -> None:
    """Raise ConfigurationError for a flag that would be passed over, or an output that would overwrite an input."""
    files = settings.input.transport == "files"
    for flag, value in (of_kafka if files else to_files).items():
        if value is None:
            continue
        if files:
            raise ConfigurationError(f"{flag} {value}: it is for Kafka, and the input is files; leave one of them out")
        raise ConfigurationError(
            f"{flag} {value}: files are written where files are read; give --input FILE too, or where the input is"
            f" Kafka name a topic: {OUTPUT_TOPICS[flag]}"
        )
    if files:
        _check_outputs(settings)


def _check_outputs(settings: Settings) -> None:
    from detector.transport.paths import expanded  # noqa: PLC0415 - --help needs none

    read = {_place(path): path for path in expanded(settings.input.paths) if path != STDIN}
    output = settings.output
    for path in (
        output.alerts_path,
        output.dead_letters_path,
        output.scores_path,
        output.incidents_path,
        output.risk_path,
    ):
        if path is not None and (given := read.get(_place(path))) is not None:
            raise ConfigurationError(f"{given}: it is an input and an output; give another file for one of them")


def _place(path: str) -> tuple[int, int] | str:
    """The file that is meant, whatever links lead to it; where there is none yet, its path."""
    try:
        found = Path(path).stat()
    except OSError:
        return str(Path(path).absolute())
    return found.st_dev, found.st_ino


def _run(settings: Settings, *, create_topics: bool) -> None:
    from prometheus_client import CollectorRegistry  # noqa: PLC0415

    from detector.daemon import Daemon, stopped_by_signals  # noqa: PLC0415 - compiles kernels; --help needs none
    from detector.every_metric import open_metrics  # noqa: PLC0415
    from detector.telemetry.events import Telemetry  # noqa: PLC0415
    from detector.telemetry.logs import open_log  # noqa: PLC0415

    log = open_log(sys.stderr, settings.log.level, settings.log.format)
    telemetry = Telemetry(open_metrics(CollectorRegistry()), log)
    if create_topics and settings.input.transport in {"confluent", "kafka-python"}:
        from detector.transport.kafka.own_topics import create_missing  # noqa: PLC0415

        create_missing(settings, telemetry.tell)
    daemon = Daemon(settings, telemetry)
    with stopped_by_signals(daemon.stop):
        tally = daemon.run()
    if settings.input.transport == "files":
        typer.echo(_summary(tally), err=True)
        _check_fitted(settings, tally, daemon.why_unfit())
        raised = Raised(tally.alerts, tally.scored)
        if raised.unknown:
            typer.echo(f"oddflow: {raised.told(' '.join((settings.model.name, *tally.versions)))}", err=True)


def _check_fitted(settings: Settings, tally: Tally, why: str | None) -> None:
    """Raise InputError where there was not one flow among the records: the input is of another format, or blank."""
    if tally.scored or not tally.dead_lettered:
        return
    if why is None and tally.dead_lettered == tally.read:
        from detector.transport.lines import nothing_in  # noqa: PLC0415 - --help needs none

        raise nothing_in(", ".join(settings.input.paths), blank=True)
    if why is not None:
        raise InputError(
            f"reading {', '.join(settings.input.paths)} as {settings.input.format}:"
            f" none of {tally.dead_lettered:,} records can be used; {why}"
        )


def _summary(tally: Tally) -> str:
    """What became of a file's records; header lines are none."""
    headers = tally.passed_over_kinds.get("header", 0)
    besides = f" (and {headers:,} header {'line' if headers == 1 else 'lines'})" if headers else ""
    others = ", ".join(f"{count:,} {kind}" for kind, count in tally.passed_over_kinds.items() if kind != "header")
    return (
        f"read {tally.read - headers:,}{besides}: scored {tally.scored:,}, dead-lettered {tally.dead_lettered:,},"
        f" passed over {tally.passed_over - headers:,}{f' ({others})' if others else ''}; {_alerts(tally)}"
    )


def _alerts(tally: Tally) -> str:
    """Such as ``148 alerts in 7 incidents, 18 of them written; 5 suppressed``."""
    suppressed = f"; {tally.suppressed:,} suppressed" if tally.suppressed else ""
    if not tally.alerts:
        return f"no alerts{suppressed}"
    alerts = "1 alert" if tally.alerts == 1 else f"{tally.alerts:,} alerts"
    incidents = "1 incident" if tally.incidents == 1 else f"{tally.incidents:,} incidents"
    written = "" if tally.written == tally.alerts else f", {tally.written:,} of them written"
    return f"{alerts} in {incidents}{written}{suppressed}"
