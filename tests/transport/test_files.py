"""Files and standard input: plain, gzip, Parquet, pipes; offsets, endings, and output that is whole."""

from __future__ import annotations

import gzip
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from detector.deadline import Deadline
from detector.errors import InputError, OutputError
from detector.transport.base import Channel, OutRecord
from detector.transport.files import FileSink, FileSource, read_values
from tests.transport.arena import Recorder, poll_until, values_of


def read(path: Path) -> list[bytes]:
    """All values of a file."""
    return [value for values in read_values(path) for value in values]


def test_plain_and_gzip_are_told_by_their_first_bytes(tmp_path: Path) -> None:
    """Whatever a file is called, its content says what it is."""
    for name, content in (("a.gz", b"one\ntwo\n"), ("b.log", gzip.compress(b"one\ntwo\n"))):
        (tmp_path / name).write_bytes(content)
        assert read(tmp_path / name) == [b"one", b"two"]


def test_gzip_members_follow_each_other(tmp_path: Path) -> None:
    """Files that were compressed in pieces and joined are read to their end."""
    path = tmp_path / "joined.gz"
    path.write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two\n"))
    assert read(path) == [b"one", b"two"]


def test_a_cut_off_gzip_file_is_an_error(tmp_path: Path) -> None:
    """What could be decompressed is given, then the cut is told; it never passes for the end."""
    path = tmp_path / "cut.gz"
    lines = b"".join(b"line %d %s\n" % (number, os.urandom(20).hex().encode()) for number in range(2_000))
    path.write_bytes(gzip.compress(lines)[:-2_000])
    with pytest.raises(InputError, match="cut off"):
        read(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a\nb", [b"a", b"b"]),
        (b"a\r\nb\r\n", [b"a", b"b"]),
        (b"\n\na\n", [b"", b"", b"a"]),
        (b"\xff\xfe\n", [b"\xff\xfe"]),
        (b"a\rb\n", [b"a\rb"]),
    ],
)
def test_lines_end_as_they_do_anywhere(tmp_path: Path, content: bytes, expected: list[bytes]) -> None:
    """LF and CRLF end a line, the last needs neither, blank lines and any other bytes are kept."""
    path = tmp_path / "lines"
    path.write_bytes(content)
    assert read(path) == expected


@given(lines=st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line and b"\r" not in line), min_size=1))
def test_any_lines_come_back(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    """Lines of any bytes are read as written, whatever lies on a chunk's edge."""
    path = tmp_path_factory.mktemp("lines") / "lines"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    assume(
        not lines[0].startswith((b"\x1f\x8b", b"PAR1", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"))
    )  # other kinds of files
    assume(
        not next((line.strip() for line in lines if line.strip()), b"").startswith((b"{", b"["))
    )  # values span lines
    assert read(path) == lines


def test_lines_span_chunks(tmp_path: Path) -> None:
    """Lines that are longer than what is read at once come whole."""
    path = tmp_path / "long"
    lines = [b"x" * 3_000_000, b"y" * 10, b"z" * 1_048_575, b"end"]
    path.write_bytes(b"\n".join(lines))
    assert read(path) == lines


def test_parquet_rows_are_json(tmp_path: Path) -> None:
    """A row of a Parquet file becomes a JSON object, nulls kept."""
    path = tmp_path / "flows.parquet"
    pl.DataFrame({"uid": ["a", "b"], "bytes": [1, None]}).write_parquet(path)
    assert read(path) == [b'{"uid":"a","bytes":1}', b'{"uid":"b","bytes":null}']


def test_bytes_in_parquet_are_text(tmp_path: Path) -> None:
    """Some writers do not mark text as such; bytes that are none are null, and inside lists they are left out."""
    path = tmp_path / "flows.parquet"
    columns = {"srcaddr": [b"192.0.2.1", b"\xff"], "tags": [[b"a"], [b"b"]], "port": [53, 80]}
    pl.DataFrame(columns).write_parquet(path)
    values = [json.loads(value) for value in read(path)]
    assert values == [{"srcaddr": "192.0.2.1", "port": 53}, {"srcaddr": None, "port": 80}]


def test_a_cut_off_parquet_file_is_an_error(tmp_path: Path) -> None:
    """Without its footer a Parquet file is damaged, and named."""
    path = tmp_path / "flows.parquet"
    pl.DataFrame({"uid": ["a", "b"]}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match=r"flows\.parquet"):
        read(path)


def test_files_are_partitions(tmp_path: Path) -> None:
    """Each file is a partition of its own with offsets from zero, and no batch mixes two."""
    paths = [tmp_path / name for name in ("a", "b")]
    for path in paths:
        path.write_bytes(b"".join(b"%s%d\n" % (path.name.encode(), number) for number in range(30)))
    source = FileSource(paths)
    source.start(Recorder())
    batches = poll_until(source, 60, max_records=7)
    assert all(len(np.unique(batch.partitions)) == 1 for batch in batches)
    assert [batch.topic for batch in batches if batch.partitions[0]] == [str(paths[1])] * 5
    assert [int(offset) for batch in batches for offset in batch.offsets] == [*range(30), *range(30)]
    source.stop(Deadline.after(1))


def test_it_ends_with_its_files(tmp_path: Path) -> None:
    """A source of files has ended once every line was given, and not before."""
    path = tmp_path / "a"
    path.write_bytes(b"1\n2\n3\n")
    source = FileSource([path])
    source.start(Recorder())
    assert not source.ended
    assert values_of(poll_until(source, 3)) == [b"1", b"2", b"3"]
    assert [source.poll(10, 1000, 10.0), source.ended] == [None, True]


@pytest.mark.timeout(30)
def test_a_quiet_pipe_does_not_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """While standard input has nothing to give, polls come back empty; what comes later is given."""
    readable, writable = os.pipe()
    with os.fdopen(readable, "rb") as pipe, os.fdopen(writable, "wb", buffering=0) as out:
        monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"buffer": pipe}))
        source = FileSource(["-"])
        source.start(Recorder())
        assert source.poll(10, 1000, 0.05) is None
        out.write(b"one\n")
        assert values_of(poll_until(source, 1)) == [b"one"]
        assert not source.ended
        out.close()
        while not source.ended:
            source.poll(10, 1000, 0.05)
            time.sleep(0.01)
        source.stop(Deadline.after(1))


def test_output_is_begun_anew(tmp_path: Path) -> None:
    """A run's output holds that run's records only."""
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(b"old\n")
    sink = FileSink(paths={Channel.ALERTS: path})
    sink.start()
    sink.send(Channel.ALERTS, [OutRecord(b"new")])
    sink.flush(Deadline.after(1))
    sink.stop(Deadline.after(1))
    assert path.read_bytes() == b"new\n"


def test_channels_can_share_a_file(tmp_path: Path) -> None:
    """Two channels with one path are written to it in the order flushed, neither over the other."""
    path = tmp_path / "all.jsonl"
    sink = FileSink(paths={Channel.ALERTS: path, Channel.SCORES: path})
    sink.start()
    sink.send(Channel.ALERTS, [OutRecord(b"alert")])
    sink.send(Channel.SCORES, [OutRecord(b"score")])
    sink.flush(Deadline.after(1))
    sink.stop(Deadline.after(1))
    assert path.read_bytes() == b"alert\nscore\n"


@pytest.mark.parametrize("again", ["./all.jsonl", "link.jsonl"])
def test_two_ways_to_a_file_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: str) -> None:
    """Channels whose paths lead to the same file share it as well: neither is written over the other."""
    monkeypatch.chdir(tmp_path)
    Path("link.jsonl").symlink_to("all.jsonl")
    sink = FileSink(paths={Channel.ALERTS: "all.jsonl", Channel.SCORES: again})
    sink.start()
    for channel in (Channel.ALERTS, Channel.SCORES):
        sink.send(channel, [OutRecord(channel.value.encode())])
        sink.flush(Deadline.after(1))
    sink.stop(Deadline.after(1))
    assert Path("all.jsonl").read_bytes() == b"alerts\nscores\n"


def test_a_closed_standard_output_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a shell closed it, that is an error with a reason."""
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(OutputError, match="writing standard output: it is closed"):
        FileSink(paths={Channel.ALERTS: "-"}).start()
