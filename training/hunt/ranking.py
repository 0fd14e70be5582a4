"""A list to read from the top: one entry for each host and what it did.

A host that scans a network, for good or ill, makes an incident of each address that answers it; a hundred of them would
hide all others. So of each host the gravest incident of each kind is listed, and its further ones go with it; those
that no rule names go with the gravest of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detector.incidents.kinds import KINDS

if TYPE_CHECKING:
    from training.hunt.hunting import Found

Host = int | str
"""By the hash or the address that it is known by."""

UNNAMED = KINDS[-1].name


def ranked(found: Sequence[Found], who: NDArray[np.uint64]) -> list[Found]:
    """The first of each host and kind, in their order, each with the further ones.

    ``who`` is whom each flow counts for.
    """
    firsts: list[Found] = []
    further: list[list[Found]] = []
    places: dict[tuple[Host, str], int] = {}
    for each in found:
        host = _host_of(each, who)
        key = host, each.ours["kind"]
        place = places.get(key, len(firsts))
        if place == len(firsts):
            firsts.append(each)
            further.append([])
        else:
            further[place].append(each)
        places.setdefault(key, place)
        places.setdefault((host, UNNAMED), place)
    return [replace(first, further=tuple(rest)) for first, rest in zip(firsts, further, strict=True)]


def _host_of(found: Found, who: NDArray[np.uint64]) -> Host:
    """Its source where that is one, else whom most of its flows count for."""
    sources = found.ours["sources"]
    if len(sources) == 1:
        return str(sources[0])
    hosts, counts = np.unique(who[found.rows], return_counts=True)
    return int(hosts[np.argmax(counts)])
