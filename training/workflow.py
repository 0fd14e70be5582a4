"""From flows that were read to a published model: the one way, of ``oddflow train`` and of the retrain service.

::

    left out → trained → measured → judged by the gate → bundle with its further files → published → alias

Takes a :class:`Dataset`, a :class:`Recipe`, the settings and the registry. Gives an :class:`Outcome`. What an alias
points to changes last of all, and only after the version is there as a whole: whatever goes wrong before leaves the
champion as it was. Reading flows and telling people of the outcome are left to others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from detector.bundle.loaded_model import LoadedModel
from detector.bundle.verdict import VERDICT, Verdict
from detector.cli.rejects import check_share, told_reading
from detector.registry.names import CHAMPION
from detector.registry.registry import Registry
from detector.registry.trusted import private_key
from detector.scoring.dataset import Dataset
from detector.settings.tree import Settings
from training.cards.facts import Told
from training.cards.parent import parent_of
from training.evaluation.report import REPORT, Report
from training.publish import check_place, publish
from training.shared import shared_files, signed
from training.train import Recipe, Trained, train
from training.watched import left_out


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
    verdict: Verdict | None
    alias: str | None
    """That points to it now; None where none does."""
    previous: str | None
    """The version that the alias pointed to before."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the gate refused it; none where it passed."""
        return () if self.verdict is None else self.verdict.reasons


def make_model(
    read: Dataset,
    recipe: Recipe,
    settings: Settings,
    registry: Registry,
    tell: TellSteps,
    *,
    promote: bool = True,
) -> Outcome:
    """Train on flows and publish what came of it; ``read`` has its labels where there are any.

    Raises InputError for flows that cannot be trained on, ConfigurationError for a recipe that cannot be followed,
    BundleError for a model that a daemon would refuse, RegistryError where it cannot be published.
    """
    name = settings.model.name
    check_place(settings.model.registry)
    signer = private_key(settings.training.sign_key) if settings.training.sign_key else None
    parent = parent_of(registry, name, registry.aliases(name).get(CHAMPION))
    read = usable(read, settings, tell)
    came_by = read.partitions if read.topic and recipe.partitions == len(read.sources) else None
    trained = train(read.frame, recipe, tell, came_by)
    if doubt := trained.doubt(settings.alerts.false_incidents_per_day):
        tell.note(doubt)
    report, verdict = None, None
    tell("publishing")
    further, told = further_files(trained, report, verdict, tell), Told(report=report, verdict=verdict)
    files = trained.bundle(name, read, parent, further, told)
    files = signed(files, signer)
    published = publish(registry, files, promote=promote, reason=f"trained on {len(read.frame)} flows")
    return Outcome(
        model=published.model,
        trained=trained,
        read=read,
        report=report,
        verdict=verdict,
        alias=CHAMPION if published.promoted else None,
        previous=published.previous,
    )


def usable(read: Dataset, settings: Settings, tell: TellSteps) -> Dataset:
    """Leave out flows apart and tell of what is not used. Raises InputError where that is too much."""
    read = left_out(read)
    if notes := told_reading(read):
        tell.note(notes)
    check_share(read, settings.training.max_rejected_share)
    return read


def further_files(
    trained: Trained, report: Report | None, verdict: Verdict | None, tell: TellSteps
) -> Mapping[str, bytes]:
    """What a bundle has beside the model, by name: the one place to add such a file."""
    shared = shared_files(trained)
    if shared.note:
        tell.note(shared.note)
    reported = {} if report is None else {REPORT: report.encode()}
    judged = {} if verdict is None else {VERDICT: verdict.encode()}
    return {**shared.files, **reported, **judged}
