"""A suppression's document: what it must have, and what is refused with which words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from detector.errors import InputError
from detector.reference.documents import DOCUMENTS, schema_of
from detector.suppression.rule import Suppression, convert_rule, read_rule, told, write_rule
from tests.suppression.rules import ENTITIES, any_rule, rule

(SCHEMA,) = (schema_of(each) for each in DOCUMENTS if each.name == "suppression")


def changed(of: str, **changes: Any) -> dict[str, Any]:
    """A document, changed; None leaves a field out."""
    given = json.loads(write_rule(rule(of))) | changes
    return {name: value for name, value in given.items() if value is not None}


@given(any_rule())
def test_what_is_written_is_read(one: Suppression) -> None:
    """A rule is the same after it was written and read, and its document is as the schema says."""
    document = write_rule(one)
    assert read_rule(document) == one
    Draft202012Validator(SCHEMA).validate(json.loads(document))


@pytest.mark.parametrize(
    ("scope", "changes", "why"),
    [
        ("source", {"expires": None}, "expires: it is missing; give"),
        ("source", {"expires": "2027-11-24T09:00:00Z"}, "expires is not within 90 days after created; give an earlier"),
        ("source", {"expires": "2027-02-22T09:00:01Z"}, "expires is not within 90 days after created; give an earlier"),
        ("source", {"expires": "2026-11-24T09:00:00Z"}, "expires is not within 90 days after created; give"),
        ("source", {"owner": " "}, "owner is empty or too long; give 1 to 200 printable characters"),
        ("source", {"reason": None}, "reason: it is missing; give"),
        ("source", {"src_ip": None}, "src_ip is missing; scope source needs src_ip"),
        ("source", {"src_ip": "10.0.0.0/8"}, "src_ip 10.0.0.0/8 is no address; give one such as 10.0.0.7"),
        ("source", {"dst_port": 53}, "scope source has no dst_port; leave it out, or choose another scope"),
        ("pair", {"dst_ip": None}, "dst_ip is missing; scope pair needs src_ip, dst_ip"),
        ("service", {"proto": None}, "proto is missing; scope service needs src_ip, dst_port, proto"),
        ("pattern", {"pattern": []}, "pattern: Expected `array` of length >= 1"),
        (
            "pattern",
            {"pattern": [{"feature": "peers"}]},
            "pattern[0]: peers has no bounds that a value can be within",
        ),
        ("pattern", {"pattern": [{"feature": "x", "at_least": 2, "at_most": 1}]}, "pattern[0]: x has no bounds"),
        ("pattern", {"pattern": [{"feature": "x", "atleast": 2}]}, "pattern[0].atleast: unknown field; the nearest"),
        ("source", {"scope": "sauce"}, "scope: Invalid enum value 'sauce'"),
        ("source", {"suppression_version": 2}, "suppression_version is 2, and this oddflow knows 1; upgrade it"),
    ],
)
def test_what_is_no_rule_is_refused(scope: str, changes: dict[str, Any], why: str) -> None:
    """What is wrong is told by the field, with what to write instead."""
    with pytest.raises(InputError) as error:
        convert_rule(changed(scope, **changes))
    assert str(error.value).startswith(why)


@pytest.mark.parametrize("scope", ENTITIES)
def test_the_schema_asks_for_the_scopes_fields(scope: str) -> None:
    """Of each scope the schema refuses a document without one of its fields, or with another's."""
    validator = Draft202012Validator(SCHEMA)
    assert validator.is_valid(changed(scope))
    wrong: list[dict[str, Any]] = [{name: None} for name in ENTITIES[scope]]
    wrong.append({"dst_port": 53} if scope != "service" else {"dst_ip": "10.0.0.9"})
    assert [change for change in wrong if validator.is_valid(changed(scope, **change))] == []


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ("source", "all that 10.0.0.1 begins"),
        ("pair", "10.0.0.1 to 10.0.0.9"),
        ("service", "10.0.0.1 to port 53/udp of any host"),
        ("pattern", "flows of any host with peers 2 to 5"),
    ],
)
def test_a_rule_in_words(scope: str, words: str) -> None:
    """A rule is told by what it is of, until when, by whom and why."""
    assert told(rule(scope)) == f"{words}, until 2026-12-01T09:00:00Z, by ada: our backup"


@pytest.mark.parametrize(
    ("scope", "changes"),
    [
        ("service", {"proto": "u\x1b[31mdp"}),
        ("pattern", {"pattern": [{"feature": "peers\x1b]0;x\x07", "at_least": 2}]}),
    ],
)
def test_no_word_of_a_rule_acts_on_a_terminal(scope: str, changes: dict[str, Any]) -> None:
    """A protocol and a feature's name from elsewhere are spelled out where a rule is told, and read back so."""
    one = rule(scope, **changes)
    assert told(one).isprintable()
    assert read_rule(write_rule(one)) == one
