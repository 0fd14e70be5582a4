"""A label: what somebody says of an incident, an alert or flows; or that an earlier label is withdrawn.

One JSON document each, on the topic of labels or on a line of a file; its JSON Schema is ``label.schema.json``. A
:class:`Label` that was read or converted is valid and in one spelling: addresses and times are normal, texts printable.
Reading is strict, since a name mistyped would be a judgement lost: a field that is not known is refused, and a field
that is added later raises the version.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_args
from uuid import NAMESPACE_URL, uuid5

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict, fields, force_setattr

from detector.alerts.fields import Id, Port, Positive, said
from detector.errors import InputError
from detector.printable import printable, printable_json
from detector.structs import resolved

FEEDBACK_VERSION = 1
"""Rises with every change of the fields: readers refuse what they do not know."""

NAMESPACE = uuid5(NAMESPACE_URL, "urn:oddflow:label")
"""Of ids that nobody gave; fixed for good, so that a file that is read twice gives the same labels."""

LONGEST_COMMENT, LONGEST_NAME = 4_096, 200
"""Characters."""

Verdict = Literal["true", "false", "unsure"]

VERDICTS: tuple[str, ...] = get_args(Verdict)

Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
Moment = Annotated[datetime, Meta(tz=True)]

WITHDRAWAL_OR_VERDICT: Mapping[str, Any] = {
    "oneOf": [
        {"required": ["verdict", "of"], "not": {"required": ["withdraws"]}},
        {"required": ["withdraws"], "not": {"anyOf": [{"required": ["verdict"]}, {"required": ["of"]}]}},
    ]
}
"""Of the schema: what no type says."""


class Flows(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """All flows between these, within a time: by their source, their destination, or both."""

    src_ip: Annotated[Name | UnsetType, said("The source's address.")] = UNSET
    dst_ip: Annotated[Name | UnsetType, said("The destination's address.")] = UNSET
    dst_port: Annotated[Port | UnsetType, said("The destination's port.")] = UNSET
    proto: Annotated[Name | UnsetType, said("Such as tcp.")] = UNSET
    since: Annotated[Moment, said("The flow's start is not before it …")]
    until: Annotated[Moment, said("… and before this.")]

    def __post_init__(self) -> None:
        """Bring it into one spelling. Raises ValueError for what is no range of flows."""
        if self.src_ip is UNSET and self.dst_ip is UNSET:
            raise ValueError("flows have neither src_ip nor dst_ip; give one of them")
        for name in ("src_ip", "dst_ip"):
            if (address := getattr(self, name)) is not UNSET:
                force_setattr(self, name, normal_address(name, address))
        if self.proto is not UNSET:
            force_setattr(self, "proto", normal_proto(self.proto))
        for name in ("since", "until"):
            force_setattr(self, name, normal_time(getattr(self, name)))
        if self.since >= self.until:
            raise ValueError("since is not before until; give the earlier time first")


class Of(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """What a label is of: one of these."""

    incident: Annotated[Id | UnsetType, said("An incident's id.")] = UNSET
    alert: Annotated[Id | UnsetType, said("An alert's id.")] = UNSET
    flows: Annotated[Flows | UnsetType, said("Flows, by who and when.")] = UNSET

    def __post_init__(self) -> None:
        """Raises ValueError unless it is of one thing."""
        given = [name for name in ("incident", "alert", "flows") if getattr(self, name) is not UNSET]
        if len(given) != 1:
            raise ValueError(f"it is of {' and '.join(given) or 'nothing'}; give one of incident, alert, flows")

    @property
    def words(self) -> str:
        """Such as ``incident 3bc9…`` in full."""
        if self.flows is UNSET:
            return f"incident {self.incident}" if self.alert is UNSET else f"alert {self.alert}"
        given = {name: value for name, value in asdict(self.flows).items() if value is not UNSET}
        since, until = (iso(given.pop(name)) for name in ("since", "until"))
        return f"flows {', '.join(f'{name} {value}' for name, value in given.items())}, {since} to {until}"


class Label(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """What somebody says: a verdict on something, or that an earlier label is withdrawn."""

    feedback_version: Annotated[Positive, said("Of this document.")] = FEEDBACK_VERSION
    id: Annotated[Name, said("Of this label; a document that comes again has the same.")]
    verdict: Annotated[
        Verdict | UnsetType,
        said("`true`: rightly raised; `false`: a false alarm; `unsure`: looked at, and not known."),
    ] = UNSET
    of: Annotated[
        Of | UnsetType,
        said("What it is of: one of its fields."),
        Meta(extra_json_schema={"minProperties": 1, "maxProperties": 1}),
    ] = UNSET
    withdraws: Annotated[
        Name | UnsetType, said("The id of a label that no longer counts; then there is neither verdict nor of.")
    ] = UNSET
    by: Annotated[Name, said("Who says it.")]
    at: Annotated[Moment, said("When it was said.")]
    comment: Annotated[Annotated[str, Meta(max_length=LONGEST_COMMENT)] | UnsetType, said("Why.")] = UNSET
    model_version: Annotated[Name | UnsetType, said("The model that raised it, where that is known.")] = UNSET

    def __post_init__(self) -> None:
        """Bring it into one spelling. Raises ValueError for what is no label."""
        if self.feedback_version != FEEDBACK_VERSION:
            raise ValueError(
                f"feedback_version is {self.feedback_version}, and this oddflow knows {FEEDBACK_VERSION}; upgrade it,"
                " or write that version"
            )
        judges = self.verdict is not UNSET and self.of is not UNSET
        if self.withdraws is UNSET and not judges:
            lacking = "verdict" if self.verdict is UNSET else "of"
            raise ValueError(f"{lacking} is missing; give a verdict and what it is of, or withdraws with a label's id")
        if self.withdraws is not UNSET and not (self.verdict is UNSET and self.of is UNSET):
            raise ValueError("it withdraws a label and judges as well; make it two documents")
        for name in ("id", "withdraws", "by", "model_version"):
            if (text := getattr(self, name)) is not UNSET:
                force_setattr(self, name, normal_text(name, text))
        force_setattr(self, "at", normal_time(self.at))
        if self.comment is not UNSET:
            force_setattr(self, "comment", _comment(self.comment) or UNSET)


FIXES: Mapping[str, str] = {
    "verdict": "give true, false or unsure",
    "incident": "give the whole id, as `oddflow incidents --json` has it",
    "alert": "give the whole id, as the alert has it in metadata.uid",
    "dst_port": "give a number from 0 to 65535",
    "at": "give a time with its zone, such as 2026-11-24T09:00:00Z",
    "since": "give a time with its zone, such as 2026-11-24T09:00:00Z",
    "until": "give a time with its zone, such as 2026-11-24T10:00:00Z",
    "of": "give one of incident, alert, flows",
    "by": f"give a name of 1 to {LONGEST_NAME} characters",
    "comment": f"give at most {LONGEST_COMMENT:,} characters",
}
"""By field: what to write instead."""

_ENCODER = msgspec.json.Encoder()
_KINDS: tuple[type[Struct], ...] = (Label, Of, Flows)


def write_label(label: Label) -> bytes:
    """Write a document, on one line, without a newline."""
    return printable_json(_ENCODER.encode(label))


def read_label(document: bytes) -> Label:
    """Read a document. Raises InputError, which says what is wrong with it and what to write instead."""
    try:
        return msgspec.json.decode(document, type=resolved(Label))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError) as error:
        raise InputError(why_not(error)) from error


def convert_label(given: Mapping[str, Any]) -> Label:
    """Make one of a document's fields as they are in JSON. Raises InputError as :func:`read_label` does."""
    try:
        return msgspec.convert(given, resolved(Label))
    except (msgspec.MsgspecError, RecursionError, OverflowError) as error:
        raise InputError(why_not(error)) from error


def why_not(error: Exception, kinds: Iterable[type[Struct]] = _KINDS) -> str:
    """What a decoder says of a document of these parts, with the field first and what to write instead last."""
    text, _, path = printable(str(error).splitlines()[0]).partition(" - at `")
    path = path.rstrip("`").removeprefix("$").removeprefix(".")
    text = re.sub(r"`str` matching regex '.*'", "an id", text)
    if unknown := re.search(r"unknown field `(.*)`", text):
        near = get_close_matches(unknown[1], [field.name for kind in kinds for field in fields(kind)], 1)
        hint = f"the nearest known one is {near[0]}" if near else "delete it"
        return f"{f'{path}.' if path else ''}{unknown[1]}: unknown field; {hint}"
    if missing := re.search(r"missing required field `(.*)`", text):
        return f"{f'{path}.' if path else ''}{missing[1]}: it is missing; {FIXES.get(missing[1], 'give it')}"
    fix = FIXES.get(path.rpartition(".")[2], "" if path else "give a JSON object") if "; " not in text else ""
    return f"{f'{path}: ' if path else ''}{text}{f'; {fix}' if fix else ''}"


def made_id(*parts: str) -> str:
    """An id of what a label says: the same for the same."""
    return str(uuid5(NAMESPACE, "\0".join(parts)))


def key_of(label: Label) -> bytes:
    """What its message is keyed by: all of one thing are in one partition, in the order in which they were sent."""
    return label.id.encode() if label.of is UNSET else _ENCODER.encode(label.of)


def iso(moment: datetime) -> str:
    """A time as documents have it."""
    return moment.isoformat().replace("+00:00", "Z")


def _comment(text: str) -> str:
    """Its lines, printable."""
    plain = "\n".join(map(printable, re.split("\r\n|[\r\n]", text.strip())))
    if len(plain) > LONGEST_COMMENT:
        raise ValueError(f"comment is too long; give at most {LONGEST_COMMENT:,} printable characters")
    return plain


def normal_text(name: str, text: str, most: int | None = None) -> str:
    """A text on one line, printable. Raises ValueError for an empty or a long one."""
    plain, longest = printable(text.strip()), most or LONGEST_NAME
    if not 0 < len(plain) <= longest:
        raise ValueError(f"{name} is empty or too long; give 1 to {longest:,} printable characters")
    return plain


def normal_time(moment: datetime) -> datetime:
    """The same in UTC. Raises ValueError where there is none."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("it is no time that there is in UTC; give a year from 1 to 9999") from None


def normal_proto(text: str) -> str:
    """A protocol's name in its usual spelling. Raises ValueError."""
    return normal_text("proto", text.lower()).lower()


def normal_address(name: str, text: str) -> str:
    """An address in its usual spelling, an IPv4 one in its IPv6 form as what it is. Raises ValueError."""
    plain = text.strip()
    try:
        address = ipaddress.ip_address(plain if plain.isprintable() else "")  # a zone (RFC 4007) may be any text
    except ValueError:
        raise ValueError(f"{name} {printable(text)} is no address; give one such as 10.0.0.7") from None
    return str(getattr(address, "ipv4_mapped", None) or address)
