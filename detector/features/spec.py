"""The list of features as data: what a model was trained on, and must be served with.

The hash covers names, order, parameters and the revision of each feature's definition, so that a model is refused by
a build that would compute anything differently. What encoders have *learnt* is not in it: that travels in the
bundle's arrays, under the bundle's digests.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

WINDOWS = "windows"
"""The family of the windowed features: computed by ``detector.features.windows``, and last among a matrix's columns."""


class Feature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One column of the matrix: ``name`` is unique, ``family`` names the code that computes it."""

    name: str
    family: str
    revision: int = 1


class FeatureSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ordered columns of the matrix, and what is needed to compute them."""

    features: tuple[Feature, ...]
    partitions: int = 1
    """Partitions of the topic that windowed features are computed over; training splits files alike."""
    inside: tuple[str, ...] = ()
    """Networks in CIDR whose addresses are inside, as private ones are; sorted, each once."""
    windows: dict[str, Any] = {}  # filled by the windowed features: keys, half-lives, bounds

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def single_flows(self) -> int:
        """How many columns, the first ones, are told by a flow alone."""
        return sum(feature.family != WINDOWS for feature in self.features)

    @property
    def hash(self) -> str:
        """sha256 over the canonical JSON of this specification, in hex."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()
