"""A suppression: a rule that keeps known false alarms quiet, for one entity, until a day. A document each.

It always ends, after :data:`LONGEST` at most: what was usual then says little by then, and by then a model has learnt
the labels that the rule was made from. Its JSON Schema is ``suppression.schema.json``. As a label's, its fields are
strict: a bound mistyped would hide what nobody meant.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import force_setattr

from detector.alerts.fields import Port, Positive, said
from detector.errors import InputError
from detector.feedback.label import (
    LONGEST_COMMENT,
    Moment,
    Name,
    iso,
    normal_address,
    normal_proto,
    normal_text,
    normal_time,
    why_not,
)
from detector.printable import printable_json
from detector.structs import resolved

SUPPRESSION_VERSION = 1
"""Rises with every change of the fields: readers refuse what they do not know."""

LONGEST = timedelta(days=90)

MOST_BOUNDS = 16
"""Of a pattern."""

Scope = Literal["source", "pair", "service", "pattern"]

SCOPES: tuple[Scope, ...] = get_args(Scope)

ENTITY: Mapping[Scope, tuple[str, ...]] = {
    "source": ("src_ip",),
    "pair": ("src_ip", "dst_ip"),
    "service": ("src_ip", "dst_port", "proto"),
    "pattern": ("pattern",),
}
"""By scope, the fields that it needs."""

MAY: Mapping[Scope, tuple[str, ...]] = {"source": (), "pair": (), "service": (), "pattern": ("src_ip",)}
"""By scope, the fields that it may have besides."""


class Bound(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """What a feature's value has to be: both ends are within."""

    feature: Annotated[Name, said("Its name: see the reference of features.")]
    at_least: Annotated[float | UnsetType, said("In the feature's own unit.")] = UNSET
    at_most: Annotated[float | UnsetType, said("Likewise.")] = UNSET

    def __post_init__(self) -> None:
        """Bring it into one spelling. Raises ValueError for what bounds nothing."""
        force_setattr(self, "feature", normal_text("feature", self.feature))
        ends = [float(end) for end in (self.at_least, self.at_most) if end is not UNSET]
        if not ends or not all(map(math.isfinite, ends)) or ends != sorted(ends):
            raise ValueError(f"{self.feature} has no bounds that a value can be within; give at_least, at_most or both")


class Suppression(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """What is kept quiet, by whom, why, and until when."""

    suppression_version: Annotated[Positive, said("Of this document.")] = SUPPRESSION_VERSION
    id: Annotated[Name, said("Of this rule; the key of its messages.")]
    scope: Annotated[
        Scope,
        said(
            "`source`: all that a host begins; `pair`: with one other; `service`: at one port of any; `pattern`: flows"
            " whose features are within bounds, of one host where `src_ip` is given, else of any."
        ),
    ]
    src_ip: Annotated[Name | UnsetType, said("The source's address.")] = UNSET
    dst_ip: Annotated[Name | UnsetType, said("The destination's address: of a pair.")] = UNSET
    dst_port: Annotated[Port | UnsetType, said("The destination's port: of a service.")] = UNSET
    proto: Annotated[Name | UnsetType, said("Such as tcp: of a service.")] = UNSET
    pattern: Annotated[
        Annotated[tuple[Bound, ...], Meta(min_length=1, max_length=MOST_BOUNDS)] | UnsetType,
        said("All of these hold: of a pattern."),
    ] = UNSET
    owner: Annotated[Name, said("Who answers for it.")]
    reason: Annotated[Annotated[str, Meta(min_length=1, max_length=LONGEST_COMMENT)], said("Why it is harmless.")]
    created: Annotated[Moment, said("When it was made.")]
    expires: Annotated[Moment, said(f"From then on it hides nothing; {LONGEST.days} days after it was made at most.")]
    label: Annotated[Name | UnsetType, said("The id of the label that it was made from, if any.")] = UNSET

    def __post_init__(self) -> None:
        """Bring it into one spelling. Raises ValueError for what is no suppression."""
        if self.suppression_version != SUPPRESSION_VERSION:
            raise ValueError(
                f"suppression_version is {self.suppression_version}, and this oddflow knows {SUPPRESSION_VERSION};"
                " upgrade it, or write that version"
            )
        self._check_entity()
        for name in ("src_ip", "dst_ip"):
            if (address := getattr(self, name)) is not UNSET:
                force_setattr(self, name, normal_address(name, address))
        if self.proto is not UNSET:
            force_setattr(self, "proto", normal_proto(self.proto))
        for name in ("id", "owner", "reason", "label"):
            if (text := getattr(self, name)) is not UNSET:
                force_setattr(self, name, normal_text(name, text, LONGEST_COMMENT if name == "reason" else None))
        for name in ("created", "expires"):
            force_setattr(self, name, normal_time(getattr(self, name)))
        if not timedelta(0) < self.expires - self.created <= LONGEST:
            raise ValueError(
                f"expires is not within {LONGEST.days} days after created; give an earlier day, and make it anew then"
                " if it is still needed"
            )

    def _check_entity(self) -> None:
        """Raise ValueError unless it has what its scope needs, and nothing that another one has."""
        for name in ("src_ip", "dst_ip", "dst_port", "proto", "pattern"):
            given = getattr(self, name) is not UNSET
            if given and name not in ENTITY[self.scope] + MAY[self.scope]:
                raise ValueError(f"scope {self.scope} has no {name}; leave it out, or choose another scope")
            if not given and name in ENTITY[self.scope]:
                raise ValueError(f"{name} is missing; scope {self.scope} needs {', '.join(ENTITY[self.scope])}")

    @property
    def expires_s(self) -> float:
        """When it ends, in seconds since 1970."""
        return self.expires.timestamp()

    @property
    def words(self) -> str:
        """What it is of, such as ``all that 10.0.0.7 begins``."""
        match self.scope:
            case "source":
                return f"all that {self.src_ip} begins"
            case "pair":
                return f"{self.src_ip} to {self.dst_ip}"
            case "service":
                return f"{self.src_ip} to port {self.dst_port}/{self.proto} of any host"
        bounds = () if self.pattern is UNSET else self.pattern
        who = "any host" if self.src_ip is UNSET else str(self.src_ip)
        return f"flows of {who} with {', '.join(map(_bound_words, bounds))}"

    def has_ended(self, now: datetime) -> bool:
        """Whether it hides nothing any more, by the clock on the wall."""
        return now >= self.expires


SUPPRESSION_RULES: Mapping[str, Any] = {
    "oneOf": [
        {
            "properties": {"scope": {"const": scope}},
            "required": list(ENTITY[scope]),
            "not": {"anyOf": [{"required": [name]} for name in others]},
        }
        for scope in SCOPES
        if (
            others := [
                name
                for name in ("src_ip", "dst_ip", "dst_port", "proto", "pattern")
                if name not in ENTITY[scope] + MAY[scope]
            ]
        )
    ]
}
"""Of the schema: what no type says."""

_ENCODER = msgspec.json.Encoder()


def write_rule(rule: Suppression) -> bytes:
    """Write a document, on one line, without a newline."""
    return printable_json(_ENCODER.encode(rule))


def read_rule(document: bytes) -> Suppression:
    """Read a document. Raises InputError, which says what is wrong with it and what to write instead."""
    try:
        return msgspec.json.decode(document, type=resolved(Suppression))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError) as error:
        raise InputError(why_not(error, (Suppression, Bound))) from error


def convert_rule(given: Mapping[str, Any]) -> Suppression:
    """Make one of a document's fields as they are in JSON. Raises InputError as :func:`read_rule` does."""
    try:
        return msgspec.convert(given, resolved(Suppression))
    except (msgspec.MsgspecError, RecursionError, OverflowError) as error:
        raise InputError(why_not(error, (Suppression, Bound))) from error


def told(rule: Suppression) -> str:
    """The rule in a sentence."""
    return f"{rule.words}, until {iso(rule.expires)}, by {rule.owner}: {rule.reason}"


def _bound_words(bound: Bound) -> str:
    low, high = bound.at_least, bound.at_most
    if low is UNSET:
        return f"{bound.feature} at most {high:g}"
    return f"{bound.feature} {low:g} or more" if high is UNSET else f"{bound.feature} {low:g} to {high:g}"
