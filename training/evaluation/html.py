"""The report as one self-contained page: no scripts, nothing fetched, all that came from data escaped."""

from __future__ import annotations

from detector.printable import html_text
from training.cards.pieces import budgets, curves, cuts, figures, folding, listed, scores, section, whole_page
from training.cards.words import count, moment, percent, span
from training.evaluation.report import AttackFound, Report
from training.evaluation.search_page import searched


def page(report: Report) -> str:
    """Write the page."""
    title = f"Evaluation of {report.model or report.kind}"
    by_time = "On these flows" if report.model else "On later flows than were trained on"
    body = [
        f"<h1>{html_text(title)}</h1>",
        f"<p>{html_text(_about(report))}</p>",
        *section("The search", searched(report.search) if report.search else ""),
        *section("What to know", listed(report.notes) if report.notes else ""),
        *section(by_time, figures("figure", report.by_time) if report.by_time else ""),
        *section("Attacks", _attacks(report.attacks) if report.attacks else ""),
        *section("False incidents: asked and obtained", budgets(report.budget) if report.budget else ""),
        *section(
            "By their scores" if report.model else "On blocks of time and source that were not trained on",
            (figures("figure", report.random) if report.random else "") + curves(report),
        ),
        *section("Scores", scores(report)),
        *section("Parts of the traffic", cuts(report.segments)),
        *section("How it was measured", f"<p>{html_text(_how(report))}</p>"),
    ]
    return whole_page(title, body)


def _about(report: Report) -> str:
    data = report.data
    unseen = (
        f" The model is of the kind {report.kind}, and nothing was trained for this report."
        if report.model
        else " They were not trained on where they were tested."
    )
    return (
        f"{count(data.rows, 'flow')} of {count(data.hosts, 'inside host')}, watched for {span(data.watched_s)} from"
        f" {moment(data.start)}; {data.attack_rows:,} are labelled attacks.{unseen} Of each"
        " figure are told its mean, the interval that holds the mean with 95 %, the least and the most seen."
    )


def _how(report: Report) -> str:
    asked = report.protocol
    attacks = {
        "labelled": "Attacks are those that are labelled.",
        "transplanted": "Attacks are the simulator's, put on inside hosts of these flows; none was trained on.",
        "none": "There were no attacks.",
    }[asked.attacks]
    runs = (
        "The model scored the flows as a daemon does, in order of time"
        if report.model
        else f"{asked.folds} folds, {asked.repeats} times, of blocks of {asked.block_s:g} s of one source;"
        f" {asked.time_splits} splits by time"
    )
    worth = (
        "Intervals are of resampled attacks and blocks: what this model would do on more of such traffic, not on other"
        " networks"
        if report.model
        else "Intervals over random splits allow for shared training rows (Nadeau and Bengio 2003); those by time are"
        " of resampled attacks and blocks, and do not tell what another training would give"
    )
    return (
        f"{attacks} Precision and recall are told as if {asked.prevalence:.3g} of the flows were attacks, by"
        f" {asked.resamples} resamples of each run. {runs}, raised at {asked.incidents_per_day:g} false incidents a"
        f" day. {worth}. Seed {asked.seed}, {report.seconds:.0f} s, {report.created}."
    )


def _attacks(found: tuple[AttackFound, ...]) -> str:
    rows = [
        (
            f"{each.kind}, {count(each.attacks, 'attack')}",
            percent(each.found.mean),
            " to ".join(map(percent, each.found.interval)) if each.attacks > 1 else "not known of one",
            percent(each.flows_found.mean),
            "never" if each.seconds is None else f"{each.seconds:,.0f} s",
        )
        for each in found
    ]
    return folding(("", "found", "interval", "of its flows", "first after"), rows)
