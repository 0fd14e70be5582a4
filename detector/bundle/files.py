"""The bundle: a model as a few files without code in them, checked in full before anything of it is used.

``model.json`` is the manifest (``detector.bundle.manifest``), ``arrays.safetensors`` everything that was learnt, with
names by part (``features.``, ``model.``, ``single.``, ``calibration.``, ``usual.``, ``sample.``,
``incidents.``, ``self_test.``),
``beginning.msgpack`` the state that training ended with (``detector.bundle.initial_state``). Other files, such as
``card.html``, are carried along under their digests; ``model.sig`` may lie beside them
(:mod:`detector.bundle.signature`).

Reading does no I/O and runs nothing from the files. Whatever bytes they hold, it ends in a model or in a BundleError.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from detector.bundle.initial_state import InitialState
from detector.bundle.loaded_model import LoadedModel
from detector.bundle.manifest import (
    FORMAT_VERSION,
    MANIFEST,
    SIGNATURE,
    CalibrationInfo,
    Figure,
    FileEntry,
    Manifest,
    TrainingData,
    decode_manifest,
    is_plain_name,
)
from detector.decisions.budget import IncidentCalibration
from detector.errors import BundleError, ConfigurationError
from detector.features.extractor import FeatureExtractor
from detector.features.spec import FeatureSpec
from detector.models.arrays import broken, check_names, take
from detector.models.base import Model
from detector.models.baseline_ranges import BaselineRanges
from detector.models.calibration import Calibration
from detector.models.every_kind import KINDS
from detector.models.single_flows import SingleFlows, scores_by
from detector.models.training_sample import TrainingSample

ARRAYS = "arrays.safetensors"
BEGINNING = "beginning.msgpack"

MAX_FILES = 16
MAX_FILE_BYTES = 512 << 20
MAX_ARRAYS = 4096

SELF_TEST_ROWS = 64
"""Enough to reach most trees' branches; more would only add to the file."""

SELF_TEST_TOLERANCE = 1e-9
"""Relative: another processor's ``pow`` may differ in the last bits."""

LIBRARIES = ("oddflow", "numpy", "numba", "polars", "scikit-learn", "pyod")

_PARTS = ("features", "model", "single", "calibration", "usual", "sample", "incidents", "self_test")


def build_bundle(
    *,
    name: str,
    extractor: FeatureExtractor,
    model: Model,
    calibration: Calibration,
    self_test_rows: NDArray[np.float32],
    training: TrainingData,
    usual: BaselineRanges | None = None,
    sample: TrainingSample | None = None,
    incidents: IncidentCalibration | None = None,
    single: SingleFlows | None = None,
    beginning: InitialState | None = None,
    parameters: Mapping[str, Any] | None = None,
    seeds: Mapping[str, int] | None = None,
    quality: Mapping[str, Figure] | None = None,
    parent: str | None = None,
    created: datetime | None = None,
    card: Callable[[Manifest], Mapping[str, bytes]] | None = None,
    others: Mapping[str, bytes] | None = None,
) -> dict[str, bytes]:
    """Give the files of a bundle; its version is the time and the first digits of the arrays' digest.

    ``self_test_rows`` are rows of the matrix, of which the first :data:`SELF_TEST_ROWS` are kept with their scores.
    ``usual`` is learnt from all of those rows where it is not given. ``card`` is given the manifest, as yet without the
    card and digest, and gives the card's files by name. ``others`` are further files that go along, by name.
    """
    if not is_plain_name(name):
        raise ConfigurationError(f"model name {name!r}: use letters, digits, dots, dashes and underscores")
    rows = np.ascontiguousarray(self_test_rows[:SELF_TEST_ROWS], dtype=np.float32)
    parts: dict[str, Mapping[str, NDArray[Any]]] = {
        "features": extractor.to_arrays(),
        "model": model.to_arrays(),
        "single": single.to_arrays(model) if single else {},
        "calibration": calibration.to_arrays(),
        "usual": (usual or BaselineRanges.fit(self_test_rows)).to_arrays(),
        "sample": sample.to_arrays() if sample else {},
        "incidents": incidents.to_arrays() if incidents else {},
        "self_test": {"rows": rows, **_self_test_scores(model, single, rows)},
    }
    arrays = save(
        {f"{part}.{key}": np.ascontiguousarray(array) for part in parts for key, array in parts[part].items()}
    )
    moment = (created or datetime.now(UTC)).astimezone(UTC)
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        name=name,
        version=f"{moment:%Y%m%dT%H%M%SZ}-{hashlib.sha256(arrays).hexdigest()[:6]}",
        kind=model.kind,
        created=moment.isoformat(timespec="seconds"),
        parent=parent,
        features=extractor.spec,
        features_hash=extractor.spec.hash,
        training=training,
        parameters=dict(parameters or {}),
        seeds=dict(seeds or {}),
        libraries=_library_versions(),
        quality=dict(quality or {}),
        calibration=CalibrationInfo(calibration.rows, calibration.seconds),
        files={ARRAYS: _entry(arrays)},
    )
    files = {**(others or {}), ARRAYS: arrays}
    if beginning is not None:
        files[BEGINNING] = beginning.encode()
    if card is not None:
        files |= card(manifest)
    return seal_bundle(manifest, files)


def seal_bundle(manifest: Manifest, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Write ``model.json`` for these other files: their digests, then its own."""
    entries = {name: _entry(data) for name, data in sorted(files.items())}
    return {MANIFEST: replace(manifest, files=entries).sealed().encode(), **files}


def read_manifest(files: Mapping[str, bytes]) -> Manifest:
    """Verify the manifest and every file's digest, and nothing more; raises BundleError."""
    if MANIFEST not in files:
        raise BundleError(f"reading model: {MANIFEST} is missing; fetch the bundle again")
    if len(files) > MAX_FILES:
        raise BundleError(f"reading model: {len(files)} files are more than {MAX_FILES}")
    manifest = decode_manifest(files[MANIFEST])
    others = files.keys() - {MANIFEST, SIGNATURE}
    for name in sorted(others ^ manifest.files.keys()):
        raise BundleError(f"reading model: file {name} is {'not in its manifest' if name in files else 'missing'}")
    for name in sorted(others):
        if len(files[name]) > MAX_FILE_BYTES or _entry(files[name]) != manifest.files[name]:
            raise BundleError(f"reading model: file {name} is not what its digest says; fetch the bundle again")
    return manifest


def read_bundle(files: Mapping[str, bytes]) -> LoadedModel:
    """Verify a bundle in full and restore it. Raises BundleError for anything that is off."""
    manifest = read_manifest(files)
    parts = _read_arrays(files)
    if manifest.kind not in KINDS:
        raise BundleError(f"reading model: kind {manifest.kind} is unknown to this version of oddflow")
    width = len(manifest.features.features)
    calibration = Calibration.from_arrays(parts["calibration"])
    if manifest.calibration != CalibrationInfo(calibration.rows, calibration.seconds):
        raise BundleError("reading model: the calibration is not the one in its manifest; train the model again")
    model = KINDS[manifest.kind].from_arrays(parts["model"], width)
    loaded = LoadedModel(
        manifest=manifest,
        extractor=FeatureExtractor.from_arrays(manifest.features, parts["features"]),
        model=model,
        calibration=calibration,
        usual=BaselineRanges.from_arrays(parts["usual"], width),
        sample=TrainingSample.from_arrays(parts["sample"], width) if parts["sample"] else None,
        incidents=IncidentCalibration.from_arrays(parts["incidents"]) if parts["incidents"] else None,
        self_test_rows=_self_test_rows(parts["self_test"], width, single=bool(parts["single"])),
        single=_single_flows(manifest.features, parts["single"], model),
        beginning=InitialState.decode(files[BEGINNING]) if BEGINNING in files else None,
    )
    _self_test(loaded, parts["self_test"])
    return loaded


def _entry(data: bytes) -> FileEntry:
    return FileEntry(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))


def _read_arrays(files: Mapping[str, bytes]) -> dict[str, dict[str, NDArray[Any]]]:
    """Parse the arrays and sort them by part. They take no more memory than the file does."""
    if ARRAYS not in files:
        raise BundleError(f"reading model: {ARRAYS} is missing; fetch the bundle again")
    try:
        arrays = load(files[ARRAYS])
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"reading {ARRAYS}: {error}; fetch the bundle again") from error
    if len(arrays) > MAX_ARRAYS:
        raise BundleError(f"reading {ARRAYS}: {len(arrays)} arrays are more than {MAX_ARRAYS}")
    parts: dict[str, dict[str, NDArray[Any]]] = {part: {} for part in _PARTS}
    for name, array in arrays.items():
        part, _, key = name.partition(".")
        if part not in parts:
            raise BundleError(f"reading {ARRAYS}: array {name!r} belongs to no part; train the model again")
        parts[part][key] = array
    return parts


def _single_flows(spec: FeatureSpec, arrays: Mapping[str, NDArray[Any]], model: Model) -> SingleFlows | None:
    if bool(arrays) != bool(spec.windows and spec.single_flows):
        raise broken("single flows", "there is a model of them where features are windowed, and only there")
    return SingleFlows.from_arrays(arrays, spec.single_flows, model) if arrays else None


def _self_test_scores(
    model: Model, single: SingleFlows | None, rows: NDArray[np.float32]
) -> dict[str, NDArray[np.float64]]:
    scores = scores_by(model, None if single is None else single.model, rows)
    return {"scores": scores.overall, **({} if scores.single is None else {"single": scores.single})}


def _self_test_rows(arrays: Mapping[str, NDArray[Any]], width: int, *, single: bool) -> NDArray[np.float32]:
    check_names(arrays, ("rows", "scores", "single") if single else ("rows", "scores"), "self_test")
    limit = float(np.finfo(np.float32).max)
    rows = take(arrays, "rows", "self_test", dtype=np.float32, shape=(None, width), low=-limit, high=limit)
    if len(rows) > SELF_TEST_ROWS:
        raise broken("self_test", f"{len(rows)} rows are more than {SELF_TEST_ROWS}")
    return rows


def _self_test(loaded: LoadedModel, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Score the rows that came along and compare. Raises BundleError if this build scores them differently."""
    for name, scores in _self_test_scores(loaded.model, loaded.single, loaded.self_test_rows).items():
        expected = arrays[name]
        if expected.dtype != np.float64 or expected.shape != scores.shape or not bool(np.isfinite(scores).all()):
            raise broken("self_test", f"its {name} are not one number per row")
        off = np.abs(scores - expected) > SELF_TEST_TOLERANCE * np.maximum(1.0, np.abs(expected))
        if bool(off.any()) or not bool(np.isfinite(expected).all()):
            raise BundleError(
                f"reading model {loaded.name} {loaded.version}: its self-test rows score differently here;"
                " train it again"
            )


def _library_versions() -> dict[str, str]:
    versions = {}
    for library in LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:  # training's libraries are an extra
            continue
    return versions
