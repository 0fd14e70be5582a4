"""``oddflow models`` and the gate's verdict: what was refused is not promoted, unless somebody says why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from detector.bundle.verdict import VERDICT
from detector.cli import app
from detector.registry.registry import AliasMovedError, Registry
from tests.bundles import bundle, judged, verdict, version_of

FIRST, SECOND = (version_of(bundle(number)) for number in (0, 1))


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A champion from before there was a gate."""
    monkeypatch.delenv("ODDFLOW_CONFIG", raising=False)
    monkeypatch.setenv("ODDFLOW_MODEL__REGISTRY", str(tmp_path / "registry"))
    monkeypatch.setenv("COLUMNS", "200")
    registry = Registry(str(tmp_path / "registry"))
    registry.publish("flows", FIRST, bundle(0))
    registry.promote("flows", FIRST)
    return registry


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of ``oddflow models …``."""
    result = CliRunner().invoke(app, ["models", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_what_was_refused_is_not_promoted(registry: Registry) -> None:
    """Promoting it ends with 9 and the reasons, and the champion stays; --anyway needs a reason, which is kept."""
    registry.publish("flows", SECOND, judged(1, verdict(False)))
    code, _, err = run("promote", SECOND)
    assert (code, "it finds nothing" in err, registry.resolve("flows")) == (9, True, FIRST)
    assert run("promote", SECOND, "--anyway")[0] == 2
    assert registry.resolve("flows") == FIRST
    assert run("promote", SECOND, "--anyway", "--reason", "a drill")[0] == 0
    last = registry.history("flows")[-1]
    assert (registry.resolve("flows"), last.reason.startswith("a drill (anyway: ")) == (SECOND, True)
    assert "it finds nothing" in last.reason


def test_what_passed_is_promoted(registry: Registry) -> None:
    """A version that passed is promoted, and the list says of each what the gate said."""
    registry.publish("flows", SECOND, judged(1, verdict(True)))
    assert run("promote", SECOND)[0] == 0
    assert registry.resolve("flows") == SECOND
    assert [row["gate"] for row in json.loads(run("list", "--json")[1])] == ["none", "passed"]


def test_versions_of_before_are_promoted_with_a_note(registry: Registry) -> None:
    """A version without a verdict is promoted as before; a note says that nothing is known of it."""
    registry.publish("flows", SECOND, bundle(1))
    code, _, err = run("promote", SECOND)
    assert (code, "without a verdict" in err, registry.resolve("flows")) == (0, True, SECOND)


def test_reasons_are_shown(registry: Registry) -> None:
    """`show` tells why a version was refused."""
    registry.publish("flows", SECOND, judged(1, verdict(False)))
    code, out, _ = run("show", SECOND)
    assert (code, "refused for" in out, "it finds nothing: train anew" in out) == (0, True, True)


def test_a_corrupt_verdict_is_no_pass(registry: Registry) -> None:
    """A verdict that cannot be read does not let its version through, and hides no other version of a list."""
    registry.publish("flows", SECOND, judged(1, b"{}"))
    code, _, err = run("promote", SECOND)
    assert (code, VERDICT in err, registry.resolve("flows")) == (6, True, FIRST)
    assert [row["gate"] for row in json.loads(run("list", "--json")[1])] == ["none", "unreadable"]


def test_an_alias_moves_only_from_where_it_is_expected(registry: Registry) -> None:
    """Of two who train at once the second does not take the first one's place: it is told, and the alias stays."""
    registry.publish("flows", SECOND, judged(1, verdict(True)))
    for expected in (None, SECOND):
        with pytest.raises(AliasMovedError, match=f"champion is {FIRST} by now"):
            registry.promote("flows", SECOND, expect={"champion": expected})
    assert registry.resolve("flows") == FIRST
    assert registry.promote("flows", SECOND, expect={"champion": FIRST}) == FIRST


def test_rejecting_is_in_the_history_and_no_line_to_go_back_to(registry: Registry) -> None:
    """Refused versions are told in the history as rejected; the champion's lineage knows nothing of them."""
    registry.publish("flows", SECOND, judged(1, verdict(False)))
    registry.promote("flows", SECOND, "rejected", reason="it finds nothing")
    assert [each.action for each in registry.history("flows")] == ["promote", "reject"]
    assert run("rollback")[0] == 5
    assert registry.resolve("flows") == FIRST
