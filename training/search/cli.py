"""``oddflow search``: flows in, settings for ``oddflow train`` out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from detector.cli.data import (
    AttackerOption,
    BootstrapOption,
    ColumnsOption,
    ConfigOption,
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
    chosen_set,
    settings_of,
)
from detector.settings.load import CONFIG_VARIABLE
from training.options import (
    InsideOption,
    KindOption,
    LeaveOutOption,
    MaxRejectedOption,
    PartitionsOption,
    WindowsOption,
    recipe_of,
)

USUAL_TRIALS = 50
"""Where neither trials nor minutes are asked for."""


def search(
    *,
    data: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DATA]...",
            help="Files of flow records (lines, plain or compressed, or Parquet), folders of them, or globs; `-` is"
            " standard input.",
            show_default=False,
        ),
    ] = None,
    dataset: DatasetOption = None,
    datasets: DatasetsOption = None,
    format: FormatOption = None,  # noqa: A002
    unpack: UnpackOption = None,
    columns: ColumnsOption = None,
    topic: TopicOption = None,
    bootstrap_servers: BootstrapOption = None,
    start: FromOption = None,
    end: ToOption = None,
    out: Annotated[
        Path, typer.Option("--out", help="The settings to write, for `oddflow train --config`; replaced if there.")
    ] = Path("best.toml"),
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where all of it is written, .html or .json.")
    ] = None,
    study: Annotated[
        Path, typer.Option("--study", help="SQLite file of the trials: a search that was cut off goes on with it.")
    ] = Path("search.db"),
    trials: Annotated[
        int | None,
        typer.Option(min=1, help=f"Trials in all, of earlier runs too. Default: {USUAL_TRIALS}, if no --minutes."),
    ] = None,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="Minutes of this run, instead or besides.")] = None,
    choose: Annotated[
        list[str] | None,
        typer.Option(metavar="PART...", help="What is chosen: parameters, features, weights. Default: all."),
    ] = None,
    held_out: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            help="Share of the time, its last, that has no part in choosing; both recipes are measured on it.",
        ),
    ] = 0.25,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Trials beside each other. Default: one a core, or one a thread of --dask."),
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option(metavar="tcp://HOST:PORT", help="Scheduler of a Dask cluster whose workers try the trials."),
    ] = None,
    kind: KindOption = None,
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE...", help="Parameters that stay as they are said: these are not searched."),
    ] = None,
    leave_out: LeaveOutOption = None,
    train_on: Annotated[
        str, typer.Option(metavar="all|normal|normal+SHARE", help="Rows to train on, as `oddflow train` has it.")
    ] = "all",
    seed: Annotated[int, typer.Option(min=0, help="With --jobs 1, the same seed and flows give the same trials.")] = 1,
    folds: Annotated[int, typer.Option(min=2, help="Parts of the flows; each is tested by the rest.")] = 5,
    repeats: Annotated[int, typer.Option(min=1, help="How often the folds are drawn anew.")] = 1,
    prevalence: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of attacks that precision is told at.")
    ] = 0.01,
    windows: WindowsOption = True,
    partitions: PartitionsOption = None,
    inside: InsideOption = None,
    attacker: AttackerOption = None,
    max_rejected: MaxRejectedOption = None,
    registry: RegistryOption = None,
    model: ModelOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search for parameters, features and member weights that find more, and write settings to train by.

    The last stretch of time is cut off first. Trials are tested on random splits of the rest, by labelled attacks, or
    by simulated ones put on your own hosts. At the end the usual recipe and the chosen one are measured side by side on
    the stretch that had no part in choosing. Nothing is published. Stopped, it goes on when run again.

    Examples:

      oddflow search conn.log.gz --format zeek

      oddflow search 'logs/conn.*.log.gz' --format zeek --minutes 60 --report search.html

      oddflow search labelled.log --format zeek --train-on normal --trials 100 --study monday.db --out monday.toml

      oddflow search logs/ --format zeek --trials 500 --dask tcp://10.0.0.5:8786

      oddflow search conn.log.gz --format zeek --choose weights --param members=forest,clusters,hbos,single
    """
    import distributed  # noqa: F401, PLC0415 - told as an extra that is missing, before flows are read
    import optuna  # noqa: F401, PLC0415

    from training.search.command import Given, run  # noqa: PLC0415 - --help needs none of it

    settings = settings_of(
        config,
        input__format=format,
        input__unpack=unpack or None,
        input__columns=columns,
        kafka__bootstrap_servers=bootstrap_servers,
        model__registry=registry,
        model__name=model,
        training__max_rejected_share=max_rejected,
        training__datasets=datasets,
        training__leave_out=leave_out,
    )
    chosen = chosen_set(settings, dataset, data or topic or start or end)
    recipe = recipe_of(
        settings,
        kind=kind,
        param=param,
        seed=seed,
        folds=0,
        windows=windows,
        partitions=partitions,
        inside=inside,
        train_on=train_on,
    )
    given = Given(
        chosen=chosen,
        data=data,
        topic=topic,
        start=start,
        end=end,
        out=out,
        report=report,
        study=study,
        trials=trials if trials or minutes else USUAL_TRIALS,
        seconds=None if minutes is None else 60.0 * minutes,
        choose=choose or [],
        held_out=held_out,
        jobs=jobs,
        dask=dask,
        recipe=recipe,
        fixed_partitions=partitions is not None,
        folds=folds,
        repeats=repeats,
        prevalence=prevalence,
        attacker=attacker or [],
        own=config or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None),
        flags=flags_of(
            {
                "--data": data,
                "--dataset": dataset,
                "--datasets": datasets,
                "--format": format,
                "--unpack": unpack,
                "--columns": columns,
                "--topic": topic,
                "--bootstrap-servers": bootstrap_servers,
                "--from": start,
                "--to": end,
                "--train-on": None if train_on == "all" else train_on,
                "--seed": None if seed == 1 else seed,
                "--no-windows": None if windows else [],
                "--partitions": partitions,
                "--inside": inside,
                "--attacker": attacker,
                "--max-rejected": max_rejected,
                "--registry": registry,
                "--model": model,
            }
        ),
    )
    typer.echo(run(given, settings, as_json=as_json))


def flags_of(values: dict[str, Any]) -> list[str]:
    """Flags as they were given, for another command; those that are None were not."""
    found: list[str] = []
    for name, value in values.items():
        if value is not None:
            found += [name, *map(str, value)] if isinstance(value, list) else [name, str(value)]
    return found
