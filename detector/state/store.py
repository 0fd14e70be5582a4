"""Where snapshots are kept: two files a partition, in a folder or any other place that fsspec reaches.

Of the two, the one that cannot be needed any more is written over: so there is always one that was taken at or before
the offset that the group has committed, whenever the process dies.
"""

from __future__ import annotations

from urllib.parse import quote

from detector.errors import InputError
from detector.registry.odd import OddFileError
from detector.registry.storage import masked, open_storage
from detector.settings.tree import Settings
from detector.state.snapshot import Snapshot, pack, unpack

SLOTS = ("a", "b")

MAX_SNAPSHOT_BYTES = 2 << 30
"""Several times the windows of a million hosts; a larger one is not a snapshot."""

PROBE = "writable"
"""The file that a start writes."""


def snapshots_of(settings: Settings, topic: str) -> SnapshotStore:
    """Where daemons of these settings keep snapshots of a topic's partitions. Raises RegistryError."""
    url = settings.state.url or f"{settings.model.registry.rstrip('/')}/.state"
    return SnapshotStore(url, settings.kafka.group, topic)


class SnapshotStore:
    """The snapshots of one consumer group's partitions of one topic. Not safe for two threads at once.

    Whatever the place cannot do is raised as ``OSError``.
    """

    def __init__(self, url: str, group: str, topic: str) -> None:
        self._storage = open_storage(url)
        self.url = masked(url)
        self._folder = f"{quote(group, safe='')}/{quote(topic, safe='')}"
        self.topic = topic
        self._slots: dict[int, dict[str, int]] = {}

    def probe(self) -> None:
        """Write a small file, so that a place that cannot be written is found out now and not when it is needed."""
        self._storage.replace(f"{self._folder}/{PROBE}", b"written at each start, to see whether it can be\n")

    def load(self, partition: int, at_most: int) -> Snapshot | None:
        """Give the latest whole snapshot at or before an offset, None if there is none."""
        held = self._slots[partition] = {}
        best: Snapshot | None = None
        for slot in SLOTS:
            snapshot = self._read(partition, slot)
            if snapshot is None or snapshot.offset > at_most:  # damaged, or of records that will be read again
                continue
            held[slot] = snapshot.offset
            if best is None or snapshot.offset > best.offset:
                best = snapshot
        return best

    def _read(self, partition: int, slot: str) -> Snapshot | None:
        try:
            snapshot = unpack(self._storage.read(self._path(partition, slot), MAX_SNAPSHOT_BYTES))
        except (FileNotFoundError, OddFileError, InputError):
            return None
        return snapshot if (snapshot.topic, snapshot.partition) == (self.topic, partition) else None

    def save(self, snapshot: Snapshot, committed: int) -> bool:
        """Keep a snapshot; False where that would cost the one that is needed until more is committed."""
        held = self._slots.setdefault(snapshot.partition, {})
        slot = self._free_slot(held, committed)
        if slot is None:
            return False
        held.pop(slot, None)
        self._storage.replace(self._path(snapshot.partition, slot), pack(snapshot))
        held[slot] = snapshot.offset
        return True

    @staticmethod
    def _free_slot(held: dict[str, int], committed: int) -> str | None:
        """A slot that is empty, or the older of two of which the newer is committed."""
        for slot in SLOTS:
            if slot not in held:
                return slot
        older, newer = sorted(SLOTS, key=lambda slot: held[slot])
        return older if held[newer] <= committed else None

    def clear(self, partition: int) -> None:
        """Empty what is kept of a partition: it is of another topic, in which its offset means something else."""
        self._slots.pop(partition, None)
        for name, size in self._storage.files(f"{self._folder}/{partition}").items():
            if size and name in {f"{slot}.state" for slot in SLOTS}:
                self._storage.replace(f"{self._folder}/{partition}/{name}", b"")

    def forget(self, partition: int) -> None:
        """Another process writes them now."""
        self._slots.pop(partition, None)

    def _path(self, partition: int, slot: str) -> str:
        return f"{self._folder}/{partition}/{slot}.state"
