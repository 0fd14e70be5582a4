"""What is told of records that could not be used: how many for which reason, and one of each with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detector.errors import InputError

if TYPE_CHECKING:
    from detector.dataset import Dataset


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


def check_share(read: Dataset, most: float) -> None:
    """Raise InputError where more than the share ``most`` of the records could not be used."""
    if read.rejects > most * read.records:
        reason = max(read.rejected, key=lambda each: read.rejected[each])
        raise InputError(
            f"training: {read.rejects:,} of {read.records:,} records could not be used, more than"
            f" training.max_rejected_share {most:g} allows; most of them {reason}, such as {read.samples[reason]};"
            " is the --format right? where it is, --max-rejected SHARE allows more"
        )
