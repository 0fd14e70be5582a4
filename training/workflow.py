"""From flows that were read to a published model: the one way, of ``oddflow train`` and of the retrain service.

::

    taught by labels → trained → measured → judged by the gate → bundle with its further files → published → alias

Takes a :class:`Dataset`, a :class:`Recipe`, the settings and the registry. Gives an :class:`Outcome`. What an alias
points to changes last of all, and only after the version is there as a whole: whatever goes wrong before leaves the
champion as it was. Reading flows and telling people of the outcome are left to others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

import msgspec
import numpy as np
import polars as pl

from detector.bundle.files import read_bundle
from detector.bundle.loaded_model import LoadedModel
from detector.bundle.manifest import LabelsTaught
from detector.bundle.verdict import VERDICT, Verdict
from detector.casebook.told import Told as ToldIncident
from detector.cli.rejects import check_share, told_reading
from detector.decisions.passed import TAUGHT
from detector.errors import InputError, RegistryError
from detector.registry.history import user
from detector.registry.names import CHALLENGER, CHAMPION, REJECTED
from detector.registry.registry import AliasMovedError, Registry
from detector.registry.trusted import private_key
from detector.scoring.dataset import Dataset
from detector.settings.tree import Settings
from training.cards.facts import Told
from training.cards.parent import parent_of
from training.estimators import has_forest
from training.evaluation.by_time import ByTime
from training.evaluation.report import REPORT, Report
from training.gate.facts import Facts
from training.gate.gate import Champion, beside, facts_of, judged_by_people, tested
from training.gate.known import NOTHING_SAID, Spoken
from training.gate.rules import judge
from training.learn import LESSON, Attacks
from training.lessons.guards import Guards
from training.lessons.lessons import Lessons, lessons_of, words_of
from training.publish import check_place, publish
from training.shared import shared_files, signed
from training.train import Recipe, Trained, train
from training.watched import left_out

MOST_CHAMPIONS = 3
"""Promoted while one is judged; more are not waited for: the last move of the alias asks once more."""

MOST_REASON = 2_000
"""Characters of a line of the history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What people said, and what it is of."""

    spoken: Spoken = NOTHING_SAID
    incidents: Sequence[ToldIncident] = ()
    """Flows of those that nobody judged are not trained on."""
    others: Dataset | None = None
    """Flows that were left out when the others were gathered, of the same sources."""


NOBODY_SAID = Said()


class TellSteps(Protocol):
    """Who is told what is being done, such as :class:`detector.cli.steps.Steps`."""

    def __call__(self, step: str) -> None:
        """A step begins."""

    def note(self, text: str) -> None:
        """Something that a person should know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the flows."""

    model: LoadedModel
    """As published."""
    trained: Trained
    read: Dataset
    """The flows trained on, without those whose times cannot be believed."""
    report: Report | None
    """None where nothing was measured."""
    verdict: Verdict
    alias: str
    """That points to it now."""
    previous: str | None
    """The version that the alias pointed to before."""
    taught: LabelsTaught
    """What people's labels came to."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the gate refused it; none where it passed."""
        return self.verdict.reasons


def make_model(
    read: Dataset,
    recipe: Recipe,
    settings: Settings,
    registry: Registry,
    tell: TellSteps,
    *,
    promote: bool | None = None,
    said: Said = NOBODY_SAID,
) -> Outcome:
    """Train on flows and publish what came of it; ``read`` has its labels where there are any.

    What passes the gate becomes ``champion`` where there is none or ``promote`` is true, else ``challenger`` (always,
    if it is false); what does not, ``rejected``. ``said`` is what people said of some of the flows.

    Raises InputError for flows that cannot be trained on, ConfigurationError for a recipe that cannot be followed,
    BundleError for a model that a daemon would refuse, RegistryError where it cannot be published.
    """
    name = settings.model.name
    check_place(settings.model.registry)
    signer = private_key(settings.training.sign_key) if settings.training.sign_key else None
    champion, known_before = Champion.of(registry, name), registry.versions(name)
    read = usable(read, settings, tell)
    whole = read if said.others is None else joined(read, said.others)
    lessons = lessons_in(whole, said, settings)
    leaves = recipe.learns and bool(lessons.asked) and has_forest(recipe.kind, recipe.fitting)
    told_of_labels = msgspec.structs.replace(lessons.told, leaves=leaves)
    for line in (*said.spoken.notes, *words_of(told_of_labels)):
        tell.note(line)
    read = taught(whole, lessons)
    trained = train(read.frame, recipe, tell, recipe.came_by(read), attacks_in(whole, lessons, recipe))
    for doubt in trained.doubts(settings.alerts.false_incidents_per_day):
        tell.note(doubt)
    draft = trained.bundle(name, read, told=Told(taught=told_of_labels))
    candidate = read_bundle(draft)
    known = judged_by_people(lessons, candidate, whole, settings)
    measured = tested(read, recipe, settings, tell)
    tell("judging")
    size = sum(map(len, draft.values()))
    facts = facts_of(candidate, size, read, measured, known, settings.alerts.false_incidents_per_day)
    facts, champion, verdict = judged(facts, champion, registry, read, recipe, measured.by_time, settings, tell)
    report = measured.report
    tell("publishing")
    further = further_files(trained, report, verdict, tell)
    told = Told(report=report, verdict=verdict, drift=facts.drift, taught=told_of_labels)
    files = trained.bundle(name, read, parent_of(registry, name, champion.version), further, told)
    if known_before and not registry.versions(name):
        raise RegistryError(
            f"publishing {name} {candidate.version}: registry {registry.url} had {len(known_before):,} versions when"
            " training began, and has none; mount it again, then train anew"
        )
    model = publish(registry, signed(files, signer))
    alias, previous = point(registry, name, model.version, verdict, len(read.frame), tell, promote=promote)
    return Outcome(
        model=model,
        trained=trained,
        read=read,
        report=report,
        verdict=verdict,
        alias=alias,
        previous=previous,
        taught=told_of_labels,
    )


def lessons_in(read: Dataset, said: Said, settings: Settings) -> Lessons:
    """Hold flows against what people said, within the bounds of the settings."""
    return lessons_of(
        read.frame,
        said.incidents,
        said.spoken,
        guards=Guards.of(settings.feedback),
        margin_s=settings.retrain.incident_margin_s,
        topic=read.topic,
    )


def joined(read: Dataset, others: Dataset) -> Dataset:
    """Flows with others of the same sources among them."""
    both = pl.concat([read.frame, others.frame], how="diagonal").sort("ts", maintain_order=True)
    return replace(read, frame=both)


def taught(whole: Dataset, lessons: Lessons) -> Dataset:
    """What is trained on: flows with how often each counts that people called harmless. Raises InputError for none."""
    if not lessons.keep.any():
        raise InputError("training: every flow is judged true, or of an incident that nobody judged; judge some")
    frame = whole.frame
    if lessons.taught.any():
        frame = frame.with_columns(pl.Series(TAUGHT, lessons.taught), pl.Series(LESSON, lessons.shares("false")))
    return replace(whole, frame=frame if lessons.keep.all() else frame.filter(lessons.keep))


def attacks_in(whole: Dataset, lessons: Lessons, recipe: Recipe) -> Attacks | None:
    """What people judged true, among all flows; None where there is nothing, or nothing is learnt from it."""
    shares = lessons.shares("true")
    if not (recipe.learns and shares.any()):
        return None
    places = np.flatnonzero(shares)
    return Attacks(
        frame=whole.frame,
        places=places,
        weights=shares[places].astype(np.float64),
        partitions=recipe.came_by(whole),
    )


def judged(  # noqa: PLR0917 - what is judged, and beside whom
    facts: Facts,
    champion: Champion,
    registry: Registry,
    read: Dataset,
    recipe: Recipe,
    by_time: ByTime | None,
    settings: Settings,
    tell: TellSteps,
) -> tuple[Facts, Champion, Verdict]:
    """Judge beside what is in charge when that is done: who was promoted meanwhile is compared with, too."""
    compared = beside(facts, champion, read, recipe, by_time, settings)
    for _ in range(MOST_CHAMPIONS):
        now = registry.aliases(settings.model.name).get(CHAMPION)
        if now == champion.version:
            break
        tell.note(f"the champion is {now or 'gone'} now, no longer {champion.version or 'missing'}: judging again")
        champion = Champion.of(registry, settings.model.name)
        compared = beside(facts, champion, read, recipe, by_time, settings)
    return compared, champion, judge(compared, settings.gate, datetime.now(UTC))


def point(  # noqa: PLR0917 - which alias, and what is told of it
    registry: Registry,
    name: str,
    version: str,
    verdict: Verdict,
    flows: int,
    tell: TellSteps,
    *,
    promote: bool | None,
) -> tuple[str, str | None]:
    """Point the alias that the verdict allows to a published version; give it, and where it pointed to before."""
    by = user()
    if not verdict.passed:
        reason = f"refused by the gate: {'; '.join(verdict.reasons)}"
        return REJECTED, registry.promote(name, version, REJECTED, by=by, reason=reason[:MOST_REASON])
    reason = f"trained on {flows} flows, passed the gate"
    if promote or (promote is None and verdict.champion is None):
        try:
            return CHAMPION, registry.promote(name, version, by=by, reason=reason, expect={CHAMPION: verdict.champion})
        except AliasMovedError as error:
            tell.note(f"{error}; it is the {CHALLENGER}")
    return CHALLENGER, registry.promote(name, version, CHALLENGER, by=by, reason=reason)


def usable(read: Dataset, settings: Settings, tell: TellSteps) -> Dataset:
    """Leave out flows apart and tell of what is not used. Raises InputError where that is too much."""
    read = left_out(read)
    if notes := told_reading(read):
        tell.note(notes)
    check_share(read, settings.training.max_rejected_share)
    return read


def further_files(trained: Trained, report: Report | None, verdict: Verdict, tell: TellSteps) -> dict[str, bytes]:
    """What a bundle has beside the model, by name: the one place to add such a file."""
    shared = shared_files(trained)
    if shared.note:
        tell.note(shared.note)
    reported = {} if report is None else {REPORT: report.encode()}
    return {**shared.files, **reported, VERDICT: verdict.encode()}
