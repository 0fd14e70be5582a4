"""What has state by partition: what it is asked for, so that the state can be kept and put back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol


class Remembered(Protocol):
    """One kind of state by partition."""

    def freeze(self, partition: int) -> Callable[[], bytes]:
        """Copy the partition's state (of an unseen one, empty state); what is given packs it, in any thread."""
        ...

    def restore(self, partition: int, data: bytes) -> None:
        """Put it back. Raises InputError, and changes nothing, for bytes that are off."""
        ...

    def forget(self, *partitions: int) -> None:
        """Drop the state of these."""
        ...


Parts = Mapping[str, bytes]


class Remembering(Protocol):
    """Something with state by partition; :class:`detector.scoring.partition_state.PartitionState` is the one."""

    def freeze(self, partition: int) -> Callable[[], dict[str, bytes]]:
        """Copy the partition's state as it is now; called from any thread, what is given writes it down."""
        ...

    def restore(self, partition: int, parts: Parts) -> None:
        """Put back what was frozen, in place of what there is. Raises InputError where anything of it is off."""
        ...

    def drop(self, partitions: Iterable[int]) -> None:
        """Forget these partitions."""
        ...
