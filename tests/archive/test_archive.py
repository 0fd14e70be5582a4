"""The daemon's archive: whole sources within bounds, never in the daemon's way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from polars.testing import assert_frame_equal

from detector.archive import archive as under_test
from detector.archive.archive import Archive
from detector.archive.events import ArchiveFailed, ArchiveWritten, FlowsNotArchived
from detector.archive.read import read_archive
from detector.archive.share import is_kept, of_kept_sources
from detector.archive.shelf import Bounds, Shelf
from detector.deadline import Deadline
from detector.errors import ConfigurationError, InputError
from detector.records.flow import ROW, SCHEMA, FlowBatch
from detector.telemetry.events import Event
from detector.transport.base import Envelope, RawBatch
from training.data.archived import from_archive

DAY_S = 86_400.0
NOON = 1_780_000_000.0 // DAY_S * DAY_S + DAY_S / 2

ROOMY = Bounds(rows_per_day=1_000_000, days=30, bytes=1 << 30)


def flows(first: int, count: int, sources: int = 64) -> tuple[RawBatch, FlowBatch]:
    """A batch of one partition, whose flows are of so many sources in turn."""
    numbers = np.arange(first, first + count)
    frame = pl.DataFrame(
        {
            "ts": NOON + numbers.astype(float),
            "src_ip": [f"10.0.0.{number % sources}" for number in numbers],
            "dst_ip": "192.0.2.1",
            "proto": "tcp",
            "dst_port": numbers % 1000,
        }
    )
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in SCHEMA.items() if name not in frame.columns]
    whole = frame.with_columns(missing).select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
    raw = RawBatch(
        topic="flows",
        values=[b""] * count,
        partitions=np.zeros(count, np.int32),
        offsets=numbers.astype(np.int64),
        timestamps_ms=np.zeros(count, np.int64),
        envelope=lambda _: Envelope(None, ()),
    )
    return raw, FlowBatch(whole.with_columns(pl.Series(ROW, np.arange(count, dtype=np.uint32))))


class Told(list[Event]):
    """What was told."""

    def of(self, why: str) -> int:
        """Flows that are not archived for a reason."""
        return sum(each.flows for each in self if isinstance(each, FlowsNotArchived) and each.why == why)


def archive(
    folder: Path, told: Told, bounds: Bounds = ROOMY, *, at: float = NOON, rows_per_second: float = 1e9
) -> Archive:
    """An archive whose daemon has a clock that stands still."""
    shelf = Shelf(str(folder), "flows")
    return Archive(
        shelf,
        bounds,
        format="zeek",
        interval_s=1e-9,
        rows_per_second=rows_per_second,
        tell=told.append,
        now=lambda: at,
    )


def write(
    folder: Path,
    *batches: tuple[RawBatch, FlowBatch],
    bounds: Bounds = ROOMY,
    at: float = NOON,
    rows_per_second: float = 1e9,
) -> Told:
    """Have a daemon archive batches, a file each, and stop."""
    told = Told()
    kept = archive(folder, told, bounds, at=at, rows_per_second=rows_per_second)
    kept.start()
    for batch in batches:
        kept.offer(*batch)
    kept.stop(Deadline.after(60))
    return told


@pytest.fixture
def small_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue of a hundred flows."""
    monkeypatch.setattr(under_test, "MOST_WAITING", 100)


def test_what_is_archived_reads_back_once(tmp_path: Path) -> None:
    """Flows come back in order of time with their places in the topic; those that were read again come once."""
    one, two = flows(0, 100), flows(100, 50)
    told = write(tmp_path, two, one, one)
    back, share = from_archive(str(tmp_path), None, None, None)
    expected = pl.concat([one[1].frame, two[1].frame]).drop(ROW)
    assert_frame_equal(back.frame.select(expected.columns), expected)
    assert back.frame["offset"].to_list() == list(range(150))
    assert (share, back.topic, back.format, back.sources) == (1.0, "flows", "zeek", ("flows/0",))
    assert sum(each.flows for each in told if isinstance(each, ArchiveWritten)) == 250


def test_a_time_is_read_by_the_flows_own(tmp_path: Path) -> None:
    """Only flows that began within the time are read."""
    write(tmp_path, flows(0, 100))
    read = read_archive(str(tmp_path), since=NOON + 10, until=NOON + 20)
    assert read.frame["ts"].to_list() == [NOON + second for second in range(10, 20)]


def test_beyond_the_bound_whole_sources_are_kept(tmp_path: Path) -> None:
    """What is kept of a day that is too large is every flow of some sources, and none of the others."""
    batches = [flows(first, 200) for first in range(0, 4_000, 200)]
    told = write(tmp_path, *batches, bounds=Bounds(rows_per_day=1_000, days=30, bytes=1 << 30))
    read = read_archive(str(tmp_path))
    everything = pl.concat([batch.frame for _, batch in batches])
    kept = set(read.frame["src_ip"])
    assert len(read.frame) <= 1_000
    assert read.share in {1 / 4, 1 / 8, 1 / 16}
    assert len(read.frame) == len(everything.filter(pl.col("src_ip").is_in(kept)))
    assert told.of("left_out") > 0


def test_beyond_its_rate_whole_sources_are_kept(tmp_path: Path) -> None:
    """A burst above the rate leaves every flow of some sources, and none of the others; each flow is counted once."""
    batches = [flows(0, 50), flows(50, 4_000)]
    told = write(tmp_path, *batches, rows_per_second=100)
    read = read_archive(str(tmp_path))
    everything = pl.concat([batch.frame for _, batch in batches])
    assert 0 < len(read.frame) < len(everything)
    assert read.share <= 1 / 4
    assert len(read.frame) == len(of_kept_sources(everything, round(-np.log2(read.share))))
    assert sum(each.flows for each in told if isinstance(each, ArchiveWritten)) + told.of("left_out") == 4_050


def test_kept_sources_were_kept_before() -> None:
    """Halving keeps half of what was kept, and nothing else."""
    addresses = [f"10.1.{number // 256}.{number % 256}" for number in range(4096)]
    kept = [{address for address in addresses if is_kept(address, halvings)} for halvings in range(4)]
    assert kept[0] > kept[1] > kept[2] > kept[3]
    assert [abs(len(each) / 4096 - 0.5**n) < 0.05 for n, each in enumerate(kept)] == [True] * 4


def test_several_daemons_keep_the_same_sources(tmp_path: Path) -> None:
    """Two members of a folder, of which one finds the day too large, end with the same share of sources."""
    write(tmp_path, flows(0, 400))
    write(tmp_path, flows(400, 800), bounds=Bounds(rows_per_day=1_000, days=30, bytes=1 << 30))
    read = read_archive(str(tmp_path))
    everything = pl.concat([flows(0, 1200)[1].frame])
    assert len(Shelf(str(tmp_path), "flows").files(Shelf(str(tmp_path), "flows").days()[0])) == 2
    assert len(read.frame) == len(of_kept_sources(everything, round(-np.log2(read.share)))) <= 1_000


def test_a_halving_that_a_kill_cut_short_is_read_right(tmp_path: Path) -> None:
    """Where the old form of a file is still beside the new one, the new one counts; a half file does not."""
    write(tmp_path, flows(0, 400))
    shelf = Shelf(str(tmp_path), "flows")
    day = shelf.days()[0]
    (kept,) = shelf.files(day)
    halved = of_kept_sources(pl.read_parquet(shelf.read(day, kept)), 1)
    shelf.add(day, kept.base, halved, 1, "zeek")
    (tmp_path / "flows" / day / ".partial-x-1").write_bytes(b"PAR1")
    read = read_archive(str(tmp_path))
    assert (len(read.frame), read.share) == (len(halved), 0.5)
    shelf.keep_within(ROOMY, day, 1)
    assert not (tmp_path / "flows" / day / kept.name).exists()


def test_the_oldest_days_go(tmp_path: Path) -> None:
    """No more days are kept than asked for."""
    for day in range(4):
        write(tmp_path, flows(day * 10, 10), bounds=Bounds(1_000_000, 2, 1 << 30), at=NOON + day * DAY_S)
    assert len(Shelf(str(tmp_path), "flows").days()) == 2
    assert read_archive(str(tmp_path)).frame["offset"].to_list() == list(range(20, 40))


def test_a_folder_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    """Each failure is counted, the first is news, and once it can be written again so is that."""
    place, told = tmp_path / "archive", Told()
    place.write_text("not a folder")
    kept = archive(place, told)
    for number in range(3):
        if number == 2:
            place.unlink()
        kept._take(under_test.Offered(flows(number * 10, 10)[1].frame, *_places(number)))
    failures = [each.known for each in told if isinstance(each, ArchiveFailed)]
    assert failures == [False, True]
    assert told.of("failed") == 20
    assert [each.again for each in told if isinstance(each, ArchiveWritten)] == [True]


def _places(number: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    raw, _ = flows(number * 10, 10)
    return raw.partitions, raw.offsets


@pytest.mark.usefixtures("small_queue")
def test_what_does_not_fit_the_queue_is_dropped(tmp_path: Path) -> None:
    """While the thread is busy, offering returns at once, and what is too much is counted."""
    told = Told()
    kept = archive(tmp_path, told)
    for first in range(0, 400, 40):
        kept.offer(*flows(first, 40))
    assert told.of("dropped") == 400 - 80
    kept.start()
    kept.stop(Deadline.after(60))
    assert len(read_archive(str(tmp_path)).frame) == 80


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    """No archive, another topic, an empty time and a corrupt file are each a clear error."""
    with pytest.raises(InputError, match=r"there is none; the daemon writes one with archive\.enabled"):
        read_archive(str(tmp_path))
    write(tmp_path, flows(0, 10))
    with pytest.raises(InputError, match="it has flows"):
        read_archive(str(tmp_path), "other")
    with pytest.raises(InputError, match="there is no flow of flows of that time"):
        read_archive(str(tmp_path), since=NOON + 1000, until=NOON + 2000)
    next((tmp_path / "flows").glob("*/*.parquet")).write_bytes(b"PAR1")
    with pytest.raises(InputError, match="is corrupt"):
        read_archive(str(tmp_path))


def test_one_of_several_topics_is_named(tmp_path: Path) -> None:
    """Where there are several, which one is asked for."""
    for topic in ("flows", "branch"):
        Shelf(str(tmp_path), topic).add("2026-11-29", "m-1", flows(0, 5)[1].frame, 0, "zeek")
    with pytest.raises(ConfigurationError, match="topics branch, flows: name one"):
        read_archive(str(tmp_path))
