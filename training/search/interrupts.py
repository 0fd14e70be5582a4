"""Being told to end, by Ctrl-C or SIGTERM: at once where that harms nothing, at the next safe moment while trials run.

An interrupt in the midst of a write to the study would leave that write half done; so while trials run, it is noted,
and the search looks for it. Told a second time, it ends wherever it is.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from detector.signals import handled

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Whether it was told to end."""

    def __init__(self) -> None:
        self._told = False

    def check(self) -> None:
        """Raise KeyboardInterrupt if it was."""
        if self._told:
            raise KeyboardInterrupt

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note signals instead of ending; threads other than the main one have none."""
        with handled(self._note, *SIGNALS):
            yield

    def _note(self, *_: object) -> None:
        self.check()
        self._told = True


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Have SIGTERM end it as Ctrl-C does."""
    with handled(_end, *SIGNALS):
        yield


def _end(*_: object) -> None:
    raise KeyboardInterrupt
