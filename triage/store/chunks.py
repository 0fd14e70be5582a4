"""Many values, some at a time: a statement takes no more than some thousand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 500


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """Give all of them, so many at a time, in order."""
    left = iter(values)
    while some := list(islice(left, AT_ONCE)):
        yield some
