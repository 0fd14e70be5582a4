"""What is told of what was read: records that could not be used, by reason, with a sample each; measures that lack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detector.errors import InputError

if TYPE_CHECKING:
    from detector.scoring.dataset import Dataset


def told_rejects(read: Dataset) -> str:
    """Lines for a person; empty where every record could be used."""
    if not read.rejects:
        return ""
    reasons = sorted(read.rejected.items(), key=lambda item: (-item[1], item[0]))
    several = len(reasons) > 1
    names = ", ".join(f"{count:,} {reason}" if several else reason for reason, count in reasons)
    lines = [f"{read.rejects:,} of {read.records:,} records could not be used ({names}), such as"]
    lines += [f"  {reason}: {read.samples.get(reason, '')}" for reason, _ in reasons]
    return "\n".join(lines)


def told_reading(read: Dataset) -> str:
    """Lines on what was read, for a person: records that could not be used, and measures that no flow has; or none."""
    from detector.records.measures import lacking_measures, told_without  # noqa: PLC0415 - --help needs none

    missing = told_without(lacking_measures(read.frame), len(read.frame)) if len(read.frame) else ""
    return "\n".join(note for note in (told_rejects(read), missing) if note)


def check_share(read: Dataset, most: float) -> None:
    """Raise InputError where more than the share ``most`` of the records could not be used."""
    if read.rejects > most * read.records:
        reason = max(read.rejected, key=lambda each: read.rejected[each])
        raise InputError(
            f"training: {read.rejects:,} of {read.records:,} records could not be used, more than"
            f" training.max_rejected_share {most:g} allows; most of them {reason}, such as {read.samples[reason]};"
            " is the --format right? where it is, --max-rejected SHARE allows more"
        )
