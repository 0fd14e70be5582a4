"""``oddflow models``: from published bundles to what is printed, promoted and rolled back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from detector.bundle.manifest import decode_manifest
from detector.cli import app
from detector.registry.registry import Registry
from tests.bundles import bundle, version_of

FIRST, SECOND = (version_of(bundle(number)) for number in (0, 1))


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Two models, of which the first is the champion; the settings name this registry."""
    monkeypatch.delenv("ODDFLOW_CONFIG", raising=False)
    monkeypatch.setenv("ODDFLOW_MODEL__REGISTRY", str(tmp_path / "registry"))
    monkeypatch.setenv("COLUMNS", "200")
    registry = Registry(str(tmp_path / "registry"))
    for number in (0, 1):
        registry.publish("flows", version_of(bundle(number)), bundle(number))
    registry.promote("flows", FIRST, by="ann", reason="the first")
    return registry


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of ``oddflow models …``."""
    result = CliRunner().invoke(app, ["models", *arguments])
    return result.exit_code, result.stdout, result.stderr


def told(*arguments: str) -> Any:
    """What a command prints with --json; it must end well and print nothing else."""
    code, out, err = run(*arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def spoil(registry: Registry, version: str) -> None:
    """Change one byte of a published model's arrays."""
    path = Path(registry.url) / "flows" / "versions" / version / "arrays.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.usefixtures("registry")
def test_list_shows_versions_and_aliases() -> None:
    """Every version is listed, oldest first, with its aliases, kind and rows, to people and to programs."""
    rows = told("list")
    assert [(row["version"], row["aliases"], row["kind"], row["trained_on_rows"]) for row in rows] == [
        (FIRST, ["champion"], "isolation-forest", 1_500),
        (SECOND, [], "isolation-forest", 1_500),
    ]
    assert rows == told("list", "--model", "flows")
    code, out, _ = run("list")
    assert (code, FIRST in out, "champion" in out, "1,500" in out) == (0, True, True, True)


def test_list_of_an_empty_registry_says_how_to_fill_it(tmp_path: Path) -> None:
    """Where nothing is published, listing ends with exit code 5 and the command that makes a model."""
    code, out, err = run("list", "--registry", str(tmp_path / "none"))
    assert (code, out, err.count("\n")) == (5, "", 1)
    assert "has no model flows yet; make one: oddflow train --data FILE" in err


def test_list_goes_on_past_a_broken_manifest(registry: Registry) -> None:
    """A version whose manifest cannot be read is listed as unreadable beside the others."""
    path = Path(registry.url) / "flows" / "versions" / SECOND / "model.json"
    path.write_text("{", encoding="utf-8")
    assert [row["readable"] for row in told("list")] == [True, False]
    assert f"oddflow models verify {SECOND} tells why" in run("list")[1]


@pytest.mark.usefixtures("registry")
def test_show_tells_what_a_version_is() -> None:
    """Showing gives the manifest, the aliases and the history, by alias or version."""
    shown = told("show")
    assert (shown["version"], shown["aliases"], shown["training"]["rows"]) == (FIRST, ["champion"], 1_500)
    assert [(each["action"], each["by"], each["reason"]) for each in shown["history"]] == [
        ("promote", "ann", "the first")
    ]
    assert told("show", SECOND)["aliases"] == []
    code, out, _ = run("show", FIRST)
    assert (code, "1,500 of 1,500 flows" in out, "the first" in out) == (0, True, True)
    assert ["quality", "not", "measured"] in [line.split() for line in out.splitlines()]


@pytest.mark.usefixtures("registry")
def test_verify_accepts_a_sound_version() -> None:
    """A sound version is said to be so, with its digest."""
    result = told("verify")
    assert (result["version"], result["valid"], len(result["digest"])) == (FIRST, True, 64)
    code, out, _ = run("verify", SECOND)
    assert (code, out.startswith(f"flows {SECOND} is sound; digest ")) == (0, True)


def test_verify_refuses_a_spoilt_version(registry: Registry) -> None:
    """A version with one byte off ends with exit code 6 and one line that names the file; with --json also as JSON."""
    spoil(registry, SECOND)
    code, out, err = run("verify", SECOND)
    assert (code, out, err.count("\n")) == (6, "", 1)
    assert f"verifying flows {SECOND}: reading model: file arrays.safetensors is not what its digest says" in err
    code, out, err = run("verify", SECOND, "--json")
    assert (code, json.loads(out)["valid"], err.count("\n")) == (6, False, 1)


def test_promote_and_roll_back(registry: Registry) -> None:
    """Promoting moves the alias and tells what was before; rolling back is one command."""
    assert told("promote", SECOND, "--reason", "better") == {
        "model": "flows",
        "alias": "champion",
        "version": SECOND,
        "previous": FIRST,
    }
    assert registry.resolve("flows") == SECOND
    code, out, _ = run("rollback", "--reason", "noisy")
    assert (code, out) == (0, f"flows: champion is now {FIRST} (was {SECOND})\n")
    assert registry.resolve("flows") == FIRST
    last = registry.history("flows")[-1]
    assert (last.action, last.reason, last.by != "") == ("rollback", "noisy", True)


@pytest.mark.usefixtures("registry")
def test_promote_by_alias() -> None:
    """A challenger is promoted by its alias's name."""
    assert told("promote", SECOND, "--alias", "challenger")["previous"] is None
    assert told("promote", "challenger")["version"] == SECOND


def test_promote_refuses_a_spoilt_version(registry: Registry) -> None:
    """What the daemon would refuse is not promoted: exit code 6, and the alias stays."""
    spoil(registry, SECOND)
    code, _, err = run("promote", SECOND)
    assert (code, err.count("\n"), registry.resolve("flows")) == (6, 1, FIRST)


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    "arguments", [("show", "nosuch"), ("verify", "nosuch"), ("promote", "nosuch"), ("rollback", "--alias", "nosuch")]
)
def test_an_unknown_version_is_one_line(arguments: tuple[str, ...]) -> None:
    """An unknown version or alias ends with exit code 5 and one line that lists the known ones."""
    code, out, err = run(*arguments)
    assert (code, out, err.count("\n")) == (5, "", 1)
    assert f"champion ({FIRST})" in err


@pytest.mark.usefixtures("registry")
def test_rolling_back_the_first_says_what_to_do() -> None:
    """With nothing before, rolling back ends with exit code 5 and names the command that promotes."""
    code, _, err = run("rollback")
    assert (code, "oddflow models promote VERSION --model flows" in err) == (5, True)


def test_show_brings_nothing_of_a_bundle_to_the_terminal(registry: Registry) -> None:
    """Escapes and markup in a manifest's parameters and in an alias's history are shown as they are spelled."""
    path = Path(registry.url) / "flows" / "versions" / SECOND / "model.json"
    manifest = decode_manifest(path.read_bytes())
    nasty = {**manifest.parameters, "note": "\x1b[2J\u202e[red]:smile:"}
    path.write_bytes(replace(manifest, parameters=nasty).sealed().encode())
    registry.promote("flows", SECOND, by="eve\x9b", reason="[bold]why\nso")
    code, out, err = run("show", SECOND)
    assert (code, err) == (0, "")
    assert r"note=\x1b[2J\u202e[red]:smile:" in out
    assert r"eve\x9b [bold]why\nso" in out
    assert all(line.isprintable() for line in out.splitlines())


@pytest.mark.usefixtures("registry")
def test_another_model_s_name_is_told() -> None:
    """A model that there isn't is told beside those that there are."""
    code, _, err = run("show", "--model", "flow")
    assert (code, "has no model flow yet (there is flows); make one" in err) == (5, True)


def test_a_settings_file_names_the_registry(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command takes --config, as the daemon does."""
    monkeypatch.delenv("ODDFLOW_MODEL__REGISTRY")
    path = tmp_path / "oddflow.toml"
    path.write_text(f'[model]\nregistry = "{registry.url}"\n', encoding="utf-8")
    assert [row["version"] for row in told("list", "--config", str(path))] == [FIRST, SECOND]
    assert told("show", "--config", str(path))["version"] == FIRST
    assert told("verify", "--config", str(path))["valid"]
    assert told("promote", SECOND, "--config", str(path))["version"] == SECOND
    assert told("rollback", "--config", str(path))["version"] == FIRST
