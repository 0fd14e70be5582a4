"""Names in a sentence: the first of them, and how many more there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def listed(names: Sequence[str], most: int) -> str:
    """At most so many names: «a, b and 2 more»."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def counted(counts: Mapping[str, int], most: int) -> str:
    """The same of names that were counted, the most frequent first: «b 7, a 2 and 2 more»."""
    names = sorted(counts, key=lambda name: (-counts[name], name))
    return listed([f"{name} {counts[name]:,}" for name in names], most)
