"""``oddflow evaluate``: how good a model is on flows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from detector.cli.data import (
    AliasOption,
    AttackerOption,
    BootstrapOption,
    ColumnsOption,
    ConfigOption,
    DataOption,
    DatasetOption,
    DatasetsOption,
    FormatOption,
    FromOption,
    JsonOption,
    ModelOption,
    RegistryOption,
    ToOption,
    TopicOption,
    UnpackOption,
    VersionOption,
    WarmUpOption,
    chosen_set,
    flow_reader,
    read_files,
    settings_of,
)


def evaluate(
    *,
    data: DataOption = None,
    dataset: DatasetOption = None,
    datasets: DatasetsOption = None,
    format: FormatOption = None,  # noqa: A002
    unpack: UnpackOption = None,
    columns: ColumnsOption = None,
    topic: TopicOption = None,
    bootstrap_servers: BootstrapOption = None,
    start: FromOption = None,
    end: ToOption = None,
    registry: RegistryOption = None,
    model: ModelOption = None,
    alias: AliasOption = None,
    version: VersionOption = None,
    warm_up: WarmUpOption = None,
    attacker: AttackerOption = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write all figures with their ranges, by kind of attack, budget and part of the traffic, .html or"
            " .json. Where no flow is labelled an attack, the simulator's are put on the flows' own hosts.",
        ),
    ] = None,
    prevalence: Annotated[
        float, typer.Option(metavar="SHARE", help="With --report: share of attacks that precision is told at.")
    ] = 0.01,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Exit 1 where the figures cannot be relied on: flows that the model was trained on, or a network that"
            " it does not know.",
        ),
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a model on labelled flows; with --report, on any.

    Examples:

      oddflow evaluate --data labelled.log.gz --format zeek --registry registry

      oddflow evaluate --warm-up morning.log --data afternoon.log --format zeek --registry registry --json

      oddflow evaluate --data conn.json --format zeek --registry registry --attacker 172.16.1.11 172.16.1.12 --strict

      oddflow evaluate --dataset office --registry registry --report evaluation.html
    """
    from detector.cli.rejects import told_reading  # noqa: PLC0415 - --help needs none of these
    from detector.cli.steps import steps_on_stderr  # noqa: PLC0415
    from detector.pipeline.decoding import open_format  # noqa: PLC0415
    from detector.scoring.kept_flows import budget_of, load_model, score_flows  # noqa: PLC0415
    from training.evaluate import doubts, show  # noqa: PLC0415
    from training.evaluate import evaluate as evaluate_scores  # noqa: PLC0415
    from training.evaluation.dry_run import check_report, findings  # noqa: PLC0415
    from training.evaluation.protocol import protocol_of  # noqa: PLC0415
    from training.evaluation.published import measure_published  # noqa: PLC0415
    from training.labels import check_labels_possible, mark_attackers, need_labels  # noqa: PLC0415

    settings = settings_of(
        config,
        input__format=format,
        input__unpack=unpack or None,
        input__columns=columns,
        kafka__bootstrap_servers=bootstrap_servers,
        model__registry=registry,
        model__name=model,
        model__alias=alias,
        training__datasets=datasets,
    )
    chosen = chosen_set(settings, dataset, data or topic or start or end)
    check_report(report)
    protocol = None
    if report is not None:
        protocol = protocol_of(prevalence=prevalence, incidents_per_day=settings.alerts.false_incidents_per_day)
    if chosen is None:
        open_format(settings)
    if chosen is None and protocol is None:
        check_labels_possible("evaluating", settings.input.format, settings.input.mapping, attacker or [])
    read_from = flow_reader(settings, chosen, data, topic, start, end, labels=True)
    with steps_on_stderr(quiet=as_json) as steps:
        loaded = load_model(settings, version)
        before = read_files(settings, warm_up, steps, labels=False, what="warm-up ") if warm_up else None
        read = read_from(steps)
        if notes := told_reading(read):
            steps.note(notes)
        read = replace(read, frame=mark_attackers(read.frame, attacker or []))
        if protocol is None or report is None:
            need_labels(read.frame)
            steps(f"scoring {len(read.frame):,} flows")
            scored = score_flows(loaded, read, before)
            found = evaluate_scores(loaded, read, scored, budget_of(settings))
            wrong, text = doubts(found), json.dumps(found, indent=2) if as_json else show(found)
        else:
            on = measure_published(loaded, read, before, protocol, steps)
            told = findings(on.report)
            told.write(report)
            wrong, text = on.doubts, told.json.decode().rstrip() if as_json else told.text
    typer.echo(text)
    for doubt in wrong:
        typer.echo(f"oddflow: {doubt}", err=True)
    if strict and wrong:
        raise typer.Exit(1)
