"""Labels: which rows are attacks and which may be trained on."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from detector.errors import ConfigurationError, InputError
from detector.records.flow import LABEL
from tests.features.flows import flows
from training.labels import ATTACKER, TrainOn, Truth, mark_attackers

EVERY = np.ones(1000, dtype=bool)


def truth(benign: int, attacks: int, unknown: int = 0) -> Truth:
    """That many rows of each."""
    kinds = np.repeat([0, 1, 2], [benign, attacks, unknown])
    return Truth(kinds == 1, kinds == 0)


def test_truth_of_labels() -> None:
    """A label is benign, an attack, or not known."""
    frame = flows({}, {}, {}).with_columns(pl.Series(LABEL, ["benign", "scan", None]))
    found = Truth.of(frame)
    assert found.benign.tolist() == [True, False, False]
    assert found.attack.tolist() == [False, True, False]
    assert found.known.tolist() == [True, True, False]


def test_nothing_is_known_without_labels() -> None:
    """A frame without labels has neither attacks nor benign rows."""
    assert not Truth.of(flows({}, {})).known.any()


def test_attackers_by_address() -> None:
    """Flows from or to an attacker are attacks, all others benign; an attack that has a name keeps it elsewhere."""
    frame = flows({"src_ip": "172.16.1.11"}, {"dst_ip": "172.16.1.11"}, {}, {}, {}).with_columns(
        pl.Series(LABEL, [None, "benign", None, "flood", "benign"])
    )
    marked = mark_attackers(frame, ["172.16.1.11"])
    assert marked[LABEL].to_list() == [ATTACKER, ATTACKER, "benign", "flood", "benign"]


def test_attackers_of_unlabelled_flows() -> None:
    """Without a label column, addresses alone tell."""
    assert mark_attackers(flows({}, {"src_ip": "10.9.9.9"}), ["10.9.9.9"])[LABEL].to_list() == ["benign", ATTACKER]


def test_attacker_that_is_no_address() -> None:
    """Text that is no address is a wrong flag."""
    with pytest.raises(ConfigurationError, match="--attacker mallory"):
        mark_attackers(flows({}), ["mallory"])


def test_attacker_that_no_flow_has() -> None:
    """An address that is nowhere in the data would label nothing: it is told."""
    with pytest.raises(InputError, match=r"10\.9\.9\.9"):
        mark_attackers(flows({}), ["10.9.9.9"])


def test_all_needs_no_labels() -> None:
    """Every row is trained on, labelled or not; only those not known to be attacks are calibrated on."""
    mode, rows = TrainOn.parse("all"), truth(1, 1, 1)
    assert mode.rows(rows, EVERY[:3], seed=1).all()
    assert mode.calm(rows).tolist() == [True, False, True]


def test_normal_leaves_attacks_and_unknown_out() -> None:
    """Only rows that are labelled benign are trained on."""
    assert TrainOn.parse("normal").rows(truth(3, 2, 2), EVERY[:7], seed=1).tolist() == [True] * 3 + [False] * 4


def test_only_rows_among_those_given_are_trained_on() -> None:
    """Neither normals nor attacks are taken from elsewhere, and the share is of the normals that are."""
    among = np.arange(350) < 300
    chosen = TrainOn.parse("normal+0.1").rows(truth(250, 100), among, seed=1)
    assert chosen[250:300].sum() == 25
    assert not chosen[300:].any()


def test_contamination_is_a_share_of_the_normals() -> None:
    """Attacks are kept up to the share, the same ones for the same seed."""
    mode, rows = TrainOn.parse("normal+0.01"), truth(250, 100)
    first, again, other = (mode.rows(rows, EVERY[:350], seed) for seed in (1, 1, 2))
    assert first[:250].all()
    assert first[250:].sum() == 2
    assert (first == again).all()
    assert (first != other).any()


def test_contamination_is_bounded_by_the_attacks_there_are() -> None:
    """A share beyond the attacks keeps all of them."""
    assert TrainOn.parse("normal+1").rows(truth(250, 3), EVERY[:253], seed=1).all()


def test_normal_without_labels() -> None:
    """Normals cannot be chosen where nothing is labelled."""
    with pytest.raises(InputError, match="--train-on all"):
        TrainOn.parse("normal").calm(truth(0, 0, 5))


def test_nothing_but_attacks() -> None:
    """Attacks alone cannot be trained on."""
    with pytest.raises(InputError, match="every flow is labelled an attack"):
        TrainOn.parse("all").calm(truth(0, 5))


@pytest.mark.parametrize(
    "text", ["", "normals", "all+0.1", "normal+", "normal+x", "normal+2", "normal+-1", "normal+nan"]
)
def test_unknown_choice(text: str) -> None:
    """Any other choice is a wrong flag that names the right ones."""
    with pytest.raises(ConfigurationError, match="normal"):
        TrainOn.parse(text)
