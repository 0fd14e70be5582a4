"""Scoring flows that were kept with a published model, as the daemon would have scored them."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from detector.alerts.identity import record_ids
from detector.alerts.score_record import told_parts
from detector.bundle.carried_over import reading
from detector.bundle.loaded_model import LoadedModel
from detector.decisions.calibrated_model import ScoringModel
from detector.decisions.decide import Budget
from detector.drift.strangers import strangers
from detector.errors import BundleError, InputError
from detector.records.flow import PART
from detector.registry.trusted import open_registry
from detector.scoring.dataset import OFFSET, SOURCE, Dataset
from detector.scoring.flow_state import FlowState
from detector.scoring.scorer import Scored, Scorer
from detector.settings.tree import Settings
from detector.transport.kafka.partitioner import partitions_of


def budget_of(settings: Settings) -> Budget:
    """The alert budget that the settings give."""
    alerts = settings.alerts
    return Budget(alerts.false_positive_rate, alerts.alerts_per_hour, alerts.false_incidents_per_day or None)


def load_model(settings: Settings, version: str | None = None) -> LoadedModel:
    """Fetch and verify the model that the settings name, or its ``version``.

    Raises RegistryError where there is none, BundleError where it is not sound.
    """
    registry, name = open_registry(settings.model), settings.model.name
    read = reading(settings.model.of_elsewhere)
    return read(registry.fetch(name, registry.resolve(name, version or settings.model.alias)))


def score_flows(model: LoadedModel, data: Dataset, warm_up: Dataset | None = None) -> Scored:
    """Score flows in order of time; those of ``warm_up`` come before them and are not told of.

    Where the first of either come after what the model was trained on, they begin with what training ended with. Raises
    BundleError where that does not fit.
    """
    state = FlowState.fresh(model)
    scorer = Scorer(model, state)
    begin_state(model, partitions_in(model, data if warm_up is None else warm_up), state)
    if warm_up is not None:
        scorer.score(warm_up.frame, partitions_in(model, warm_up))
    return scorer.score(data.frame, partitions_in(model, data))


def told_strangers(model: LoadedModel, frame: pl.DataFrame) -> str:
    """What is said where most flows are of hosts that training never saw; else nothing."""
    found = strangers(model, frame)
    return found.told(f"{model.name} {model.version}") if found and found.elsewhere else ""


def begin_state(model: LoadedModel, partitions: NDArray[np.int32], state: FlowState) -> bool:
    """Have flows of these partitions (rows,) begin with what training ended with; tell whether there is such.

    Raises BundleError where that does not fit.
    """
    if model.beginning is None:
        return False
    for partition in np.unique(partitions).tolist():
        try:
            state.begin(model.beginning, partition)
        except InputError as error:
            raise BundleError(
                f"model {model.name} {model.version}: {error}: the state that its training ended with is not for this"
                " version of oddflow; train the model again"
            ) from error
    return True


def partitions_in(model: ScoringModel, data: Dataset) -> NDArray[np.int32]:
    """Those that the flows came by, or would have."""
    came_by = data.partitions
    return partitions_of(data.frame["src_ip"], model.extractor.spec.partitions) if came_by is None else came_by


def score_table(model: LoadedModel, data: Dataset, scored: Scored) -> pl.DataFrame:
    """The compact score records of ``detector.alerts.score_record``, one a flow, in the order of the sources."""
    frame = data.frame
    topics = [data.topic or source for source in data.sources]
    parts = frame[PART].to_numpy() if PART in frame.columns else None
    ids = np.empty(len(frame), dtype=object)
    sources, offsets = frame[SOURCE].to_numpy(), frame[OFFSET].to_numpy()
    for number, topic in enumerate(topics):
        rows = np.flatnonzero(sources == number)
        ids[rows] = record_ids(topic, sources[rows], offsets[rows], None if parts is None else parts[rows])
    columns = {
        "id": pl.Series(ids, dtype=pl.String),
        "uid": frame["uid"],
        "topic": pl.Series(topics, dtype=pl.String).gather(frame[SOURCE]),
        "partition": frame[SOURCE],
        "offset": frame[OFFSET],
        **({} if parts is None else {"part": told_parts(frame[PART])}),
        "score": scored.scores,
        "p_value": scored.p_values,
        "model_version": pl.repeat(model.version, len(frame), eager=True),
    }
    return pl.DataFrame(columns).sort("partition", "offset", *([] if parts is None else ["part"]))
