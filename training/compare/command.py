"""``oddflow train --compare``: the published kinds beside detectors from a shelf, without publishing a model."""

from __future__ import annotations

import msgspec

from detector.errors import ConfigurationError
from detector.scoring.dataset import Dataset
from detector.settings.tree import Settings
from training.compare.compare import compare
from training.compare.detectors import check_installed
from training.compare.page import page
from training.compare.text import told
from training.evaluation.dry_run import Findings, Measuring
from training.evaluation.report import Protocol
from training.train import Recipe
from training.workflow import TellSteps, usable


def comparing(protocol: Protocol, limit_s: float) -> Measuring:
    """Compare; none may take longer than ``limit_s`` for its runs.

    Raises ConfigurationError, before a flow is read, where a library is missing or there would be no runs.
    """
    if not protocol.folds:
        raise ConfigurationError("--compare with --folds 0: there would be no runs to compare; give 2 or more")
    check_installed()
    at_random = msgspec.structs.replace(protocol, time_splits=0)

    def measured(read: Dataset, recipe: Recipe, settings: Settings, tell: TellSteps) -> Findings:
        read = usable(read, settings, tell)
        found = compare(read.frame, recipe, at_random, recipe.came_by(read), tell, limit_s=limit_s)
        return Findings(found.encode(), page(found), told(found))

    return measured
