"""``oddflow simulate``: where records go, how many, how fast, and what is left behind when it fails."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from confluent_kafka import Consumer

from detector.cli import app
from detector.errors import ConfigurationError, OutputError
from tests.conftest import MakeTopic
from training.simulator.ahead import ahead
from training.simulator.choices import kinds_of, moment_of, seconds_of
from training.simulator.run import Run, first, paced
from training.simulator.scenario import DEFAULT_START, Scenario
from training.simulator.targets import FileTarget, Places
from training.simulator.writers import writer_named

ODDFLOW = (sys.executable, "-c", "from detector.cli import main; main()")
SMALL = ("--hosts", "30", "--duration", "2m", "--quiet")


def simulate(*options: str | Path) -> int:
    """Run the command in this process; give its exit code."""
    with pytest.raises(SystemExit) as ended:
        app(["simulate", *map(str, options)])
    return int(ended.value.code or 0)


def lines_of(path: Path) -> list[bytes]:
    """The lines of a plain file."""
    return path.read_bytes().splitlines()


def test_same_seed_gives_the_same_file(tmp_path: Path) -> None:
    """Two runs with the same options give the same bytes, gzipped or not; another seed gives others."""
    for name, seed in (("a", "4"), ("b", "4"), ("c", "5"), ("d.gz", "4"), ("e.gz", "4")):
        assert simulate(*SMALL, "--seed", seed, "--output", tmp_path / name) == 0
    a, b, c, d, e = (path.read_bytes() for path in sorted(tmp_path.iterdir()))
    assert a == b != c
    assert d == e
    assert gzip.decompress(d) == a


def test_count_is_exact(tmp_path: Path) -> None:
    """A number of flows is just that number, whether the time given is too long or too short."""
    for name, duration in (("a", ()), ("b", ("--duration", "1m")), ("c", ("--duration", "3h"))):
        assert simulate("--hosts", "30", "--quiet", "--count", "777", *duration, "--output", tmp_path / name) == 0
        assert len(lines_of(tmp_path / name)) == 777


def test_truth_tells_of_the_attacks_in_the_file(tmp_path: Path) -> None:
    """The sidecar has one line per attack, which agrees with the labels of the records."""
    output, truth = tmp_path / "flows.json", tmp_path / "truth.jsonl"
    assert simulate(*SMALL, "--attacks", "beacon,vertical-scan", "--output", output, "--truth", truth) == 0
    attacks = [json.loads(line) for line in lines_of(truth)]
    records = [json.loads(line) for line in lines_of(output)]
    assert {attack["kind"] for attack in attacks} == {"beacon", "vertical-scan"}
    for kind in ("beacon", "vertical-scan"):
        flows = [record for record in records if record.get("detailedlabel") == kind]
        told = [attack for attack in attacks if attack["kind"] == kind]
        assert sum(attack["flows"] for attack in told) == len(flows)
        assert {address for attack in told for address in attack["src"]} == {flow["id.orig_h"] for flow in flows}
        assert min(attack["start"] for attack in told) == flows[0]["ts"]


def test_labels_can_be_left_out(tmp_path: Path) -> None:
    """Without labels nothing in the file tells attacks from the rest."""
    assert simulate(*SMALL, "--no-labels", "--output", tmp_path / "flows.json") == 0
    assert b"label" not in (tmp_path / "flows.json").read_bytes()


def test_tables_have_header_and_end(tmp_path: Path) -> None:
    """A Zeek table begins with its header block and ends with the line that closes it."""
    assert simulate(*SMALL, "--format", "zeek-tsv", "--output", tmp_path / "conn.log") == 0
    lines = lines_of(tmp_path / "conn.log")
    assert lines[0] == b"#separator \\x09"
    assert lines[-1].startswith(b"#close\t2026-01-05-")


def test_standard_output_is_a_file_too(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """A dash writes to standard output, and the summary goes to standard error."""
    assert simulate("--hosts", "30", "--count", "5", "--output", "-") == 0
    out, err = capfdbinary.readouterr()
    assert len(out.splitlines()) == 5
    assert err.startswith(b"simulated 5 flows to standard output")


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        ((), 2, "--output FILE"),
        (("--format", "zek"), 2, "no such format"),
        (("--output", "x", "--topic", "t"), 2, "exclude each other"),
        (("--topic", "t"), 2, "--bootstrap-servers"),
        (("--output", "x", "--attacks", "beacn"), 2, "beacn"),
        (("--output", "x", "--duration", "5q"), 2, "--duration"),
        (("--output", "x", "--start", "tomorrow"), 2, "--start"),
        (("--output", "x", "--hosts", "1"), 2, "--hosts"),
        (("--output", "nowhere/x"), 7, "to nowhere/x: there is no folder nowhere; make it first, or give another file"),
        (("--output", "x", "--truth", "nowhere/x"), 7, "to nowhere/x: there is no folder nowhere; make it first"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(  # noqa: PLR0917 - the fixtures that it takes
    options: tuple[str, ...],
    code: int,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What cannot be done is said in one line that names it, with its exit code, and no file appears."""
    monkeypatch.chdir(tmp_path)
    assert simulate("--duration", "1m", *options) == code
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_full_disks_are_told() -> None:
    """A disk without room is an error that names the output."""
    run = Run(Scenario(hosts=30, duration_s=60.0), writer_named("zeek-json"), labels=False)
    with (
        pytest.raises(OutputError, match="/dev/full: No space left"),
        Places(lambda: FileTarget("/dev/full"), None) as target,
    ):
        run.to(target)


def test_what_breaks_off_leaves_the_old_file(tmp_path: Path) -> None:
    """A run that fails half-way leaves what was there before, and nothing beside it."""
    path = tmp_path / "flows.json"
    path.write_bytes(b"old\n")

    def fail(_: int) -> None:
        raise RuntimeError("half-way")

    run = Run(Scenario(hosts=30, duration_s=60.0), writer_named("zeek-json"), labels=False)
    places = Places(lambda: FileTarget(str(path)), str(tmp_path / "truth.jsonl"))
    with pytest.raises(RuntimeError, match="half-way"), places as target:
        run.to(target, fail)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("flows.json", b"old\n")]


@pytest.mark.slow
def test_being_told_to_stop_leaves_nothing(tmp_path: Path) -> None:
    """SIGTERM ends a run with 128 + 15 and no file."""
    command = [*ODDFLOW, "simulate", "--rate", "50", "--output", str(tmp_path / "x")]
    process = subprocess.Popen(command)
    try:
        while not list(tmp_path.iterdir()) and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 128 + signal.SIGTERM
    finally:
        process.kill()
    assert not list(tmp_path.iterdir())


def test_rate_shows_records_as_they_come(tmp_path: Path) -> None:
    """A paced run flushes each small portion, so that a reader has it before the next."""

    class Watched(FileTarget):
        flushes = 0

        def flush(self) -> None:
            super().flush()
            self.flushes += 1

    target = Watched(str(tmp_path / "x"))
    truth = Run(Scenario(hosts=30), writer_named("zeek-json"), labels=False, count=100, rate=400.0).to(target)
    target.abandon()
    assert (truth.flows, target.flushes) == (100, 100 / (400 / 20))


def test_pace_is_kept() -> None:
    """Frames are given no earlier than their rows are due."""
    frames = [pl.DataFrame({"row": range(10)})] * 4
    began = time.monotonic()
    assert sum(len(frame) for frame in paced(iter(frames), 100.0)) == 40
    assert time.monotonic() - began >= 0.3 - 1e-3


def test_first_rows_are_cut_within_a_frame() -> None:
    """The first rows end just where they should."""
    frames = [pl.DataFrame({"row": range(10)})] * 3
    assert [len(frame) for frame in first(iter(frames), 15)] == [10, 5]


def test_reading_ahead_gives_the_same_items() -> None:
    """Items come in their order, as many as there are."""
    assert list(ahead(iter(range(1000)), 3)) == list(range(1000))


def test_reading_ahead_raises_what_went_wrong() -> None:
    """What fails in the other thread is raised to whoever reads, after the items before it."""

    def items() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    reader = ahead(items(), 2)
    assert next(reader) == 1
    with pytest.raises(OSError, match="gone"):
        next(reader)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("30m", 1800), ("1d12h", 129_600), ("0.5h", 1800), ("1w", 604_800)]
)
def test_spans_are_understood(text: str, seconds: float) -> None:
    """Spans may have units, and several of them."""
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "5q", "h", "-5m", "0", "1h 30m", "1e3"])
def test_other_spans_are_refused(text: str) -> None:
    """What is no span of time, or none to speak of, is an error."""
    with pytest.raises(ConfigurationError, match=re.escape("--duration")):
        seconds_of(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-05", DEFAULT_START),
        ("2026-01-05T01:00", DEFAULT_START + 3600),
        ("2026-01-05T01:00+01:00", DEFAULT_START),
        (str(DEFAULT_START), DEFAULT_START),
    ],
)
def test_moments_are_understood(text: str, moment: float) -> None:
    """Moments are UTC unless they say otherwise."""
    assert moment_of(text) == moment


def test_now_is_a_moment() -> None:
    """Traffic may begin now."""
    assert abs(moment_of("now") - time.time()) < 5


def test_kinds_may_be_listed_repeated_all_or_none() -> None:
    """Kinds of attack come from any number of options, each once."""
    known = ("a", "b", "c")
    assert kinds_of([], known) == kinds_of(["all"], known) == known
    assert kinds_of(["none"], known) == ()
    assert kinds_of(["a,b", "b", " c"], known) == ("a", "b", "c")


@pytest.mark.kafka
def test_topics_get_every_record_keyed_by_source(kafka: str, topic: MakeTopic) -> None:
    """Each record is in the topic, its key the source address, and each partition begins with the header."""
    name = topic(2)
    options = ("--format", "zeek-tsv", "--count", "500", "--hosts", "30", "--quiet")
    assert simulate(*options, "--bootstrap-servers", kafka, "--topic", name) == 0
    consumer = Consumer(
        {"bootstrap.servers": kafka, "group.id": f"{name}-{os.getpid()}", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([name])
    found: dict[int | None, list[tuple[bytes | None, bytes | None]]] = {0: [], 1: []}
    deadline = time.monotonic() + 30
    while sum(map(len, found.values())) < 500 + 2 * 9 and time.monotonic() < deadline:
        for message in consumer.consume(1000, 0.5):
            found[message.partition()].append((message.key(), message.value()))
    consumer.close()
    flows = [(key, value) for part in found.values() for key, value in part if key is not None]
    assert len(flows) == 500
    assert all((value or b"").split(b"\t")[2] == key for key, value in flows)
    assert [part[0][1] for part in found.values()] == [b"#separator \\x09"] * 2


@pytest.mark.kafka
def test_topics_that_are_missing_are_told(kafka: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A topic that does not exist is an error that names it."""
    assert simulate(*SMALL, "--bootstrap-servers", kafka, "--topic", "no-such-topic") == 4
    assert "no-such-topic" in capsys.readouterr().err
