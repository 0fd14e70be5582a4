"""A comparison in words and figures for people: what the table on a terminal and the page both tell."""

from __future__ import annotations

from training.cards.words import count, moment, span
from training.compare.contract import Compared, Comparison, Cost
from training.evaluation.report import Spread

MARKS = {"published": " *", "shelf": "", "upper bound": " †"}

LEGEND = (
    "* what oddflow train --kind makes",
    "† taught by the labels of the rows to train on: an upper bound for attacks like these, no competitor",
)


def called(row: Compared) -> str:
    """Its name, marked by what it is there for."""
    return f"{row.name}{MARKS[row.role]}"


def legend(comparison: Comparison) -> list[str]:
    """What the marks mean that are there."""
    roles = {row.role for row in comparison.compared}
    return [line for line in LEGEND if any(line[0] in MARKS[role] for role in roles)]


def about(comparison: Comparison) -> str:
    """What it was measured on."""
    data, asked = comparison.data, comparison.protocol
    attacks = {
        "labelled": f"{data.attack_rows:,} of them labelled attacks",
        "transplanted": "the simulator's attacks put on inside hosts of these",
        "none": "without attacks",
    }[asked.attacks]
    return (
        f"{count(data.rows, 'flow')} of {count(data.hosts, 'inside host')}, watched for {span(data.watched_s)} from"
        f" {moment(data.start)}, {attacks}. All see the same {len(comparison.features)} of oddflow's features and the"
        f" same rows: {asked.folds * asked.repeats} runs, each trained on {_ends(comparison.train_rows)} rows"
        f" (--train-on {comparison.train_on}) and tested on {_ends(comparison.test_rows)} that it was not trained on."
    )


def how(comparison: Comparison) -> str:
    """How it was measured."""
    asked = comparison.protocol
    return (
        f"Runs are {asked.folds} folds, {asked.repeats} times, of blocks of {asked.block_s:g} s of one source; of more"
        f" than {asked.most_rows:,} rows to train on, or as many benign ones or attacks to test, some whole blocks are"
        " taken, the same for all. Each is at its defaults, none was tuned. Precision and recall are of rows"
        " raised beyond all but one in a thousand of the other folds' benign rows, told as if"
        f" {asked.prevalence:.3g} of the flows were attacks. The range is where the mean lies with 95 %; it allows for"
        " runs that share training rows (Nadeau and Bengio 2003), and where ranges overlap neither is shown to be"
        " better. Each ran in a process of its own, one after the other: times are of the processor, of one core,"
        " the median of the runs; memory is the peak beyond what its process held before the first training, the rows"
        f" there already. None could take longer than {comparison.limit_s:g} s in all. Seed {asked.seed},"
        f" {span(comparison.seconds)}, {comparison.created}."
    )


QUALITY = ("ROC AUC", "found %", "precision %", "recall %")
COSTS = ("train s", "rows/s", "MiB")

FOUND = "found: of attack flows, where 1 in 100 benign flows is raised; each figure with its 95 % range"


def quality(row: Compared) -> tuple[str, ...]:
    """What stands below :data:`QUALITY`."""
    found = (share(row.figures.get(name)) for name in ("tpr_at_fpr_0.01", "precision", "recall"))
    return (area(row.figures.get("roc_auc")), *found)


def costs(row: Compared) -> tuple[str, ...]:
    """What stands below :data:`COSTS`."""
    return seconds(row.train_s), rows(row.rows_per_s), mebibytes(row.peak_mib)


def share(spread: Spread | None) -> str:
    """A share with its range, in per cent: ``93 90–96``."""
    if spread is None:
        return "–"
    low, high = spread.interval
    return f"{100 * spread.mean:.0f} {100 * low:.0f}–{100 * high:.0f}"


def area(spread: Spread | None) -> str:
    """An area under a curve with its range: ``.934 .901–.967``."""
    if spread is None:
        return "–"
    low, high = spread.interval
    return f"{_bare(spread.mean)} {_bare(low)}–{_bare(high)}"


def seconds(cost: Cost | None) -> str:
    """How long a training takes."""
    return "–" if cost is None else f"{cost.median:.3g}" if cost.median < 1000 else f"{cost.median:,.0f}"


def rows(cost: Cost | None) -> str:
    """How many rows are scored in a second."""
    if cost is None:
        return "–"
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if cost.median >= size:
            return f"{float(f'{cost.median / size:.2g}'):g}{unit}"
    return f"{cost.median:.0f}"


def mebibytes(held: float | None) -> str:
    """How much memory it takes."""
    return "–" if held is None else f"{held:,.0f}"


def _bare(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def _ends(counts: tuple[int, int]) -> str:
    least, most = counts
    return f"{most:,}" if least == most else f"{least:,} to {most:,}"
