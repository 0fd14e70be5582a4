"""What may be given on the command line for moments, spans of time and kinds of attack."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from detector.errors import ConfigurationError

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)([smhdw]?)")


def seconds_of(text: str) -> float:
    """A span such as 90, 90s, 30m, 24h, 7d or 1d12h, in seconds. Raises ConfigurationError."""
    parts = _SPAN.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ConfigurationError(f"--duration {text!r}: not a span of time; give one like 90s, 30m, 24h or 7d")
    total = sum(float(number) * _UNITS_S[unit or "s"] for number, unit in parts)
    if total <= 0:
        raise ConfigurationError(f"--duration {text!r}: nothing happens in no time; give a longer one")
    return total


def moment_of(text: str) -> float:
    """A moment such as 2026-01-05, 2026-01-05T09:30+01:00, 1767571200 or now, in seconds since 1970.

    Without a zone it is UTC. Raises ConfigurationError.
    """
    if text == "now":
        return float(int(time.time()))
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            f"--start {text!r}: not a moment; give one like 2026-01-05, 2026-01-05T09:30, seconds since 1970, or now"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def kinds_of(given: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Kinds of attack from options that may be repeated, list several with commas, or say all or none."""
    names = [name.strip() for text in given for name in text.split(",") if name.strip()]
    if not names or names == ["all"]:
        return tuple(known)
    if names == ["none"]:
        return ()
    return tuple(dict.fromkeys(names))
