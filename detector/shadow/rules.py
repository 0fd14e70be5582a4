"""When a challenger is promoted by itself, and when a champion is rolled back. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from detector.bundle.verdict import Verdict
from detector.registry.history import Entry
from detector.settings.life_cycle import Shadow
from detector.shadow.figures import DAY_S, Figures
from detector.shadow.tenure import Tenure

BUDGETS = 5.0
"""Where no bound is set: a champion is rolled back at so many times the incidents that are allowed a day."""


def broken(figures: Figures, rules: Shadow) -> list[str]:
    """The rules that a challenger breaks, a sentence each; what cannot be told yet is broken."""
    checks = (
        (figures.flows, rules.least_flows, True, "flows compared"),
        (figures.sources, rules.least_sources, True, "sources seen"),
        (figures.agreement, rules.least_agreement, True, "share of flows decided alike"),
        (figures.gained_per_day, rules.most_gained_per_day, False, "incidents gained a day"),
        (figures.lost_per_day, rules.most_lost_per_day, False, "incidents lost a day"),
        (figures.latency_ratio, rules.largest_latency_ratio, False, "times the champion's time a record"),
        (figures.dropped_share, rules.most_dropped_share, False, "share of flows dropped"),
    )
    found = [f"given up: {figures.failed}"] if figures.failed else []
    for value, bound, is_least, what in checks:
        if value is None:
            found.append(f"{what}: not known yet")
        elif value < bound if is_least else value > bound:
            found.append(f"{what}: {value:.4g}, {'at least' if is_least else 'at most'} {bound:g} are asked for")
    return found


class Holding:
    """For how long, by the flows' time, all rules have held in a row."""

    def __init__(self) -> None:
        self._of: tuple[str, str] = ("", "")
        self._since: float | None = None

    def held_s(self, figures: Figures, held: bool) -> float:
        """Take a look's outcome; give the seconds since the first of those in a row at which they held."""
        pair = figures.champion, figures.challenger
        if not held:
            self._since = None
            return 0.0
        if self._since is None or pair != self._of or figures.covered_s < self._since:
            self._of, self._since = pair, figures.covered_s
        return figures.covered_s - self._since


def was_rolled_back(history: Sequence[Entry], alias: str, version: str) -> bool:
    """Whether a version was ever rolled back: then it is not promoted again by itself."""
    return any(entry.action == "rollback" and (entry.alias, entry.previous) == (alias, version) for entry in history)


def why_held(history: Sequence[Entry], alias: str, version: str, verdict: Verdict | None) -> str:
    """Why a version that keeps all rules is not promoted by itself; empty where it may be."""
    if was_rolled_back(history, alias, version):
        return "it was rolled back before"
    if verdict is None:
        return "it was published without a verdict of the gate"
    return "" if verdict.passed else f"the gate refused it: {'; '.join(verdict.reasons)}"


def is_on_trial(history: Sequence[Entry], alias: str, version: str, now: datetime, within_s: float) -> bool:
    """Whether ``version`` came by a promotion that is not longer ago, and there is something to go back to."""
    moves = [entry for entry in history if entry.alias == alias and entry.action in {"promote", "rollback"}]
    if not moves or moves[-1].action != "promote" or moves[-1].version != version:
        return False
    return moves[-1].previous is not None and (now - moves[-1].at).total_seconds() <= within_s


def why_roll_back(tenure: Tenure, rules: Shadow) -> str:
    """Why a champion on trial is to be rolled back; empty where it is not.

    Too many are told as soon as there are more than a whole day may have, without waiting for its end. Too few are
    told once there was a day.
    """
    days, count = tenure.covered_s / DAY_S, tenure.incidents
    most = rules.rollback_above_per_day
    if most is None and tenure.budget is not None:
        most = BUDGETS * tenure.budget
    if most is not None and count > most * max(days, 1.0):
        return f"{count} incidents in {days:.2f} days of flows, at most {most:g} a day are asked for"
    least = rules.rollback_below_per_day
    if least is not None and days >= 1.0 and count < least * days:
        return f"{count} incidents in {days:.2f} days of flows, at least {least:g} a day are asked for"
    return ""
