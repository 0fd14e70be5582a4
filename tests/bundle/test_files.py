"""Bundles: what is written is read again to the last bit; whatever else is read ends in a BundleError."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from numpy.typing import NDArray
from safetensors.numpy import load, save

from detector.bundle.files import ARRAYS, build_bundle, read_bundle, seal_bundle
from detector.bundle.loaded_model import LoadedModel
from detector.bundle.manifest import MANIFEST, TrainingData, decode_manifest
from detector.errors import BundleError, ConfigurationError
from detector.features.extractor import FeatureExtractor
from detector.features.replay import features_of
from detector.models.calibration import Calibration
from detector.models.every_kind import KINDS
from tests.bundles import ordinary_flows
from training.estimators import fit_estimator

SMALL = {"isolation-forest": {"n_estimators": 3, "max_samples": 16}, "ecod": {"max_rows": 50}}


@cache
def features() -> tuple[FeatureExtractor, NDArray[np.float32]]:
    """An extractor, and 300 rows of its features."""
    flows = ordinary_flows(300)
    extractor = FeatureExtractor.fit(flows)
    return extractor, features_of(extractor, flows)


@cache
def bundle(kind: str = "isolation-forest") -> Mapping[str, bytes]:
    """A small bundle."""
    extractor, matrix = features()
    model = fit_estimator(kind, matrix[:200], seed=1, params=SMALL.get(kind))
    return build_bundle(
        name="flows",
        extractor=extractor,
        model=model,
        calibration=Calibration.fit(model.score(matrix[200:]), 100.0),
        self_test_rows=matrix[:8],
        training=TrainingData(rows=200),
    )


def resealed(arrays: bytes, kind: str = "isolation-forest") -> dict[str, bytes]:
    """The bundle with other arrays, every digest right: what somebody hostile would make."""
    return seal_bundle(decode_manifest(bundle(kind)[MANIFEST]), {ARRAYS: arrays})


def same_scores(loaded: LoadedModel, kind: str = "isolation-forest") -> bool:
    """Whether it scores as the undamaged one does, within what the self-test allows."""
    _, matrix = features()
    expected = read_bundle(bundle(kind)).model.score(matrix)
    return bool(np.allclose(loaded.model.score(matrix), expected, rtol=1e-6))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_round_trip(kind: str) -> None:
    """Every kind comes out of a bundle with the same scores, attributions and p-values, to the last bit."""
    _, matrix = features()
    model = fit_estimator(kind, matrix[:200], seed=1, params=SMALL.get(kind))
    loaded = read_bundle(bundle(kind))
    loaded.warm_up()
    assert loaded.manifest.kind == kind
    assert np.array_equal(loaded.model.score(matrix), model.score(matrix))
    assert np.array_equal(loaded.model.explain(matrix[:9]).contributions, model.explain(matrix[:9]).contributions)
    expected = Calibration.fit(model.score(matrix[200:]), 100.0).p_values(model.score(matrix))
    assert np.array_equal(loaded.calibration.p_values(loaded.model.score(matrix)), expected)


@pytest.mark.parametrize("name", [MANIFEST, ARRAYS])
def test_every_flipped_byte_is_found(name: str) -> None:
    """Whichever byte of a file is changed, the bundle is refused."""
    files = dict(bundle())
    data = files[name]
    flips = np.random.default_rng(0).integers(1, 256, len(data), dtype=np.uint8)
    for place, flip in enumerate(flips.tolist()):
        damaged = bytearray(data)
        damaged[place] ^= flip
        with pytest.raises(BundleError):
            read_bundle({**files, name: bytes(damaged)})


@pytest.mark.parametrize("name", [MANIFEST, ARRAYS])
def test_truncated_and_lengthened_files_are_refused(name: str) -> None:
    """A file that ends too early, or goes on, is refused."""
    files = dict(bundle())
    for size in (*range(0, len(files[name]), 97), len(files[name]) - 1):
        with pytest.raises(BundleError):
            read_bundle({**files, name: files[name][:size]})
    for more in (b"\0", b"\n", b"{}"):
        with pytest.raises(BundleError):
            read_bundle({**files, name: files[name] + more})


def test_missing_and_extra_files_are_refused() -> None:
    """A file that the manifest names must be there, and no other, but for the signature."""
    files = dict(bundle())
    for name in files:
        with pytest.raises(BundleError, match="missing"):
            read_bundle({key: data for key, data in files.items() if key != name})
    for extra in ("model.pkl", "card.html", "../model.json"):
        with pytest.raises(BundleError, match="not in its manifest"):
            read_bundle({**files, extra: b"x"})
    with pytest.raises(BundleError, match="more than"):
        read_bundle({**files, **{f"{number}.bin": b"" for number in range(20)}})
    assert same_scores(read_bundle({**files, "model.sig": b"any"}))


def header_of(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The header of a safetensors file, and what follows it."""
    (size,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def with_header(header: bytes, body: bytes, size: int | None = None) -> bytes:
    """A safetensors file with this header, which says that it is ``size`` long."""
    return struct.pack("<Q", len(header) if size is None else size) + header + body


def test_every_flipped_header_byte_is_refused_or_harmless() -> None:
    """A header changed by somebody who mends the digests is refused, or gives the same scores: it never crashes."""
    data = bundle()[ARRAYS]
    (size,) = struct.unpack("<Q", data[:8])
    for place in range(8 + size):
        for flip in (1, 0x20):
            damaged = bytearray(data)
            damaged[place] ^= flip
            try:
                loaded = read_bundle(resealed(bytes(damaged)))
            except BundleError:
                continue
            assert same_scores(loaded), f"byte {place}"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_changed_numbers_are_refused_or_finite(kind: str) -> None:
    """Numbers changed by somebody who mends the digests are refused, or the model still scores finitely."""
    data = bundle(kind)[ARRAYS]
    (size,) = struct.unpack("<Q", data[:8])
    _, matrix = features()
    rng = np.random.default_rng(1)
    refused = 0
    for place in rng.integers(8 + size, len(data), 150).tolist():
        damaged = bytearray(data)
        damaged[place] ^= int(rng.integers(1, 256))
        try:
            loaded = read_bundle(resealed(bytes(damaged), kind))
        except BundleError:
            refused += 1
            continue
        assert np.isfinite(loaded.model.score(matrix)).all()
        assert np.isfinite(loaded.calibration.p_values(loaded.model.score(matrix))).all()
    assert refused


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda data: with_header(data, b"")))
def test_any_bytes_are_refused(data: bytes) -> None:
    """Whatever bytes stand for the arrays or for the manifest, the end is a BundleError."""
    with pytest.raises(BundleError):
        read_bundle(resealed(data))
    with pytest.raises(BundleError):
        read_bundle({**bundle(), MANIFEST: data})


def hostile_files() -> dict[str, bytes]:
    """Array files made to lead a reader astray."""
    header, body = header_of(bundle()[ARRAYS])
    name = "model.thresholds"
    changed = {
        "offsets beyond the end": {**header[name], "data_offsets": [0, 1 << 60]},
        "offsets backwards": {**header[name], "data_offsets": header[name]["data_offsets"][::-1]},
        "negative offsets": {**header[name], "data_offsets": [-8, 0]},
        "a huge shape": {**header[name], "shape": [1 << 40, 1 << 40]},
        "a negative shape": {**header[name], "shape": [-1, 15]},
        "another type": {**header[name], "dtype": "I32"},
        "a type that numpy lacks": {**header[name], "dtype": "BF16"},
        "no type": {key: value for key, value in header[name].items() if key != "dtype"},
        "a list": [1, 2, 3],
    }
    files = {why: with_header(json.dumps({**header, name: entry}).encode(), body) for why, entry in changed.items()}
    text = json.dumps(header).encode()
    files["a header longer than the file"] = with_header(text, body, size=1 << 62)
    files["a header of deep lists"] = with_header(b"[" * 100_000, body)
    files["no header"] = with_header(b"", body)
    arrays = load(bundle()[ARRAYS])
    files["an unknown part"] = save({**arrays, "code.main": np.zeros(1)})
    files["an array without part"] = save({**arrays, "thresholds": np.zeros(1)})
    files["many arrays"] = save({**arrays, **{f"model.x{number}": np.zeros(1) for number in range(5_000)}})
    files["no rows to test"] = save({**arrays, "self_test.rows": arrays["self_test.rows"][:0]})
    files["scores not to compare"] = save({**arrays, "self_test.scores": np.full(8, np.nan)})
    files["other scores"] = save({**arrays, "self_test.scores": arrays["self_test.scores"] + 1e-6})
    files["no calibration"] = save({key: array for key, array in arrays.items() if "calibration" not in key})
    files["another calibration"] = save({**arrays, "calibration.seconds": np.array([1.0])})
    return files


@pytest.mark.parametrize("why", sorted(hostile_files()))
def test_hostile_arrays_are_refused(why: str) -> None:
    """Headers that lie, parts that do not belong and self-tests that compare nothing are refused in one line."""
    with pytest.raises(BundleError) as caught:
        read_bundle(resealed(hostile_files()[why]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "svm"},
        {"kind": "kmeans"},
        {"format_version": 2},
        {"name": "../flows"},
        {"version": ""},
        {"features_hash": "0" * 64},
    ],
    ids=str,
)
def test_manifests_that_do_not_fit_are_refused(change: dict[str, Any]) -> None:
    """A kind unknown or not the arrays', another format, hash, or a name that is a path, is refused."""
    manifest = replace(decode_manifest(bundle()[MANIFEST]), **change)
    with pytest.raises(BundleError):
        read_bundle(seal_bundle(manifest, {ARRAYS: bundle()[ARRAYS]}))


def test_name_that_is_a_path_cannot_be_built() -> None:
    """A model's name must be a plain one."""
    extractor, matrix = features()
    model = fit_estimator("hbos", matrix, seed=0)
    with pytest.raises(ConfigurationError, match="model name"):
        build_bundle(
            name="a/b",
            extractor=extractor,
            model=model,
            calibration=Calibration.fit(model.score(matrix), 0.0),
            self_test_rows=matrix,
            training=TrainingData(rows=300),
        )


def test_bundle_of_the_format_before_is_read_as_it_is() -> None:
    """A bundle of format 5, which names no data set, keeps its bytes and is read."""
    before = replace(decode_manifest(bundle()[MANIFEST]), format_version=5)
    files = seal_bundle(before, {ARRAYS: bundle()[ARRAYS]})
    assert b"dataset" not in files[MANIFEST]
    assert read_bundle(files).manifest.format_version == 5


def test_bundle_names_the_data_set_that_it_was_trained_on() -> None:
    """What the manifest says of a data set is read back."""
    made = decode_manifest(bundle()[MANIFEST])
    named = replace(made, training=replace(made.training, dataset="office@1", dataset_sha256="0" * 64))
    files = seal_bundle(named, {ARRAYS: bundle()[ARRAYS]})
    assert read_bundle(files).manifest.training.dataset == "office@1"
