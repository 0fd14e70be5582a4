"""``oddflow train`` on a morning with a scan in it: what is cut is told to people, to programs and by the card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from detector.registry.registry import Registry
from tests.commands import run
from tests.training.small_days import SMALL
from tests.training.test_commands import FORMAT, write

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half an hour of flows without labels, among them one host's scan of another."""
    return write(tmp_path_factory.mktemp("flows") / "morning.json", 4, ("vertical-scan",), labels=False)


@pytest.fixture(scope="module")
def given(flows: Path) -> tuple[str, ...]:
    """The command, all but its registry."""
    return ("train", "--data", str(flows), *FORMAT, *SMALL, "--folds", "0")


def card_of(registry: Path, version: str) -> str:
    """The page that came with a model."""
    return Registry(str(registry)).fetch("flows", version)["card.html"].decode()


def test_a_scan_is_cut_and_told_and_the_card_has_its_numbers(given: tuple[str, ...], tmp_path: Path) -> None:
    """With ``--json`` its pair, ports and flows are told; the model is trained on the rest, and its card says so."""
    code, out, err = run(*given, "--registry", str(tmp_path), "--json")
    assert code == 0, err
    told: dict[str, Any] = json.loads(out)
    left_out = told["left_out"]
    (scan,) = left_out["incidents"]
    assert not left_out["too_much"]
    assert (scan["sources"], scan["destinations"], scan["dst_port"]) == (1, 1, None)
    assert scan["flows"] == left_out["flows"] >= scan["ports"] > 100
    assert told["rows"] == told["rows_read"] - left_out["flows"]
    card = card_of(tmp_path, told["version"])
    assert f"{left_out['flows']:,} flows of 1 sources, destinations or pairs" in card
    assert scan["src_ip"] not in card


def test_a_person_is_shown_who_was_cut_and_how_to_keep_it(given: tuple[str, ...], tmp_path: Path) -> None:
    """The last lines name source, destination, ports and times, and the flag that keeps them."""
    code, out, err = run(*given, "--registry", str(tmp_path))
    assert code == 0, err
    assert "left out of training, since they stand out as 1 incident (" in out
    assert "train with --no-cut" in out


def test_what_is_kept_on_purpose_is_trained_on(given: tuple[str, ...], tmp_path: Path) -> None:
    """With ``--no-cut`` every flow is trained on, nothing is told as left out, and the card says none."""
    code, out, err = run(*given, "--registry", str(tmp_path), "--no-cut", "--json")
    assert code == 0, err
    told: dict[str, Any] = json.loads(out)
    assert told["left_out"] == {"flows": 0, "too_much": False, "incidents": []}
    assert told["rows"] == told["rows_read"]
