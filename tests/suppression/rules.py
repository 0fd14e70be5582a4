"""Rules and decided flows for tests: some, and strategies for any, few values so that they often meet."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.feedback.label import iso
from detector.suppression.rule import Suppression, convert_rule
from tests.feedback.labels import START

NOW = START.timestamp()

ENTITIES: dict[str, dict[str, Any]] = {
    "source": {"src_ip": "10.0.0.1"},
    "pair": {"src_ip": "10.0.0.1", "dst_ip": "10.0.0.9"},
    "service": {"src_ip": "10.0.0.1", "dst_port": 53, "proto": "udp"},
    "pattern": {"pattern": [{"feature": "peers", "at_least": 2, "at_most": 5}]},
}

PROTOCOLS = ("tcp", "udp")


def rule(scope: str = "source", *, days: float = 7.0, **changes: Any) -> Suppression:
    """One that was made at the start of the tests' time."""
    given = {"id": "r1", "scope": scope, **ENTITIES[scope], "owner": "ada", "reason": "our backup"}
    given |= {"created": iso(START), "expires": iso(START + timedelta(days=days))} | changes
    return convert_rule({name: value for name, value in given.items() if value is not None})


def flows(*rows: tuple[float, str, str, int | None, str]) -> pl.DataFrame:
    """Decided flows: seconds after the start, source, destination, port, protocol."""
    columns = {"ts": pl.Float64, "src_ip": pl.String, "dst_ip": pl.String, "dst_port": pl.Int32, "proto": pl.String}
    moved = [(NOW + after, *rest) for after, *rest in rows]
    return pl.DataFrame(moved, schema=columns, orient="row")


ADDRESSES = st.sampled_from(["10.0.0.1", "10.0.0.2", "2001:db8::1"])

ROWS = st.tuples(
    st.sampled_from([-1e9, -1.0, 0.0, 86_400.0, 3 * 86_400.0, 1e9, float("nan")]),
    ADDRESSES,
    ADDRESSES,
    st.none() | st.integers(52, 54),
    st.sampled_from(PROTOCOLS),
)


BOUNDS = st.tuples(st.sampled_from(["peers", "gap", "absent"]), st.integers(0, 4), st.integers(0, 3)).map(
    lambda given: {"feature": given[0], "at_least": given[1], "at_most": given[1] + given[2]}
)
PATTERNS = st.lists(BOUNDS, min_size=1, max_size=2)


@st.composite
def any_rule(draw: st.DrawFn) -> Suppression:
    """Any rule of a few entities; ids may be those of others."""
    scope = draw(st.sampled_from([*ENTITIES]))
    entities: dict[str, st.SearchStrategy[dict[str, Any]]] = {
        "source": st.fixed_dictionaries({"src_ip": ADDRESSES}),
        "pair": st.fixed_dictionaries({"src_ip": ADDRESSES, "dst_ip": ADDRESSES}),
        "service": st.fixed_dictionaries(
            {"src_ip": ADDRESSES, "dst_port": st.integers(52, 54), "proto": st.sampled_from(PROTOCOLS)}
        ),
        "pattern": st.fixed_dictionaries({"src_ip": st.none() | ADDRESSES, "pattern": PATTERNS}),
    }
    entity = draw(entities[scope])
    return rule(scope, id=draw(st.sampled_from("abcdef")), days=draw(st.sampled_from([1, 2, 90])), **entity)


@st.composite
def decided(draw: st.DrawFn, most: int = 12) -> tuple[pl.DataFrame, dict[str, NDArray[np.float32]]]:
    """Flows, and values of the features that there are."""
    rows = draw(st.lists(ROWS, max_size=most))
    values = st.lists(st.sampled_from([0.0, 1.0, 2.0, 4.5, float("nan")]), min_size=len(rows), max_size=len(rows))
    return flows(*rows), {name: np.array(draw(values), np.float32) for name in ("peers", "gap")}
