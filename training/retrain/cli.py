"""``oddflow retrain``: new models by themselves, for ever or once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detector.cli.data import (
    BootstrapOption,
    ColumnsOption,
    ConfigOption,
    DataOption,
    DatasetsOption,
    FormatOption,
    ModelOption,
    RegistryOption,
    UnpackOption,
    settings_of,
)
from detector.errors import ConfigurationError, GateError
from detector.signals import ended_by_sigterm
from training.options import (
    InsideOption,
    KindOption,
    LeaveOutOption,
    ParamOption,
    PartitionsOption,
    WindowsOption,
    recipe_of,
)

if TYPE_CHECKING:
    from training.retrain.state import State

ENDED = 143
"""What SIGTERM makes of one run: it is not done."""

UNITS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}


def retrain(
    *,
    every: Annotated[
        str | None, typer.Option("--every", metavar="SPAN", help="Go on for ever, a model each 24h, 90m or 7d.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="One model, for cron or a Kubernetes CronJob.")] = False,
    data: DataOption = None,
    format: FormatOption = None,  # noqa: A002
    unpack: UnpackOption = None,
    columns: ColumnsOption = None,
    topic: Annotated[str | None, typer.Option("--topic", help="Kafka topic whose last days are trained on.")] = None,
    bootstrap_servers: BootstrapOption = None,
    archive: Annotated[
        str | None,
        typer.Option("--archive", help="Folder or URL of a daemon's archive whose last days are trained on."),
    ] = None,
    days: Annotated[
        float | None, typer.Option("--days", help="How many days; the settings' retrain.days if not given.")
    ] = None,
    incidents: Annotated[
        list[str] | None,
        typer.Option(
            "--incidents", metavar="FILE", help="Files of incidents, instead of the settings' output.incidents_topic."
        ),
    ] = None,
    no_incidents: Annotated[
        bool, typer.Option("--no-incidents", help="There are none yet: every flow is trained on.")
    ] = False,
    judged: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What people said of incidents, alerts and flows, instead of the labels on the settings'"
            " feedback.topic.",
        ),
    ] = None,
    no_labels: Annotated[
        bool, typer.Option("--no-labels", help="What people said on feedback.topic does not count.")
    ] = False,
    registry: RegistryOption = None,
    model: ModelOption = None,
    datasets: DatasetsOption = None,
    kind: KindOption = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and flows give the same model.")] = 1,
    param: ParamOption = None,
    leave_out: LeaveOutOption = None,
    folds: Annotated[int, typer.Option(min=0, help="Trainings to measure the quality with.")] = 5,
    windows: WindowsOption = True,
    partitions: PartitionsOption = None,
    inside: InsideOption = None,
    promote: Annotated[
        bool,
        typer.Option("--promote", help="Put what passes the gate in charge at once. Only where shadow.share is 0."),
    ] = False,
    metrics_url: Annotated[
        list[str] | None,
        typer.Option(
            "--metrics-url",
            metavar="URL...",
            help="With --every: metrics of daemons, such as http://oddflow:9464/metrics: drift brings it forward.",
        ),
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="With --every: port for its own metrics.")
    ] = None,
    metrics_file: Annotated[
        Path | None, typer.Option(metavar="FILE.prom", help="With --once: its metrics, for a textfile collector.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Build a data set, train on it, have the gate judge the model, and leave the challenger to the daemons.

    Flows of incidents that nobody judged, or that were judged true, are left out. A run that was killed goes on where
    it was. Exit code 9: the gate refused the model; 10: another process retrains the same model.

    Examples:

      oddflow retrain --once --archive s3://oddflow/archive --registry s3://models --bootstrap-servers kafka:9092

      oddflow retrain --every 24h --topic flows --registry s3://models --metrics-port 9466

      oddflow retrain --every 24h --archive archive --metrics-url http://oddflow:9464/metrics --judged judged.jsonl

      oddflow retrain --once --data 'logs/conn.*.log.gz' --format zeek --incidents incidents.jsonl --registry registry
    """
    check_flags(every, once, metrics_url, metrics_port, metrics_file)
    check_sources(data, topic, archive, incidents, no_incidents)
    settings = settings_of(
        config,
        input__format=format,
        input__unpack=unpack or None,
        input__columns=columns,
        kafka__bootstrap_servers=bootstrap_servers,
        model__registry=registry,
        model__name=model,
        training__datasets=datasets,
        training__leave_out=leave_out,
        retrain__days=days,
        retrain__interval_s=span_s(every) if every else None,
        retrain__metrics_port=metrics_port,
    )
    if promote and settings.shadow.share:
        raise ConfigurationError(
            f"--promote: shadow.share is {settings.shadow.share:g}, so daemons compare the challenger first, and"
            " promote it by shadow.promote; set shadow.share to 0, or leave --promote out"
        )

    from detector.cli.incidents import Asked, Documents  # noqa: PLC0415 - --help needs none of these
    from training.publish import check_place  # noqa: PLC0415
    from training.retrain.source import CaseSource, FlowSource  # noqa: PLC0415
    from training.retrain.wiring import Wanted, retrain_for_ever, retrain_once  # noqa: PLC0415

    recipe = recipe_of(
        settings,
        kind=kind,
        param=param,
        seed=seed,
        folds=folds,
        windows=windows,
        partitions=partitions,
        inside=inside,
    )
    check_place(settings.model.registry)
    told = Asked(config, incidents, None, None if incidents else bootstrap_servers)
    labels = None
    uses_kafka = topic is not None or bootstrap_servers is not None or not (incidents or no_incidents)
    if judged is None and not no_labels and uses_kafka and settings.feedback.topic:
        asked = Asked(config, None, None, bootstrap_servers)
        labels = partial(Documents.chosen, asked, lambda chosen: chosen.feedback.topic, "feedback.topic")
    wanted = Wanted(
        settings=settings,
        flows=FlowSource(paths=tuple(data or ()), topic=topic, archive=archive, days=settings.retrain.days),
        cases=CaseSource(None if no_incidents else partial(Documents.chosen, told), judged, labels),
        recipe=recipe,
        fixed_partitions=partitions is not None,
        promote=True if promote else None,
    )
    wanted.cases.check()
    with ended_by_sigterm(0 if every else ENDED):  # a run goes on at its step after the next start
        if every:
            retrain_for_ever(wanted, metrics_url or ())
        else:
            _tell(*retrain_once(wanted, metrics_file))


def check_flags(
    every: str | None,
    once: bool,
    urls: list[str] | None,
    port: int | None,
    file: Path | None,
) -> None:
    """Raise ConfigurationError for flags that do not go together."""
    if (every is None) == (not once):
        raise ConfigurationError("retraining: give --every SPAN, such as --every 24h, or --once")
    if once and (urls or port is not None):
        raise ConfigurationError("--metrics-url and --metrics-port: they are of --every; --once has --metrics-file")
    if every and file:
        raise ConfigurationError("--metrics-file: it is of --once; --every has --metrics-port")
    for url in urls or ():
        if not url.startswith(("http://", "https://")):
            raise ConfigurationError(f"--metrics-url {url}: give one such as http://oddflow:9464/metrics")


def check_sources(
    data: list[str] | None,
    topic: str | None,
    archive: str | None,
    incidents: list[str] | None,
    no_incidents: bool,
) -> None:
    """Raise ConfigurationError where flows or incidents are to come from nowhere, or from two places."""
    if bool(data) + bool(archive) + (topic is not None and archive is None) != 1:
        raise ConfigurationError("flows to train on: give one of --data, --topic and --archive")
    if data and "-" in data:
        raise ConfigurationError("--data -: standard input cannot be read again; give files")
    if incidents and no_incidents:
        raise ConfigurationError("--incidents and --no-incidents: give one of them")


def span_s(text: str) -> float:
    """Seconds of a span such as 24h. Raises ConfigurationError."""
    number, unit = text.strip()[:-1], text.strip()[-1:].lower()
    try:
        seconds = float(number) * UNITS[unit]
    except (ValueError, KeyError):
        seconds = 0.0
    if not 1 <= seconds < float("inf"):
        raise ConfigurationError(f"--every {text}: give a span such as 24h, 90m or 7d")
    return seconds


def _tell(state: State, lines: Sequence[str]) -> None:
    from detector.printable import printable  # noqa: PLC0415

    for line in lines:
        typer.echo(printable(line))
    if state.result == "rejected":
        raise GateError(f"retraining: the gate refused {state.version}: {state.detail}; it is kept as rejected")
