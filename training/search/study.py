"""The study: every trial in an SQLite file, so that a search that was cut off goes on, and of nothing else.

The file says what it is a study of (:class:`Subject`): other data, another recipe, space or protocol is refused, since
values of different questions cannot be held against each other. One search at a time has it, by a lock beside it that
the system releases even if the process dies.

What a trial is made of follows from the seed, from how many trials there were before it, and from what these gave: so a
search with one worker that was cut off ends as one that was not.
"""

from __future__ import annotations

import fcntl
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from detector.errors import ConfigurationError, InputError, OutputError
from detector.structs import resolved
from training.search.space import WITH, Space

SUBJECT, LOST, COST = "oddflow_subject", "oddflow_lost", "oddflow_cost"
"""What is kept in the file beside Optuna's own: of what the study is; of a trial, that it was cut off; what it took."""

NAME = "oddflow search"

STARTUP_TRIALS = 10
"""So many are drawn at random before any is drawn by what was learnt; and half as many before any is pruned."""

FIRST_STEPS = 2
"""Splits after which a trial may be pruned first: one alone tells too little."""

PATIENCE_S = 10
"""How long another program may hold the file."""

_MAGIC = b"SQLite format 3\0"
_ANOTHER = "give another --study"


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What a study is of. Two that differ in anything are not one study."""

    version: int = 1
    data: str
    """Digest of the flows, of the truth about them and of what they came by."""
    recipe: str
    protocol: str
    space: str
    held_out: float

    def differing(self, other: Subject) -> list[str]:
        """What is not the same, by name."""
        words = {"held_out": "stretch held out", "version": "version of the search"}
        return [words.get(name, name) for name in self.__struct_fields__ if getattr(self, name) != getattr(other, name)]


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What trials took, over all runs of the search."""

    seconds: float = 0.0
    processor_s: float = 0.0


class Study:
    """Trials asked for, told and remembered; made by :func:`opened`."""

    def __init__(self, study: optuna.Study, space: Space, seed: int) -> None:
        self._study = study
        self._space = space
        self._seed = seed

    @property
    def counted(self) -> list[FrozenTrial]:
        """All trials but those that were cut off or have not begun, in order."""
        states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING)
        trials = self._study.get_trials(deepcopy=False, states=states)
        return [trial for trial in trials if not trial.user_attrs.get(LOST)]

    @property
    def ended(self) -> list[FrozenTrial]:
        """Those of them that have ended."""
        return [trial for trial in self.counted if trial.state.is_finished()]

    def of_state(self, state: TrialState) -> int:
        """How many of them ended so."""
        return sum(trial.state == state for trial in self.counted)

    @property
    def lost(self) -> int:
        """Trials that were cut off."""
        trials = self._study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
        return sum(bool(trial.user_attrs.get(LOST)) for trial in trials)

    @property
    def best(self) -> FrozenTrial | None:
        """The complete trial of the highest value, the first of equals; None while there is none."""
        complete = [trial for trial in self.counted if trial.state == TrialState.COMPLETE]
        return max(complete, key=lambda trial: (trial.value, -trial.number), default=None)

    @property
    def first(self) -> FrozenTrial | None:
        """The trial of the recipe as it is; None while it has not ended."""
        for trial in self.counted:
            if trial.state == TrialState.COMPLETE and trial.params == self._space.usual:
                return trial
        return None

    @property
    def cost(self) -> Cost:
        """What it took so far."""
        return msgspec.convert(self._study.user_attrs.get(COST, {}), resolved(Cost))

    def add_cost(self, seconds: float, processor_s: float) -> None:
        """Remember what more it took."""
        was = self.cost
        spent = Cost(seconds=was.seconds + seconds, processor_s=was.processor_s + processor_s)
        self._study.set_user_attr(COST, msgspec.to_builtins(spent))

    def ask(self, beside: int) -> tuple[Trial, dict[str, object]]:
        """Begin a trial, and give its choice; ``beside`` others are running, whose end is not waited for."""
        number = len(self.counted)
        if not number and not self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            self._study.enqueue_trial(self._space.usual)
        self._study.sampler = _sampler(self._seed, number, beside)
        trial = self._study.ask()
        choice: dict[str, object] = {}
        for each in self._space.ranges:
            if each.whole:
                choice[each.name] = trial.suggest_int(each.name, int(each.low), int(each.high), log=each.log)
            else:
                choice[each.name] = trial.suggest_float(each.name, each.low, each.high, log=each.log)
        for word in self._space.features:
            choice[f"{WITH}{word}"] = trial.suggest_categorical(f"{WITH}{word}", [True, False])
        return trial, choice

    def complete(self, trial: Trial, value: float) -> None:
        """It has run on every split."""
        self._study.tell(trial, value)

    def prune(self, trial: Trial) -> None:
        """It was given up, being worse than others were by then."""
        self._study.tell(trial, state=TrialState.PRUNED)

    def fail(self, trial: Trial, why: str) -> None:
        """It could not be trained: what it chose cannot be."""
        trial.set_user_attr("why", why)
        self._study.tell(trial, state=TrialState.FAIL)

    def lose(self, trial: Trial) -> None:
        """It was cut off, and tells nothing: it will be tried again."""
        trial.set_user_attr(LOST, value=True)
        self._study.tell(trial, state=TrialState.FAIL)

    def lose_running(self) -> None:
        """Count those as lost that a killed search left running."""
        storage = self._study._storage  # noqa: SLF001 - a trial that another process began has no other handle
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            storage.set_trial_user_attr(trial._trial_id, LOST, value=True)  # noqa: SLF001
            self._study.tell(trial.number, state=TrialState.FAIL)


@contextmanager
def opened(path: Path, subject: Subject, space: Space, seed: int) -> Iterator[Study]:
    """Begin a study in a file, or go on with the one that is in it.

    Raises ConfigurationError for a study of something else, InputError for a file that is no study or broken,
    OutputError where it cannot be written or another search has it.
    """
    warnings.filterwarnings("ignore", category=ExperimentalWarning)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with _alone(path):
        _check_file(path)
        with _told(path), _storage(path) as storage:
            study = _loaded(storage, seed)
            kept = study.user_attrs.get(SUBJECT)
            if kept is None and not study.trials:
                study.set_user_attr(SUBJECT, msgspec.to_builtins(subject))
            else:
                _check_subject(path, kept, subject)
            found = Study(study, space, seed)
            found.lose_running()
            yield found


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Tell of a file that cannot be read or written any more."""
    try:
        yield
    except (SQLAlchemyError, StorageInternalError, sqlite3.Error) as error:
        why = str(error.__cause__ or error).splitlines()[0]
        raise InputError(f"study {path}: {why}; it is broken, full or held by another program; {_ANOTHER}") from error


@contextmanager
def _storage(path: Path) -> Iterator[RDBStorage]:
    try:
        storage = RDBStorage(f"sqlite:///{path.absolute()}", engine_kwargs={"connect_args": {"timeout": PATIENCE_S}})
    except RuntimeError as error:
        raise InputError(f"study {path}: {str(error).splitlines()[0]}; {_ANOTHER}") from error
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _loaded(storage: RDBStorage, seed: int) -> optuna.Study:
    return optuna.create_study(
        storage=storage,
        study_name=NAME,
        direction="maximize",
        load_if_exists=True,
        sampler=_sampler(seed, 0, 0),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS // 2, n_warmup_steps=FIRST_STEPS),
    )


def _sampler(seed: int, number: int, beside: int) -> optuna.samplers.BaseSampler:
    drawn = int(np.random.default_rng([seed, 31, number]).integers(1 << 31))
    return optuna.samplers.TPESampler(
        n_startup_trials=STARTUP_TRIALS, multivariate=True, constant_liar=beside > 0, seed=drawn
    )


def _check_subject(path: Path, kept: object, subject: Subject) -> None:
    try:
        theirs = msgspec.convert(kept, resolved(Subject))
    except msgspec.ValidationError as error:
        raise InputError(f"study {path}: it does not say what it is of; {_ANOTHER}") from error
    if differing := theirs.differing(subject):
        raise ConfigurationError(
            f"study {path}: it is of other {' and '.join(differing)}, whose trials tell nothing of these; {_ANOTHER},"
            f" or remove it to begin anew"
        )


def _check_file(path: Path) -> None:
    """Raise InputError for a file that is there and no study of ours, before anything is written to it."""
    if not path.exists() or not path.stat().st_size:
        return
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise InputError(f"study {path}: it is no SQLite file, so no study; {_ANOTHER}")
    try:
        connection = sqlite3.connect(f"file:{path.absolute()}?mode=ro", uri=True, timeout=PATIENCE_S)
        try:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            names = (
                [name for (name,) in connection.execute("SELECT study_name FROM studies")]
                if "studies" in tables
                else []
            )
        finally:
            connection.close()
    except sqlite3.Error as error:
        fix = "close what holds it" if "locked" in str(error) else _ANOTHER
        raise InputError(f"study {path}: {error}; {fix}") from error
    if (tables and names not in ([], [NAME])) or (tables and "studies" not in tables):
        raise InputError(f"study {path}: it is another program's database, not a study of `oddflow search`; {_ANOTHER}")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the lock beside the file. Raises OutputError where another search has it, or it cannot be made."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        why = "it is a folder" if path.is_dir() else f"there is no folder {path.absolute().parent}"
        raise OutputError(f"study {path}: {why}; {_ANOTHER}")
    try:
        lock = path.with_name(f"{path.name}.lock").open("w")
    except OSError as error:
        raise OutputError(f"study {path}: {error.strerror or error}; {_ANOTHER}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise OutputError(f"study {path}: another search is writing it; wait for its end, or {_ANOTHER}") from None
        yield
