"""What a bundle carries for others: ``model.onnx`` where its extra is installed, and who signed it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from detector.bundle.manifest import MANIFEST, SIGNATURE, decode_manifest
from detector.bundle.signature import sign
from detector.errors import ConfigurationError
from training.train import Trained

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey


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


def signed(files: Mapping[str, bytes], signer: EllipticCurvePrivateKey | None) -> dict[str, bytes]:
    """The files of a bundle with their signature, where there is a key."""
    if signer is None:
        return dict(files)
    return {**files, SIGNATURE: sign(files, signer, decode_manifest(files[MANIFEST]).version)}
