"""The commands that come with the extra ``train``: what each is given; the work is in modules imported when it runs."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

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
    given_flows,
    read_files,
    read_flows,
    settings_of,
)
from detector.cli.several import SeveralCommand
from detector.errors import ConfigurationError, GateError

if TYPE_CHECKING:
    from detector.cli.data import Given
    from training.evaluation.dry_run import Measuring
    from training.evaluation.report import Protocol
    from training.workflow import Outcome

KIND_NAMES = ("ensemble", "isolation-forest", "kmeans", "kmeans-spread", "hbos", "ecod", "pca")
"""Those of ``detector.models.every_kind``, for ``--help``, which imports nothing slow."""

KindOption = Annotated[
    str | None,
    typer.Option(help=f"Kind of model: {', '.join(KIND_NAMES)}; the settings' training.kind if not given."),
]
ParamOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE...",
        help="Parameters of the kind, by its library's names; the settings' training.parameters if not given.",
    ),
]
LeaveOutOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME...",
        help="Features to do without: families, names or patterns of names, such as outcome or 'pair_*'; the settings'"
        " training.leave_out if not given.",
    ),
]

_MARKS = {True: "passed", False: "FAILED", None: "not asked"}

ELSEWHERE = {
    "simulate": "training.simulator.cli",
    "demo": "training.demo.cli",
    "hunt": "training.hunt.cli",
    "retrain": "training.retrain.cli",
    "search": "training.search.cli",
}
"""Commands with a module of their own; their extras may be missing."""


def register(app: typer.Typer) -> None:
    """Add the commands: the entry point of the group ``oddflow.commands``."""
    app.command(cls=SeveralCommand)(train)
    app.command(cls=SeveralCommand)(evaluate)
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
    param: ParamOption = None,
    leave_out: LeaveOutOption = None,
    folds: Annotated[int, typer.Option(min=0, help="Trainings to measure the quality with; 0: not measured.")] = 5,
    windows: Annotated[
        bool,
        typer.Option("--windows/--no-windows", help="Features of how hosts behave over time, too."),
    ] = True,
    partitions: Annotated[
        int | None,
        typer.Option(min=1, help="Partitions of the topic that the daemon will read. Default: those of --topic, or 1."),
    ] = None,
    inside: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NETWORK...",
            help="Networks with public addresses that are inside, as private ones are, in CIDR.",
        ),
    ] = None,
    attacker: AttackerOption = None,
    max_rejected: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Share of the records that may be unusable; the settings' training.max_rejected_share if not given.",
        ),
    ] = None,
    sign_key: Annotated[
        Path | None,
        typer.Option(
            "--sign-key", help="Private key (PEM) to sign it by; the settings' training.sign_key if not given."
        ),
    ] = None,
    judged: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="What people said of flows, as JSON lines: none called false may be raised again."
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

      oddflow train --data labelled.log --format zeek --compare --report comparison.html
    """
    from detector.cli.steps import steps_on_stderr  # noqa: PLC0415 - --help needs none of these
    from detector.features.windows import default_windows  # noqa: PLC0415
    from detector.pipeline.decoding import open_format  # noqa: PLC0415
    from detector.registry.trusted import open_registry  # noqa: PLC0415
    from training.data.chosen import chosen_set  # noqa: PLC0415
    from training.gate.gate import protocol_for  # noqa: PLC0415
    from training.gate.known import read_judgements  # noqa: PLC0415
    from training.labels import TrainOn, check_labels_possible, mark_attackers  # noqa: PLC0415
    from training.parameters import parameters_for  # noqa: PLC0415
    from training.publish import check_place  # noqa: PLC0415
    from training.train import Recipe  # noqa: PLC0415
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
    model_kind, params = parameters_for(settings.training, kind, parameters(param or []))
    recipe = Recipe(
        kind=model_kind,
        train_on=TrainOn.parse(train_on),
        seed=seed,
        params=params,
        folds=folds,
        windows=default_windows() if windows else None,
        partitions=partitions or 1,
        inside=networks(inside or []),
        leave_out=settings.training.leave_out,
    )
    protocol_for(recipe, settings)  # refuses folds that cannot be
    judgements = read_judgements(judged) if judged else []
    if chosen is None:
        open_format(settings)
    if recipe.train_on.needs_labels and chosen is None:
        check_labels_possible(f"training on {train_on}", settings.input.format, settings.input.mapping, attacker or [])
    asked = None if chosen else given_flows(data, topic, start, end)
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
        read = chosen.read(steps) if chosen else read_flows(settings, cast("Given", asked), steps, labels=True)
        read = replace(read, frame=mark_attackers(read.frame, attacker or []))
        if read.topic is not None and partitions is None:
            recipe = replace(recipe, partitions=len(read.sources))
        if measuring is None:
            shelf = open_registry(settings.model)
            outcome = make_model(read, recipe, settings, shelf, steps, promote=promote, judgements=judgements)
        else:
            found = measuring(read, recipe, settings, steps)
    if measuring is None:
        _tell_outcome(outcome, as_json)
        refused(outcome)
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


def refused(outcome: Outcome) -> None:
    """Raise GateError where the gate refused the model."""
    if outcome.reasons:
        stays = outcome.verdict.champion
        nothing = (
            "nothing is in charge: to use it all the same, oddflow models promote rejected"
            f" --model {outcome.model.name} --anyway --reason TEXT"
        )
        raise GateError(
            f"training: the gate refused {outcome.model.name} {outcome.model.version}: {'; '.join(outcome.reasons)}; it"
            f" is kept as rejected, and {f'{stays} stays in charge' if stays else nothing}"
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
    from training.data.chosen import chosen_set  # noqa: PLC0415
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
    asked = None if chosen else given_flows(data, topic, start, end)
    with steps_on_stderr(quiet=as_json) as steps:
        loaded = load_model(settings, version)
        before = read_files(settings, warm_up, steps, labels=False, what="warm-up ") if warm_up else None
        read = chosen.read(steps) if chosen else read_flows(settings, cast("Given", asked), steps, labels=True)
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


def parameters(given: list[str]) -> dict[str, Any]:
    """Read ``NAME=VALUE`` flags; a value is JSON where it can be, else text. Raises ConfigurationError."""
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise ConfigurationError(f"--param {text}: give NAME=VALUE, such as n_estimators=200")
        try:
            found[name] = json.loads(value)
        except json.JSONDecodeError:
            found[name] = value
    return found


def networks(given: list[str]) -> tuple[str, ...]:
    """Read ``--inside`` flags. Raises ConfigurationError for text that is no network."""
    from detector.net.networks import canonical  # noqa: PLC0415 - --help needs none of it

    try:
        return canonical(given)
    except ValueError as error:
        raise ConfigurationError(f"--inside: {error}") from error


def _tell_outcome(outcome: Outcome, as_json: bool) -> None:
    from detector.printable import printable  # noqa: PLC0415
    from detector.registry.names import CHALLENGER, CHAMPION  # noqa: PLC0415
    from training.calibration_audit import as_rows, as_text  # noqa: PLC0415 - --help needs none of it

    manifest, stand_out = outcome.model.manifest, outcome.trained.oddest
    if as_json:
        quality = {
            name: {"mean": each.value, "low": each.low, "high": each.high} for name, each in manifest.quality.items()
        }
        told = {
            "model": manifest.name,
            "version": manifest.version,
            "digest": manifest.digest,
            "kind": manifest.kind,
            "rows": manifest.training.rows,
            "rows_read": manifest.training.rows_read,
            "rejected": outcome.read.rejects,
            "rejected_by_reason": dict(outcome.read.rejected),
            "calibration_rows": manifest.calibration.rows,
            "calibration_s": manifest.calibration.seconds,
            "alias": outcome.alias,
            "promoted": outcome.alias == CHAMPION,
            "passed": outcome.verdict.passed,
            "reasons": outcome.reasons,
            "rules": [
                {"rule": each.rule, "passed": each.passed, "measured": each.measured, "bound": each.bound}
                for each in outcome.verdict.rules
            ],
            "previous": outcome.previous,
            "quality": quality,
            "oddest_of_calibration": [] if stand_out is None else as_rows(stand_out),
        }
        typer.echo(json.dumps(told, indent=2))
        return
    for name, each in manifest.quality.items():
        typer.echo(f"{name}: {each.value:.4f} ({each.low:.4f} to {each.high:.4f})")
    was = f", in place of {outcome.previous}" if outcome.previous else ""
    asked = [rule for rule in outcome.verdict.rules if rule.passed is not None]
    for rule in outcome.verdict.rules:
        if rule.bound is not None:
            typer.echo(f"gate {_MARKS[rule.passed]} {rule.rule}: {printable(rule.why)}")
    kept = sum(rule.passed is True for rule in asked)
    typer.echo(
        f"{manifest.name} {manifest.version}: published as {outcome.alias}{was}; {kept} of {len(asked)} rules of the"
        " gate passed"
    )
    if outcome.alias == CHALLENGER:
        typer.echo(f"put it in charge by: oddflow models promote {manifest.version} --model {manifest.name}")
    if stand_out is not None and len(stand_out):
        typer.echo(as_text(stand_out))
