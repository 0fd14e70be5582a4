"""A label's document: what is read, in which spelling, and what is refused with which words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from detector.errors import InputError
from detector.feedback.label import Label, Of, key_of, normal_address, read_label, write_label
from detector.reference.documents import DOCUMENTS, schema_of
from tests.feedback.labels import any_label, label, uid, withdrawal

(SCHEMA,) = (schema_of(each) for each in DOCUMENTS if each.name == "label")

FLOWS = {"src_ip": "10.0.0.7", "since": "2026-11-24T08:00:00Z", "until": "2026-11-24T09:00:00Z"}


def whole(**changes: Any) -> dict[str, Any]:
    """A document, changed; None leaves a field out."""
    given = json.loads(write_label(label())) | changes
    return {name: value for name, value in given.items() if value is not None}


def read(**changes: Any) -> Label:
    """The label of such a document."""
    return read_label(json.dumps(whole(**changes)).encode())


@given(any_label())
def test_what_is_written_is_read(one: Label) -> None:
    """A label is the same after it was written and read, and its document is as the schema says."""
    document = write_label(one)
    assert read_label(document) == one
    Draft202012Validator(SCHEMA).validate(json.loads(document))
    assert document.decode().isprintable()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"verdict": "flase"}, "verdict: Invalid enum value 'flase'; give true, false or unsure"),
        ({"verdict": True}, "verdict: Expected `str`, got `bool`; give true, false or unsure"),
        ({"verdct": "false"}, "verdct: unknown field; the nearest known one is verdict"),
        ({"verdict": None}, "verdict is missing; give a verdict and what it is of, or withdraws with a label's id"),
        ({"of": None}, "of is missing; give a verdict and what it is of, or withdraws with a label's id"),
        ({"by": None}, "by: it is missing; give a name of 1 to 200 characters"),
        ({"by": " "}, "by is empty or too long; give 1 to 200 printable characters"),
        ({"withdraws": "l0"}, "it withdraws a label and judges as well; make it two documents"),
        ({"of": {}}, "of: it is of nothing; give one of incident, alert, flows"),
        (
            {"of": {"incident": uid(1), "alert": uid(1)}},
            "of: it is of incident and alert; give one of incident, alert, flows",
        ),
        (
            {"of": {"incident": "903b9f5f"}},
            "of.incident: Expected an id; give the whole id, as `oddflow incidents --json` has it",
        ),
        (
            {"of": {"flows": FLOWS | {"src_ip": "10.0.0.300"}}},
            "of.flows: src_ip 10.0.0.300 is no address; give one such as 10.0.0.7",
        ),
        ({"of": {"flows": FLOWS | {"until": FLOWS["since"]}}}, "of.flows: since is not before until; give the earlier"),
        (
            {"of": {"flows": {name: FLOWS[name] for name in ("since", "until")}}},
            "of.flows: flows have neither src_ip nor dst_ip; give one of them",
        ),
        ({"at": "2026-11-24T09:00:00"}, "at: Expected `datetime` with a timezone component; give a time with its zone"),
        ({"at": "0001-01-01T00:00:00+01:00"}, "it is no time that there is in UTC; give a year from 1 to 9999"),
        ({"comment": "\x1b" * 4096}, "comment is too long; give at most 4,096 printable characters"),
        ({"feedback_version": 2}, "feedback_version is 2, and this oddflow knows 1; upgrade it, or write that version"),
    ],
)
def test_what_is_no_label_is_refused(changes: dict[str, Any], why: str) -> None:
    """What is wrong is told by the field, with what to write instead."""
    with pytest.raises(InputError) as told:
        read(**changes)
    assert str(told.value).startswith(why)


@pytest.mark.parametrize("proto", ["\x1b[31m", "t\u202ecp", "\U000e0041", "İ" * 100])
def test_no_text_of_it_acts_on_a_terminal(proto: str) -> None:
    """A protocol from elsewhere is spelled out where it is shown, and a label of it is read back as it was written."""
    one = read(of={"flows": FLOWS | {"proto": proto}})
    assert isinstance(one.of, Of)
    assert one.of.words.isprintable()
    assert read_label(write_label(one)) == one


def test_a_zone_is_shown_as_it_is() -> None:
    """An address with a zone (RFC 4007) of what is not printable is none."""
    assert normal_address("src_ip", "fe80::1%eth0") == "fe80::1%eth0"
    with pytest.raises(ValueError, match=r"src_ip fe80::1%\\x1b\[31m is no address"):
        normal_address("src_ip", "fe80::1%\x1b[31m")


@pytest.mark.parametrize("document", [b"", b"nonsense", b"[]", b"\xff", b"null", b"[" * 100_000])
def test_what_is_no_object_is_refused(document: bytes) -> None:
    """Bytes that are no JSON object are refused in words."""
    with pytest.raises(InputError):
        read_label(document)


def test_documents_that_the_schema_refuses() -> None:
    """The schema, too, asks for either a verdict of one thing or a withdrawal."""
    validator = Draft202012Validator(SCHEMA)
    wrong: list[dict[str, Any]] = [
        {"verdict": None},
        {"withdraws": "l0"},
        {"of": {}},
        {"of": {"incident": uid(1), "alert": uid(1)}},
    ]
    assert [change for change in wrong if validator.is_valid(whole(**change))] == []


def test_one_spelling() -> None:
    """Addresses, times and texts are in one spelling, so that the same is recognised."""
    flows = {"src_ip": "2001:DB8::0:1", "dst_ip": "::ffff:10.0.0.1", "proto": "TCP"}
    times = {"since": "2026-11-24T09:00:00+01:00", "until": "2026-11-24T09:00:00Z"}
    one = read(of={"flows": flows | times}, by="ada\x1b[2J ", comment=" a\r\nb\x00 ", at="2026-11-24T10:00:00+02:00")
    document = json.loads(write_label(one))
    assert document["of"]["flows"] == {
        "src_ip": "2001:db8::1",
        "dst_ip": "10.0.0.1",
        "proto": "tcp",
        "since": "2026-11-24T08:00:00Z",
        "until": "2026-11-24T09:00:00Z",
    }
    assert (document["by"], document["comment"], document["at"]) == (
        "ada\\x1b[2J",
        "a\nb\\x00",
        "2026-11-24T08:00:00Z",
    )


def test_all_of_one_thing_has_one_key() -> None:
    """Labels of one thing have one key, others and withdrawals others."""
    first, again = label("true"), label("false", id="l2", by="bo", at=9)
    other = label(of={"alert": uid(1)})
    assert key_of(first) == key_of(again)
    assert len({key_of(each) for each in (first, other, withdrawal("l1"))}) == 3


def test_what_it_is_of_in_words() -> None:
    """What a label is of is told in a few words."""
    incident, flows = label().of, label(of={"flows": FLOWS | {"dst_port": 53}}).of
    assert isinstance(incident, Of)
    assert isinstance(flows, Of)
    assert incident.words == f"incident {uid(1)}"
    assert flows.words == "flows src_ip 10.0.0.7, dst_port 53, 2026-11-24T08:00:00Z to 2026-11-24T09:00:00Z"
