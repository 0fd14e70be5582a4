"""Whether the format that is set fits the records: if there are flows among them, and if these have measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detector.records.events import FormatUnfit, MeasuresMissing
from detector.records.flow import Decoder, FlowBatch, RejectReason
from detector.records.guess import Sample
from detector.records.measures import MEASURES, lacking_measures, told_without
from detector.telemetry.events import Tell

ENOUGH = 100
"""So many records that cannot be used, and no flow before them, are told of."""


@dataclass(slots=True)
class FitWatch:
    """Decodes by ``inner``; tells once of records of which none is a flow, and remembers them until one is."""

    inner: Decoder
    format: str
    tell: Tell
    fits: bool = False
    first_reject: str = ""
    _rejected: int = 0
    _told: bool = False
    _lacking: frozenset[str] | None = None
    _flows: int = 0
    _sample: Sample = field(default_factory=Sample)

    def decode(self, values: Sequence[bytes | None], streams: NDArray[np.int32] | None = None) -> FlowBatch:
        """Decode ``values`` in order; see :class:`~detector.records.flow.Decoder`."""
        batch = self.inner.decode(values, streams)
        if not self.fits:
            self._look(values, batch)
        if self._flows < ENOUGH:
            self._look_for_measures(batch)
        return batch

    def why(self) -> str:
        """Why there is no flow: the first record that could not be used, and what the records look like."""
        hint = (
            self._sample.hint(self.format) or "is the format another, or is the record within an envelope (--unpack)?"
        )
        return f"{self.first_reject}; {hint}"

    def _look(self, values: Sequence[bytes | None], batch: FlowBatch) -> None:
        if len(batch.frame):
            self.fits = True
            self._sample = Sample()
            return
        self._sample.add(values)
        wrong = [reject for reject in batch.rejects if reject.reason is not RejectReason.EMPTY]
        if wrong and not self.first_reject:
            self.first_reject = f"the first: {wrong[0].reason.value}: {wrong[0].detail}"
        self._rejected += len(wrong)
        if self._rejected >= ENOUGH and not self._told:
            self._told = True
            self.tell(FormatUnfit(self.format, self._rejected, self.why()))

    def _look_for_measures(self, batch: FlowBatch) -> None:
        """Tell once, of the first flows, what none of them has."""
        if not len(batch.frame):
            return
        lacking = frozenset(lacking_measures(batch.frame))
        self._lacking = lacking if self._lacking is None else self._lacking & lacking
        self._flows += len(batch.frame)
        if self._flows >= ENOUGH and self._lacking:
            missing = tuple(name for name in MEASURES if name in self._lacking)
            self.tell(MeasuresMissing(missing, self._flows, told_without(missing, self._flows)))
