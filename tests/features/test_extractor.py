"""From flows to the matrix."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.errors import BundleError
from detector.features.extractor import FeatureExtractor, build_spec
from detector.features.spec import Feature, FeatureSpec
from detector.records.flow import LABEL, ROW
from tests.features.flows import flows, frames

TRAINED = FeatureExtractor.fit(flows(*[{}] * 50, {"dst_port": 53, "proto": "udp", "service": "dns"}))


def features(**change: Any) -> dict[str, float]:
    """The features of an ordinary flow with ``change``, by name."""
    row = TRAINED.transform(flows(change))[0]
    return dict(zip(TRAINED.spec.names, row.tolist(), strict=True))


@settings(deadline=None)  # the first call compiles
@given(frames())
def test_matrix_is_finite_float32_in_c_order(frame: pl.DataFrame) -> None:
    """Whatever the flows, the matrix has the promised shape, type and order, and nothing missing."""
    matrix = TRAINED.transform(frame)
    assert matrix.shape == (len(frame), len(TRAINED.spec.features))
    assert matrix.dtype == np.float32
    assert matrix.flags.c_contiguous
    assert np.isfinite(matrix).all()


@settings(deadline=None)  # the first call compiles
@given(frames(), st.integers(0, 12))
def test_any_split_gives_the_same_values(frame: pl.DataFrame, at: int) -> None:
    """A row's features never depend on the other rows."""
    whole = TRAINED.transform(frame)
    parts = [TRAINED.transform(part) for part in (frame[:at], frame[at:])]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@settings(deadline=None)  # the first call compiles
@given(frames())
def test_arrays_restore_the_extractor(frame: pl.DataFrame) -> None:
    """An extractor restored from its arrays computes the same."""
    fitted = FeatureExtractor.fit(frame)
    again = FeatureExtractor.from_arrays(fitted.spec, fitted.to_arrays())
    np.testing.assert_array_equal(again.transform(frame), fitted.transform(frame))


def test_no_rows() -> None:
    """No flows give a matrix without rows."""
    assert TRAINED.transform(flows()).shape == (0, len(TRAINED.spec.features))


@pytest.mark.parametrize("column", [LABEL, ROW])
def test_labels_and_rows_are_not_features(column: str) -> None:
    """Whatever the label or row column says, the matrix and what is learnt stay the same."""
    frame = flows({}, {"dst_port": 22})
    marked = frame.with_columns(pl.Series(column, [0, 7]))
    fitted, plain = FeatureExtractor.fit(marked), FeatureExtractor.fit(frame)
    np.testing.assert_array_equal(fitted.transform(marked), plain.transform(frame))


def test_volumes() -> None:
    """Volumes and rates are natural logarithms of 1 + x, in milliseconds, bytes, packets, and per second."""
    found = features(duration_s=2.0, src_bytes=1000, dst_bytes=3000, src_packets=10, dst_packets=20)
    expected = {
        "duration_log": np.log1p(2000),
        "src_bytes_log": np.log1p(1000),
        "dst_packets_log": np.log1p(20),
        "bytes_per_second_log": np.log1p(2000),
        "packets_per_second_log": np.log1p(15),
        "src_bytes_per_packet_log": np.log1p(100),
        "bytes_balance": -0.5,
        "packets_balance": -1 / 3,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-6)


def test_unknown_counts_are_zero() -> None:
    """A flow whose source tells no counts looks like an unanswered one of unknown duration."""
    names = ("duration_s", "src_bytes", "dst_bytes", "src_packets", "dst_packets")
    found = features(**dict.fromkeys(names))
    assert [found[name] for name in ("duration_log", "src_bytes_log", "bytes_per_second_log", "bytes_balance")] == [
        0.0
    ] * 4
    assert found["unanswered"] == found["duration_unknown"] == 1.0


@pytest.mark.parametrize(
    ("state", "failed"), [("SF", 0.0), ("S0", 1.0), ("REJ", 1.0), ("RSTO", 0.0), (None, 0.0), ("odd", 0.0)]
)
def test_failed_states(state: str | None, failed: float) -> None:
    """A connection that was never established has failed, even in states that training never showed."""
    assert features(state=state)["failed"] == failed


def test_answered_by_bytes_where_packets_are_unknown() -> None:
    """Without packet counts, bytes tell whether there was an answer."""
    assert features(dst_packets=None, dst_bytes=5)["unanswered"] == 0.0


@pytest.mark.parametrize(
    ("port", "proto", "port_class"),
    [
        (443, "tcp", 1.0),
        (8080, "tcp", 2.0),
        (40000, "udp", 3.0),
        (65535, "udp", 4.0),
        (8, "icmp", 0.0),
        (None, "tcp", 0.0),
    ],
)
def test_port_classes(port: int | None, proto: str, port_class: float) -> None:
    """Ports are classed from system to dynamic; ICMP has none."""
    assert features(dst_port=port, proto=proto)["dst_port_class"] == port_class


def test_places() -> None:
    """Source and destination are told apart by what their addresses are."""
    found = features(src_ip="10.0.0.1", dst_ip="10.0.200.255")
    names = ("src_private", "dst_private", "dst_multicast", "dst_broadcast", "same_network")
    assert [found[name] for name in names] == [1.0, 1.0, 0.0, 1.0, 1.0]


def test_networks_of_the_spec_are_inside() -> None:
    """A public address counts as private where the spec says that its network is inside."""
    frame = flows({"src_ip": "198.51.100.7", "dst_ip": "203.0.113.1"})
    extractor = FeatureExtractor(build_spec(inside=["198.51.100.0/24"]), TRAINED.encoders)
    found = dict(zip(extractor.spec.names, extractor.transform(frame)[0].tolist(), strict=True))
    assert (found["src_private"], found["dst_private"]) == (1.0, 0.0)


def test_features_can_be_left_out() -> None:
    """A spec without some features gives the other columns as they were."""
    frame = flows({}, {"dst_port": 22})
    less = FeatureExtractor(build_spec(leave_out=["is_tcp", "src_private"]), TRAINED.encoders)
    kept = [i for i, name in enumerate(TRAINED.spec.names) if name not in {"is_tcp", "src_private"}]
    np.testing.assert_array_equal(less.transform(frame), TRAINED.transform(frame)[:, kept])


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        (FeatureSpec((Feature("is_tcp", "protocol", 99),)), "is_tcp.*revision 99"),
        (FeatureSpec((Feature("moon_phase", "astrology"),)), "moon_phase"),
        (FeatureSpec((Feature("is_tcp", "windows"),)), "is_tcp"),
        (FeatureSpec(()), "no features"),
        (FeatureSpec((Feature("is_tcp", "protocol"),) * 2), "twice"),
        (FeatureSpec((Feature("is_tcp", "protocol"),), partitions=0), "partitions"),
        (FeatureSpec((Feature("is_tcp", "protocol"),), inside=("here",)), "inside: 'here'"),
        (
            FeatureSpec((Feature("is_tcp", "protocol"),), inside=("9.0.0.0/8", "8.0.0.0/8")),
            "and not 8.0.0.0/8, 9.0.0.0/8",
        ),
    ],
)
def test_features_of_another_build_are_refused(spec: FeatureSpec, names: str) -> None:
    """A spec that this build would compute differently is refused, naming what is off."""
    with pytest.raises(BundleError, match=names):
        FeatureExtractor.from_arrays(spec, TRAINED.to_arrays())


def test_hash_covers_order_and_revision() -> None:
    """Another order, revision, number of partitions or inside is another hash."""
    spec = build_spec()
    others = [
        msgspec.structs.replace(spec, features=spec.features[::-1]),
        msgspec.structs.replace(spec, partitions=4),
        msgspec.structs.replace(spec, inside=("198.51.100.0/24",)),
        msgspec.structs.replace(spec, features=(Feature(spec.names[0], "volumes", 2), *spec.features[1:])),
    ]
    assert len({spec.hash, *(other.hash for other in others)}) == 5


def with_extra(values: list[float | None]) -> pl.DataFrame:
    """Flows with a column that is not canonical."""
    return flows(*({} for _ in values)).with_columns(pl.Series("rate", values, dtype=pl.Float64))


@given(st.lists(st.none() | st.floats(), min_size=1, max_size=8))
@settings(deadline=None)
def test_extra_columns_are_features(values: list[float | None]) -> None:
    """A column that only some format carries is a feature where the spec names it, last and finite."""
    fitted = FeatureExtractor.fit(with_extra(values), build_spec(extra=["rate"]))
    column = fitted.transform(with_extra(values))[:, -1]
    assert fitted.spec.names[-1] == "rate"
    assert np.isfinite(column).all()
    known = np.array([value for value in values if value is not None and np.isfinite(value)])
    given_ = np.array([value is not None and bool(np.isfinite(value)) for value in values])
    np.testing.assert_allclose(column[given_], np.sign(known) * np.log1p(np.abs(known)), rtol=1e-6, atol=1e-30)


def test_extra_columns_that_are_missing() -> None:
    """Flows that lack a column that the model was trained on are refused, by its name."""
    fitted = FeatureExtractor.fit(with_extra([1.0]), build_spec(extra=["rate"]))
    with pytest.raises(BundleError, match="column rate"):
        fitted.transform(flows({}))


@pytest.mark.parametrize("name", [LABEL, ROW, "ts"])
def test_reserved_columns_are_no_extra_features(name: str) -> None:
    """A label, a row number or a canonical column is never a feature as it is."""
    with pytest.raises(BundleError, match="unknown"):
        FeatureExtractor.fit(flows({}), FeatureSpec((Feature(name, "extra"),)))
