"""What of a model carries over to another device or network: how it orders single flows.

Its windows, habits and ages tell of the network that it was trained on; of another's flows, all of which are new to
these, they raise what is usual there and bury what is not (docs/research/decisions.md). So a version that operators
name is scored with by its model of single flows alone, until one that was trained on their own traffic takes over: a
new version has another name. What is scored depends on the record and the settings, and on nothing that a daemon
counts, so that neither batches nor restarts change it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from detector.bundle.files import read_bundle
from detector.bundle.loaded_model import LoadedModel
from detector.models.single_flows import SingleAlone


def carried_over(model: LoadedModel) -> LoadedModel:
    """The same model, which judges flows one by one; as it is where none of its features has windows."""
    if model.single is None:
        return model
    alone = SingleAlone(model.single, len(model.extractor.spec.features))
    return replace(model, model=alone, calibration=model.single.calibration)


def reading(of_elsewhere: Collection[str]) -> Callable[[Mapping[str, bytes]], LoadedModel]:
    """How bundles are read where those of these versions were trained on another network."""

    def read(files: Mapping[str, bytes]) -> LoadedModel:
        model = read_bundle(files)
        return carried_over(model) if model.version in of_elsewhere else model

    return read
