"""The commands that come with the extra ``train``: what each is given; the work is in modules imported when it runs."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detector.cli.data import (
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
    chosen_set,
    flow_reader,
    settings_of,
)
from detector.cli.several import SeveralCommand
from detector.errors import ConfigurationError
from training.options import (
    CutOption,
    InsideOption,
    KindOption,
    LeaveOutOption,
    MaxRejectedOption,
    ParamOption,
    PartitionsOption,
    WindowsOption,
    check_format,
    recipe_of,
)

if TYPE_CHECKING:
    from training.evaluation.dry_run import Measuring
    from training.evaluation.report import Protocol

ELSEWHERE = {
    "simulate": "training.simulator.cli",
    "demo": "training.demo.cli",
    "evaluate": "training.evaluation.cli",
    "hunt": "training.hunt.cli",
    "retrain": "training.retrain.cli",
    "search": "training.search.cli",
}
"""Commands with a module of their own; their extras may be missing."""


def register(app: typer.Typer) -> None:
    """Add the commands: the entry point of the group ``oddflow.commands``."""
    app.command(cls=SeveralCommand)(train)
    app.add_typer(import_module("training.data.cli").app, name="dataset")
    for name, module in ELSEWHERE.items():
        try:
            command = getattr(import_module(module), name)
        except ModuleNotFoundError:  # one command's libraries must not take the others away
            continue
        app.command(name, cls=SeveralCommand)(command)


def train(
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
    kind: KindOption = None,
    train_on: Annotated[
        str,
        typer.Option(
            metavar="all|normal|normal+SHARE",
            help="Rows to train on: all, those labelled benign, or those and attacks up to that share of them.",
        ),
    ] = "all",
    seed: Annotated[int, typer.Option(min=0, help="The same seed and flows give the same model.")] = 1,
    cut: CutOption = None,
    param: ParamOption = None,
    leave_out: LeaveOutOption = None,
    folds: Annotated[int, typer.Option(min=0, help="Trainings to measure the quality with; 0: not measured.")] = 5,
    windows: WindowsOption = True,
    partitions: PartitionsOption = None,
    inside: InsideOption = None,
    attacker: AttackerOption = None,
    max_rejected: MaxRejectedOption = None,
    sign_key: Annotated[
        Path | None,
        typer.Option(
            "--sign-key", help="Private key (PEM) to sign it by; the settings' training.sign_key if not given."
        ),
    ] = None,
    judged: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What people said, as `oddflow feedback export` gives it: nothing called false may be raised again.",
        ),
    ] = None,
    incidents: Annotated[
        list[str] | None,
        typer.Option(
            "--incidents",
            metavar="FILE...",
            help="Files of incidents, as `oddflow incidents --json` gives them: flows of those that nobody judged, or"
            " that were judged true, are not trained on.",
        ),
    ] = None,
    promote: Annotated[
        bool | None,
        typer.Option(
            "--promote/--no-promote",
            help="Put it in charge at once if it passes the gate; or not, though it is the first. Default: the first.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Measure how good such a model would be, and publish none.")
    ] = False,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare",
            help="Measure every kind beside detectors of other libraries, on these flows: how well each finds attacks,"
            " its time and its memory. Publishes no model.",
        ),
    ] = False,
    time_limit: Annotated[
        float,
        typer.Option(
            "--time-limit", metavar="SECONDS", min=1.0, help="With --compare: what one detector may take, at the most."
        ),
    ] = 600.0,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --dry-run, --compare: where all of it is written, .html or .json."),
    ] = None,
    repeats: Annotated[
        int, typer.Option(min=1, help="With --dry-run, --compare: how often the folds are drawn anew.")
    ] = 2,
    time_splits: Annotated[int, typer.Option(min=0, help="With --dry-run: runs on later flows.")] = 2,
    prevalence: Annotated[
        float,
        typer.Option(metavar="SHARE", help="With --dry-run, --compare: share of attacks that precision is told at."),
    ] = 0.01,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a model, have the gate judge it, and publish it.

    What passes becomes the challenger, and the first model of all the champion, which daemons score with. What the gate
    refuses is kept as `rejected`, with the reasons, and the exit code is 9.

    Examples:

      oddflow train --data conn.log.gz --format zeek --registry registry

      oddflow train --data logs/2026-11-2*/conn.*.log.gz --format zeek --registry s3://models --promote

      oddflow train --topic flows --from 2026-11-23T00:00:00Z --bootstrap-servers kafka:9092 --registry s3://models

      oddflow train --dataset office --datasets datasets --registry registry

      oddflow train --data labelled.log --format zeek --registry registry --train-on normal --param n_estimators=200

      oddflow train --data campus.log --format zeek --registry registry --inside 198.51.100.0/24 2001:db8::/32

      oddflow train --data conn.log.gz --format zeek --dry-run --report evaluation.html

      oddflow train --data conn.log.gz --format zeek --registry registry --judged labels.csv --incidents found.jsonl

      oddflow train --data labelled.log --format zeek --compare --report comparison.html
    """
    from detector.cli.incidents import Asked, Documents  # noqa: PLC0415 - --help needs none of these
    from detector.cli.steps import steps_on_stderr  # noqa: PLC0415
    from detector.registry.trusted import open_registry  # noqa: PLC0415
    from training.gate.gate import protocol_for  # noqa: PLC0415
    from training.labels import mark_attackers  # noqa: PLC0415
    from training.outcome import as_json as told_as_json  # noqa: PLC0415
    from training.outcome import as_text, check_passed  # noqa: PLC0415
    from training.publish import check_place  # noqa: PLC0415
    from training.retrain.source import CaseSource  # noqa: PLC0415
    from training.workflow import make_model  # noqa: PLC0415

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
        training__sign_key=None if sign_key is None else str(sign_key),
        training__leave_out=leave_out,
    )
    chosen = chosen_set(settings, dataset, data or topic or start or end)
    recipe = recipe_of(
        settings,
        kind=kind,
        param=param,
        seed=seed,
        folds=folds,
        windows=windows,
        partitions=partitions,
        inside=inside,
        train_on=train_on,
        cut=cut,
    )
    protocol_for(recipe, settings)  # refuses folds that cannot be
    cases = CaseSource(partial(Documents.chosen, Asked(config, incidents, None, None)) if incidents else None, judged)
    cases.check()
    if chosen is None:
        check_format(settings, recipe, attacker or ())
    read_from = flow_reader(settings, chosen, data, topic, start, end, labels=True)
    measuring = None
    if dry_run or compare:
        from training.evaluation.protocol import protocol_of  # noqa: PLC0415

        protocol = protocol_of(
            folds=folds,
            repeats=repeats,
            time_splits=time_splits,
            prevalence=prevalence,
            seed=seed,
            incidents_per_day=settings.alerts.false_incidents_per_day,
        )
        measuring = _measuring(protocol, report, time_limit, dry_run=dry_run, compare=compare)
    elif report:
        raise ConfigurationError("--report is of --dry-run and --compare; give one of them with it")
    else:
        check_place(settings.model.registry)
    with steps_on_stderr(quiet=as_json) as steps:
        read = read_from(steps)
        read = replace(read, frame=mark_attackers(read.frame, attacker or []))
        if partitions is None:
            recipe = recipe.over(read)
        if measuring is None:
            shelf = open_registry(settings.model)
            said = cases.of(read, settings, steps)
            outcome = make_model(read, recipe, settings, shelf, steps, promote=promote, said=said)
        else:
            found = measuring(read, recipe, settings, steps)
    if measuring is None:
        typer.echo(told_as_json(outcome) if as_json else as_text(outcome))
        check_passed(outcome)
        return
    if report:
        found.write(report)
    typer.echo(found.json.decode().rstrip() if as_json else found.text)


def _measuring(protocol: Protocol, report: Path | None, limit_s: float, *, dry_run: bool, compare: bool) -> Measuring:
    """What is measured instead of publishing a model; all that can be checked before a flow is read, is."""
    from training.evaluation.dry_run import check_report  # noqa: PLC0415 - --help needs none of these
    from training.evaluation.dry_run import dry_run as measuring  # noqa: PLC0415

    if dry_run and compare:
        raise ConfigurationError("--dry-run and --compare: give one of them; neither publishes a model")
    check_report(report)
    if not compare:
        return measuring(protocol)
    from training.compare.command import comparing  # noqa: PLC0415

    return comparing(protocol, limit_s)
