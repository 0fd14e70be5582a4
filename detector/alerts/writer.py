"""From what alerts tell to the documents that tell it, ready to send."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec

from detector.alerts.content import Content
from detector.alerts.ecs import ecs
from detector.alerts.ocsf import ocsf
from detector.errors import ConfigurationError
from detector.printable import printable_json
from detector.transport.base import OutRecord

SHAPES: dict[str, Callable[[Content], dict[str, Any]]] = {"ocsf": ocsf, "ecs": ecs}

Repeat = Literal["doubling", "all"]
"""Which alerts of an open incident are written: the 1st, 2nd, 4th, 8th …, or all."""

_encoder = msgspec.json.Encoder()


class AlertWriter:
    """Writes alerts as ``shape`` (``ocsf`` or ``ecs``); ``repeat`` tells which of an open incident's.

    Raises ConfigurationError for another shape.
    """

    def __init__(self, shape: str = "ocsf", *, repeat: Repeat = "all") -> None:
        if shape not in SHAPES:
            raise ConfigurationError(f"output.format is {shape!r}: choose one of {', '.join(SHAPES)}")
        self.shape = shape
        self._lay_out = SHAPES[shape]
        self._repeat = repeat

    def tells(self, count: int) -> bool:
        """Whether the alert that makes ``count`` of its incident's is written: the 1st, 2nd, 4th, 8th …, or any."""
        return self._repeat == "all" or count.bit_count() == 1

    def write(self, alerts: Iterable[Content]) -> list[OutRecord]:
        """Write alerts, keyed by source address."""
        return [
            OutRecord(printable_json(_encoder.encode(self._lay_out(alert))), key=alert.flow["src_ip"].encode())
            for alert in alerts
        ]
