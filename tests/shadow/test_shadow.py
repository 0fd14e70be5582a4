"""Whatever becomes of a challenger, what the champion emits is the same to the byte."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from detector.bundle.loaded_model import LoadedModel
from detector.deadline import Deadline
from detector.shadow.comparison import Comparison
from detector.shadow.events import ShadowCompared, ShadowDropped, ShadowFailed
from detector.shadow.shadow import QUEUE_BATCHES, Shadow
from tests.kafka.world import wait_for
from tests.shadow.world import BATCH, Heard, Once, challenger, champion, compare, emitted, judged


@contextmanager
def beside(heard: Heard, work: Callable[[], object], hangs_after_s: float = 60.0) -> Iterator[Shadow]:
    """A shadow whose challenger does ``work`` before each comparison; it has its challenger."""

    class Doing(Comparison):
        def gather(self, one: Any) -> None:
            work()
            super().gather(one)

    def doing(first: LoadedModel, second: LoadedModel) -> Comparison:
        comparison = compare(first, second)
        comparison.__class__ = Doing
        return comparison

    shadow = Shadow(Once([challenger()]), doing, heard, hangs_after_s=hangs_after_s)
    shadow.start()
    wait_for(lambda: shadow._lane.model is not None)
    try:
        yield shadow
    finally:
        shadow.stop(Deadline.after(1.0))


def crash() -> None:
    """Raise what no part foresaw."""
    raise ZeroDivisionError("a challenger's own")


def test_a_challenger_that_compares_changes_nothing() -> None:
    """With a challenger that is scored beside the champion, the same is emitted as without."""
    heard = Heard()
    with beside(heard, lambda: None) as shadow:
        assert emitted(shadow) == emitted(None)
        wait_for(lambda: bool(heard.of(ShadowCompared)))
        figures = shadow.figures()
    assert figures is not None
    assert figures.flows > 0


def test_a_slow_challenger_drops_batches_and_changes_nothing() -> None:
    """A challenger that is late loses batches, which are counted, and the same is emitted."""
    heard, gate = Heard(), threading.Event()
    with beside(heard, lambda: gate.wait(60)) as shadow:
        for one in [*judged()[:1]] * (QUEUE_BATCHES + 4):
            shadow.offer(one)
        assert emitted(shadow) == emitted(None)
        gate.set()
        wait_for(lambda: shadow.figures() is not None)
        figures = shadow.figures()
    assert figures is not None
    assert sum(event.flows for event in heard.of(ShadowDropped)) == figures.dropped >= 3 * BATCH
    assert 0 < figures.dropped_share < 1


def test_a_crashing_challenger_is_given_up_once_and_changes_nothing() -> None:
    """An error of the challenger is told once, it is compared no more, and the same is emitted."""
    heard = Heard()
    with beside(heard, crash) as shadow:
        assert emitted(shadow) == emitted(None)
        wait_for(lambda: bool(heard.of(ShadowFailed)))
        assert emitted(shadow) == emitted(None)
    (failed,) = heard.of(ShadowFailed)
    assert (failed.version, failed.reason) == (challenger().version, "crash")
    assert "ZeroDivisionError: a challenger's own" in failed.detail


def test_a_hanging_challenger_is_given_up_and_keeps_nobody() -> None:
    """A challenger that never returns changes nothing, is given up once, and a stop does not wait for it."""
    heard, gate = Heard(), threading.Event()
    with beside(heard, gate.wait, hangs_after_s=0.0) as shadow:
        shadow.offer(judged()[0])
        wait_for(lambda: shadow._lane.busy_since is not None)
        hung = shadow._lane
        assert emitted(shadow) == emitted(None)
        deadline = Deadline.after(5.0)
        shadow.look()
        shadow.stop(deadline)
        assert not deadline.passed
    assert hung.busy_since is not None  # it hangs still
    (failed,) = heard.of(ShadowFailed)
    assert (failed.version, failed.reason) == (challenger().version, "hang")
    gate.set()


def test_a_stop_leaves_a_hanging_challenger_behind_at_its_deadline() -> None:
    """Stopping while the challenger hangs takes the deadline and no longer."""
    gate = threading.Event()
    with beside(Heard(), gate.wait) as shadow:
        shadow.offer(judged()[0])
        wait_for(lambda: shadow._lane.busy_since is not None)
        stopped = threading.Thread(target=lambda: shadow.stop(Deadline(time.monotonic())))
        stopped.start()
        stopped.join(60)
        assert not stopped.is_alive()
    gate.set()


def test_the_next_challenger_is_compared_after_one_that_failed() -> None:
    """After a challenger that crashed another version is compared as if nothing had been."""
    heard, models = Heard(), Once([challenger()])

    def first_crashes(first: LoadedModel, second: LoadedModel) -> Comparison:
        if second is challenger():
            crash()
        return compare(first, second)

    shadow = Shadow(models, first_crashes, heard)
    shadow.start()
    wait_for(lambda: shadow._lane.model is not None)
    shadow.offer(judged()[0])
    wait_for(lambda: bool(heard.of(ShadowFailed)))
    other = judged_by_other()
    models.models.append(champion())
    wait_for(lambda: shadow._lane.model is champion())
    shadow.offer(other)
    wait_for(lambda: bool(heard.of(ShadowCompared)))
    shadow.stop(Deadline.after(1.0))
    assert len(heard.of(ShadowFailed)) == 1
    assert heard.of(ShadowCompared)


def judged_by_other() -> Any:
    """A batch, as if the other model were in charge."""
    return replace(judged()[0], model=challenger())


def test_the_champion_itself_is_not_compared() -> None:
    """Where the challenger's alias points to the model in charge, nothing is compared."""
    shadow = Shadow(Once([champion()]), compare, Heard())
    shadow.start()
    wait_for(lambda: shadow._lane.model is not None)
    shadow.offer(judged()[0])
    assert shadow._lane.queue.empty()
    assert shadow.figures() is None
    shadow.stop(Deadline.after(1.0))
