"""Where one kind of incident ends: each figure of a rule, just reached and just missed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from detector.incidents.book import IncidentBook
from tests.alerts.contents import alert
from tests.incidents.shapes import T0, ended, whole

MEBIBYTE = 1 << 20


def kind_of(flows: Sequence[dict[str, Any]]) -> str:
    """What the one incident of these flows is taken for; a second apart, unless they say otherwise."""
    alerts = [alert(number, **({"ts": T0 + number, "service": None} | flow)) for number, flow in enumerate(flows)]
    (kind,) = {kind for kind, _, _ in whole(ended(IncidentBook(), alerts))}
    return kind


def many(count: int, every_s: float = 1.0, **flow: Any) -> list[dict[str, Any]]:
    """Flows alike, so far apart, which take no time; ``{}`` in a text stands for the number."""
    changes = [
        {name: value.format(number) if isinstance(value, str) else value for name, value in flow.items()}
        for number in range(count)
    ]
    return [{"ts": T0 + number * every_s, "duration_s": 0.0} | change for number, change in enumerate(changes)]


def uneven(count: int, by: float) -> list[dict[str, Any]]:
    """Flows a minute apart on average, each gap longer or shorter by this share of it, which is their variation."""
    starts, at = [], T0
    for number in range(count):
        starts.append({"ts": at})
        at += 60.0 * (1.0 + by if number % 2 else 1.0 - by)
    return starts


def ports(count: int, **flow: Any) -> list[dict[str, Any]]:
    """As many ports of one host, one after the other, unanswered."""
    return [each | {"dst_port": 1_000 + i, "state": "S0"} | flow for i, each in enumerate(many(count))]


SWEPT: dict[str, Any] = {"state": "S0", "dst_ip": "10.1.0.{}"}
FOUND: dict[str, Any] = {"state": "SF", "dst_ip": "10.2.0.{}"}
LOGIN: dict[str, Any] = {"dst_port": 22, "state": "SF"}
NAMES: dict[str, Any] = {"service": "dns", "proto": "udp", "dst_port": 53, "dst_bytes": 900}
MOVES: dict[str, Any] = {"dst_ip": "10.1.0.{}", "dst_port": 445, "direction": "internal"}


WEB: dict[str, Any] = {"dst_port": 443, "src_bytes": 100}


def one_host(count: int, **changes: Any) -> list[dict[str, Any]]:
    """One host that is administered, with a session of more than two minutes among the others."""
    moves = MOVES | {"dst_ip": "10.1.0.9", "duration_s": 121.0} | changes
    return [moves | {"ts": T0 + 7.0 * number**2} for number in range(count)]


@pytest.mark.parametrize(
    ("flows", "kind"),
    [
        pytest.param(ports(10), "scan", id="ten ports"),
        pytest.param(ports(9), "other", id="nine ports"),
        pytest.param(ports(5) + ports(15, state="SF")[5:10], "scan", id="half of ten ports unanswered"),
        pytest.param(ports(4) + ports(10, state="SF")[4:], "other", id="fewer of them unanswered"),
        pytest.param(many(10, **SWEPT), "sweep", id="ten destinations"),
        pytest.param(many(9, **SWEPT), "other", id="nine destinations"),
        pytest.param(many(5, **SWEPT) + many(5, **FOUND), "sweep", id="half unanswered"),
        pytest.param(many(4, **SWEPT) + many(6, **FOUND), "other", id="fewer unanswered"),
        pytest.param(many(100, 0.05, dst_port=80), "flood", id="a hundred alerts, twenty a second"),
        pytest.param(many(99, 0.05, dst_port=80), "other", id="ninety-nine"),
        pytest.param(many(101, 0.1, dst_port=80), "flood", id="ten a second"),
        pytest.param(many(101, 0.11, dst_port=80), "other", id="nine a second"),
        pytest.param(many(20, 9.0, state="S0", src_ip="198.51.100.{}"), "flood", id="twenty sources"),
        pytest.param(many(19, 9.0, state="S0", src_ip="198.51.100.{}"), "other", id="nineteen sources"),
        pytest.param(many(5, 0.0, **LOGIN, duration_s=120.0), "brute force", id="five logins of two minutes"),
        pytest.param(many(4, 0.0, **LOGIN, duration_s=1.0), "brute force", id="four logins"),
        pytest.param(many(3, 0.0, **LOGIN, duration_s=1.0), "other", id="three logins"),
        pytest.param(many(5, 0.0, **LOGIN | {"dst_port": 24}), "other", id="where nobody logs in"),
        pytest.param(
            many(9, 0.0, **LOGIN) + many(1, dst_port=24), "brute force", id="nine of ten where somebody logs in"
        ),
        pytest.param(many(8, 0.0, **LOGIN) + many(1, dst_port=24), "other", id="eight of nine"),
        pytest.param(
            many(4, 0.0, **LOGIN, dst_ip="10.9.0.1") + many(4, 0.0, **LOGIN, dst_ip="10.9.0.2"),
            "brute force",
            id="four logins at each of two",
        ),
        pytest.param(
            many(4, 0.0, **LOGIN, dst_ip="10.9.0.1") + many(3, 0.0, **LOGIN, dst_ip="10.9.0.2"),
            "other",
            id="fewer at each of two",
        ),
        pytest.param(many(1, src_bytes=10 * MEBIBYTE, dst_bytes=2 * MEBIBYTE), "exfiltration", id="ten MiB"),
        pytest.param(many(1, src_bytes=10 * MEBIBYTE - 1, dst_bytes=0), "other", id="a byte less"),
        pytest.param(many(1, src_bytes=10 * MEBIBYTE, dst_bytes=2 * MEBIBYTE + 1), "other", id="less than five times"),
        pytest.param(many(1, src_bytes=10 * MEBIBYTE, dst_bytes=0, direction="internal"), "other", id="within"),
        pytest.param(
            many(2, src_bytes=10 * MEBIBYTE, dst_bytes=0, state="S0"), "other", id="ten MiB that nobody answered"
        ),
        pytest.param(many(1, src_bytes=10 * MEBIBYTE, dst_bytes=0, dst_port=3478), "other", id="pictures of a call"),
        pytest.param(many(1, src_bytes=10 * MEBIBYTE, dst_bytes=0, dst_port=3482), "exfiltration", id="no call"),
        pytest.param(many(5, 0.0, **NAMES, src_bytes=100), "dns tunnel", id="five names of 100 bytes"),
        pytest.param(many(100, 0.05, **NAMES, src_bytes=100), "dns tunnel", id="a hundred names, twenty a second"),
        pytest.param(many(100, 0.05, **NAMES, src_bytes=100, state="S0"), "flood", id="of which none is answered"),
        pytest.param(many(4, 0.0, **NAMES, src_bytes=100), "other", id="four names"),
        pytest.param(many(5, 0.0, **NAMES, src_bytes=99), "other", id="names of 99 bytes"),
        pytest.param(many(5, 0.0, **NAMES | {"dst_ip": "224.0.0.252"}, src_bytes=100), "other", id="names to all"),
        pytest.param(many(3, **MOVES), "lateral movement", id="three hosts administered"),
        pytest.param(many(2, **MOVES), "other", id="two"),
        pytest.param(one_host(5), "lateral movement", id="one host, five times"),
        pytest.param(one_host(4), "other", id="one host, four times"),
        pytest.param(one_host(5, direction="outbound"), "command and control", id="one host outside, five times"),
        pytest.param(one_host(5, dst_port=8080), "other", id="five times at a port of another kind"),
        pytest.param(
            many(1, **MOVES) + many(1, **MOVES | {"dst_port": 135}), "lateral movement", id="one host in two ways"
        ),
        pytest.param(
            many(1, **MOVES | {"direction": "outbound"})
            + many(1, **MOVES | {"direction": "outbound", "dst_port": 135}),
            "lateral movement",
            id="one host outside in two ways",
        ),
        pytest.param(many(3, **MOVES | {"direction": "outbound"}), "policy oddity", id="three outside"),
        pytest.param(many(3, **MOVES | {"dst_port": 8080}), "other", id="three at a port of another kind"),
        pytest.param(uneven(9, 0.29), "beacon", id="gaps that vary by 29 %"),
        pytest.param(uneven(9, 0.31), "command and control", id="gaps that vary by 31 %"),
        pytest.param(many(5, 15.0), "beacon", id="for a minute"),
        pytest.param(many(5, 14.9), "other", id="for less than a minute"),
        pytest.param(many(4, 20.0), "beacon", id="four"),
        pytest.param(many(4, 20.0, direction="internal"), "other", id="four within"),
        pytest.param(many(4, 20.0, direction="external"), "beacon", id="four between addresses outside"),
        pytest.param(many(3, 30.0), "other", id="three"),
        pytest.param(many(70, 0.99), "command and control", id="less than a second apart"),
        pytest.param(uneven(5, 0.9), "command and control", id="calls without a clock"),
        pytest.param([each | {"direction": "internal"} for each in uneven(5, 0.9)], "other", id="calls within"),
        pytest.param([each | WEB | {"dst_bytes": 500} for each in uneven(5, 0.9)], "command and control", id="web"),
        pytest.param([each | WEB | {"dst_bytes": 501} for each in uneven(5, 0.9)], "other", id="pages that are read"),
        pytest.param(
            [each | WEB | {"dst_bytes": 501, "dst_port": 444} for each in uneven(5, 0.9)],
            "command and control",
            id="as much back elsewhere",
        ),
        pytest.param(many(5, 15.0, **NAMES | {"src_bytes": 99}), "other", id="names by the clock"),
        pytest.param(many(2, service="ssh", dst_port=2022), "policy oddity", id="off its port"),
        pytest.param(many(2, service="ssh", dst_port=22), "other", id="at its port"),
        pytest.param(many(1, service="ssh", dst_port=2022) + many(2), "other", id="a third off its port"),
        pytest.param(many(1, dst_port=3389), "policy oddity", id="a remote desktop outside"),
        pytest.param(many(1, dst_port=3389, direction="internal"), "other", id="a remote desktop within"),
    ],
)
def test_each_figure_of_a_rule_is_where_a_kind_begins(flows: list[dict[str, Any]], kind: str) -> None:
    """One more or one less of what a rule asks for makes the incident of that kind or not."""
    assert kind_of(flows) == kind


def test_a_long_login_is_no_brute_force() -> None:
    """One session of more than two minutes among them is someone who got in the usual way."""
    flows = many(9, 7.0, dst_port=22, state="SF")
    assert kind_of(flows) == "brute force"
    assert kind_of([*flows, {"ts": T0 + 100, "dst_port": 22, "state": "SF", "duration_s": 120.5}]) != "brute force"


@pytest.mark.parametrize(
    ("flow", "hosts", "direction", "looked_at", "not_looked_at"),
    [
        ({"state": "S0", "dst_port": 445}, 12, "internal", "who was logged in there", "who can block it"),
        ({"state": "S0", "dst_port": 445}, 12, "inbound", "who can block it", "logged in"),
        ({"state": "S0", "dst_port": 445}, 12, "external", "who can block it", "logged in"),
        (
            {"dst_bytes": 9, "dst_port": 17_500, "service": None},
            1,
            "internal",
            "what is new about the two hosts",
            "these hosts",
        ),
        (
            {"dst_bytes": 9, "dst_port": 17_500, "service": None},
            12,
            "internal",
            "what is new about these hosts",
            "the two hosts",
        ),
        (
            {"dst_bytes": 0, "dst_port": 17_500, "service": None},
            0,
            "internal",
            "what is new about the source",
            "the two hosts",
        ),
    ],
)
def test_checks_fit_who_is_in_it(
    flow: dict[str, Any], hosts: int, direction: str, looked_at: str, not_looked_at: str
) -> None:
    """Nobody is sent to log in to an outside scanner, nor told of two hosts where there are twelve."""
    book = IncidentBook()
    reached = [f"10.0.7.{n}" for n in range(1, hosts + 1)] or ["255.255.255.255"]
    for number, there in enumerate(reached):
        book.put(alert(number, ts=1.7e9 + number, dst_ip=there, direction=direction, **flow))
    book.close_all()
    (*_, last) = book.take()
    told = "\n".join(last.kind.checks(last.incident))
    assert (looked_at in told, not_looked_at in told) == (True, False)
