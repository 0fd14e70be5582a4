"""Where a model is weak, as far as its own training tells: sentences for the card, the gravest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from detector.bundle.manifest import Figure, Manifest

HALF_FOUND = 0.5
"""Below this median share an attack is called mostly missed."""

WIDE = 0.2
"""A range of ROC AUC or of a share found that is wider than this is called wide."""

FEW_HELD_OUT = 1_000
"""With fewer rows than this to calibrate on, a budget of one alert in a thousand flows means nothing."""

DAY_S, WEEK_S = 86_400.0, 7 * 86_400.0


def weaknesses(manifest: Manifest, found: Mapping[str, Figure], constant: Sequence[str]) -> list[str]:
    """Say what is known to be weak; ``constant`` features had one value in training."""
    return [*_of_attacks(manifest, found), *_of_data(manifest), *_of_features(manifest, constant)]


def _of_attacks(manifest: Manifest, found: Mapping[str, Figure]) -> Iterator[str]:
    missed = [name for name, figure in found.items() if figure.value < HALF_FOUND]
    if missed:
        yield (
            f"Mostly missed when 1 in 100 benign flows is raised: {', '.join(sorted(missed))}. These look"
            " like everyday traffic."
        )
    wide = [
        name
        for name, figure in manifest.quality.items()
        if figure.low is not None and figure.high is not None and figure.high - figure.low > WIDE
    ]
    if wide:
        yield f"These figures vary widely from one stretch of time to another: {', '.join(wide)}."
    if not manifest.quality:
        yield "Nothing is known of how many attacks it finds: it was trained on flows without labels."
    if manifest.training.train_on == "all":
        yield "Whatever attacks were in the training flows count as usual for it; a frequent one will not be raised."


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
