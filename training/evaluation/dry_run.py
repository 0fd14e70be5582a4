"""``oddflow train --dry-run``: how good a recipe is on flows, without publishing a model."""

from __future__ import annotations

import typing
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from detector.cli.whole_file import write_whole
from detector.errors import ConfigurationError
from detector.scoring.dataset import Dataset
from detector.settings.tree import Settings
from training.cards.words import named
from training.evaluation.html import page
from training.evaluation.measure import measure
from training.evaluation.report import Protocol, Report
from training.text import plain_text
from training.train import Recipe
from training.workflow import TellSteps, usable

SUFFIXES = (".html", ".json")


def check_report(path: Path | None) -> None:
    """Raise ConfigurationError for a file whose name does not tell what to write, before anything is measured."""
    if path is None:
        return
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigurationError(f"--report {path}: give a name that ends in .html or .json")
    if not path.parent.is_dir():
        raise ConfigurationError(f"--report {path}: there is no folder {path.parent}")


@dataclass(frozen=True, slots=True)
class Findings:
    """What was measured instead of publishing a model, in each way that it can be told."""

    json: bytes
    page: str
    text: str

    def write(self, path: Path) -> None:
        """Write it as what the file's name says. Raises OutputError where that cannot be; what was there stays then."""
        content = self.json if path.suffix.lower() == ".json" else self.page.encode()
        write_whole(str(path), lambda file: file.write(content), option="--report")


class Measuring(typing.Protocol):
    """How flows that were read are measured."""

    def __call__(self, read: Dataset, recipe: Recipe, settings: Settings, tell: TellSteps) -> Findings:
        """Measure; raises InputError and ConfigurationError as ``measure`` does."""
        ...


def dry_run(protocol: Protocol) -> Measuring:
    """Measure how good the recipe is."""

    def measured(read: Dataset, recipe: Recipe, settings: Settings, tell: TellSteps) -> Findings:
        read = usable(read, settings, tell)
        report = measure(read.frame, recipe, protocol=protocol, partitions=recipe.came_by(read), tell=tell)
        return findings(report)

    return measured


def findings(report: Report) -> Findings:
    """A report in each way that it can be told."""
    return Findings(report.encode(), page(report), told(report))


def told(report: Report) -> str:
    """The main figures as text for people."""
    table = Table(box=None, pad_edge=False, show_header=True)
    for head in ("", "mean", "95 %", "least", "most"):
        table.add_column(head, justify="left" if not head else "right")
    by_time = "on these flows" if report.model else "on later flows"
    for name, figures in ((by_time, report.by_time), ("at random", report.random)):
        for figure, spread in figures.items():
            low, high = spread.interval
            table.add_row(
                f"{named(figure)}, {name}",
                f"{spread.mean:.4g}",
                f"{low:.3g} to {high:.3g}",
                f"{spread.least:.3g}",
                f"{spread.most:.3g}",
            )
    return "\n".join([plain_text(table, width=120), *(f"note: {note}" for note in report.notes)])
