"""What a report says of the search that chose its recipe, as part of the report's page."""

from __future__ import annotations

from collections.abc import Sequence

from detector.printable import html_text
from training.cards.pieces import table
from training.cards.words import count, moment, named, span
from training.evaluation.report import Beside, Search

OBJECTIVE_WORDS = "Average precision at the prevalence, each attack counting the same"


def searched(search: Search) -> str:
    """The section: the verdict first, then both recipes side by side, what was chosen, and what it cost."""
    return "\n".join(
        [
            f"<p><strong>{html_text(capital(search.verdict))}.</strong></p>",
            table(("", "usual", "chosen", "gain", "interval of the gain"), [side(each) for each in search.beside]),
            f"<p>{html_text(chosen_words(search))}</p>",
            f"<p>{html_text(cost_words(search))}</p>",
        ]
    )


def side(each: Beside) -> Sequence[str]:
    """A figure of both, and what changes between them."""
    low, high = each.interval
    return (
        figure_words(each.name),
        f"{each.usual.mean:.4g}",
        f"{each.chosen.mean:.4g}",
        f"{each.gain:+.3g}",
        f"{low:+.3g} to {high:+.3g}",
    )


def figure_words(name: str) -> str:
    """What a figure means."""
    return OBJECTIVE_WORDS if name == "average_precision_at_prevalence" else named(name)


def chosen_words(search: Search) -> str:
    """In what the chosen recipe differs."""
    told = [
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in search.chosen.items()
    ]
    told += [f"without {word}" for word in search.left_out]
    differs = f"differs from the usual one by: {', '.join(told)}" if told else "is the usual one"
    return (
        f"The chosen recipe {differs}. Chosen by the mean over random splits of flows before"
        f" {moment(search.untouched_from)} ({OBJECTIVE_WORDS[0].lower()}{OBJECTIVE_WORDS[1:]}):"
        f" {search.usual_value:.4f} the usual one, {search.chosen_value:.4f} the chosen one, which is the best of many"
        " and so more than it is worth; what it is worth is above, by later flows that had no part in choosing."
    )


def cost_words(search: Search) -> str:
    """What it took."""
    complete = search.trials - search.pruned - search.failed
    return (
        f"The search: {count(search.trials, 'trial')}, {complete:,} complete, {search.pruned:,} given up early,"
        f" {search.failed:,} failed, and {search.cut_off:,} cut off; {span(search.seconds)},"
        f" {span(search.processor_seconds)} of processors, by {search.workers}."
    )


def capital(text: str) -> str:
    """The text with a capital."""
    return text[:1].upper() + text[1:]
