"""Reach: which hosts a source begins to administer, weighed by how rare that is for a host of its role.

What makes it odd, and the pass over flows that adds it up, is in :mod:`detector.decisions.reach_kernel`. Here is what
is kept of each partition, and how it is kept.

Same promises as :mod:`detector.decisions.evidence`: any batches, a state per partition that can be taken out and put
back, bounded memory, and time that no single record can move.
"""

from __future__ import annotations

import hashlib
import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.decisions.passed import ADMINISTERS, DESTINATIONS, FAILED, SOURCES, Passed
from detector.decisions.reach_kernel import BEGAN, BOUND, DEFINED_BY, WIDTH, pass_by
from detector.kernels.by_partition import ByPartition
from detector.kernels.clock import FARTHEST_TIME_S
from detector.kernels.hash_table import EVICTED, FIRST_ROWS, USED, Table, held_bytes, make_table
from detector.kernels.table_bytes import DIGEST_BYTES, Envelope, longest_table, read_table, roomy, table_parts

KEYS = 131_072
"""Contacts, hosts, ports and sorts kept per partition: 12 MiB."""

KEYS_A_CONTACT = 7

COLUMNS = (ADMINISTERS, FAILED, SOURCES, DESTINATIONS)

_ENVELOPE = Envelope(
    "reach",
    b"OFL\x01",
    hashlib.sha256(struct.pack(f"<{len(DEFINED_BY)}d", *DEFINED_BY)).digest()[:DIGEST_BYTES],
)


class Kept(NamedTuple):
    """What is known of a partition."""

    table: Table
    clock: NDArray[np.float64]
    """As :mod:`detector.kernels.clock` has it, and one more place: when its first record was, 0 before it."""


class Reach(NamedTuple):
    """Of each flow; shape (rows,) each. 0 where it is no contact, or a usual one."""

    reach: NDArray[np.float64]
    """Of its source, with it: nats."""
    contacts: NDArray[np.float64]
    """That its source made, of sorts that are rare for its role; fading."""
    kin: NDArray[np.float64]
    """About how many other hosts of its source's role administer any."""
    likewise: NDArray[np.float64]
    """About how many of them made a contact of this sort; of a contact's first flow alone, like the one before."""


TOLD = Reach._fields[1:]
"""What is told of a contact beside its source's reach."""


class ReachState(ByPartition[Kept]):
    """What hosts of every partition seen reach; at most ``keys`` keys in each."""

    def __init__(self, keys: int = KEYS) -> None:
        super().__init__()
        self._limit = keys
        self._evicted = 0

    @property
    def evicted(self) -> int:
        """Keys that had to make room, since this was made."""
        return self._evicted

    @property
    def keys(self) -> int:
        """Keys held."""
        return sum(int(kept.table.meta[USED]) for kept in self._partitions.values())

    @property
    def memory_bytes(self) -> int:
        """Memory that it takes."""
        return sum(held_bytes(kept.table) for kept in self._partitions.values())

    def update(self, flows: Passed) -> Reach:
        """Take flows in record order; give what each one's source reaches with it."""
        found = Reach(*(np.zeros(len(flows.ts)) for _ in Reach._fields))
        if not len(flows.ts):
            return found
        times = np.clip(np.nan_to_num(flows.ts), -FARTHEST_TIME_S, FARTHEST_TIME_S)
        administers, failed, sources, destinations = (flows.columns[name] for name in COLUMNS)
        keys = flows.keys
        for partition in np.unique(flows.partitions).tolist():
            rows = np.flatnonzero(flows.partitions == partition)
            table, clock = self._of(partition)
            table = roomy(table, KEYS_A_CONTACT * int((administers[rows] != 0).sum()), self._limit)
            self._partitions[partition] = Kept(table, clock)
            before = int(table.meta[EVICTED])
            pass_by(
                table, clock, rows, keys.targets, keys.ports, keys.services, sources, destinations, administers, failed,
                times, *found,
            )  # fmt: skip
            self._evicted += int(table.meta[EVICTED]) - before
        return found

    def assessed(self, flows: Passed) -> dict[str, NDArray[np.float64]]:
        """The same by name, as views ask for it."""
        return self.update(flows)._asdict()

    def _fresh(self) -> Kept:
        return Kept(make_table(min(FIRST_ROWS, self._limit), WIDTH, self._limit), np.zeros(BEGAN + 1))

    def _packed(self, kept: Kept) -> bytes:
        return _ENVELOPE.seal([kept.clock.astype("<f8").tobytes(), *table_parts(kept.table)])

    def _unpacked(self, data: bytes) -> Kept:
        table, clock = self._fresh()
        body = _ENVELOPE.open(data, clock.nbytes + longest_table(table, self._limit))
        _ENVELOPE.demand(len(body) >= clock.nbytes, "it ends within its clock")
        clock[:] = np.frombuffer(body, "<f8", len(clock))
        _ENVELOPE.demand(bool(np.isfinite(clock).all()), "its clock is not a time")
        table, end = read_table(body, clock.nbytes, table, self._limit, _ENVELOPE)
        _ENVELOPE.demand(end == len(body), "it is longer than its table")
        held = table.numbers[: int(table.meta[USED]), 4:8]
        _ENVELOPE.demand(bool(((held >= 0) & (held <= BOUND)).all()), "a sum is out of bounds")
        return Kept(table, clock)
