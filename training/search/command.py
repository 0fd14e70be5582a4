"""What ``oddflow search`` does with its flags: checks all that it can, reads flows, searches, writes what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from detector.cli.data import ChosenSet, flow_reader
from detector.cli.steps import Steps, steps_on_stderr
from detector.cli.whole_file import write_whole
from detector.errors import ConfigurationError
from detector.settings.tree import Settings
from training.cards.words import count
from training.evaluation.dry_run import check_report, findings
from training.evaluation.protocol import protocol_of
from training.gate.gate import budget_of
from training.labels import mark_attackers
from training.options import check_format
from training.search.interrupts import ended_by_signals
from training.search.material import Material
from training.search.progress import Budget
from training.search.searching import Asked, Found, searched
from training.search.settings_file import check_parameters, settings_text, tables_of, train_command
from training.search.space import PARTS, Part
from training.search.told import as_json as told_as_json
from training.search.told import as_text
from training.search.workers import Threads, Workers
from training.stretches import cores
from training.train import Recipe

LARGEST_SHARE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The flags, as they were given."""

    chosen: ChosenSet | None
    data: list[str] | None
    topic: str | None
    start: str | None
    end: str | None
    out: Path
    report: Path | None
    study: Path
    trials: int | None
    seconds: float | None
    choose: list[str]
    held_out: float
    jobs: int | None
    dask: str | None
    recipe: Recipe
    """The usual one."""
    fixed_partitions: bool
    """Whether its partitions are meant; else those that flows were read from count."""
    folds: int
    repeats: int
    prevalence: float
    attacker: list[str]
    own: Path | None
    """The settings file that was read."""
    flags: list[str]
    """Those that ``oddflow train`` takes, too."""


def run(given: Given, settings: Settings, *, as_json: bool) -> str:
    """Search, write what was found, and give the words for it. Raises what :func:`searched` does."""
    recipe = given.recipe
    check_parameters(recipe.params)
    check_files(given)
    if not 0.0 < given.held_out <= LARGEST_SHARE:
        raise ConfigurationError(f"--held-out {given.held_out:g}: give a share above 0, {LARGEST_SHARE:g} at the most")
    asked = asked_of(given, settings, quiet=as_json)
    if given.chosen is None:
        check_format(settings, recipe, given.attacker)
    read_from = flow_reader(settings, given.chosen, given.data, given.topic, given.start, given.end, labels=True)
    command = train_command(given.flags, given.out)
    with ended_by_signals(), steps_on_stderr(quiet=as_json) as steps:
        read = read_from(steps)
        read = replace(read, frame=mark_attackers(read.frame, given.attacker))
        if not given.fixed_partitions:
            recipe = recipe.over(read)
        with told_how_to_go_on(steps, given.study):
            found = searched(read, recipe, settings, asked, steps)
        write(found, given, command)
    return told_as_json(found, given.out, command) if as_json else as_text(found, given.out, command)


def asked_of(given: Given, settings: Settings, *, quiet: bool) -> Asked:
    """What is searched, and by whom."""
    return Asked(
        study=given.study,
        protocol=protocol_of(
            folds=given.folds,
            repeats=given.repeats,
            prevalence=given.prevalence,
            seed=given.recipe.seed,
            incidents_per_day=budget_of(settings),
        ),
        held_out=given.held_out,
        parts=parts_of(given.choose),
        budget=Budget(given.trials, given.seconds),
        workers=workers_of(given.dask, given.jobs),
        workers_words="a Dask cluster" if given.dask else count(given.jobs or cores(), "thread"),
        quiet=quiet,
    )


def workers_of(dask: str | None, jobs: int | None) -> Callable[[Material], Workers]:
    """Who tries. Raises ConfigurationError, before flows are read, for a cluster that does not answer."""
    if not dask:
        return lambda material: Threads(material, jobs or cores())
    from training.search.cluster import Cluster, check_versions, connected  # noqa: PLC0415 - slow to import

    with connected(dask) as client:
        check_versions(client, dask)
    return lambda material: Cluster(material, dask, jobs)


def parts_of(names: list[str]) -> tuple[Part, ...]:
    """Read ``--choose``. Raises ConfigurationError for what cannot be chosen."""
    for name in names:
        if name not in PARTS:
            raise ConfigurationError(f"--choose {name}: there is {', '.join(PARTS)}")
    return tuple(name for name in PARTS if name in names) or PARTS


def check_files(given: Given) -> None:
    """Raise ConfigurationError, before anything is read, for files that cannot be written, or that are others."""
    out = given.out
    if out.is_dir() or not out.absolute().parent.is_dir():
        why = "it is a folder" if out.is_dir() else f"there is no folder {out.absolute().parent}"
        raise ConfigurationError(f"--out {out}: {why}; give a file such as best.toml")
    for other, what in ((given.own, "the settings that are read"), (given.study, "the study")):
        if other is not None and out.absolute() == other.absolute():
            raise ConfigurationError(f"--out {out}: that is {what}; give another file")
    check_report(given.report)


def write(found: Found, given: Given, command: str) -> None:
    """Write the settings, and the report where one is asked for, each whole or not at all."""
    head = (f"Found by oddflow search: {found.search.verdict}.", f"Train by it: {command}")
    text = settings_text(found.recipe, tables_of(given.own), head).encode()
    write_whole(str(given.out), lambda file: file.write(text))
    if given.report is not None:
        findings(found.report).write(given.report)


@contextmanager
def told_how_to_go_on(steps: Steps, study: Path) -> Iterator[None]:
    """Say, where it is interrupted, what is kept."""
    try:
        yield
    except KeyboardInterrupt:
        steps.note(f"stopped; trials that ended are kept in {study}: run the same command again to go on")
        raise
