"""``oddflow detect``: the daemon, on Kafka or on files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from detector.settings import Settings, load_settings


def detect(
    *,
    config: Annotated[
        Path | None, typer.Option(help="Settings file (TOML). Default: the one ODDFLOW_CONFIG names.")
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", help="Read this file instead of Kafka; `-` is standard input. May be repeated."),
    ] = None,
    output: Annotated[str | None, typer.Option(help="With --input: where alerts go; `-` is standard output.")] = None,
    dead_letters: Annotated[str | None, typer.Option(help="With --input: where unusable records go.")] = None,
    scores: Annotated[str | None, typer.Option(help="With --input: where every record's score goes.")] = None,
    incidents: Annotated[str | None, typer.Option(help="With --input: where incidents go.")] = None,
    format: Annotated[str | None, typer.Option(help="Format of a record, such as zeek or suricata.")] = None,  # noqa: A002
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
    log_format: Annotated[str | None, typer.Option(help="json or console.")] = None,
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
    flags: dict[str, Any] = {
        "input.transport": "files" if inputs else None,
        "input.paths": inputs or None,
        "input.format": format,
        "input.topic": topic,
        "output.alerts_path": output,
        "output.dead_letters_path": dead_letters,
        "output.scores_path": scores,
        "output.incidents_path": incidents,
        "kafka.bootstrap_servers": bootstrap_servers,
        "kafka.group": group,
        "model.registry": registry,
        "model.name": model,
        "model.alias": alias,
        "web.port": port,
        "web.enabled": False if inputs and port is None else None,
        "log.format": log_format or ("console" if sys.stderr.isatty() else None),
        "log.level": log_level,
    }
    _run(load_settings(config, flags), create_topics=create_topics)


def _run(settings: Settings, *, create_topics: bool) -> None:
    from prometheus_client import CollectorRegistry  # noqa: PLC0415

    from detector.daemon import Daemon, stopped_by_signals  # noqa: PLC0415 - compiles kernels; --help needs none
    from detector.events import Telemetry  # noqa: PLC0415
    from detector.logs import open_log  # noqa: PLC0415
    from detector.metrics import Metrics  # noqa: PLC0415

    if create_topics and settings.input.transport in {"confluent", "kafka-python"}:
        from detector.transport.own_topics import create_missing  # noqa: PLC0415

        create_missing(settings)
    log = open_log(sys.stderr, settings.log.level, settings.log.format)
    telemetry = Telemetry(Metrics(CollectorRegistry()), log)
    daemon = Daemon(settings, telemetry)
    with stopped_by_signals(daemon.stop):
        tally = daemon.run()
    if settings.input.transport == "files":
        typer.echo(
            f"read {tally.read:,}: scored {tally.scored:,}, dead-lettered {tally.dead_lettered:,}, "
            f"passed over {tally.passed_over:,}; alerts {tally.alerts:,}",
            err=True,
        )
