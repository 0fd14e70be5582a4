"""Where a retraining is: ``<model>/retrain.json`` in the registry's storage, replaced as a whole at each step.

::

    due → gather (a data set) → make (trained, judged, published, its alias set) → watch (what daemons do with it) → due

A process that dies goes on at the step that the file names; each step finds what it had done before it was killed.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from detector.errors import RegistryError
from detector.registry.names import checked
from detector.registry.odd import OddFileError
from detector.registry.storage import Storage
from detector.structs import resolved

STATE_VERSION = 1
MAX_BYTES = 1 << 20

Step = Literal["due", "gather", "make", "watch"]
STEPS: tuple[Step, ...] = ("gather", "make", "watch")
"""Those with something to do, in their order."""

Result = Literal["promoted", "challenger", "rejected", "replaced", "rolled back", "failed"]
RESULTS: tuple[Result, ...] = ("promoted", "challenger", "rejected", "replaced", "rolled back", "failed")


class State(msgspec.Struct, frozen=True, kw_only=True):
    """Keys that a later release adds are passed over."""

    state_version: int = STATE_VERSION
    step: Step = "due"
    began: float = 0.0
    """When the run in hand, or the last one, began; seconds since 1970."""
    why: str = ""
    """Why it began: the time had come, or drift."""
    last_set: str = ""
    """Version of the latest set when it began; empty where there was none: a later one is this run's own."""
    dataset: str | None = None
    """``NAME@VERSION``, once gathered."""
    withheld: int = 0
    """Flows that were left out of it as of incidents."""
    labels: tuple[str, ...] = ()
    """What they came to in training, as lines for people."""
    version: str | None = None
    """Of the model, once published."""
    result: Result | None = None
    """What became of the model; None before it is published."""
    detail: str = ""
    """Such as why it was refused, or what went wrong."""
    last_success: dict[str, float] = {}
    """By step: when it was last done."""
    duration_s: dict[str, float] = {}
    """By step: how long that took."""
    results: dict[str, int] = {}
    """How often each result was come to."""


class StateFile:
    """The file of one model."""

    def __init__(self, storage: Storage, model: str, shown: str) -> None:
        self._storage = storage
        self._path = f"{checked('model', model)}/retrain.json"
        self._shown = f"{self._path} in registry {shown}"

    def read(self) -> State:
        """What is there; a new one where nothing is. Raises RegistryError for what cannot be read."""
        try:
            data = self._storage.read(self._path, MAX_BYTES)
        except FileNotFoundError:
            return State()
        except OddFileError as error:
            raise RegistryError(f"reading {self._shown}: {error.strerror}; remove it to begin anew") from error
        except OSError as error:
            raise RegistryError(f"reading {self._shown}: {error}; check that it is there and may be read") from error
        try:
            state = msgspec.json.decode(data, type=resolved(State))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise RegistryError(f"reading {self._shown}: {error}; remove it to begin anew") from error
        if state.state_version != STATE_VERSION:
            raise RegistryError(
                f"reading {self._shown}: its version {state.state_version} is not {STATE_VERSION}; use the oddflow that"
                " wrote it, or remove it to begin anew"
            )
        return state

    def write(self, state: State) -> None:
        """Replace it at once. Raises RegistryError."""
        try:
            self._storage.replace(self._path, msgspec.json.encode(state) + b"\n")
        except OSError as error:
            raise RegistryError(f"writing {self._shown}: {error}; check that it may be written") from error
