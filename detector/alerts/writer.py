"""From what alerts tell to the documents that tell it, ready to send."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from detector.alerts import ecs, ocsf
from detector.alerts.content import Content
from detector.alerts.contract import DETAILS, MOST_BYTES, Alert, Detail, EcsAlert
from detector.alerts.decided import has
from detector.errors import ConfigurationError
from detector.printable import printable_json
from detector.transport.base import OutRecord

SHAPES = ("ocsf", "ecs")

Repeat = Literal["doubling", "all"]
"""Which alerts of an open incident are written: the 1st, 2nd, 4th, 8th …, or all."""

_encoder = msgspec.json.Encoder()


class AlertWriter:
    """Writes alerts as ``shape`` (``ocsf`` or ``ecs``), in this ``detail``; ``repeat``: which of an open incident's.

    Raises ConfigurationError for another shape or detail.
    """

    def __init__(self, shape: str = "ocsf", detail: Detail = "numbers", *, repeat: Repeat = "all") -> None:
        if shape not in SHAPES:
            raise ConfigurationError(f"output.format is {shape!r}: choose one of {', '.join(SHAPES)}")
        if detail not in DETAILS:
            raise ConfigurationError(f"alerts.detail is {detail!r}: choose one of {', '.join(DETAILS)}")
        self.shape = shape
        self._detail = detail
        self._repeat = repeat

    def tells(self, count: int) -> bool:
        """Whether the alert that makes ``count`` of its incident's is written: the 1st, 2nd, 4th, 8th …, or any."""
        return self._repeat == "all" or count.bit_count() == 1

    def write(self, alerts: Iterable[Content]) -> list[OutRecord]:
        """Write alerts, keyed by source address."""
        return [OutRecord(self._document(alert), key=alert.flow["src_ip"].encode()) for alert in alerts]

    def _document(self, content: Content) -> bytes:
        """Lay an alert out, with as many of its numbers as there is room for."""
        if self.shape == "ecs":
            other = ecs.ecs(content, self._detail)
            ecs.add_numbers(other, content, self._room(other))
            return _encoded(other)
        alert = ocsf.ocsf(content, self._detail)
        ocsf.add_numbers(alert, content, self._room(alert))
        return _encoded(alert)

    def _room(self, alert: Alert | EcsAlert) -> int | None:
        """How many bytes are left for its numbers, unless texts of the record are to be escaped; None: any number."""
        return None if has(self._detail, "vector") else MOST_BYTES - len(_encoder.encode(alert))


def _encoded(alert: Alert | EcsAlert) -> bytes:
    return printable_json(_encoder.encode(alert))
