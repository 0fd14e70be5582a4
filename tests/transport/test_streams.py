"""Pipes as input and output: nothing of them is lost, waiting for them ends with a signal, their readers may go."""

from __future__ import annotations

import gzip
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import polars as pl
import pytest

from detector.deadline import Deadline
from detector.records.every_format import open_decoder
from detector.registry.registry import Registry
from detector.transport.base import Channel, OutRecord
from detector.transport.files import FileSink, FileSource, read_values
from tests.bundles import bundle
from tests.records.samples import CONN, dump
from tests.transport.arena import Recorder, poll_until, values_of

LINES = [b'{"line":%d}' % number for number in range(20_000)]
PLAIN = b"".join(line + b"\n" for line in LINES)


def in_parquet() -> bytes:
    """The same lines as rows of Parquet."""
    data = io.BytesIO()
    pl.DataFrame({"line": range(len(LINES))}).write_parquet(data)
    return data.getvalue()


@contextmanager
def pipe(path: Path, pieces: list[bytes], pause_s: float = 0.0) -> Iterator[Path]:
    """A named pipe that is written to, piece by piece, by a thread that waits for who reads."""

    def write() -> None:
        with path.open("wb", buffering=0) as out:
            for piece in pieces:
                out.write(piece)
                time.sleep(pause_s)

    os.mkfifo(path)
    writer = Thread(target=write, daemon=True)
    writer.start()
    yield path
    writer.join(10)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("content", [PLAIN, gzip.compress(PLAIN, 1), in_parquet()], ids=["plain", "gzip", "parquet"])
def test_a_pipe_is_read_from_its_first_byte(tmp_path: Path, content: bytes) -> None:
    """A source gives every line of a pipe, once and in order, whatever is in it."""
    with pipe(tmp_path / "fifo", [content]) as path:
        source = FileSource([path])
        source.start(Recorder())
        assert values_of(poll_until(source, len(LINES))) == LINES
        assert [source.poll(10, 1000, 10.0), source.ended] == [None, True]
        source.stop(Deadline.after(1))


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"x\n", [b"x"]),
        (b"P\n", [b"P"]),
        (b"PAR\nx", [b"PAR", b"x"]),
        (b"\x1f\n", [b"\x1f"]),
        (gzip.compress(b"a\nb\n", mtime=0), [b"a", b"b"]),
    ],
)
def test_a_pipe_may_give_a_byte_at_a_time(tmp_path: Path, content: bytes, expected: list[bytes]) -> None:
    """What a stream is, is told from its first bytes however they come, and they are part of it."""
    with pipe(tmp_path / "fifo", [content[at : at + 1] for at in range(len(content))], 0.002) as path:
        assert [value for values in read_values(path) for value in values] == expected


def started(*arguments: str, stdin: int, stdout: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """A process of the command line."""
    command = [sys.executable, "-m", "detector", "detect", *arguments]
    return subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE)


@pytest.fixture(name="registry")
def _registry(tmp_path: Path) -> Path:
    """A registry with a model in it."""
    registry = Registry(str(tmp_path / "registry"))
    registry.publish("flows", "v1", bundle())
    registry.promote("flows", "v1")
    return tmp_path / "registry"


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_wait_for_standard_input(registry: Path, number: signal.Signals) -> None:
    """A daemon that waits for standard input ends in order when it is told to."""
    flags = ("--input", "-", "--format", "zeek-json", "--registry", str(registry), "--log-format", "json")
    readable, writable = os.pipe()
    with started(*flags, stdin=readable) as process, os.fdopen(writable, "wb"):
        os.close(readable)
        assert process.stderr is not None
        seen = next(line for line in process.stderr if b"daemon.started" in line)
        assert seen
        time.sleep(0.5)
        process.send_signal(number)
        rest = process.stderr.read()
        assert (process.wait(60), b"read 0:" in rest, b"Fatal" in rest) == (0, True, False)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_reader_of_outputs_may_go_away(registry: Path) -> None:
    """``--scores - | head -1`` ends with 141, as the documentation of exit codes has it, and without an error."""
    flags = ("--input", "-", "--format", "zeek-json", "--registry", str(registry), "--scores", "-")
    values = [dump(CONN, uid=f"C{number}") for number in range(5_000)]
    assert len(open_decoder("zeek-json").decode(values).frame) == len(values)
    with started(*flags, "--log-level", "error", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.write(b"\n".join(values) + b"\n")
        process.stdin.close()
        assert (process.wait(120), process.stderr.read()) == (141, b"")


def test_a_sink_tells_a_reader_that_went_away_from_a_full_disk() -> None:
    """A pipe that nobody reads any more is no output that cannot be written: it has an exit code of its own."""
    readable, writable = os.pipe()
    os.close(readable)
    sink = FileSink(paths={Channel.ALERTS: f"/dev/fd/{writable}"})
    sink.start()
    sink.send(Channel.ALERTS, [OutRecord(b"alert")])
    with pytest.raises(BrokenPipeError):
        sink.flush(Deadline.after(1))
    sink.stop(Deadline.after(1))
    os.close(writable)
