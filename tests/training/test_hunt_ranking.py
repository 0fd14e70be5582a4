"""The list of a hunt: one entry for each host, and what goes along with what is raised."""

from __future__ import annotations

import numpy as np
import polars as pl

from detector.decisions.assessment import Assessment
from training.hunt.hosts import hosts_of
from training.hunt.hunting import Found
from training.hunt.ranking import ranked
from training.hunt.who import along_with

OURS, THEIRS, OTHERS = (np.uint64(number) for number in (1, 2, 3))


def found(risk: int, source: str, *rows: int, sources: tuple[str, ...] = (), kind: str = "other") -> Found:
    """An incident of a source, or of several, to one destination."""
    ours = {"risk": risk, "kind": kind, "sources": list(sources or (source,)), "destinations": ["10.0.0.9"]}
    document = {"unmapped": {"oddflow": ours}, "severity": "High", "severity_id": 4}
    return Found(document=document, rows=np.array(rows, np.intp), per_day=1.0, why="")


def test_a_host_is_listed_once() -> None:
    """A host that makes many incidents has one entry, the gravest, and hides no other's; its others go along."""
    who = np.array([OURS, OURS, OURS, THEIRS])
    incidents = [found(90, "10.0.0.1", 0), found(80, "10.0.0.1", 1), found(70, "10.0.0.1", 2), found(60, "10.0.0.2", 3)]
    listed = ranked(incidents, who)
    assert [(each.ours["risk"], [more.ours["risk"] for more in each.further]) for each in listed] == [
        (90, [80, 70]),
        (60, []),
    ]


def test_what_a_host_did_besides_is_listed_too() -> None:
    """A host that scans and calls home has two entries; another scan, and what has no name, go with the first."""
    who = np.full(4, OURS)
    incidents = [
        found(risk, "10.0.0.1", row, kind=kind)
        for row, (risk, kind) in enumerate([(90, "scan"), (80, "beacon"), (70, "other"), (60, "scan")])
    ]
    assert [[more.ours["risk"] for more in each.further] for each in ranked(incidents, who)] == [[70, 60], []]


def test_attackers_of_one_host_are_listed_each() -> None:
    """Incidents of two sources are two entries, also where their flows count for the host that both attack."""
    listed = ranked([found(90, "192.0.2.1", 0), found(80, "192.0.2.2", 1)], np.array([THEIRS, THEIRS]))
    assert [len(each.further) for each in listed] == [0, 0]


def test_incidents_of_many_sources_are_of_the_host_that_they_count_for() -> None:
    """Two incidents of several sources each are one entry where most of their flows count for one host."""
    crowds = (("192.0.2.1", "192.0.2.2"), ("192.0.2.3", "192.0.2.4"))
    incidents = [found(90 - row, "", row, sources=sources) for row, sources in enumerate(crowds)]
    assert [len(each.further) for each in ranked(incidents, np.array([THEIRS, THEIRS]))] == [1]
    assert [len(each.further) for each in ranked(incidents, np.array([THEIRS, OTHERS]))] == [0, 0]


def test_hosts_come_by_risk() -> None:
    """The host with the gravest incident is first; of two alike, that which is in more."""
    hosts = hosts_of([found(90, "10.0.0.1", 0), found(80, "10.0.0.2", 1)])
    assert [(each.address, each.risk) for each in hosts] == [("10.0.0.9", 90), ("10.0.0.1", 90), ("10.0.0.2", 80)]


def test_what_shares_an_edge_and_is_a_little_odd_goes_along() -> None:
    """Flows of a raised pair, source and port, or destination and port join it where they are odd at all."""
    frame = pl.DataFrame({
        "src_ip": ["10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.5", "10.0.0.1", "10.0.0.7"],
        "dst_ip": ["10.0.0.2", "10.0.0.2", "10.0.0.3", "10.0.0.2", "10.0.0.2", "10.0.0.8"],
        "dst_port": [22, 80, 22, 22, 81, 443],
    })  # fmt: skip
    assessment = Assessment.blank(len(frame))
    odd = next(view.odd_from for view in assessment.views if view.name == "surprise")
    assessment["surprise"][:] = odd * np.array([3.0, 0.8, 0.8, 0.8, 0.5, 0.8])
    rows = along_with(frame, assessment, np.array([0], np.intp))
    assert rows.tolist() == [0, 1, 2, 3]
