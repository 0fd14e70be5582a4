"""Where one kind of incident ends: each figure of a rule, just reached and just missed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from detector.incidents.book import IncidentBook
from tests.alerts.contents import alert

T0 = 1.7e9

MEBIBYTE = 1 << 20


def kind_of(flows: Sequence[dict[str, Any]], feature: str = "duration_log") -> str:
    """What the one incident of these flows is taken for; a second apart, unless they say otherwise."""
    book = IncidentBook()
    told = [book.put(alert(number, feature, **({"ts": T0 + number} | flow))) for number, flow in enumerate(flows)]
    assert len({each["id"] for each in told}) == 1
    return str(told[-1]["kind"])


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


SCANNED: dict[str, Any] = {"state": "S0", "dst_ip": "10.1.0.{}"}
LOGIN: dict[str, Any] = {"dst_port": 22, "state": "SF"}
NAMES: dict[str, Any] = {"service": "dns", "proto": "udp", "dst_port": 53, "dst_bytes": 900}


@pytest.mark.parametrize(
    ("flows", "kind"),
    [
        pytest.param(many(10, **SCANNED), "scan", id="ten destinations"),
        pytest.param(many(9, **SCANNED), "other", id="nine destinations"),
        pytest.param(many(5, **SCANNED) + many(5, state="SF", dst_ip="10.2.0.{}"), "scan", id="half unanswered"),
        pytest.param(many(4, **SCANNED) + many(6, state="SF", dst_ip="10.2.0.{}"), "other", id="fewer unanswered"),
        pytest.param(many(100, 0.05, dst_port=80), "flood", id="a hundred alerts, twenty a second"),
        pytest.param(many(99, 0.05, dst_port=80), "other", id="ninety-nine"),
        pytest.param(many(101, 0.1, dst_port=80), "flood", id="ten a second"),
        pytest.param(many(101, 0.11, dst_port=80), "other", id="nine a second"),
        pytest.param(many(20, 9.0, state="S0", src_ip="198.51.100.{}"), "flood", id="twenty sources"),
        pytest.param(many(19, 9.0, state="S0", src_ip="198.51.100.{}"), "other", id="nineteen sources"),
        pytest.param(many(5, 0.0, **LOGIN, duration_s=120.0), "brute force", id="five logins of two minutes"),
        pytest.param(many(4, 0.0, **LOGIN, duration_s=120.0), "other", id="four logins"),
        pytest.param(many(5, 0.0, **LOGIN | {"dst_port": 24}), "other", id="where nobody logs in"),
        pytest.param(many(1, src_bytes=10 * MEBIBYTE, dst_bytes=2 * MEBIBYTE), "exfiltration", id="ten MiB"),
        pytest.param(many(1, src_bytes=10 * MEBIBYTE - 1, dst_bytes=0), "other", id="a byte less"),
        pytest.param(many(1, src_bytes=10 * MEBIBYTE, dst_bytes=2 * MEBIBYTE + 1), "other", id="less than five times"),
        pytest.param(many(5, 0.0, **NAMES, src_bytes=150), "exfiltration", id="five names of 150 bytes"),
        pytest.param(many(4, 0.0, **NAMES, src_bytes=150), "other", id="four names"),
        pytest.param(many(5, 0.0, **NAMES, src_bytes=149), "other", id="names of 149 bytes"),
        pytest.param(uneven(9, 0.29), "beacon", id="gaps that vary by 29 %"),
        pytest.param(uneven(9, 0.31), "other", id="gaps that vary by 31 %"),
        pytest.param(many(4, 1.0), "beacon", id="four a second apart"),
        pytest.param(many(3, 1.0), "other", id="three"),
        pytest.param(many(4, 0.99), "other", id="four less than a second apart"),
    ],
)
def test_each_figure_of_a_rule_is_where_a_kind_begins(flows: list[dict[str, Any]], kind: str) -> None:
    """One more or one less of what a rule asks for makes the incident of that kind or not."""
    assert kind_of(flows) == kind


@pytest.mark.parametrize(("count", "kind"), [(2, "scan"), (1, "other")])
def test_a_scan_is_told_early_where_its_peers_lead(count: int, kind: str) -> None:
    """Two unanswered flows that stand out by their source's number of peers are a scan, and one is none."""
    assert kind_of(many(count, **SCANNED), "source_peers_1m") == kind


def test_a_long_login_is_no_brute_force() -> None:
    """One session of more than two minutes among them is someone who got in the usual way."""
    flows = many(9, 7.0, dst_port=22, state="SF")
    assert kind_of(flows) == "brute force"
    assert kind_of([*flows, {"ts": T0 + 100, "dst_port": 22, "state": "SF", "duration_s": 120.5}]) != "brute force"
