"""Builds the daemon from the settings: starts its parts in order, stops them in reverse, even when a start fails."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Event as Flag
from types import FrameType
from typing import Any

import msgspec

from detector.alerts.build import AlertBuilder
from detector.alerts.writer import AlertWriter
from detector.archive.archive import Archive
from detector.archive.shelf import Bounds, Shelf
from detector.assets.assets import NOTHING
from detector.bundle.carried_over import reading
from detector.bundle.loaded_model import LoadedModel
from detector.daemon_events import DaemonStarted, DaemonStopped, DaemonStopping
from detector.deadline import Deadline
from detector.incidents.document import write_incidents
from detector.incidents.events import IncidentsTold
from detector.incidents.wholes import named
from detector.notify.couriers import Couriers
from detector.pipeline.decoding import open_format, open_kafka_decoder
from detector.pipeline.format_fit import FitWatch
from detector.pipeline.interpreter import tuned
from detector.pipeline.known_assets import known_assets
from detector.pipeline.loop import Limits, Pipeline
from detector.pipeline.suppressions import Suppressions, open_suppressions
from detector.pipeline.tally import Tally
from detector.records.flow import Decoder
from detector.registry.trusted import open_registry
from detector.registry.watcher import ModelWatcher
from detector.scoring.events import ModelSwapped
from detector.scoring.judge import Judge
from detector.scoring.kept_flows import budget_of
from detector.scoring.warm_up import warm_up
from detector.settings.tree import Settings
from detector.shadow.office import Office
from detector.signals import handled
from detector.state.keeper import StateKeeper
from detector.state.store import snapshots_of
from detector.telemetry.events import Event, Telemetry
from detector.transport.base import Sink, Source
from detector.transport.choose import open_sink, open_source
from detector.transport.events import (
    FilesUndivided,
    PartitionsAdded,
    PartitionsLost,
    PartitionsRevoked,
    PartitionsSeen,
    TopicFound,
    TopicReplaced,
)
from detector.web.recent import Recent
from detector.web.server import WebServer
from detector.web.status import Status


class Daemon:
    """The parts, wired. ``run`` returns when the input has ended or ``stop`` is called."""

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._pipeline: Pipeline | None = None
        self._judge: Judge | None = None
        self._source: Source | None = None
        self._fit: FitWatch | None = None
        self._starting, self._phase_began = "beginning", time.monotonic()
        self._listening = ""
        self._recent: Recent | None = None
        self._assets = NOTHING
        self._archive: Archive | None = None
        self._office: Office | None = None
        self._abandoned = Flag()
        self._leaving_since = 0.0
        self._deadline = Deadline(0.0)
        self._stopping = Flag()
        self._asked_at: float | None = None

    def stop(self) -> None:
        """Have ``run`` end in order, within the deadline from now; may be called from a signal's handler."""
        self._asked_at = self._asked_at or time.monotonic()
        self._stopping.set()

    def run(self) -> Tally:
        """Start everything, process, stop everything. Raises OddflowError where a part cannot start or go on."""
        settings, tell = self._settings, self._telemetry.tell
        with ExitStack() as parts:
            self._open_port(parts)
            self._assets = known_assets(settings)
            self._phase("reading the model")
            model, watcher = self._model()
            self._phase("compiling; a first start on a machine takes a minute")
            model.warm_up()
            warm_up(model, open_format(settings))
            self._phase("connecting")
            self._source = source = open_source(settings, self._tell_of_source)
            sink = open_sink(settings, tell)
            suppressions = open_suppressions(settings, tell)
            self._judge = self._build_judge(model, watcher, suppressions)
            self._archive = archive = self._build_archive()
            self._pipeline = pipeline = self._build_pipeline(source, sink, self._judge)
            if archive is not None:
                archive.start()
                parts.callback(lambda: archive.stop(self._deadline))
            sink.start()
            parts.callback(self._tell_stopped)
            parts.callback(lambda: sink.stop(self._deadline))
            parts.push(self._leave)
            suppressions.start()
            parts.callback(lambda: suppressions.stop(Deadline.after(2.0)))
            watcher.start()
            parts.callback(lambda: watcher.stop(Deadline.after(2.0)))
            if (office := self._office) is not None:
                office.start()
                parts.callback(lambda: office.stop(Deadline.after(1.0)))
            if (couriers := self._build_couriers()) is not None:
                couriers.start()
                parts.callback(lambda: couriers.stop(Deadline.after(2.0)))
            parts.enter_context(tuned())
            pipeline.run(self._stopping, lambda: self._started(model))
        return pipeline.tally

    def _open_port(self, parts: ExitStack) -> None:
        """Serve metrics and health first: whoever waits for the rest can ask what it is doing."""
        chosen = self._settings.web
        if chosen.enabled is not False:
            self._recent = Recent(named=named) if chosen.shows_incidents else None
            registry = self._telemetry.metrics.registry
            web = WebServer(chosen.host, chosen.port, registry, self.status, self._recent)
            web.start()
            self._listening = address(chosen.host, web.port)
            parts.callback(lambda: web.stop(Deadline.after(2.0)))

    def _phase(self, doing: str) -> None:
        self._starting, self._phase_began = doing, time.monotonic()

    def _started(self, model: LoadedModel) -> None:
        self._starting = ""
        chosen = self._settings.input
        files = chosen.paths if chosen.transport == "files" else ()
        self._telemetry.tell(DaemonStarted(chosen.topic, model.name, model.version, self._listening, files))
        self._compare_partitions()

    def why_unfit(self) -> str | None:
        """After ``run``: why there was not one flow, where records could not be used; None where all is well."""
        fit = self._fit
        return None if fit is None or fit.fits or not fit.first_reject else fit.why()

    def _model(self) -> tuple[LoadedModel, ModelWatcher]:
        """Load the model that the alias names now, and make the watcher that follows it from there."""
        chosen = self._settings.model
        registry = open_registry(chosen)
        version = registry.resolve(chosen.name, chosen.alias)
        started = time.perf_counter()
        read = reading(chosen.of_elsewhere)
        model = read(registry.fetch(chosen.name, version))
        self._telemetry.tell(ModelSwapped(model.name, None, model.version, time.perf_counter() - started, model.digest))
        watcher = ModelWatcher(
            registry, chosen.name, chosen.alias, chosen.poll_interval_s, read, self._telemetry.tell, version
        )
        return model, watcher

    def _build_judge(self, model: LoadedModel, watcher: ModelWatcher, suppressions: Suppressions) -> Judge:
        settings, output, alerts = self._settings, self._settings.output, self._settings.alerts
        to_files = settings.input.transport == "files"
        builder = AlertBuilder(
            alerts.top_features if alerts.detail == "features" else 0, output.max_text_bytes, self._assets
        )
        if settings.shadow.share and not to_files:
            self._office = Office(settings, builder, self._telemetry.tell)
        return Judge(
            model,
            incoming=watcher,
            budget=budget_of(settings),
            builder=builder,
            writer=AlertWriter(output.format, alerts.detail, repeat=alerts.repeat),
            write_scores=bool(output.scores_topic or output.scores_path),
            write_incidents=bool(output.incidents_path if to_files else output.incidents_topic),
            write_risks=bool(output.risk_path if to_files else output.risk_topic),
            beside=self._office,
            rules=suppressions.current,
            tell=self._tell_of_judge,
        )

    def _tell_of_judge(self, event: Event) -> None:
        self._telemetry.tell(event)
        if self._office is not None:
            self._office.hear(event)
        if isinstance(event, IncidentsTold) and self._recent is not None:
            written = write_incidents(list(event.changes), self._settings.output.format)
            for change, record in zip(event.changes, written, strict=True):
                self._recent.put(change.incident.id, record.value or b"")
        if isinstance(event, ModelSwapped):
            self._compare_partitions()

    def _tell_of_pipeline(self, event: Event) -> None:
        self._telemetry.tell(event)
        if self._office is not None and isinstance(event, PartitionsRevoked | PartitionsLost):
            self._office.hear(event)

    def _tell_of_source(self, event: Event) -> None:
        self._telemetry.tell(event)
        if isinstance(event, PartitionsAdded | TopicFound | TopicReplaced):
            self._compare_partitions()

    def _compare_partitions(self) -> None:
        """Tell of partitions: a model whose windows were trained over another number of them sees other windows.

        Nothing while the topic is missing: it has none, and is compared once it is there.
        """
        if self._judge is None or self._source is None:
            return
        spec, chosen, partitions = self._judge.model.extractor.spec, self._settings.input, self._source.partitions
        if chosen.transport == "files" and spec.windows and spec.partitions > 1:
            self._telemetry.tell(FilesUndivided(spec.partitions))
        if partitions is None:
            return
        over = spec.partitions if spec.windows else None
        self._telemetry.tell(PartitionsSeen(chosen.topic, partitions, over, chosen.partitions))

    def _build_pipeline(self, source: Source, sink: Sink, judge: Judge) -> Pipeline:
        settings = self._settings
        self._fit = FitWatch(self._decoder(), settings.input.format, self._telemetry.tell)
        return Pipeline(
            source=source,
            decoder=self._fit,
            judge=judge,
            sink=sink,
            limits=Limits(
                max_records=settings.batch.max_records,
                max_bytes=settings.batch.max_bytes,
                max_wait_s=settings.batch.max_wait_ms / 1000.0,
                commit_interval_s=settings.batch.commit_interval_s,
                rebalance_deadline_s=settings.shutdown.rebalance_deadline_s,
            ),
            tell=self._tell_of_pipeline,
            keeper=self._build_keeper(judge),
            decoded=self._archive.offer if self._archive else None,
        )

    def _build_archive(self) -> Archive | None:
        """None for files, which are kept already, and where it is not wanted."""
        chosen, read = self._settings.archive, self._settings.input
        if not chosen.enabled or read.transport == "files":
            return None
        bounds = Bounds(chosen.rows_per_day, chosen.days, chosen.max_bytes)
        shelf = Shelf(chosen.url, read.topic)
        return Archive(
            shelf,
            bounds,
            format=read.format,
            interval_s=chosen.interval_s,
            rows_per_second=chosen.rows_per_second,
            tell=self._telemetry.tell,
        )

    def _build_couriers(self) -> Couriers | None:
        """None where files are read, and where another process sends messages."""
        settings = self._settings
        wanted = settings.notify.in_daemon and settings.input.transport != "files"
        return Couriers(settings, self._telemetry.tell) if wanted else None

    def _decoder(self) -> Decoder:
        if self._settings.input.transport == "files":
            return open_format(self._settings)
        return open_kafka_decoder(self._settings, self._telemetry.tell, abandon=self._abandoned)

    def _build_keeper(self, judge: Judge) -> StateKeeper | None:
        """None for files: they are read once, from their beginning."""
        settings = self._settings
        if not settings.state.enabled or settings.input.transport == "files":
            return None
        keeper = StateKeeper(
            snapshots_of(settings, settings.input.topic),
            judge.memory,
            interval_s=settings.state.snapshot_interval_s,
            tell=self._telemetry.tell,
        )
        keeper.check()
        return keeper

    def _leave(self, failed: type[BaseException] | None, *_: object) -> None:
        """Finish, flush, commit and leave, all within one deadline; what was started before is stopped by it too."""
        if self._pipeline is None:
            return
        reason = "signal" if self._asked_at is not None else "error" if failed else "end of input"
        seconds, self._leaving_since = self._settings.shutdown.deadline_s, self._asked_at or time.monotonic()
        self._deadline = Deadline(self._leaving_since + seconds)
        self._telemetry.tell(DaemonStopping(reason, seconds))
        self._pipeline.stop(self._deadline)
        self._abandoned.set()

    def _tell_stopped(self) -> None:
        if self._pipeline is not None:
            self._telemetry.tell(DaemonStopped(time.monotonic() - self._leaving_since, self._pipeline.tally.in_flight))

    def status(self) -> Status:
        """What the health endpoints tell; called from the web server's thread."""
        pipeline, judge, starting = self._pipeline, self._judge, self._starting
        stale_after_s = self._settings.web.stale_after_s
        if pipeline is None or judge is None or starting:
            return Status(
                ticked_s_ago=time.monotonic() - self._phase_began,
                model=_told(judge.model) if judge else None,
                starting=starting,
                stale_after_s=stale_after_s,
            )
        waited_s, refusal = pipeline.unacknowledged
        return Status(
            ticked_s_ago=time.monotonic() - pipeline.ticked_at,
            model=_told(judge.model),
            connected=pipeline.connected,
            missing=self._settings.input.topic if pipeline.missing else "",
            partitions=sorted(pipeline.assigned),
            joined=pipeline.joined,
            unacknowledged_s=waited_s,
            refusal=refusal,
            stale_after_s=stale_after_s,
        )


def address(host: str, port: int) -> str:
    """Where the endpoints are, as a browser takes it."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _told(model: LoadedModel) -> dict[str, Any]:
    """What ``/model`` shows of the model in charge."""
    manifest = model.manifest
    return {
        "name": model.name,
        "version": model.version,
        "digest": model.digest,
        "kind": manifest.kind,
        "created": manifest.created,
        "features_hash": manifest.features_hash,
        "features": list(manifest.features.names),
        "trained_on": msgspec.to_builtins(manifest.training),
        "parent": manifest.parent,
    }


@contextmanager
def stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` on SIGTERM and SIGINT within this block; a second signal ends the process at once."""

    def on_signal(number: int, frame: FrameType | None) -> None:
        del frame
        stop()
        signal.signal(number, signal.SIG_DFL)

    with handled(on_signal, signal.SIGTERM, signal.SIGINT):
        yield
