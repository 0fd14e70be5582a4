"""Follows an alias and has each newly promoted version ready to take over.

A thread of its own looks at the alias, fetches the version, has it verified and warmed, and keeps it for ``take()``;
the one who scores takes it between two batches. Whatever goes wrong, the model in charge stays:

* a version that does not pass is refused, told once, and not loaded again by this process, wherever the alias moves
  meanwhile: versions never change, so the cure is to publish a new one;
* a registry that cannot be read is told once an outage and asked again, at growing intervals.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from detector.bundle.loaded_model import LoadedModel
from detector.deadline import Deadline
from detector.errors import BundleError, RegistryError, SignatureError
from detector.registry.events import ModelRefused, ModelWatchFailed, ModelWatchWorks
from detector.registry.registry import Registry, RegistryUnreachableError
from detector.telemetry.events import Tell

Load = Callable[[Mapping[str, bytes]], LoadedModel]

LONGEST_WAIT_S = 60.0
"""Between two looks at a registry that cannot be read, unless the ordinary interval is longer."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a version is not taken: ``reason`` is one of ``bundle``, ``signature``, ``missing`` and ``defect``."""

    reason: str
    detail: str


class ModelWatcher:
    """Watches ``alias`` of ``model`` every ``interval_s`` seconds; ``load`` verifies a bundle or raises BundleError.

    ``serving`` is the version that is in charge at the start, if any. Of an ``optional`` alias there may be none.
    """

    def __init__(  # noqa: PLR0917 - in the order of the contract with the daemon
        self,
        registry: Registry,
        model: str,
        alias: str,
        interval_s: float,
        load: Load,
        tell: Tell,
        serving: str | None = None,
        *,
        optional: bool = False,
    ) -> None:
        self._registry = registry
        self._model = model
        self._alias = alias
        self._interval_s = interval_s
        self._load = load
        self._tell = tell
        self._optional = optional
        self._lock = threading.Lock()
        self._serving = serving
        self._ready: LoadedModel | None = None
        self._refused: dict[str, Refusal] = {}
        self._failures = 0
        self._told_failure = ""
        self._looked = False
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to watch; the first look is at once."""
        self._thread = threading.Thread(target=self._run, name="model-watcher", daemon=True)
        self._thread.start()

    def stop(self, deadline: Deadline) -> None:
        """Stop watching; a fetch that hangs is left behind at the deadline and never keeps the process alive."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(deadline.remaining_s)

    def take(self) -> LoadedModel | None:
        """Give the model that is to take over, once; None when there is no news. Never waits for the registry."""
        if self._ready is None:  # the usual case, once a batch: no lock for it
            return None
        with self._lock:
            model, self._ready = self._ready, None
            if model is not None:
                self._serving = model.version
            return model

    def look(self) -> None:
        """Look at the alias once and get ready what it points to. Called by the thread; never raises."""
        try:
            version = self._pointed()
            if version is not None and self._is_news(version):
                self._prepare(version)
        except RegistryError as error:
            self._failed(str(error))
        else:
            self._worked()

    def _pointed(self) -> str | None:
        if self._optional:
            return self._registry.pointed(self._model, self._alias)
        return self._registry.resolve(self._model, self._alias)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.look()
            self._stopping.wait(self._wait_s())

    def _wait_s(self) -> float:
        """The interval, doubled with each failure in a row."""
        doubled = self._interval_s * 2.0 ** min(self._failures, 16)
        return min(doubled, max(LONGEST_WAIT_S, self._interval_s))

    def _is_news(self, version: str) -> bool:
        with self._lock:
            if version == self._serving:
                self._ready = None  # the alias went there and back before anyone took it
                return False
            if self._ready is not None and self._ready.version == version:
                return False
            refusal = self._refused.get(version)
            # A store may show a new version late, and one that is there may yet be signed.
            return refusal is None or refusal.reason in {"missing", "signature"}

    def _prepare(self, version: str) -> None:
        try:
            model = self._verified(version)
        except RegistryUnreachableError:
            raise
        except SignatureError as error:
            self._refuse(version, Refusal("signature", str(error)))
        except BundleError as error:
            self._refuse(version, Refusal("bundle", str(error)))
        except RegistryError as error:
            self._refuse(version, Refusal("missing", str(error)))
        except Exception as error:  # noqa: BLE001 - a defect in loading must not end the watch
            self._refuse(
                version, Refusal("defect", f"loading {self._model} {version}: {type(error).__name__}: {error}")
            )
        else:
            with self._lock:
                self._ready = model

    def _verified(self, version: str) -> LoadedModel:
        model = self._load(self._registry.fetch(self._model, version))
        if (model.name, model.version) != (self._model, version):
            raise BundleError(
                f"loading {self._model} {version} from registry {self._registry.url}: the bundle in it is"
                f" {model.name} {model.version}; publish it under its own name"
            )
        model.warm_up()
        return model

    def _refuse(self, version: str, refusal: Refusal) -> None:
        with self._lock:
            told = self._refused.get(version)
            self._refused[version] = refusal
            self._ready = None  # an earlier one that nobody took is no longer what the alias says
        if told is None or told.reason != refusal.reason:
            self._tell(ModelRefused(self._model, version, refusal.reason, refusal.detail))

    def _failed(self, error: str) -> None:
        self._failures += 1
        self._tell(ModelWatchFailed(error, known=error == self._told_failure))
        self._told_failure = error

    def _worked(self) -> None:
        if self._failures or not self._looked:
            self._tell(ModelWatchWorks(self._failures))
        self._failures, self._told_failure, self._looked = 0, "", True
