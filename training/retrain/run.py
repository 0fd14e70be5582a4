"""One retraining, step by step; see :mod:`training.retrain.state` for the steps and the file that they are kept in.

Each step writes the file last. A step that is done again after a kill looks first for what it had done: a set that is
later than the latest one before the run, a version that was trained on that set, the place where its alias points.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from detector.bundle.manifest import decode_manifest
from detector.bundle.verdict import Verdict
from detector.errors import InputError, OddflowError, RegistryError
from detector.registry.names import CHALLENGER, CHAMPION, REJECTED
from detector.registry.registry import Registry
from detector.registry.verdicts import verdict_of
from detector.scoring.dataset import Dataset
from detector.settings.tree import Settings
from training.data.build import Wanted, build
from training.data.manifest import LeftOut, SetInfo
from training.data.store import DataSets
from training.lessons.lessons import words_of
from training.retrain.events import Came, RetrainEvent, StepDone, Watched
from training.retrain.lease import BusyError
from training.retrain.source import CaseSource, FlowSource
from training.retrain.state import Result, State, StateFile, Step
from training.train import Recipe
from training.workflow import lessons_in, make_model, point

if TYPE_CHECKING:
    from detector.cli.steps import Steps

OF_INCIDENTS = "flows of incidents that nobody judged, or that were judged true"

RESULT_OF: dict[str, Result] = {CHAMPION: "promoted", CHALLENGER: "challenger", REJECTED: "rejected"}
"""What an alias that a version was given says of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraining:
    """All that a run needs. Whoever calls it holds the lease."""

    file: StateFile
    registry: Registry
    sets: DataSets
    settings: Settings
    flows: FlowSource
    cases: CaseSource
    recipe: Recipe
    fixed_partitions: bool = False
    """Whether the recipe's partitions are meant; else those that flows were read from count."""
    steps: Steps
    tell: Callable[[RetrainEvent], None]
    promote: bool | None = None
    """True: in charge at once, where the gate passes it; None: only the first model of all."""
    check: Callable[[], None] = lambda: None
    """Raises BusyError once another holds the lease."""
    now: Callable[[], float] = time.time

    @property
    def model(self) -> str:
        """Its name."""
        return self.settings.model.name

    @property
    def set_name(self) -> str:
        """The data set's; each run makes a version."""
        return f"retrain-{self.model}"[:100]

    @property
    def others_name(self) -> str:
        """Of the sets of flows that were left out: the gate asks what a model says of those judged true.

        It needs what was around them, and labels may say otherwise by the time of training.
        """
        return f"left-out-{self.model}"[:100]

    def run(self, why: str) -> State:
        """Go on with the run in hand, or begin one; give what it came to. Raises OddflowError, told and kept."""
        state = self.file.read()
        if state.step in {"due", "watch"} or self._is_old(state):
            state = msgspec.structs.replace(
                state,
                step="gather",
                began=float(int(self.now())),
                why=why,
                withheld=0,
                labels=(),
                detail="",
                last_set=self._latest_set(),
                dataset=None,
                version=None,
                result=None,
            )
            self.file.write(state)
        try:
            if state.step == "gather" or not self._is_there(state):
                state = self._done(state, "gather", self.gather)
            if state.step == "make":
                state = self._done(state, "make", self.make)
        except BusyError:
            raise  # the file is another's now
        except OddflowError as error:
            # What is wrong with a set stays wrong: the next run gathers anew. What a retry can help goes on from here.
            step: Step = state.step if error.retryable else "due"
            state = came(state, step, "failed", str(error))
            with suppress(RegistryError):  # what went wrong first is what is told
                self.file.write(state)
            self.tell(Came(state))
            raise
        self.tell(Came(state))
        return state

    def awaited(self, state: State) -> float | None:
        """Until when at most the next run waits for what daemons decide of the last one's model; None: it does not.

        Where they promote by themselves, a challenger that another takes the place of is never promoted.
        """
        shadow = self.settings.shadow
        if not (shadow.promote and shadow.share) or (state.step, state.result) != ("watch", "challenger"):
            return None
        until = state.last_success.get("make", state.began) + self.settings.retrain.interval_s + shadow.hold_s
        return until if self.now() < until else None

    def watch(self) -> State:
        """Look what became of the model of the last run; told where it is something new. Raises RegistryError."""
        state = self.file.read()
        if state.step != "watch" or state.version is None:
            return state
        result, at = self._fate(state.version), self.now()
        self.tell(Watched(at))
        if result == state.result:
            return state
        state = msgspec.structs.replace(came(state, "watch", result), last_success={**state.last_success, "watch": at})
        self.file.write(state)
        self.tell(Came(state))
        return state

    # --- the steps ----------------------------------------------------------------------------------------------

    def gather(self, state: State) -> State:
        """Build the set, without the rows of incidents; or find the one that this run had built."""
        info = self._built(state)
        if info is None:
            read, share = self.flows.read(self.settings, self.now(), self.steps)
            self.steps("leaving out flows of incidents")
            out = lessons_in(read, self.cases.of(read, self.settings, self.steps), self.settings)
            if not out.keep.any():
                raise InputError("building a data set: every flow is of an incident that nobody judged; judge some")
            self.check()
            self.steps("writing the set")
            before = (LeftOut(OF_INCIDENTS, out.rows),)
            wanted = Wanted(name=self.set_name, source_share=share, before=before)
            moment = max(datetime.fromtimestamp(self.now(), UTC), second_after(state.last_set))
            if not out.keep.all():  # first, so that who finds the other set finds this one
                others = replace(read, frame=read.frame.filter(~out.keep))
                build(self.sets, others, Wanted(name=self.others_name, whole=True), now=moment)
            info = build(self.sets, replace(read, frame=read.frame.filter(out.keep)), wanted, now=moment)
        self._forget_sets(info)
        left_out = sum(each.rows for each in info.left_out if each.why == OF_INCIDENTS)
        return msgspec.structs.replace(state, step="make", dataset=info.reference, withheld=left_out)

    def make(self, state: State) -> State:
        """Train, judge and publish; or find the version that this run had published, and point its alias."""
        found = self._published(state)
        if found is not None and self._fate(found) == "rolled back":
            return came(msgspec.structs.replace(state, version=found), "due", "rolled back")
        if found is not None:
            version, alias = found, self._alias_of(found)
            detail = "; ".join(self._verdict(version).reasons)
        else:
            self.steps(f"reading data set {state.dataset}")
            read = self.sets.read(state.dataset or "")
            recipe = self.recipe if self.fixed_partitions else self.recipe.over(read)
            said = replace(self.cases.of(read, self.settings, self.steps), others=self._others(state.dataset or ""))
            outcome = make_model(
                read, recipe, self.settings, self.registry, self.steps, promote=self.promote, said=said
            )
            version, alias, detail = outcome.model.version, outcome.alias, "; ".join(outcome.reasons)
            state = msgspec.structs.replace(state, labels=tuple(words_of(outcome.taught)))
        result = RESULT_OF[alias]
        step: Step = "due" if result == "rejected" else "watch"
        return came(msgspec.structs.replace(state, version=version), step, result, detail)

    # --- what was done before -----------------------------------------------------------------------------------

    def _latest_set(self) -> str:
        return next(reversed(self.sets.versions(self.set_name)), "")

    def _is_there(self, state: State) -> bool:
        """Whether the run's set is there still: a pod's own disk goes with it."""
        name, _, version = (state.dataset or "").partition("@")
        return bool(version) and version in self.sets.versions(name)

    def _forget_sets(self, latest: SetInfo) -> None:
        """Remove sets beyond those to be kept, but none that a model in the registry was trained on."""
        old = self.sets.versions(self.set_name)[: -self.settings.retrain.keep_sets]
        if not old:
            return
        used = {latest.reference}
        for model in self.registry.models():
            for version in self.registry.versions(model):
                used.add(str(decode_manifest(self.registry.manifest(model, version)).training.dataset))
        for version in old:
            if f"{self.set_name}@{version}" not in used:
                self.sets.remove(self.set_name, version)
        moments = {each.partition("-")[0] for each in self.sets.versions(self.set_name)}
        for version in self.sets.versions(self.others_name):
            if version.partition("-")[0] not in moments:
                self.sets.remove(self.others_name, version)

    def _others(self, dataset: str) -> Dataset | None:
        """The flows that a set was gathered without: theirs has the same moment in its name."""
        moment = dataset.partition("@")[2].partition("-")[0]
        versions = [each for each in self.sets.versions(self.others_name) if each.partition("-")[0] == moment]
        return self.sets.read(f"{self.others_name}@{versions[-1]}") if moment and versions else None

    def _built(self, state: State) -> SetInfo | None:
        latest = self._latest_set()
        return None if latest <= state.last_set else self.sets.info(f"{self.set_name}@{latest}")

    def _published(self, state: State) -> str | None:
        since = f"{datetime.fromtimestamp(state.began, UTC):%Y%m%dT%H%M%SZ}"
        for version in reversed(self.registry.versions(self.model)):
            if version < since:
                return None
            if decode_manifest(self.registry.manifest(self.model, version)).training.dataset == state.dataset:
                return version
        return None

    def _alias_of(self, version: str) -> str:
        """The alias that a version was given; it is given it now, by its verdict, where a kill came before."""
        there = self.registry.aliases(self.model)
        for alias in RESULT_OF:
            if there.get(alias) == version:
                return alias
        rows = decode_manifest(self.registry.manifest(self.model, version)).training.rows_read
        verdict = self._verdict(version)
        return point(self.registry, self.model, version, verdict, rows, self.steps, promote=self.promote)[0]

    def _verdict(self, version: str) -> Verdict:
        """What the gate said of a version that a run has published."""
        found = verdict_of(self.registry, self.model, version)
        if found is None:
            raise RegistryError(f"{self.model} {version}: the gate's verdict is not with it; it was published by hand")
        return found

    def _fate(self, version: str) -> Result:
        aliases = self.registry.aliases(self.model)
        if aliases.get(CHAMPION) == version:
            return "promoted"
        moves = [each for each in self.registry.history(self.model) if each.alias == CHAMPION]
        if any(each.action == "rollback" and each.previous == version for each in moves):
            return "rolled back"
        return "challenger" if aliases.get(CHALLENGER) == version else "replaced"

    # --- keeping it ---------------------------------------------------------------------------------------------

    def _is_old(self, state: State) -> bool:
        """Whether a run that was killed is so long ago that its flows are too."""
        return self.now() - state.began > 2 * self.settings.retrain.interval_s

    def _done(self, state: State, step: Step, work: Callable[[State], State]) -> State:
        self.check()
        began = self.now()
        state = work(state)
        at = self.now()
        state = msgspec.structs.replace(
            state,
            last_success={**state.last_success, step: at},
            duration_s={**state.duration_s, step: at - began},
        )
        self.file.write(state)
        self.tell(StepDone(step, state))
        return state


def second_after(version: str) -> datetime:
    """So that the next one's name is later, whatever the clock says."""
    try:
        at = datetime.strptime(version.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:  # there is none
        return datetime.min.replace(tzinfo=UTC)
    return at + timedelta(seconds=1)


def came(state: State, step: Step, result: Result, detail: str = "") -> State:
    """A run has come to something, which counts."""
    results = {**state.results, result: state.results.get(result, 0) + 1}
    return msgspec.structs.replace(state, step=step, result=result, detail=detail, results=results)


def told(state: State) -> Sequence[str]:
    """What a run came to, as lines for people."""
    lines = [f"data set {state.dataset}: {state.withheld:,} flows left out as of incidents"] if state.dataset else []
    lines += state.labels
    if state.version:
        lines.append(f"model {state.version}: {state.result}{f': {state.detail}' if state.detail else ''}")
    return lines


def awaiting(state: State, until: float) -> Sequence[str]:
    """Why there is nothing to do, likewise."""
    moment = f"{datetime.fromtimestamp(until, UTC):%Y-%m-%dT%H:%M:%SZ}"
    why = f"model {state.version}: daemons compare it, and promote it by themselves (shadow.promote)"
    return [f"{why}: nothing is made before they have, or before {moment}"]
