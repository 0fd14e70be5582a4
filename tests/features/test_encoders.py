"""Encoders learnt in training."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from detector.errors import BundleError
from detector.features.encoders import MAX_CATEGORIES, PORTS, CategoryTable, Encoders, PortTable
from tests.features.flows import flows


def services(*values: str | None) -> pl.Series:
    """A column of services."""
    return pl.Series("service", values, dtype=pl.String)


def surprises(table: CategoryTable, *values: str | None) -> list[float]:
    """What ``values`` are encoded as."""
    return [float(value) for value in table.surprise[table.codes(services(*values))]]


def test_commoner_is_less_surprising() -> None:
    """A category's surprise is the decades by which it is rarer than always."""
    table = CategoryTable.fit(services(*["dns"] * 97, "ssh"))
    expected = [-np.log10(98 / 100), -np.log10(2 / 100)]
    assert surprises(table, "dns", "ssh") == pytest.approx(expected, rel=1e-6)


def test_unseen_is_just_beyond_the_rarest() -> None:
    """A category that training never showed has the documented value, log10(total + 2)."""
    table = CategoryTable.fit(services(*["dns"] * 97, "ssh"))
    assert surprises(table, "gopher") == pytest.approx([np.log10(100)])


def test_null_is_a_category() -> None:
    """Null is as surprising as it was rare."""
    table = CategoryTable.fit(services(None, None, "dns", "dns", None, None, None, None))
    common, rare, unseen = surprises(table, None, "dns", "x")
    assert common < rare < unseen


def test_null_never_seen_is_unseen() -> None:
    """Null surprises like any unseen category where training had none."""
    table = CategoryTable.fit(services("dns", "ssl"))
    assert surprises(table, None) == surprises(table, "gopher")


def test_order_of_rows_changes_nothing() -> None:
    """Ties go by name, so that shuffled training gives the same table."""
    ahead, behind = CategoryTable.fit(services("a", "b", "c")), CategoryTable.fit(services("c", "b", "a"))
    assert ahead.values == behind.values == ("a", "b", "c")


def test_tables_are_bounded() -> None:
    """More categories than the bound keep the commonest; the rest count as unseen."""
    names = [f"s{i}" for i in range(MAX_CATEGORIES + 50)]
    table = CategoryTable.fit(services(*names, "s1073"))
    assert len(table.values) == MAX_CATEGORIES
    assert table.values[0] == "s1073"


def test_ports_by_frequency() -> None:
    """A port is as surprising as it was rare; flows without one have their own count."""
    table = PortTable.fit(np.array([443] * 8 + [PORTS]))
    assert table.surprise[443] < table.surprise[PORTS] < table.surprise[80]


def test_round_trip() -> None:
    """Arrays restore the same encoders."""
    frame = flows({}, {"service": None, "dst_port": 53}, {"service": "é", "proto": "icmp"})
    encoders = Encoders.fit(frame, ["proto", "service"])
    again = Encoders.from_arrays(encoders.to_arrays(), ["proto", "service"])
    assert {name: table.values for name, table in again.categories.items()} == {
        name: table.values for name, table in encoders.categories.items()
    }
    np.testing.assert_array_equal(again.ports.surprise, encoders.ports.surprise)


@pytest.mark.parametrize(
    ("array", "value", "names"),
    [
        ("service.offsets", np.array([0, 9], dtype=np.int64), "offsets"),
        ("service.offsets", np.array([0, -1, 3], dtype=np.int64), "counts"),
        ("service.offsets", np.array([], dtype=np.int64), "offsets"),
        ("service.offsets", np.array([0, 3], dtype=np.int32), "int32"),
        ("service.counts", np.array([-1, 0, 2], dtype=np.int64), "counts"),
        ("service.counts", np.array([2, 1, 2], dtype=np.int64), "add up"),
        ("service.counts", np.array([2**62, 2**62, 1 << 62], dtype=np.int64), "total"),
        ("service.counts", np.array([[1, 0, 2]], dtype=np.int64), "shape"),
        ("service.text", np.frombuffer(b"\xff\xfe\xff", dtype=np.uint8), "UTF-8"),
        ("proto.text", np.frombuffer(b"tcpudpsctpicmX", dtype=np.uint8), "begin"),
        ("dst_port.ports", np.array([70000], dtype=np.int64), "ports"),
        ("dst_port.ports", np.array([-1], dtype=np.int64), "ports"),
        ("dst_port.counts", np.array([1], dtype=np.int64), "counts"),
        ("surplus.text", np.array([1], dtype=np.int64), "surplus"),
    ],
)
def test_arrays_out_of_bounds_are_refused(array: str, value: np.ndarray, names: str) -> None:
    """An array that is off in any way is refused by name of its encoder."""
    arrays = Encoders.fit(flows({}, {}), ["proto", "service"]).to_arrays()
    arrays[array] = value
    with pytest.raises(BundleError, match=names) as caught:
        Encoders.from_arrays(arrays, ["proto", "service"])
    assert array.partition(".")[0] in str(caught.value)


def test_missing_arrays_are_refused() -> None:
    """An encoder that is not there is named."""
    arrays = Encoders.fit(flows({}), ["proto", "service"]).to_arrays()
    del arrays["service.text"], arrays["service.offsets"], arrays["service.counts"]
    with pytest.raises(BundleError, match="service: it is missing"):
        Encoders.from_arrays(arrays, ["proto", "service"])
