"""All that works beside the judge, wired: the watcher of the challenger, its thread, the count, the clerk."""

from __future__ import annotations

from detector.alerts.build import AlertBuilder
from detector.bundle.carried_over import reading
from detector.bundle.loaded_model import LoadedModel
from detector.deadline import Deadline
from detector.registry.events import ModelRefused
from detector.registry.trusted import open_registry
from detector.registry.watcher import ModelWatcher
from detector.scoring.judged import Judged
from detector.scoring.kept_flows import budget_of
from detector.settings.tree import Settings
from detector.shadow.clerk import Clerk
from detector.shadow.comparison import Comparison
from detector.shadow.events import ShadowFailed
from detector.shadow.shadow import Shadow
from detector.shadow.tenure import TenureCount
from detector.telemetry.events import Event, Tell
from detector.transport.events import PartitionsLost, PartitionsRevoked


class Office:
    """What the daemon has beside its judge where ``shadow.share`` is above 0."""

    def __init__(self, settings: Settings, builder: AlertBuilder, tell: Tell) -> None:
        self._settings = settings
        self._builder = builder
        self._tell = tell
        registry, chosen = open_registry(settings.model), settings.shadow
        self._watcher = ModelWatcher(
            registry,
            settings.model.name,
            chosen.alias,
            settings.model.poll_interval_s,
            reading(settings.model.of_elsewhere),
            self._tell_of_watch,
            optional=True,
        )
        self._shadow = Shadow(self._watcher, self._compare, tell)
        self._count = TenureCount()
        self._clerk = Clerk(
            registry,
            settings.model,
            chosen,
            figures=self._shadow.figures,
            tenure=self._count.now,
            before=self._shadow.look,
            tell=tell,
        )

    def start(self) -> None:
        """Start what it is made of."""
        self._shadow.start()
        self._watcher.start()
        self._clerk.start()

    def stop(self, deadline: Deadline) -> None:
        """Stop it in reverse, all within the deadline; what hangs is left behind."""
        self._clerk.stop(deadline)
        self._watcher.stop(deadline)
        self._shadow.stop(deadline)

    def offer(self, judged: Judged) -> None:
        """Take a batch from the judge."""
        self._count.see(judged)
        self._shadow.offer(judged)

    def hear(self, event: Event) -> None:
        """Take what the judge or the source told."""
        self._count.hear(event)
        if isinstance(event, PartitionsRevoked | PartitionsLost):
            self._shadow.forget(list(event.partitions))

    def _compare(self, champion: LoadedModel, challenger: LoadedModel) -> Comparison:
        return Comparison(
            champion,
            challenger,
            budget=budget_of(self._settings),
            share=self._settings.shadow.share,
            assets=self._builder.assets,
            max_text_bytes=self._builder.max_text_bytes,
        )

    def _tell_of_watch(self, event: Event) -> None:
        """A challenger that is refused is none of the champion's refusals; of the registry the other watcher tells."""
        if isinstance(event, ModelRefused):
            self._tell(ShadowFailed(event.version, "refused", event.detail))
