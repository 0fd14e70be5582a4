"""``oddflow hunt``: from files of simulated flows to the page."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.chromium import assert_readable
from tests.commands import run
from tests.training.small_days import lines_of
from training.simulator.scenario import DEFAULT_START, Scenario

FORMAT = ("--format", "zeek-json")

HOSTILE = "<script>alert(1)</script>\u202e"


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two logs: an hour and a half with a scan in it, one line that is no record, and hostile text."""
    folder = tmp_path_factory.mktemp("logs")
    scenario = Scenario(
        seed=4,
        hosts=30,
        start=DEFAULT_START + 10 * 3600.0,
        duration_s=5400.0,
        attacks=("vertical-scan",),
        attack_share=0.03,
    )
    lines = lines_of(scenario)
    half = len(lines) // 2
    records = [{**json.loads(line), "service": HOSTILE} for line in lines[:half]]
    (folder / "conn.1.log").write_text("\n".join(map(json.dumps, records)) + "\n")
    never = json.dumps({**json.loads(lines[-1]), "ts": "<b>never</b>"}).encode()
    (folder / "conn.2.log").write_bytes(b"\n".join([*lines[half:], never]) + b"\n")
    return folder


@pytest.fixture(scope="module")
def hunted(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """What the command told a program, and the page."""
    output = tmp_path_factory.mktemp("out") / "hunt.html"
    code, out, err = run("hunt", str(logs), *FORMAT, "--output", str(output), "--json")
    assert code == 0, err
    return json.loads(out), output.read_text()


class Parts(HTMLParser):
    """Tags and what refers to something else."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.references: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.add(tag)
        self.references += [value or "" for name, value in attrs if name in {"src", "href"}]


@pytest.mark.slow
def test_finds_a_scan_that_it_learnt_from(hunted: tuple[dict[str, Any], str], logs: Path) -> None:
    """Of a scan among the flows that it learns from, source and destination are among the first three incidents."""
    records = [json.loads(line) for log in sorted(logs.iterdir()) for line in log.read_text().splitlines()]
    scans = {(each["id.orig_h"], each["id.resp_h"]) for each in records if each["label"] == "Malicious"}
    told = [each["document"]["unmapped"]["oddflow"] for each in hunted[0]["incidents"][:3]]
    pairs = {(source, to) for each in told for source in each["sources"] for to in each["destinations"]}
    assert scans & pairs


@pytest.mark.slow
def test_gravest_come_first(hunted: tuple[dict[str, Any], str]) -> None:
    """Incidents are sorted by risk, and those of one risk by how rare they are; a host's further ones likewise."""
    incidents = hunted[0]["incidents"]
    for each in (incidents, *([first, *first["further"]] for first in incidents)):
        order = [(-of["document"]["unmapped"]["oddflow"]["risk"], of["false_incidents_per_day"]) for of in each]
        assert order == sorted(order)


@pytest.mark.slow
def test_page_needs_nothing_else(hunted: tuple[dict[str, Any], str]) -> None:
    """The page has no script and refers to nothing but its own parts."""
    parts = Parts(hunted[1])
    assert "script" not in parts.tags
    assert [each for each in parts.references if not each.startswith("#")] == []
    assert "url(" not in hunted[1]


@pytest.mark.slow
def test_text_of_the_network_is_escaped(hunted: tuple[dict[str, Any], str]) -> None:
    """Text of a record is shown as text, and what turns text around is spelled out."""
    page = hunted[1]
    assert "<b>" not in page
    assert "\u202e" not in page


@pytest.mark.slow
def test_page_tells_what_it_is_of(hunted: tuple[dict[str, Any], str]) -> None:
    """The page tells files, format, flows, rejects with a sample, and that the time is short for the budget."""
    told, page = hunted
    wanted = (
        "conn.1.log, conn.2.log",
        "zeek-json",
        f"{told['flows']:,}",
        *told["rejected_by_reason"],
        "fewer than one",
    )
    assert [text for text in wanted if text not in page] == []
    assert sum(told["rejected_by_reason"].values()) == 1


@pytest.mark.slow
def test_a_page_is_not_written_over_a_log(logs: Path) -> None:
    """An output that is an input is refused before anything is read, and the log stays as it is."""
    log = logs / "conn.1.log"
    before = log.read_bytes()
    code, _, err = run("hunt", str(logs), *FORMAT, "--output", str(log))
    assert (code, log.read_bytes() == before) == (2, True)
    assert "is an input" in err


def test_a_page_needs_its_folder(tmp_path: Path) -> None:
    """An output in a folder that is not there ends with exit code 7 before anything is read."""
    (tmp_path / "conn.log").write_text("{}\n")
    code, _, err = run("hunt", str(tmp_path / "conn.log"), *FORMAT, "--output", str(tmp_path / "gone" / "hunt.html"))
    assert code == 7, err


def test_logs_that_are_not_there(tmp_path: Path) -> None:
    """A file that is not there ends with exit code 3."""
    assert run("hunt", str(tmp_path / "gone.log"), *FORMAT)[0] == 3


def test_a_budget_of_nothing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A budget of none by the settings is refused, and the flag named."""
    (tmp_path / "conn.log").write_text("{}\n")
    monkeypatch.setenv("ODDFLOW_ALERTS__FALSE_INCIDENTS_PER_DAY", "0")
    code, _, err = run("hunt", str(tmp_path / "conn.log"), *FORMAT)
    assert (code, "--budget" in err) == (2, True)


@pytest.mark.browser
@pytest.mark.slow
def test_page_can_be_read_in_a_browser(hunted: tuple[dict[str, Any], str], tmp_path: Path) -> None:
    """On a phone and on a desk, by day and by night: nothing is cut off, no text is faint or lies on another."""
    assert_readable(hunted[1], tmp_path)
