"""``oddflow score``: every record's score, without a daemon."""

from __future__ import annotations

from typing import Annotated

import typer

from detector.cli.data import (
    AliasOption,
    BootstrapOption,
    ColumnsOption,
    ConfigOption,
    DataOption,
    DatasetOption,
    DatasetsOption,
    FormatOption,
    FromOption,
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


def score(
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
    output: Annotated[
        str,
        typer.Option("--output", help="Parquet if it ends so, else JSON lines; `-` is standard output."),
    ] = "-",
    config: ConfigOption = None,
) -> None:
    """Score flows that were kept: every record's id, score and p-value, in the order of the input.

    Examples:

      oddflow score --data conn.log.gz --format zeek --registry registry

      oddflow score --data conn.log.gz --format zeek --registry registry --output scores.parquet

      oddflow score --topic flows --from 2026-11-24T08:00:00Z --to 2026-11-24T09:00:00Z --registry s3://models

      oddflow score --dataset office@20261124T090000Z --datasets datasets --registry registry
    """
    from detector.cli.rejects import told_reading  # noqa: PLC0415 - --help needs none of these
    from detector.cli.score_output import write_scores  # noqa: PLC0415
    from detector.cli.steps import steps_on_stderr  # noqa: PLC0415
    from detector.scoring.kept_flows import load_model, score_flows, score_table, told_strangers  # noqa: PLC0415

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
    read_from = flow_reader(settings, chosen, data, topic, start, end, labels=False)
    with steps_on_stderr() as steps:
        loaded = load_model(settings, version)
        before = read_files(settings, warm_up, steps, labels=False, what="warm-up ") if warm_up else None
        read = read_from(steps)
        if notes := told_reading(read):
            steps.note(notes)
        steps(f"scoring {len(read.frame):,} flows")
        table = score_table(loaded, read, score_flows(loaded, read, before))
        if notes := told_strangers(loaded, read.frame):
            steps.note(notes)
        steps("writing scores")
        write_scores(table, output)
