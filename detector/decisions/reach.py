"""Reach: which hosts a source begins to administer, weighed by how rare that is for a host of its role.

What makes it odd, and the pass over flows that adds it up, is in :mod:`detector.decisions.reach_kernel`. Here is what
is kept of each partition, and how it is kept.

Same promises as :mod:`detector.decisions.evidence`: any batches, a state per partition that can be taken out and put
back, bounded memory, and time that no single record can move.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.decisions.passed import ADMINISTERS, DESTINATIONS, FAILED, SOURCES, Passed
from detector.decisions.reach_kernel import BEGAN, BOUND, DEFINED_BY, WIDTH, pass_by
from detector.kernels.clock import within_reach
from detector.kernels.hash_table import USED
from detector.kernels.in_tables import InTables, Kept, sealed
from detector.kernels.table_bytes import Envelope

KEYS = 131_072
"""Contacts, hosts, ports and sorts kept per partition: 12 MiB."""

KEYS_A_CONTACT = 7

COLUMNS = (ADMINISTERS, FAILED, SOURCES, DESTINATIONS)

_ENVELOPE = Envelope.by("reach", b"OFL\x01", DEFINED_BY)


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


class ReachState(InTables[Kept]):
    """What hosts of every partition seen reach; at most ``keys`` keys in each.

    A partition's clock has one more place: when its first record was, 0 before it.
    """

    def __init__(self, keys: int = KEYS) -> None:
        super().__init__(keys)

    @property
    def keys(self) -> int:
        """Keys held."""
        return self._held(0)

    def update(self, flows: Passed) -> Reach:
        """Take flows in record order; give what each one's source reaches with it."""
        found = Reach(*(np.zeros(len(flows.ts)) for _ in Reach._fields))
        if not len(flows.ts):
            return found
        times = within_reach(flows.ts)
        administers, failed, sources, destinations = (flows.columns[name] for name in COLUMNS)
        keys = flows.keys
        contacts = administers != 0
        for rows, kept in self._passing(flows.partitions, lambda rows: [KEYS_A_CONTACT * int(contacts[rows].sum())]):
            (table,) = kept.tables
            pass_by(
                table, kept.clock, rows, keys.targets, keys.ports, keys.services, sources, destinations,
                administers, failed, times, *found,
            )  # fmt: skip
        return found

    def assessed(self, flows: Passed) -> dict[str, NDArray[np.float64]]:
        """The same by name, as views ask for it."""
        return self.update(flows)._asdict()

    def _fresh(self) -> Kept:
        return Kept(self._empty(WIDTH), np.zeros(BEGAN + 1))

    def _packed(self, kept: Kept) -> bytes:
        return sealed(kept, _ENVELOPE)

    def _unpacked(self, data: bytes) -> Kept:
        kept = self._unsealed(data, _ENVELOPE)
        (table,) = kept.tables
        held = table.numbers[: int(table.meta[USED]), 4:8]
        _ENVELOPE.demand(bool(((held >= 0) & (held <= BOUND)).all()), "a sum is out of bounds")
        return kept
