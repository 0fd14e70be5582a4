"""The validators refuse what the published schemas do: one that lets everything through would find all valid."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.standards import ecs, ocsf

Change = Callable[[dict[str, Any]], object]


def finding() -> dict[str, Any]:
    """A small Detection Finding that is valid."""
    return {
        "class_uid": 2004,
        "category_uid": 2,
        "activity_id": 1,
        "type_uid": 200401,
        "time": 1_764_000_000_000,
        "severity_id": 4,
        "severity": "High",
        "is_alert": True,
        "metadata": {"version": "1.8.0", "product": {"name": "oddflow"}},
        "finding_info": {"uid": "1", "attacks": [{"tactic": {"uid": "TA0007"}}]},
        "observables": [{"name": "evidences[].src_endpoint.ip", "type_id": 2, "value": "10.0.0.1"}],
        "evidences": [{"src_endpoint": {"ip": "10.0.0.1", "port": 1}, "data": {"anything": [None]}}],
        "unmapped": {"anything": 1},
    }


def document() -> dict[str, Any]:
    """A small ECS document that is valid."""
    return {
        "@timestamp": "2026-11-24T08:00:00.000Z",
        "ecs": {"version": "9.4.0"},
        "event": {"kind": "alert", "category": ["network"], "risk_score": 3.0, "duration": 1},
        "source": {"ip": "10.0.0.1", "port": 1},
        "network": {"direction": "inbound"},
        "oddflow": {"anything": {"at": "all"}},
    }


def test_valid_documents_pass() -> None:
    """What is as published has nothing wrong with it."""
    assert (ocsf.wrong_with(finding()), ecs.wrong_with(document())) == ([], [])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda each: each.pop("severity_id"), "severity_id: is missing"),
        (lambda each: each["finding_info"].pop("uid"), "finding_info.uid: is missing"),
        (lambda each: each.update(severity_id=7), "severity_id: 7 is none of"),
        (lambda each: each.update(new=1), "new: is no attribute"),
        (lambda each: each["metadata"].update(new=1), "metadata.new: is no attribute"),
        (lambda each: each.update(time="now"), "time: 'now' is no timestamp_t"),
        (lambda each: each.update(time=True), "time: True is no timestamp_t"),
        (lambda each: each.update(time=1 << 63), "time: 9223372036854775808 is beyond the range"),
        (lambda each: each.update(is_alert=1), "is_alert: 1 is no boolean_t"),
        (lambda each: each.update(risk_score=1.5), "risk_score: 1.5 is no integer_t"),
        (lambda each: each.update(type_uid=200_402), "type_uid: 200402 is not of this class and activity"),
        (lambda each: each.update(activity_id=4), "activity_id: 4 is none of"),
        (lambda each: each.update(category_uid=3), "category_uid: 3 is none of"),
        (lambda each: each.update(class_uid=2005), "class_uid: 2005 is none that is known"),
        (lambda each: each.update(class_name="Finding"), "class_uid: 2004 is 'Detection Finding', not 'Finding'"),
        (lambda each: each.update(severity="Low"), "severity_id: 4 is 'High', not 'Low'"),
        (lambda each: each.update(status_id=99), "status_id: is 99, and status does not say what"),
        (lambda each: each["metadata"].update(version="1.5.0"), "metadata.version: '1.5.0' is not '1.8.0'"),
        (
            lambda each: each["metadata"].update(product={"version": "1"}),
            "metadata.product.: at_least_one of name, uid",
        ),
        (lambda each: each.update(priority_id=1), "priority_id: is of the profile incident, which is not applied"),
        (lambda each: each.update(observables={}), "observables: is no list of something"),
        (lambda each: each.update(observables=[]), "observables: is no list of something"),
        (lambda each: each["observables"][0].update(type_id=28), "observables[0].type_id: 28 is none of"),
        (lambda each: each.update(evidences=[{"name": "x"}]), "evidences[0].: at_least_one of"),
        (lambda each: each.update(evidences=["x"]), "evidences[0]: is no object"),
        (lambda each: each.update(malware=[{}]), "malware[0]: objects of malware are not among the facts"),
        (lambda each: each["evidences"][0]["src_endpoint"].update(port=65_536), "port: 65536 is beyond the range"),
        (lambda each: each["evidences"][0]["src_endpoint"].update(ip="here"), "ip: 'here' is no address"),
        (lambda each: each["evidences"][0].update(connection_info={}), "connection_info.direction_id: is missing"),
        (lambda each: each["finding_info"]["attacks"][0].clear(), "attacks[0].: at_least_one of tactic, technique"),
        (lambda each: each.update(unmapped=[1]), "unmapped: is no object"),
    ],
)
def test_a_wrong_finding_is_refused(change: Change, told: str) -> None:
    """Whatever OCSF forbids is told, with its place."""
    wrong = copy.deepcopy(finding())
    change(wrong)
    assert told in "; ".join(ocsf.wrong_with(wrong))


def test_a_profile_brings_its_attributes() -> None:
    """What belongs to a profile is allowed where the document says that it goes by it."""
    whole = finding()
    whole["metadata"]["profiles"] = ["incident"]
    assert ocsf.wrong_with(whole | {"priority_id": 1}) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda each: each.pop("@timestamp"), "@timestamp: is missing"),
        (lambda each: each["event"].pop("kind"), "event.kind: is missing"),
        (lambda each: each.update(new=1), "new: is no field"),
        (lambda each: each["source"].update(flags=1), "source.flags: is no field"),
        (lambda each: each["source"].update(port="80"), "source.port: '80' is no long"),
        (lambda each: each["source"].update(ip="here"), "source.ip: 'here' is no ip"),
        (lambda each: each["event"].update(category="network"), "event.category: is no list"),
        (lambda each: each["source"].update(ip=["10.0.0.1"]), "source.ip: is a list"),
        (lambda each: each["event"].update(kind="alarm"), "event.kind: 'alarm' is not allowed"),
        (lambda each: each["network"].update(direction="up"), "network.direction: 'up' is not allowed"),
        (lambda each: each["event"].update(risk_score="high"), "event.risk_score: 'high' is no float"),
        (lambda each: each.update({"@timestamp": 1}), "@timestamp: 1 is no date"),
        (lambda each: each["ecs"].update(version="8.17.0"), "ecs.version: '8.17.0' is not '9.4.0'"),
        (lambda each: each["event"].update(duration=1.5), "event.duration: 1.5 is no long"),
    ],
)
def test_a_wrong_ecs_document_is_refused(change: Change, told: str) -> None:
    """Whatever is no field of ECS, or not of its type, is told."""
    wrong = copy.deepcopy(document())
    change(wrong)
    assert told in "; ".join(ecs.wrong_with(wrong))


def test_what_is_no_object_is_refused() -> None:
    """A list or a text is no document."""
    assert ocsf.wrong_with([]) == ecs.wrong_with("x") == ["it is no object"]
