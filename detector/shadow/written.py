"""What each daemon writes of a model beside its versions: by whom and when, and how all of it is read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from detector.structs import resolved

STALE_AFTER = 3.0
STALE_S = 60.0
"""It is stale so many of its writer's intervals, and so many seconds, after it was written."""


class Written(msgspec.Struct, kw_only=True):
    """By one daemon. Keys that a later release adds are passed over."""

    member: str = ""
    at: float = 0.0
    """When it was written, in seconds since 1970, by its writer's clock."""
    interval_s: float = 0.0
    """How often it is written."""

    def is_stale(self, now: float) -> bool:
        """Whether its writer should have written it anew by ``now``, in seconds since 1970."""
        return now - self.at > STALE_AFTER * self.interval_s + STALE_S


Kind = TypeVar("Kind", bound=Written)


def readable(files: Iterable[bytes], of: type[Kind]) -> list[Kind]:
    """Those that can be read; what is damaged is passed over."""
    found = []
    for data in files:
        try:
            found.append(msgspec.json.decode(data, type=resolved(of)))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
    return found
