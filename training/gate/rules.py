"""The gate's rules: facts and a bound in, what was found out. Pure; each is named as its setting in ``[gate]``.

Quality has to be reached by the *lower* end of its interval. What is only refused where it is certain (false incidents,
a loss against the champion) is refused by the end that favours the model: little data is no proof of a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from scipy.stats import chi2

from detector.bundle.verdict import VERDICT_VERSION, RuleResult, Verdict
from detector.drift.monitor import INDEX_LIMIT
from detector.listed import counted, listed
from detector.settings.life_cycle import Gate
from training.evaluation.report import BudgetObtained, Report, Spread
from training.gate.facts import Facts, Known

CERTAIN = 0.05
"""Chance that a count is as high though the rate is not."""

CHANCE = 0.5
"""ROC AUC of what knows nothing. The model itself has to be half way from it to what is asked of the recipe: it has
seen the flows, labelled attacks perhaps as well, and begins them with empty windows."""

LEAST_RUNS = 3
"""Of fewer, an interval is too wide to say anything."""

LEAST_LABELS = 20
"""Fewer are no flood."""

SHOWN = 3
"""Names told in a reason."""

NAMED = 10
"""Known false alarms and attacks likewise: somebody has to look at each."""

Rule = Callable[[Facts, float], RuleResult]


def judge(facts: Facts, gate: Gate, at: datetime) -> Verdict:
    """Ask every rule; passed where none refuses."""
    results = tuple(_asked(name, rule, facts, gate) for name, rule in RULES.items())
    return Verdict(
        verdict_version=VERDICT_VERSION,
        passed=all(result.passed is not False for result in results),
        champion=facts.champion,
        at=at.astimezone(UTC).isoformat(timespec="seconds"),
        rules=results,
    )


def _asked(name: str, rule: Rule, facts: Facts, gate: Gate) -> RuleResult:
    bound = getattr(gate, name)
    if bound is None:
        return RuleResult(rule=name, passed=None, measured=None, bound=None, why=f"gate.{name} is false: not asked")
    return rule(facts, bound)


# --- quality, by its lower end ----------------------------------------------------------------------------------


def least_roc_auc(facts: Facts, bound: float) -> RuleResult:
    """Attacks have to score above benign flows: refuses constant scores, shuffled labels, a swapped sign.

    By the recipe, and by the model itself, which may have gone wrong where others of the recipe did not.
    """
    rule, own = "least_roc_auc", facts.own_roc_auc
    found = _least(rule, facts, bound, "the ROC AUC", _figure(facts.report, "roc_auc", at_random=True))
    least = min(bound, (bound + CHANCE) / 2.0)
    if found.passed is False or own is None or own >= least:
        return found
    told = f"the ROC AUC of the model itself is {own:.3f} on flows that it has seen, less than {least:g}"
    return _failed(rule, own, least, f"{told}, though others by the same recipe are better: train once more")


def least_recall(facts: Facts, bound: float) -> RuleResult:
    """The budget has to raise so many of the attack flows."""
    return _least("least_recall", facts, bound, "the share of attack flows raised", _figure(facts.report, "recall"))


def least_attacks_found(facts: Facts, bound: float) -> RuleResult:
    """The budget has to raise a flow of so many of the attacks."""
    spread = _figure(facts.report, "attacks_found")
    return _least("least_attacks_found", facts, bound, "the share of attacks found", spread)


def _least(rule: str, facts: Facts, bound: float, what: str, spread: Spread | None) -> RuleResult:
    if spread is None:
        return _not_asked(rule, facts, bound, "no attacks were tested, so that nothing is known of what is found")
    low = spread.interval[0]
    told = f"{what}{_whose(facts.report)} is {spread.mean:.3f}, at least {low:.3f} by its interval"
    if low >= bound:
        return _passed(rule, low, bound, f"{told}; {bound:g} is asked")
    cure = "train on more days, without attacks among them, or look at evaluation.json for what is missed"
    return _failed(rule, low, bound, f"{told}, less than {bound:g}: {cure}")


def _whose(report: Report | None) -> str:
    """Where the tested attacks come from, if not from the data."""
    simulated = report is not None and report.protocol.attacks == "transplanted"
    return ", of attacks simulated on your hosts," if simulated else ""


def _figure(report: Report | None, name: str, *, at_random: bool = False) -> Spread | None:
    """Of the splits by time, where the budget is what it will be; ``at_random``: of random ones if they are enough."""
    if report is None or report.protocol.attacks == "none":
        return None
    spread = report.random.get(name) if at_random else None
    return spread if spread is not None and len(spread.runs) >= LEAST_RUNS else report.by_time.get(name)


# --- false incidents --------------------------------------------------------------------------------------------


def most_false_incidents(facts: Facts, bound: float) -> RuleResult:
    """Unseen days must not raise far more than was asked for: refuses an overfitted threshold."""
    rule = "most_false_incidents"
    budgets = () if facts.report is None else facts.report.budget
    obtained = min(budgets, key=lambda each: abs(each.asked - facts.budget), default=None)
    if obtained is None or not facts.budget or not obtained.days:
        return _not_asked(rule, facts, bound, "no unseen time was tested by incidents")
    times, least = obtained.obtained.mean / obtained.asked, certain_rate(obtained) / obtained.asked
    told = (
        f"{_counted(obtained.obtained.mean)} false incidents a day on {obtained.days:.2g} unseen days, where"
        f" {obtained.asked:g} were asked for ({_counted(times)} times; at least {_counted(least)} by chance)"
    )
    if least <= bound:
        return _passed(rule, times, bound, f"{told}; {bound:g} times are allowed")
    cure = "train on more days, or leave out what was under attack"
    return _failed(rule, times, bound, f"{told}, more than {bound:g} times: {cure}")


def _counted(rate: float) -> str:
    """To three digits where it is small, whole where it is not."""
    return f"{rate:,.0f}" if rate >= 100.0 else f"{rate:.3g}"


def certain_rate(obtained: BudgetObtained) -> float:
    """The least false incidents a day that explain what was counted: by its interval, and by chance of few of them."""
    count = obtained.obtained.mean * obtained.days
    by_chance = float(chi2.ppf(CERTAIN, 2.0 * count)) / 2.0 / obtained.days if count > 0.0 else 0.0
    return min(obtained.obtained.interval[0], by_chance)


# --- beside the champion ----------------------------------------------------------------------------------------


def largest_loss(facts: Facts, bound: float) -> RuleResult:
    """The new model must not find much less than the champion does on the same flows."""
    rule, paired = "largest_loss", facts.paired
    if paired is None:
        return _not_asked(rule, facts, bound, "there is no champion to compare with")
    low, high = paired.interval
    told = (
        f"of {paired.attacks} attacks' flows the champion {paired.champion} raises {paired.lost:+.3f} of them more"
        f" ({low:+.3f} to {high:+.3f}); false incidents a day: {_counted(paired.false_champion)} its,"
        f" {_counted(paired.false_model)} the new one's"
    )
    if paired.lost <= bound or low <= 0.0:
        return _passed(rule, paired.lost, bound, f"{told}; a loss of {bound:g} is allowed")
    return _failed(rule, paired.lost, bound, f"{told}: a loss of more than {bound:g}; keep the champion")


def most_known_false_raised(facts: Facts, bound: float) -> RuleResult:
    """What people called a false alarm is not raised again."""
    rule, known = "most_known_false_raised", facts.known
    if known is None or not known.judged_false:
        return _not_asked(rule, facts, bound, _no_judged(known, "false"))
    cure = "are they? what a model cannot learn, keep quiet by oddflow suppress, and take the label back"
    return _judged(rule, bound, "judged false", known.judged_false, known.raised_again, "raised again", cure)


def most_known_true_lost(facts: Facts, bound: float) -> RuleResult:
    """What people called an attack is still raised."""
    rule, known = "most_known_true_lost", facts.known
    if known is None or not known.judged_true:
        return _not_asked(rule, facts, bound, _no_judged(known, "true"))
    cure = "are they attacks? take back what is none, or train on other days"
    return _judged(rule, bound, "judged true", known.judged_true, known.lost, "no longer raised", cure)


def most_labels_held_back(facts: Facts, bound: float) -> RuleResult:
    """Most of what people called harmless is within what one person, host or day may say: else it is a flood."""
    rule, known = "most_labels_held_back", facts.known
    held = {} if known is None else known.held_back
    count = sum(held.values())
    said = count + (0 if known is None else known.said_false)
    if said < LEAST_LABELS:
        return _not_asked(rule, facts, bound, f"there are {said:,} labels false, fewer than {LEAST_LABELS}")
    told = f"the guards hold back {count:,} of {said:,} labels false"
    if count <= bound * said:
        return _passed(rule, count / said, bound, f"{told}; a share of {bound:g} is allowed")
    cure = "was it them? withdraw what is a flood, or raise the bounds in [feedback]"
    return _failed(
        rule, count / said, bound, f"{told} (by {counted(held, SHOWN)}), a share of more than {bound:g}: {cure}"
    )


def _judged(  # noqa: PLR0917 - a sentence and its figures
    rule: str, bound: float, of: str, count: int, ids: tuple[str, ...], what: str, cure: str
) -> RuleResult:
    share = len(ids) / count
    told = f"of {count:,} {of} {len(ids):,} would be {what}"
    if share <= bound:
        return _passed(rule, share, bound, told)
    return _failed(rule, share, bound, f"{told} ({listed(ids, NAMED)}), a share of more than {bound:g}: {cure}")


def _no_judged(known: Known | None, label: str) -> str:
    absent = f"; {known.absent:,} judged flows are not in the data" if known and known.absent else ""
    return f"none of the flows is judged {label}{absent}"


# --- the data ---------------------------------------------------------------------------------------------------


def most_feature_auc(facts: Facts, bound: float) -> RuleResult:
    """No feature of the user's own is the label in disguise."""
    rule, own = "most_feature_auc", facts.own_features
    if not own:
        return _not_asked(rule, facts, bound, "there are no features of your own with labels beside them")
    worst = max(own, key=lambda name: own[name])
    told = f"{worst} by itself tells labelled attacks with ROC AUC {own[worst]:.4f}"
    if own[worst] <= bound:
        return _passed(rule, own[worst], bound, f"{told}; {bound:g} is allowed")
    return _failed(rule, own[worst], bound, f"{told}, more than {bound:g}: take it out of input.extra if it is a label")


def most_drifted_features(facts: Facts, bound: float) -> RuleResult:
    """Most of what the champion knew is still so: else it is another network, another sensor, another unit."""
    rule, drift = "most_drifted_features", facts.drift
    if not drift:
        return _not_asked(rule, facts, bound, "there is no champion with a sample of its training to compare with")
    drifted = sorted((name for name, index in drift.items() if index > INDEX_LIMIT), key=lambda name: -drift[name])
    share = len(drifted) / len(drift)
    told = f"{len(drifted)} of {len(drift)} features differ from the champion's training"
    if share <= bound:
        return _passed(rule, share, bound, f"{told}; a share of {bound:g} is allowed")
    cure = "is it the same network, sensor and unit? train another model by --model for another network"
    return _failed(
        rule, share, bound, f"{told} ({listed(drifted, SHOWN)} most), a share of more than {bound:g}: {cure}"
    )


def most_unusable_share(facts: Facts, bound: float) -> RuleResult:
    """Most records can be used."""
    cure = "look at the samples that train tells; is the format right?"
    return _share("most_unusable_share", facts, bound, facts.records.unusable, "could not be used", cure)


def most_time_apart_share(facts: Facts, bound: float) -> RuleResult:
    """Times can be: a clock that is wrong makes days of hours, and a budget is by day."""
    cure = "set the sensor's clock, and leave its records out until then"
    return _share("most_time_apart_share", facts, bound, facts.records.time_apart, "have a time that cannot be", cure)


def _share(rule: str, facts: Facts, bound: float, count: int, what: str, cure: str) -> RuleResult:  # noqa: PLR0917
    share = count / max(facts.records.total, 1)
    told = f"{count:,} of {facts.records.total:,} records {what}"
    if share <= bound:
        return _passed(rule, share, bound, f"{told}; a share of {bound:g} is allowed")
    return _failed(rule, share, bound, f"{told}, a share of more than {bound:g}: {cure}")


# --- the machine ------------------------------------------------------------------------------------------------


def least_records_per_s(facts: Facts, bound: float) -> RuleResult:
    """It keeps up."""
    told = f"it scores {facts.records_per_s:,.0f} records a second of processor time here"
    if facts.records_per_s >= bound:
        return _passed("least_records_per_s", facts.records_per_s, bound, f"{told}; {bound:,.0f} are asked")
    cure = "take a smaller model by --param, or --no-windows"
    return _failed("least_records_per_s", facts.records_per_s, bound, f"{told}, fewer than {bound:,.0f}: {cure}")


def most_bundle_bytes(facts: Facts, bound: float) -> RuleResult:
    """It is fetched and held in reasonable time and memory."""
    size = float(facts.bundle_bytes)
    told = f"the bundle has {facts.bundle_bytes:,} bytes"
    if size <= bound:
        return _passed("most_bundle_bytes", size, bound, f"{told}; {bound:,.0f} are allowed")
    return _failed("most_bundle_bytes", size, bound, f"{told}, more than {bound:,.0f}: take a smaller model by --param")


RULES: Mapping[str, Rule] = {
    rule.__name__: rule
    for rule in (
        *(least_roc_auc, least_recall, least_attacks_found, most_false_incidents),
        *(largest_loss, most_known_false_raised, most_known_true_lost, most_labels_held_back),
        *(most_feature_auc, most_drifted_features, most_unusable_share, most_time_apart_share),
        *(least_records_per_s, most_bundle_bytes),
    )
}
"""By the setting's name, in the order in which they are told."""


def _passed(rule: str, measured: float, bound: float, why: str) -> RuleResult:
    return RuleResult(rule=rule, passed=True, measured=float(measured), bound=bound, why=why)


def _failed(rule: str, measured: float, bound: float, why: str) -> RuleResult:
    return RuleResult(rule=rule, passed=False, measured=float(measured), bound=bound, why=why)


def _not_asked(rule: str, facts: Facts, bound: float, why: str) -> RuleResult:
    return RuleResult(rule=rule, passed=None, measured=None, bound=bound, why=facts.missing.get(rule, why))
