"""What a bundle carries for programs in other languages: ``model.onnx``, where its extra is installed."""

from __future__ import annotations

from typing import NamedTuple

from detector.errors import ConfigurationError
from training.train import Trained


class SharedFiles(NamedTuple):
    """Files by name, and what is to be said where one is left out."""

    files: dict[str, bytes]
    note: str


def shared_files(trained: Trained) -> SharedFiles:
    """Give the model's graph; none where the package ``onnx`` is not installed, or the graph would be too large."""
    try:
        from detector.sharing.onnx_model import MODEL, to_onnx  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        return SharedFiles(
            {}, f"the bundle has no model.onnx: no Python package {error.name}; pip install 'oddflow[onnx]'"
        )
    try:
        graph = to_onnx(trained.model, trained.calibration, trained.extractor.spec.names)
    except ConfigurationError as error:
        return SharedFiles({}, f"the bundle has no {MODEL}: {error}")
    return SharedFiles({MODEL: graph}, "")
