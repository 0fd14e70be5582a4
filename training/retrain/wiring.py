"""Putting a retraining together from the settings and what was asked for, and having it run: once, or for ever."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server
from rich.console import Console

from detector.cli.steps import Steps, steps_on_stderr
from detector.errors import ListenError
from detector.registry.storage import masked, open_storage
from detector.registry.trusted import open_registry
from detector.settings.tree import Settings
from detector.telemetry.logs import Log, open_log
from training.data.store import DataSets
from training.retrain.drift import DriftRule
from training.retrain.events import Note, RetrainEvent, RetrainMetrics
from training.retrain.lease import Leases
from training.retrain.run import Retraining, awaiting, told
from training.retrain.service import Service
from training.retrain.source import CaseSource, FlowSource
from training.retrain.state import State, StateFile
from training.train import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for; see :class:`Retraining`."""

    settings: Settings
    flows: FlowSource
    cases: CaseSource
    recipe: Recipe
    fixed_partitions: bool
    promote: bool | None


class LoggedSteps(Steps):
    """Shows no steps; what a person should know is logged."""

    def __init__(self, log: Log) -> None:
        super().__init__(Console(stderr=True), quiet=True)
        self._log = log

    def note(self, text: str) -> None:
        """Log it."""
        Note(text).log(self._log)


def retrain_once(wanted: Wanted, metrics_file: Path | None) -> tuple[State, Sequence[str]]:
    """One run, or none where daemons are deciding of the last one's model; its steps are shown, its metrics written."""
    with steps_on_stderr() as steps, _made(wanted, steps, lambda metrics, event: event.count(metrics)) as made:
        retraining, metrics, _ = made
        try:
            state = retraining.watch()
            until = retraining.awaited(state)
            if until is not None:
                return state, awaiting(state, until)
            state = retraining.run("once")
        finally:
            if metrics_file:
                metrics.write(metrics_file)
    return state, told(state)


def retrain_for_ever(wanted: Wanted, urls: Sequence[str]) -> None:
    """Run whenever it is time, and log that; ``urls`` are of daemons' metrics. Ends by an exception alone."""
    settings = wanted.settings
    log = open_log(sys.stderr, settings.log.level, settings.log.format)

    def tell(metrics: RetrainMetrics, event: RetrainEvent) -> None:
        event.count(metrics)
        event.log(log)

    with LoggedSteps(log) as steps, _made(wanted, steps, tell) as made:
        retraining, metrics, lease = made
        metrics.serve(settings.retrain.interval_s, lambda: lease.until)
        if settings.retrain.metrics_port is not None:
            _listen(settings, metrics.registry)
        rule = DriftRule(urls, settings.retrain.drift_hold_s, lambda text: retraining.tell(Note(text)))
        Service(retraining=retraining, rule=rule).serve(threading.Event())


@contextmanager
def _made(
    wanted: Wanted, steps: Steps, tell: Callable[[RetrainMetrics, RetrainEvent], None]
) -> Iterator[tuple[Retraining, RetrainMetrics, Leases]]:
    """Hold the lease meanwhile. Raises BusyError where another does."""
    settings = wanted.settings
    model, url = settings.model.name, settings.model.registry
    storage, shown = open_storage(url), masked(url)
    file = StateFile(storage, model, shown)
    lease = Leases(storage, model, shown)
    with lease.held() as check:
        metrics = RetrainMetrics(CollectorRegistry(), file.read())
        retraining = Retraining(
            file=file,
            registry=open_registry(settings.model),
            sets=DataSets(settings.training.datasets),
            settings=settings,
            flows=wanted.flows,
            cases=wanted.cases,
            recipe=wanted.recipe,
            fixed_partitions=wanted.fixed_partitions,
            steps=steps,
            tell=lambda event: tell(metrics, event),
            promote=wanted.promote,
            check=check,
        )
        yield retraining, metrics, lease


def _listen(settings: Settings, registry: CollectorRegistry) -> None:
    host, port = settings.web.host, settings.retrain.metrics_port
    try:
        start_http_server(port or 0, host, registry=registry)
    except OSError as error:
        raise ListenError(f"metrics: cannot listen on {host}:{port}: {error.strerror}; give another port") from error
