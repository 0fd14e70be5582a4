"""Where a model is weak, as far as its own training tells: sentences for the card, the gravest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from detector.bundle.manifest import Manifest
from training.evaluation.report import Report
from training.evaluation.segments import worst_told

HALF_FOUND = 0.5
"""Below this share of its attacks a kind is called mostly missed."""

WIDE = 0.2
"""A range of a share that is wider than this is called wide."""

SHARES = ("roc_auc", "recall", "attacks_found")
"""Figures whose range is looked at."""

FEW_HELD_OUT = 1_000
"""With fewer rows than this to calibrate on, a budget of one alert in a thousand flows means nothing."""

DAY_S, WEEK_S = 86_400.0, 7 * 86_400.0


def weaknesses(manifest: Manifest, report: Report | None, constant: Sequence[str]) -> list[str]:
    """Say what is known to be weak; ``constant`` features had one value in training."""
    return [
        *_of_attacks(manifest, report),
        *_of_segments(report),
        *_of_data(manifest),
        *_of_features(manifest, constant),
    ]


def _of_attacks(manifest: Manifest, report: Report | None) -> Iterator[str]:
    tried = () if report is None else report.attacks
    missed = sorted(each.kind for each in tried if each.found.mean < HALF_FOUND)
    if missed:
        yield f"Mostly missed at the budget: {', '.join(missed)}. These look like everyday traffic."
    figures = {} if report is None else {**report.random, **report.by_time}
    wide = [name for name in SHARES if name in figures and figures[name].most - figures[name].least > WIDE]
    if wide:
        yield f"These figures vary widely from one run to another: {', '.join(wide)}."
    if not tried:
        yield "Nothing is known of how many attacks it finds: none could be tried."
    elif report is not None and report.protocol.attacks == "transplanted":
        yield "It was tried on simulated attacks alone: real ones may be quieter, and of other kinds."
    if manifest.training.train_on == "all":
        yield "Whatever attacks were in the training flows count as usual for it; a frequent one will not be raised."


def _of_segments(report: Report | None) -> Iterator[str]:
    if report is not None:
        yield from (f"{note[:1].upper()}{note[1:]}." for note in worst_told(report.segments))


def _of_data(manifest: Manifest) -> Iterator[str]:
    training, held = manifest.training, manifest.calibration
    length = training.watched_s or 0.0
    if length < DAY_S:
        yield "It saw less than a day: what happens only at other hours, such as backups at night, will look odd to it."
    elif length < WEEK_S:
        yield "It saw less than a week: what happens only on other days will look odd to it."
    if held.rows < FEW_HELD_OUT:
        yield (
            f"It was calibrated on {held.rows:,} flows only: a budget below {1 / (held.rows + 1):.2g} of flows cannot"
            " be told from none."
        )


def _of_features(manifest: Manifest, constant: Sequence[str]) -> Iterator[str]:
    if not manifest.features.windows:
        yield (
            "It looks at single flows: scans, floods, beacons and slow exfiltration that show only in many flows"
            " together are mostly out of its sight."
        )
    if constant:
        yield f"These features never varied in training, so it learnt nothing from them: {', '.join(constant)}."
