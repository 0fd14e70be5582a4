"""The bench of an ensemble's members: how captures are cut, and who is ahead."""

from __future__ import annotations

import numpy as np
import polars as pl

from bench.members import DEFAULT, JUDGED, ahead, bare, benign_halves, first_half_later, medians
from detector.features.extra import has_addresses
from detector.records.flow import BENIGN, LABEL
from tests.bundles import ordinary_flows

FLOWS = ordinary_flows(400).with_columns(
    pl.when(pl.int_range(400) < 90).then(pl.lit("attack")).otherwise(pl.lit(BENIGN)).alias(LABEL)
)


def test_flows_with_eight_columns_tell_no_addresses() -> None:
    """Neither addresses nor ports are left, and times are their order; all else is as it was."""
    left = bare(FLOWS)
    assert not has_addresses(left)
    assert left["ts"].to_list() == list(range(len(FLOWS)))
    assert left["src_port"].null_count() == left["dst_port"].null_count() == len(FLOWS)
    kept = [name for name in FLOWS.columns if name not in {"ts", "src_ip", "dst_ip", "src_port", "dst_port"}]
    assert left.select(kept).equals(FLOWS.select(kept))


def test_the_first_half_comes_a_day_later() -> None:
    """What is tested is the first half, at the same time of the next day, after all that is trained on."""
    case = first_half_later("set", FLOWS)
    ts, before = case.flows["ts"].to_numpy(), FLOWS["ts"].to_numpy()
    middle = (before[0] + before[-1]) / 2
    assert np.array_equal(ts[case.test] - 86_400.0, before[before < middle])
    assert np.array_equal(ts[case.train], before[before >= middle])
    assert (case.attacks.sum(), case.attacks[case.train].sum()) == (90, 0)


def test_benign_halves_have_as_many_benign_flows_each() -> None:
    """A capture that begins with an attack is cut where half of its benign flows are over."""
    case = benign_halves("set", FLOWS)
    assert (case.train & ~case.attacks).sum() == (case.test & ~case.attacks).sum() == 155
    assert not (case.train & case.test).any()


def test_ahead_is_the_best_of_the_others_less_the_default() -> None:
    """Of medians over seeds, the other with the highest ROC AUC is told, how far it is above the default's judging."""
    runs = [
        {DEFAULT: (0.99, 0.1), JUDGED: (auc, 0.1), "one": (auc + 0.02, 0.0), "other": (0.3, 0.9)}
        for auc in (0.5, 0.6, 0.9)
    ]
    told = medians(runs)
    assert told[JUDGED] == (0.6, 0.1)
    best, by = ahead(told)
    assert best == "one"
    assert round(by, 6) == 0.02
