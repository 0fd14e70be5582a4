"""Risks of hosts as they are read: the documents of several partitions, put together by host.

The same documents may come from a topic or a file that others write too: texts are printable and bounded, what a
document lacks has its default. Risks fade between documents: each counts as of the latest of all.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import msgspec

from detector.casebook.told import LEVELS, LONGEST_TEXT, Count, Figure
from detector.errors import InputError
from detector.printable import printable

LEAST = 1.0
"""A lower risk has faded away."""

BANDS = (0, 22, 48, 74)
"""The least risk of each of :data:`~detector.casebook.told.LEVELS`."""

COUNTED = 8
"""Incidents of a host that count, each for half as much as the one before."""

MOST_HOSTS = 100_000

LONGEST_NAME, LONGEST_WORD = 256, 64
"""Characters that are shown of a host or its name, and of a kind or a role."""

Points = Annotated[float, msgspec.Meta(ge=0, le=100)]


class ToldShare(msgspec.Struct, kw_only=True, frozen=True):
    """What one incident adds."""

    id: str
    risk: Points
    kind: str = ""
    role: str = ""
    last_seen: Figure = 0.0


class ToldHost(msgspec.Struct, kw_only=True, frozen=True):
    """One document."""

    host: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TEXT)]
    partition: Count
    as_of: Figure
    half_life_s: Annotated[float, msgspec.Meta(gt=0, le=1e12)]
    incidents: Annotated[list[ToldShare], msgspec.Meta(max_length=100)]
    name: str = ""


class HostRow(NamedTuple):
    """A host over all partitions, as of now."""

    host: str
    risk: float
    severity: str
    incidents: int
    what: str
    """Its incidents, the gravest first, such as ``attacker: scan, beacon; attacked: flood``."""
    last_seen: float


_decoder = msgspec.json.Decoder(ToldHost)


def read_host(document: bytes) -> ToldHost:
    """Read a document. Raises InputError where it is no host's risk."""
    try:
        return _decoder.decode(document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(printable(str(error))) from error


class HostRisks:
    """The latest document of each host and partition."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, int], ToldHost] = {}

    def put(self, told: ToldHost) -> None:
        """Take one in; the later by event time stays."""
        key = told.host, told.partition
        if (known := self._told.get(key)) is None or told.as_of >= known.as_of:
            self._told.pop(key, None)
            self._told[key] = told
            if len(self._told) > MOST_HOSTS:
                del self._told[next(iter(self._told))]

    def rows(self) -> list[HostRow]:
        """Every host that has a risk as of the latest document, the highest first."""
        now = max((told.as_of for told in self._told.values()), default=0.0)
        shares: dict[str, list[ToldShare]] = {}
        names: dict[str, str] = {}
        for told in self._told.values():
            fade = 0.5 ** ((now - told.as_of) / told.half_life_s)
            faded = [msgspec.structs.replace(each, risk=each.risk * fade) for each in told.incidents]
            shares.setdefault(told.host, []).extend(faded)
            names[told.host] = told.name or names.get(told.host, "")
        found = (_row(host, names[host], of) for host, of in shares.items())
        return sorted((row for row in found if row.risk >= LEAST), key=lambda row: (-row.risk, row.host))


def _row(host: str, name: str, shares: list[ToldShare]) -> HostRow:
    highest = sorted(shares, key=lambda each: (-each.risk, each.id))[:COUNTED]
    risk = sum(each.risk / 2**place for place, each in enumerate(highest))
    by_role: dict[str, dict[str, None]] = {}
    for each in highest:
        by_role.setdefault(printable(each.role[:LONGEST_WORD]), {})[printable(each.kind[:LONGEST_WORD])] = None
    what = "; ".join(f"{role}: {', '.join(kinds)}" for role, kinds in by_role.items())
    host = host[:LONGEST_NAME]
    shown = printable(f"{host} ({name[:LONGEST_NAME]})" if name else host)
    level = LEVELS[sum(risk >= least for least in BANDS) - 1]
    return HostRow(shown, risk, level, len(shares), what, max((each.last_seen for each in shares), default=0.0))
