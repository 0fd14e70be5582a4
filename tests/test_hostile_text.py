"""Text of a record, hostile, from the record to wherever people read it: nothing acts on a terminal or in a browser.

Every outlet is in :data:`OUTLETS`, once: a new command that is in neither that nor :data:`SILENT` fails. One alone
writes CSV, where a text that begins with ``=`` would be a formula (:mod:`tests.feedback.test_files`); JSON, HTML and
terminals take it for text.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

import pytest
from rich.console import Console
from typer.main import get_command
from typer.testing import CliRunner

from detector.casebook.latest import Latest
from detector.casebook.told import read_told
from detector.cli import COMMANDS, app
from detector.incidents.document import SHAPES
from detector.registry.registry import Registry
from detector.transport.base import Channel
from detector.web.incidents import IncidentPages
from detector.web.recent import Recent
from training.demo.screen import Screen, incident_line
from training.hunt.hunting import Hunted, hunt
from training.simulator.scenario import DEFAULT_START, Scenario
from training.simulator.stream import encode

MARK = "gnippohs"

HOSTILE = f"=cmd|' /C calc'!A0 \x1b[2J\x1b]0;owned\x07\x9b31m\u202e{MARK}\r\n<script>alert(1)</script>\x00\x7f"
"""Escapes that clear a screen and name a window, text turned around, a second line, markup, NUL; MARK shows it came."""

FILE = HOSTILE.replace("/", "").replace("\0", "") + ".json"
"""A file may be named so."""

Medium = Literal["terminal", "json", "html"]


@dataclass(frozen=True)
class Ran:
    """One command that has run."""

    code: int
    out: str
    err: str


class Tour:
    """A folder with hostile logs, and what each command makes of them; each runs once, when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / FILE
        self.logs.write_bytes(b"\n".join(hostile_records()) + b"\n")
        self._ran: dict[tuple[str, ...], Ran] = {}

    def run(self, *arguments: str, **environment: str) -> Ran:
        """What a command says, which must succeed."""
        key = (*arguments, repr(sorted(environment.items())))
        if key not in self._ran:
            result = CliRunner(env=environment).invoke(app, arguments)
            self._ran[key] = Ran(result.exit_code, result.stdout, result.stderr)
        ran = self._ran[key]
        assert ran.code == 0, ran.err
        return ran

    @cached_property
    def registry(self) -> str:
        """A registry with a model of these records."""
        self.train()
        return str(self.folder / "registry")

    def train(self, *flags: str) -> Ran:
        """Train on them."""
        registry = str(self.folder / "registry")
        small = ("--kind", "hbos", "--train-on", "normal", "--folds", "2")
        return self.run("train", "--data", str(self.logs), *GIVEN, "--registry", registry, *small, *flags)

    def retrain(self) -> Ran:
        """Retrain on them."""
        places = ("--registry", str(self.folder / "retrained"), "--datasets", str(self.folder / "datasets"))
        small = ("--kind", "hbos", "--folds", "0", "--no-incidents")
        return self.run("retrain", "--once", "--data", str(self.logs), *GIVEN, *places, *small)

    def search(self, *flags: str) -> Ran:
        """Search on them."""
        places = ("--out", str(self.folder / "best.toml"), "--study", str(self.folder / "search.db"))
        small = ("--kind", "hbos", "--trials", "2", "--folds", "2", "--train-on", "normal")
        return self.run("search", str(self.logs), *GIVEN, *places, *small, *flags)

    def detected(self, shape: str = "ocsf", logs: str = "json") -> Mapping[str, str]:
        """The files that the daemon writes, and its log, by the names of channels."""
        names = {each.value: self.folder / f"{shape}.{each.value}.jsonl" for each in WRITTEN}
        flags = {
            Channel.ALERTS: "--output",
            Channel.DEAD_LETTERS: "--dead-letters",
            Channel.SCORES: "--scores",
            Channel.INCIDENTS: "--incidents",
            Channel.RISKS: "--risk",
        }
        outputs = [word for channel, flag in flags.items() for word in (flag, str(names[channel.value]))]
        given = ("--input", str(self.logs), *GIVEN, "--registry", self.registry, "--log-format", logs)
        ran = self.run("detect", *given, *outputs, ODDFLOW_OUTPUT__FORMAT=shape)
        return {name: path.read_text() for name, path in names.items()} | {"log": ran.err}

    def documents(self) -> list[bytes]:
        """What the daemon told of incidents."""
        return self.detected()[Channel.INCIDENTS.value].encode().splitlines()

    def incidents(self, *flags: str) -> Ran:
        """The reader's view of them."""
        self.detected()
        before, after = (flags[:1], flags[1:]) if flags[:1] == ("show",) else ((), flags)
        path = self.folder / f"ocsf.{Channel.INCIDENTS.value}.jsonl"
        return self.run("incidents", *before, *after, "--input", str(path))

    def hosts(self, *flags: str) -> str:
        """The reader's view of hosts."""
        self.detected()
        path = self.folder / f"ocsf.{Channel.RISKS.value}.jsonl"
        return _both(self.run("incidents", "hosts", *flags, "--input", str(path)))

    def spreadsheet(self) -> str:
        """A file that says hostile things of an incident."""
        path = self.folder / "labels.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["incident", "verdict", "by", "comment"])
            rows.writerow(["3bc9adf7-0000-5000-8000-000000000000", "false", HOSTILE, HOSTILE])
        return str(path)

    def feedback(self, command: str, *flags: str) -> Ran:
        """Labels into a file, and out of it."""
        where = {"import": "--output", "export": "--input"}[command]
        return self.run("feedback", command, *flags, where, str(self.folder / "judged.jsonl"))

    def labels(self, *flags: str) -> str:
        """Labels that were taken in."""
        self.feedback("import", self.spreadsheet())
        return self.feedback("export", *flags).out

    def suppress(self, command: str, *flags: str) -> str:
        """A rule of hostile words, in a file for each command."""
        rules = ("--file", str(self.folder / f"{command}.rules.jsonl"))
        self.detected()
        known = ("--incidents", str(self.folder / f"ocsf.{Channel.INCIDENTS.value}.jsonl"))
        host = ("--scope", "source", "--src-ip", "10.0.0.1", "--owner", HOSTILE)
        added = self.run("suppress", "add", *host, "--reason", HOSTILE, *rules, *known, "--confirm-broad", *flags)
        if command == "add":
            return _both(added)
        rule = json.loads((self.folder / f"{command}.rules.jsonl").read_bytes())["id"]
        match command:
            case "snooze":
                return _both(self.run("suppress", "snooze", self.an_id(), *host, *rules, *known, "--confirm-broad"))
            case "preview":
                return _both(self.run("suppress", "preview", *host[:-2], *known, *flags))
            case "list":
                return self.run("suppress", "list", *rules, *flags).out
        return _both(self.run("suppress", command, rule, *rules, *flags))

    def an_id(self) -> str:
        """Of the incident with the most alerts."""
        return max(map(read_told, self.documents()), key=lambda told: told.ours.alerts).ours.id

    def hunt(self, *flags: str) -> Ran:
        """Hunt in them: what takes long, once."""
        with patch("training.hunt.hunting.hunt", self._hunted):
            return self.run("hunt", str(self.logs), *GIVEN, "--output", str(self.folder / "hunt.html"), *flags)

    @cached_property
    def _hunted(self) -> Callable[..., Hunted]:
        found: list[Hunted] = []

        def once(*given: Any) -> Hunted:
            found.extend([] if found else [hunt(*given)])
            return found[0]

        return once

    def page_of_hunt(self) -> str:
        """The page of a hunt."""
        self.hunt()
        return (self.folder / "hunt.html").read_text()

    def web(self, path: str) -> str:
        """A page of the daemon's own."""
        recent = Recent()
        for document in self.documents():
            recent.put(read_told(document).ours.id, document)
        answer = IncidentPages(recent).answer(path, "text/html")
        assert answer is not None
        return answer.body.decode()

    def card(self) -> str:
        """The model's card."""
        shelf = Registry(self.registry)
        return shelf.fetch("flows", shelf.resolve("flows"))["card.html"].decode()

    def evaluate(self, *flags: str) -> Ran:
        """Measure the model on them."""
        return self.run("evaluate", "--data", str(self.logs), *GIVEN, "--registry", self.registry, *flags)

    def score(self) -> Ran:
        """Score them."""
        return self.run("score", "--data", str(self.logs), *GIVEN, "--registry", self.registry, "--output", "-")

    def models(self, *flags: str) -> str:
        """What is told of models."""
        return self.run("models", *flags, "--registry", self.registry).out

    def card_of(self, name: str) -> str:
        """The card, as the command writes it."""
        self.models("card", "--output", str(self.folder / name))
        return (self.folder / name).read_text()

    def dataset(self, command: str, *flags: str) -> str:
        """What is told of a data set of them."""
        place = ("--datasets", str(self.folder / "datasets"))
        built = self.run("dataset", "build", "--name", "live", "--data", str(self.logs), *GIVEN, *place)
        return _both(built if command == "build" else self.run("dataset", command, *flags, *place))

    def replayed(self) -> str:
        """An alert worked out once more."""
        alert = self.folder / "alert.json"
        alert.write_text(self.detected()[Channel.ALERTS.value].splitlines()[0])
        given = ("--data", str(self.logs), *GIVEN, "--registry", self.registry)
        return _both(self.run("replay", str(alert), *given))

    def demo(self) -> str:
        """The demo's incidents, in a picture and line by line."""
        shown = io.StringIO()
        console = Console(file=shown, width=400)
        screen = Screen(console)
        latest = Latest()
        for document in self.documents():
            latest.put(told := read_told(document))
            screen.incident(told)
            console.print(incident_line(told))
        console.print(screen._picture())
        return shown.getvalue()


GIVEN = ("--format", "zeek-json")

WRITTEN = tuple(each for each in Channel if each not in {Channel.FEEDBACK, Channel.SUPPRESSIONS})
"""Channels that the daemon writes."""


@dataclass(frozen=True)
class Outlet:
    """Somewhere that people read: what it shows, and as what; ``carries`` where hostile text gets there at all."""

    text: Callable[[Tour], str]
    medium: Medium
    carries: bool = True


OUTLETS: Mapping[str, Outlet] = {
    "train: terminal": Outlet(lambda tour: _both(tour.train()), "terminal"),
    "train: --json": Outlet(lambda tour: tour.train("--json").out, "json", carries=False),
    "train: card": Outlet(Tour.card, "html"),
    "search": Outlet(lambda tour: _both(tour.search()), "terminal"),
    "retrain": Outlet(lambda tour: _both(tour.retrain()), "terminal"),
    "detect: log as JSON": Outlet(lambda tour: tour.detected()["log"], "terminal", carries=False),
    "detect: log on a terminal": Outlet(lambda tour: tour.detected("ecs", "console")["log"], "terminal", carries=False),
    **{
        f"detect: {channel.value} as {shape}": Outlet(
            lambda tour, shape=shape, channel=channel: tour.detected(shape)[channel.value],  # type: ignore[misc]
            "json",
            carries=channel not in {Channel.SCORES, Channel.RISKS} or (shape, channel) == ("ocsf", Channel.SCORES),
        )
        for shape in SHAPES
        for channel in WRITTEN
    },
    "incidents: list": Outlet(lambda tour: _both(tour.incidents()), "terminal", carries=False),
    "incidents: list --json": Outlet(lambda tour: tour.incidents("--json").out, "json"),
    "incidents show: terminal": Outlet(lambda tour: _both(tour.incidents("show", tour.an_id())), "terminal"),
    "incidents show: --json": Outlet(lambda tour: tour.incidents("show", tour.an_id(), "--json").out, "json"),
    "incidents hosts: terminal": Outlet(lambda tour: tour.hosts(), "terminal", carries=False),
    "incidents hosts: --json": Outlet(lambda tour: tour.hosts("--json"), "json", carries=False),
    "feedback import": Outlet(
        lambda tour: _both(tour.feedback("import", tour.spreadsheet())), "terminal", carries=False
    ),
    "feedback export: CSV": Outlet(lambda tour: tour.labels(), "terminal"),
    "feedback export: --json": Outlet(lambda tour: tour.labels("--json"), "json"),
    "suppress add": Outlet(lambda tour: tour.suppress("add"), "terminal"),
    "suppress snooze": Outlet(lambda tour: tour.suppress("snooze"), "terminal"),
    "suppress preview": Outlet(lambda tour: tour.suppress("preview"), "terminal", carries=False),
    "suppress list: terminal": Outlet(lambda tour: tour.suppress("list"), "terminal"),
    "suppress list: --json": Outlet(lambda tour: tour.suppress("list", "--json"), "json"),
    "suppress show": Outlet(lambda tour: tour.suppress("show"), "terminal"),
    "suppress remove": Outlet(lambda tour: tour.suppress("remove"), "terminal"),
    "/incidents": Outlet(lambda tour: tour.web("/incidents"), "html", carries=False),
    "/incidents.json": Outlet(lambda tour: tour.web("/incidents.json"), "json"),
    "/incidents/ID": Outlet(lambda tour: tour.web(f"/incidents/{tour.an_id()}"), "html"),
    "score": Outlet(lambda tour: _both(tour.score()), "terminal"),
    "evaluate: terminal": Outlet(lambda tour: _both(tour.evaluate()), "terminal"),
    "evaluate: --json": Outlet(lambda tour: tour.evaluate("--json").out, "json", carries=False),
    "hunt: terminal": Outlet(lambda tour: _both(tour.hunt()), "terminal"),
    "hunt: page": Outlet(Tour.page_of_hunt, "html"),
    "hunt: --json": Outlet(lambda tour: tour.hunt("--json").out, "json"),
    "models list": Outlet(lambda tour: tour.models("list"), "terminal", carries=False),
    "models show: terminal": Outlet(lambda tour: tour.models("show"), "terminal"),
    "models show: --json": Outlet(lambda tour: tour.models("show", "--json"), "json"),
    "models card: page": Outlet(lambda tour: tour.card_of("card.html"), "html"),
    "models card: document": Outlet(lambda tour: tour.card_of("card.json"), "json", carries=False),
    "dataset build": Outlet(lambda tour: tour.dataset("build"), "terminal"),
    "dataset list": Outlet(lambda tour: tour.dataset("list"), "terminal", carries=False),
    "dataset show: terminal": Outlet(lambda tour: tour.dataset("show", "live"), "terminal"),
    "dataset show: --json": Outlet(lambda tour: tour.dataset("show", "live", "--json"), "json"),
    "replay": Outlet(Tour.replayed, "terminal", carries=False),
    "demo": Outlet(Tour.demo, "terminal", carries=False),
}

SILENT = frozenset({
    "simulate",
    "notify",  # what it sends is tried in tests/notify
    "triage serve",  # its pages and its interface are tried in tests/triage
    "triage import",
    "triage users",
    "triage tokens",
    "healthcheck",
    "config check",
    "config dump",
    "config schema",
    "models verify",
    "models promote",
    "models rollback",
    "models export",
    "models sign",
    "models sbom",
    "models diff",
    "models at",
})  # fmt: skip
"""Commands that tell nothing of a record, nor of what was made of records."""


def hostile_records() -> Iterator[bytes]:
    """Twenty minutes of flows with a scan, hostile text in the scan's and others; then some that are no records."""
    scenario = Scenario(
        seed=4,
        hosts=25,
        start=DEFAULT_START + 10 * 3600.0,
        duration_s=1200.0,
        attacks=("vertical-scan",),
        attack_share=0.05,
    )
    last: dict[str, Any] = {}
    for frame in scenario.frames():
        for number, line in enumerate(encode(frame, "zeek-json", labels=True)):
            last = json.loads(line)
            attack = last["label"] == "Malicious"
            texts = {"uid": f"{number}{HOSTILE}", "service": HOSTILE} if attack or number % 7 == 0 else {}
            yield json.dumps(last | texts | ({"label": HOSTILE} if attack else {})).encode()
    for name in ("ts", "id.orig_h", "proto"):
        yield json.dumps(last | {name: HOSTILE}).encode()


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Tour:
    """Nothing has run yet."""
    return Tour(tmp_path_factory.mktemp("tour"))


class Markup(HTMLParser):
    """The tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        """Note a tag."""
        self.tags.add(tag)


@pytest.mark.slow
@pytest.mark.parametrize("name", OUTLETS)
def test_hostile_text_is_shown_and_does_nothing(name: str, tour: Tour) -> None:
    """Wherever a hostile text of a record is shown, it is spelled out: it is neither acted on nor hidden nor markup."""
    outlet = OUTLETS[name]
    text = outlet.text(tour)
    acted_on = {sign for sign in text if not sign.isprintable() and sign != "\n"}
    assert (acted_on, MARK in text) == (set(), outlet.carries or MARK in text)
    if outlet.medium == "html":
        assert "script" not in Markup(text).tags
    if outlet.medium == "json":
        assert _parsed(text)


def test_every_command_is_an_outlet_or_silent() -> None:
    """A new command is walked here, or is said to tell nothing of records."""
    walked = {name.partition(":")[0] for name in OUTLETS}
    commands = set(_commands())
    assert {each for each in commands - SILENT if each not in walked} == set()
    assert commands >= SILENT


def _commands() -> Iterator[str]:
    """All commands by their names, those of a group with its name before."""
    group: Any = get_command(app)
    context = group.make_context("oddflow", [], resilient_parsing=True)
    for name in COMMANDS:
        command = group.resolve_command(context, [name])[1]
        below = getattr(command, "commands", {})
        yield from (f"{name} {each}" for each in below) if below else [name]


def _both(ran: Ran) -> str:
    return ran.out + ran.err


def _parsed(text: str) -> list[Any]:
    """The documents of a text: one, or one on each line."""
    try:
        return [json.loads(text)]
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines()]
