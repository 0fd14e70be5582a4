"""Files and standard input as a source, files and standard output as a sink.

Each file is a stream of its own: its place in the list is the partition, its path the topic, its line number (from
zero) the offset. Nothing remembers how far it was read: a file is always read from its start.
"""

from __future__ import annotations

import base64
import errno
import os
import stat
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Event as Flag
from threading import Thread

import msgspec
import numpy as np
from numpy.typing import NDArray

from detector.deadline import Deadline
from detector.errors import InputError, OutputError
from detector.printable import printable_json
from detector.telemetry.events import Tell, silent
from detector.transport.base import AssignmentListener, Channel, Envelope, OutRecord, RawBatch
from detector.transport.lines import STDIN, check_readable, read_values

__all__ = ["FileSink", "FileSource", "read_values"]

_READ_AHEAD = 8
"""Lists of lines (about 1 MiB each) that are read ahead."""


@dataclass(slots=True)
class _Chunk:
    """Some lines of one file: ``first`` is the offset of the first one not taken yet."""

    file: int
    first: int
    lines: list[bytes]
    taken: int = 0
    ends: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.ends = np.cumsum(np.fromiter(map(len, self.lines), np.int64, len(self.lines)))

    @property
    def left(self) -> int:
        return len(self.lines) - self.taken

    def take(self, max_records: int, max_bytes: int) -> tuple[list[bytes], int]:
        """Take lines, at least one, until ``max_records`` or ``max_bytes`` are reached."""
        before = int(self.ends[self.taken - 1]) if self.taken else 0
        enough = int(np.searchsorted(self.ends, before + max_bytes)) + 1
        end = min(max(enough, self.taken + 1), self.taken + max_records, len(self.lines))
        lines = self.lines[self.taken : end]
        self.first += end - self.taken
        self.taken = end
        return lines, int(self.ends[end - 1]) - before


class FileSource:
    """Reads ``paths`` one after the other, each to its end; ``-`` is standard input."""

    def __init__(self, paths: Sequence[str | Path], *, tell: Tell = silent) -> None:
        self._paths = [str(path) for path in paths]
        self._tell = tell
        self._listener: AssignmentListener | None = None
        self._ahead: Queue[_Chunk | BaseException | None] = Queue(_READ_AHEAD)
        self._chunk: _Chunk | None = None
        self._stopping = Flag()
        self._started = False
        self._paused = False
        self._ended = False

    def start(self, listener: AssignmentListener) -> None:
        """Open. Raises InputError for a file that is missing, unreadable or empty, before any is read."""
        for path in self._paths:
            check_readable(path)
        self._listener = listener
        self._started = True
        Thread(target=self._read, daemon=True, name="read-files").start()

    def _read(self) -> None:
        """Read ahead in a thread of its own: a pipe may have nothing for long, and gzip is decompressed meanwhile."""
        try:
            for number, path in enumerate(self._paths):
                first = 0
                for lines in read_values(path):
                    if not self._put(_Chunk(number, first, lines)):
                        return
                    first += len(lines)
            self._put(None)
        except BaseException as error:  # noqa: BLE001 - raised by poll, in the caller's thread
            self._put(error)

    def _put(self, item: _Chunk | BaseException | None) -> bool:
        while not self._stopping.is_set():
            try:
                self._ahead.put(item, timeout=0.2)
            except Full:
                continue
            return True
        return False

    def poll(self, max_records: int, max_bytes: int, timeout_s: float) -> RawBatch | None:
        """Give lines of one file; see the base. Raises InputError where a file turns out to be damaged."""
        if not self._started:
            raise InputError("reading files: the source is not started, or stopped")
        if self._listener is not None:
            listener, self._listener = self._listener, None
            listener.on_assigned(range(len(self._paths)))
        if self._paused:
            self._stopping.wait(timeout_s)
            return None
        deadline = Deadline.after(timeout_s)
        batch: list[bytes] = []
        file = first = size = 0
        while len(batch) < max_records and size < max_bytes:
            chunk = self._current(deadline)
            if chunk is None or (batch and chunk.file != file):
                break
            if not batch:
                file, first = chunk.file, chunk.first
            lines, taken_bytes = chunk.take(max_records - len(batch), max_bytes - size)
            batch += lines
            size += taken_bytes
        return self._batch(file, first, batch) if batch else None

    def _current(self, deadline: Deadline) -> _Chunk | None:
        """Give the lines at hand, or the next ones; None where none came in time, or there are no more."""
        if self._chunk is not None and self._chunk.left:
            return self._chunk
        self._chunk = None
        if self._ended:
            return None
        try:
            item = self._ahead.get(timeout=deadline.remaining_s) if deadline.remaining_s else self._ahead.get_nowait()
        except Empty:
            return None
        if isinstance(item, BaseException):
            self._ended = True
            raise item
        self._ended = item is None
        self._chunk = item
        return item

    def _batch(self, file: int, first: int, lines: list[bytes]) -> RawBatch:
        count = len(lines)
        values: list[bytes | None] = [*lines]
        return RawBatch(
            topic=self._paths[file],
            values=values,
            partitions=np.full(count, file, np.int32),
            offsets=np.arange(first, first + count, dtype=np.int64),
            timestamps_ms=np.full(count, -1, np.int64),
            envelope=lambda _: Envelope(None, ()),
            generation=1,
        )

    def commit(self, positions: Mapping[int, int], deadline: Deadline) -> None:
        """Nothing to note: a file is always read from its start."""

    def committed(self, partitions: Iterable[int]) -> dict[int, int]:  # noqa: ARG002 - there are none
        """Nothing: no file is ever gone on with."""
        return {}

    def oldest(self, partitions: Iterable[int]) -> dict[int, int]:
        """A file has its first line for ever."""
        return dict.fromkeys(partitions, 0)

    def rewind(self, positions: Mapping[int, int]) -> None:
        """Nothing comes before the start. Raises InputError where a position is given all the same."""
        if positions:
            raise InputError("reading files: they are read from their start; there is nothing to go back to")

    def pause(self) -> None:
        """Give nothing until ``resume``; a little is read ahead."""
        self._paused = True

    def resume(self) -> None:
        """Give lines again."""
        self._paused = False

    def lag(self) -> dict[int, int]:
        """Nothing: how many lines a file has is not known before its end."""
        return {}

    @property
    def partitions(self) -> int | None:
        """Files have none."""
        return None

    @property
    def missing(self) -> bool:
        """A file that is open stays."""
        return False

    @property
    def ended(self) -> bool:
        """Whether every line of every file was given."""
        return self._ended and self._chunk is None

    @property
    def connected(self) -> bool:
        """Whether it is started and not stopped."""
        return self._started

    def stop(self, deadline: Deadline) -> None:  # noqa: ARG002 - a read that waits for a pipe ends with the process
        """Close. Does not commit."""
        self._stopping.set()
        self._started = False


class FileSink:
    """Writes each channel to a file of its own as JSON lines; ``-`` is standard output.

    A file is begun anew by ``start``. ``flush`` writes what was sent as a whole: where that fails, such as on a full
    disk, the file is cut back to the last whole record, and the records stay buffered.
    """

    def __init__(self, *, paths: Mapping[Channel, str | Path], tell: Tell = silent) -> None:
        self._paths = {channel: str(path) for channel, path in paths.items()}
        self._places = {channel: _place(path) for channel, path in self._paths.items()}
        self._tell = tell
        self._files: dict[str, _OutFile] = {}
        """By place: two paths may lead to one file, and each would write over what came by the other."""

    def start(self) -> None:
        """Open. Raises OutputError for a path that cannot be written."""
        for channel, path in self._paths.items():
            if (place := self._places[channel]) not in self._files:
                self._files[place] = _OutFile(path)

    def send(self, channel: Channel, records: Iterable[OutRecord]) -> None:
        """Buffer records; see the base."""
        if channel not in self._paths:
            raise OutputError(f"writing {channel.value}: no file is set for it")
        file = self._files.get(self._places[channel])
        if file is None:
            raise OutputError(f"writing {self._paths[channel]}: the sink is not started, or stopped")
        render = _dead_letter_line if channel is Channel.DEAD_LETTERS else _value_line
        file.lines.extend(map(render, records))

    def flush(self, deadline: Deadline) -> None:  # noqa: ARG002 - a disk has no timeout
        """Write what is buffered, down to the disk.

        Raises OutputError where that fails, see the class; BrokenPipeError where the reader of a pipe has gone.
        """
        for file in self._files.values():
            file.flush()

    def stop(self, deadline: Deadline) -> None:  # noqa: ARG002 - a disk has no timeout
        """Close; what was not flushed is given up."""
        for file in self._files.values():
            file.close()
        self._files.clear()


class _OutFile:
    """One output: the lines not written yet, and the size of what is whole in it."""

    def __init__(self, path: str) -> None:
        self._name = "standard output" if path == STDIN else path
        self.lines: list[bytes] = []
        self._size = 0
        if path == STDIN and sys.stdout is None:  # as where a shell was told >&-
            raise OutputError("writing standard output: it is closed; choose another path")
        try:
            self._handle = os.dup(sys.stdout.fileno()) if path == STDIN else os.open(path, _NEW_FILE, 0o644)
        except OSError as error:
            raise self._error(error) from error
        self._regular = path != STDIN and stat.S_ISREG(os.fstat(self._handle).st_mode)

    def flush(self) -> None:
        if not self.lines:
            return
        data = memoryview(b"".join(self.lines))
        try:
            written = 0
            while written < len(data):
                written += os.write(self._handle, data[written:])
            if self._regular:
                os.fsync(self._handle)
        except BrokenPipeError:  # who read it has seen enough: the command line's business
            raise
        except OSError as error:
            if self._regular:
                os.ftruncate(self._handle, self._size)
                os.lseek(self._handle, self._size, os.SEEK_SET)
            raise self._error(error) from error
        self._size += len(data)
        self.lines.clear()

    def close(self) -> None:
        os.close(self._handle)

    def _error(self, error: OSError) -> OutputError:
        fix = "make room" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else "choose another path"
        waiting = f", {len(self.lines)} records not written" if self.lines else ""
        return OutputError(f"writing {self._name}: {error.strerror}{waiting}; {fix}")


_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


def _place(path: str) -> str:
    """The file that is meant, whatever links lead to it."""
    return path if path == STDIN else os.path.realpath(path)


def _value_line(record: OutRecord) -> bytes:
    return (record.value or b"null") + b"\n"


def _dead_letter_line(record: OutRecord) -> bytes:
    """Render a record with its headers: its exact bytes as text where they are UTF-8, else in base64."""
    headers = {name: None if value is None else value.decode(errors="replace") for name, value in record.headers}
    line = {"headers": headers, **_exact("key", record.key), **_exact("value", record.value)}
    return printable_json(msgspec.json.encode(line)) + b"\n"


def _exact(name: str, data: bytes | None) -> dict[str, str | None]:
    if data is None:
        return {name: None}
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(data).decode()}
