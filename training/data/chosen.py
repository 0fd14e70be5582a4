"""The flag ``--dataset`` of commands: which set is meant, and reading it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from detector.errors import ConfigurationError
from training.data.manifest import SetInfo
from training.data.store import DataSets

if TYPE_CHECKING:
    from detector.cli.steps import Steps
    from detector.scoring.dataset import Dataset
    from detector.settings.tree import Settings


@dataclass(frozen=True, slots=True)
class ChosenSet:
    """A set that is there, its manifest read."""

    sets: DataSets
    info: SetInfo

    def read(self, steps: Steps) -> Dataset:
        """Its flows; what is to be known of a sample is noted. Raises InputError where it is corrupt."""
        steps(f"reading data set {self.info.reference}")
        read = self.sets.read(self.info.reference)
        steps.count(len(read.frame))
        if self.info.source_share < 1:
            steps.note(sampled(self.info))
        return read


def chosen_set(settings: Settings, reference: str | None, others: object) -> ChosenSet | None:
    """The set that ``--dataset`` names; None where it names none.

    Raises ConfigurationError where ``others`` (flags of files or a topic) are given, too; InputError where it is not
    there.
    """
    if reference is None:
        return None
    if others:
        raise ConfigurationError("flows of --dataset and of --data, --topic, --from or --to: give one of them")
    sets = DataSets(settings.training.datasets)
    return ChosenSet(sets, sets.info(reference))


def sampled(info: SetInfo) -> str:
    """What is to be known of a set that does not hold all sources."""
    return (
        f"{info.reference} holds all flows of {info.source_share:.3g} of the sources: a budget of false incidents is"
        " then one for these alone; over all sources expect"
        f" about {1 / info.source_share:.0f} times as many"
    )
