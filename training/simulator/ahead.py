"""Reading ahead: an iterator runs in a thread of its own while its items are used."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")

_LOOK_S = 0.1


def ahead(items: Iterator[Item], depth: int) -> Iterator[Item]:
    """The same items, up to ``depth`` of them made in advance. What ``items`` raises is raised here."""
    queue: Queue[Item | _End] = Queue(depth)
    stopping = Event()

    def put(item: Item | _End) -> bool:
        while not stopping.is_set():
            try:
                queue.put(item, timeout=_LOOK_S)
            except Full:
                continue
            return True
        return False

    def run() -> None:
        try:
            if all(put(item) for item in items):
                put(_End(None))
        except BaseException as error:  # noqa: BLE001 - raised below, in the caller's thread
            put(_End(error))

    Thread(target=run, name="read-ahead", daemon=True).start()
    try:
        while True:
            try:
                item = queue.get(timeout=_LOOK_S)  # in steps, so that Ctrl-C is heard
            except Empty:
                continue
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stopping.set()


class _End:
    """Nothing more comes; ``error`` is why, if not because all was given."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error
