"""A search from flows to what it found: held out, tried, chosen, and measured where nothing was chosen.

::

    flows → the last stretch cut off → trials on random splits of the rest → the best one
          → both it and the usual recipe trained on the rest, judged on the stretch → report

Takes flows that were read, the recipe as it is, and :class:`Asked`. Gives :class:`Found`. Nothing is published.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from optuna.trial import TrialState

from detector.errors import InputError
from detector.scoring.dataset import Dataset
from detector.settings.tree import Settings
from training.evaluation.measure import Measured, marked_of, measure_and_keep
from training.evaluation.report import Protocol, Report, Search
from training.search import run
from training.search.beside import Pair
from training.search.held_out import HeldOut
from training.search.material import OBJECTIVE, Material
from training.search.progress import Budget
from training.search.space import Part, Space, space_for
from training.search.study import Cost, Study, Subject, opened
from training.search.workers import Workers
from training.train import Recipe
from training.workflow import TellSteps, usable


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is searched, and how long."""

    study: Path
    protocol: Protocol
    held_out: float
    """Share of the time watched, its last, that has no part in choosing."""
    parts: tuple[Part, ...]
    budget: Budget
    workers: Callable[[Material], Workers]
    """Gives those who try, for what they try on."""
    workers_words: str
    quiet: bool = False
    """Whether nobody is told of each trial."""


@dataclass(frozen=True, slots=True)
class Found:
    """What came of it."""

    recipe: Recipe
    """The chosen one."""
    report: Report
    """Of the chosen one on the untouched stretch alone, with how it was searched for."""

    @property
    def search(self) -> Search:
        """How it was searched for."""
        if self.report.search is None:
            raise ValueError("this report is of no search")
        return self.report.search


def searched(read: Dataset, base: Recipe, settings: Settings, asked: Asked, tell: TellSteps) -> Found:
    """Search; ``tell`` is told each step, and each trial that ended.

    Raises InputError for flows that nothing can be chosen by, ConfigurationError for a study of something else, and
    what :func:`training.search.study.opened` and the workers raise.
    """
    read = usable(read, settings, tell)
    whole = marked_of(read.frame, base, base.came_by(read))
    held = HeldOut.of(whole, asked.held_out)
    notes: list[str] = []
    material, protocol = held.material(base, asked.protocol, notes, tell)
    space = space_for(base, material.spec, asked.parts, material.least_trained)
    subject = subject_of(held, base, protocol, space, asked)
    with opened(asked.study, subject, space, base.seed) as study:
        tell(f"trying recipes on {len(material.parts)} random splits")
        line = _silent if asked.quiet else tell.note
        if study.ended:
            line(f"going on with {asked.study}: {len(study.ended)} trials have ended")
        run.Search(study, space, base, asked.workers(material), asked.budget, len(material.parts), line).run()
        chosen, told = outcome(study, space, base, asked, held)
    del material
    final = held.final_protocol(base, asked.protocol)
    tell("measuring the usual recipe and the chosen one on the stretch that was held out")
    before = _measured(held, base, final)
    after = before if chosen == base else _measured(held, chosen, final)
    usual, best = before.by_time.runs[0], after.by_time.runs[0]
    pair = Pair(usual.judged, best.judged, usual.days)
    beside = pair.beside(before.by_time.protocol)
    verdict = pair.verdict(beside) if chosen != base else NOTHING_BETTER
    told = msgspec.structs.replace(told, beside=beside, verdict=verdict)
    report = msgspec.structs.replace(after.report, notes=(*notes, *after.report.notes), search=told)
    return Found(chosen, report)


NOTHING_BETTER = "no recipe that was tried did better than the usual one, which stays"


def outcome(study: Study, space: Space, base: Recipe, asked: Asked, held: HeldOut) -> tuple[Recipe, Search]:
    """The chosen recipe, and what the study tells. Raises InputError where no trial is complete."""
    best, first = study.best, study.first
    if best is None or best.value is None:
        raise InputError("searching: no trial is complete; give more --trials or --minutes")
    params, left_out = space.differing(best.params)
    cost: Cost = study.cost
    return space.recipe(base, best.params), Search(
        objective=f"{OBJECTIVE}_{asked.protocol.prevalence:g}",
        untouched_from=held.start,
        space=tuple(space.usual),
        chosen=params,
        left_out=left_out,
        usual_value=best.value if first is None or first.value is None else first.value,
        chosen_value=best.value,
        trials=len(study.ended),
        pruned=study.of_state(TrialState.PRUNED),
        failed=study.of_state(TrialState.FAIL),
        cut_off=study.lost,
        seconds=cost.seconds,
        processor_seconds=cost.processor_s,
        workers=asked.workers_words,
        beside=(),
        verdict="",
    )


def subject_of(held: HeldOut, base: Recipe, protocol: Protocol, space: Space, asked: Asked) -> Subject:
    """What the study is of."""
    return Subject(
        data=held.digest(),
        recipe=_text(
            {
                "kind": base.kind,
                "train_on": base.train_on.text,
                "seed": base.seed,
                "params": dict(base.params),
                "windows": base.windows,
                "partitions": base.partitions,
                "inside": base.inside,
                "leave_out": base.leave_out,
            }
        ),
        protocol=_text(protocol),
        space=_text(space),
        held_out=asked.held_out,
    )


def _silent(_: str) -> None:
    """Tell nobody."""


def _text(thing: Any) -> str:
    return msgspec.json.encode(thing, order="deterministic").decode()


def _measured(held: HeldOut, recipe: Recipe, protocol: Protocol) -> Measured:
    found = measure_and_keep(
        held.whole.frame, replace(recipe, folds=0), protocol=protocol, partitions=held.whole.partitions
    )
    if not found.by_time.runs:
        raise InputError(f"searching: the untouched stretch could not be measured: {'; '.join(found.report.notes)}")
    return found
