"""``oddflow models``: look at published models, verify them, and move the aliases that daemons follow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from detector.bundle import signature
from detector.bundle.files import read_bundle
from detector.bundle.manifest import Manifest, decode_manifest
from detector.cli.models_at import at
from detector.cli.models_card import card
from detector.cli.models_diff import diff
from detector.cli.models_export import export
from detector.cli.models_gate import UNGATED, allowed_reason, told_verdict, verdict_in
from detector.cli.models_place import (
    AliasOption,
    ConfigOption,
    JsonOption,
    ModelOption,
    ModelPlace,
    ReasonOption,
    RegistryOption,
    WhichArgument,
    give,
)
from detector.cli.models_sbom import sbom
from detector.cli.models_sign import sign_version
from detector.errors import BundleError, RegistryError
from detector.printable import printable
from detector.registry.history import user
from detector.registry.names import CHAMPION
from detector.registry.registry import Registry
from detector.registry.trusted import public_keys

app = typer.Typer(
    help="Look at, verify, promote and roll back published models.", no_args_is_help=True, add_completion=False
)
app.command()(card)
app.command()(export)
app.command("sign")(sign_version)
app.command()(sbom)
app.command()(diff)
app.command()(at)


@app.command("list")
def list_versions(
    registry: RegistryOption = None,
    model: Annotated[str | None, typer.Option("--model", help="Only this model.")] = None,
    *,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the published versions, oldest first, and the aliases that point to them.

    Examples:

      oddflow models list --registry registry

      oddflow models list --model flows --json
    """
    place = ModelPlace.chosen(registry, model, config)
    models = [place.model] if model else place.registry.models()
    rows = [row for name in models for row in _listed(place.registry, name)]
    if not rows:
        place.registry.resolve(place.model)  # raises what to do about it
    give(rows, as_json, _versions_table)


@app.command()
def show(
    which: WhichArgument = CHAMPION,
    registry: RegistryOption = None,
    model: ModelOption = None,
    *,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a version is: its manifest, its aliases, and the history of the aliases.

    Examples:

      oddflow models show

      oddflow models show challenger --registry s3://models --json
    """
    place = ModelPlace.chosen(registry, model, config)
    version = place.registry.resolve(place.model, which)
    manifest = decode_manifest(place.registry.manifest(place.model, version))
    shown = msgspec.to_builtins(manifest) | {
        "aliases": _pointing(place, version),
        "history": [msgspec.to_builtins(entry) for entry in place.registry.history(place.model)],
        **told_verdict(place.registry, place.model, version),
    }
    give(shown, as_json, lambda _: _manifest_table(manifest, shown))


@app.command()
def verify(
    which: WhichArgument = CHAMPION,
    registry: RegistryOption = None,
    model: ModelOption = None,
    *,
    key: Annotated[
        list[Path] | None, typer.Option("--key", help="Public key (PEM) that must have signed it; may be repeated.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a version as the daemon does before it takes it: digests, features, bounds, self-test rows. Exit 6 if bad.

    Its signature is checked where --key is given, or the settings have model.trusted_keys.

    Examples:

      oddflow models verify

      oddflow models verify 20261124T034500Z-1f3a9c --json

      oddflow models verify challenger --key public.pem
    """
    place = ModelPlace.chosen(registry, model, config, trusting=bool(key))
    version = place.registry.resolve(place.model, which)
    try:
        signer = signature.verify(place.registry.fetch(place.model, version), public_keys(key)) if key else None
        digest = _verified(place, version)
    except BundleError as error:
        if as_json:
            typer.echo(json.dumps({"model": place.model, "version": version, "valid": False, "reason": str(error)}))
        raise
    result = {"model": place.model, "version": version, "valid": True, "digest": digest}
    result |= {} if signer is None else {"signed_by": signer}
    by = "" if signer is None else f", signed by the key {signer[:16]}…"
    give(result, as_json, lambda _: f"{place.model} {version} is sound{by}; digest {digest}")


@app.command()
def promote(
    which: WhichArgument,
    registry: RegistryOption = None,
    model: ModelOption = None,
    alias: AliasOption = CHAMPION,
    reason: ReasonOption = "",
    *,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Though the gate refused it; needs --reason, which is kept.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Verify a version, then point an alias to it; daemons that follow the alias take it over while they run.

    What the gate refused is refused here too, with exit code 9, unless --anyway is given with a --reason.

    Examples:

      oddflow models promote challenger --reason "a week in shadow, fewer false alerts"

      oddflow models promote 20261124T034500Z-1f3a9c --model flows --registry registry
    """
    place = ModelPlace.chosen(registry, model, config)
    version = place.registry.resolve(place.model, which)
    files = place.registry.fetch(place.model, version)
    _verified(place, version, files)
    verdict = verdict_in(files)
    reason = allowed_reason(place.model, version, alias, verdict, anyway=anyway, reason=reason)
    if verdict is None and alias == CHAMPION and not as_json:
        typer.echo(f"oddflow: promoting {place.model} {version}: {UNGATED}", err=True)
    previous = place.registry.promote(place.model, version, alias, by=user(), reason=reason)
    _give_move(place, alias, version, previous, as_json)


@app.command()
def rollback(
    registry: RegistryOption = None,
    model: ModelOption = None,
    alias: AliasOption = CHAMPION,
    reason: ReasonOption = "",
    *,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Point an alias back to the version that it pointed to before; once more goes one further back.

    Examples:

      oddflow models rollback --reason "too many alerts from the backup hosts"

      oddflow models rollback --model flows --registry registry
    """
    place = ModelPlace.chosen(registry, model, config)
    previous = place.registry.resolve(place.model, alias)
    version = place.registry.rollback(place.model, alias, by=user(), reason=reason)
    _give_move(place, alias, version, previous, as_json)


def _verified(place: ModelPlace, version: str, files: Mapping[str, bytes] | None = None) -> str:
    """Check a version in full and give its digest. Raises BundleError."""
    files = place.registry.fetch(place.model, version) if files is None else files
    try:
        bundle = read_bundle(files)
    except BundleError as error:
        raise BundleError(f"verifying {place.model} {version}: {error}") from error
    if (bundle.name, bundle.version) != (place.model, version):
        raise BundleError(
            f"verifying {place.model} {version}: the bundle in it is {bundle.name} {bundle.version};"
            " publish it under its own name"
        )
    return bundle.digest


def _pointing(place: ModelPlace, version: str) -> list[str]:
    return [alias for alias, target in place.registry.aliases(place.model).items() if target == version]


def _listed(registry: Registry, model: str) -> list[dict[str, Any]]:
    aliases = registry.aliases(model)
    rows = []
    for version in registry.versions(model):
        row: dict[str, Any] = {
            "model": model,
            "version": version,
            "aliases": [alias for alias, target in aliases.items() if target == version],
        }
        rows.append(row | _summary(registry, model, version))
    return rows


def _summary(registry: Registry, model: str, version: str) -> dict[str, Any]:
    """What a list tells of a version; a bundle that cannot be read must not hide the others."""
    try:
        manifest = decode_manifest(registry.manifest(model, version))
    except (BundleError, RegistryError) as error:
        return {"readable": False, "reason": str(error)}
    return {
        "readable": True,
        "kind": manifest.kind,
        "created": manifest.created,
        "trained_on_rows": manifest.training.rows,
        "features": len(manifest.features.features),
        "quality": {name: figure.value for name, figure in manifest.quality.items()},
        "digest": manifest.digest,
        "gate": told_verdict(registry, model, version)["gate"],
    }


def _give_move(place: ModelPlace, alias: str, version: str, previous: str | None, as_json: bool) -> None:
    moved = {"model": place.model, "alias": alias, "version": version, "previous": previous}
    was = "was there already" if previous == version else f"was {previous or 'not set'}"
    give(moved, as_json, lambda _: f"{place.model}: {alias} is now {version} ({was})")


def _versions_table(rows: list[dict[str, Any]]) -> Table:
    table = Table("model", box=None, pad_edge=False)
    for name in ("version", "aliases", "kind", "flows", "gate"):
        table.add_column(name, no_wrap=True)
    table.add_column("quality")
    for row in rows:
        rest = (
            (row["kind"], f"{row['trained_on_rows']:,}", row["gate"], _few_figures(row["quality"]))
            if row["readable"]
            else ("unreadable", "", "", f"oddflow models verify {row['version']} tells why")
        )
        aliases = "\n".join(map(printable, row["aliases"]))
        table.add_row(printable(row["model"]), printable(row["version"]), aliases, *map(printable, rest))
    return table


def _manifest_table(manifest: Manifest, shown: dict[str, Any]) -> Table:
    training = manifest.training
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in {
        "model": f"{manifest.name} {manifest.version}",
        "aliases": ", ".join(shown["aliases"]) or "none",
        "kind": manifest.kind,
        "created": manifest.created,
        "parent": manifest.parent or "none",
        "trained on": f"{training.rows:,} of {training.rows_read:,} flows ({training.train_on})",
        "from": ", ".join(training.sources),
        "period": f"{_day(training.start)} to {_day(training.end)}",
        "watched": "unknown" if training.watched_s is None else f"{training.watched_s / 3600:.1f} hours of it",
        "features": f"{len(manifest.features.features)}, hash {manifest.features_hash[:12]}",
        "calibrated on": f"{manifest.calibration.rows:,} flows over {manifest.calibration.seconds / 3600:.1f} hours",
        "parameters": ", ".join(f"{key}={each}" for key, each in manifest.parameters.items()) or "none given",
        "quality": _figures({key: figure.value for key, figure in manifest.quality.items()}) or "not measured",
        "digest": manifest.digest,
        "gate": shown["gate"],
    }.items():
        _add(table, name, value)
    for why in shown["gate_reasons"]:
        _add(table, "refused for", why)
    for entry in shown["history"]:
        told = f"{entry['at']} {entry['action']} {entry['alias']}: {entry['version']} {entry['by']} {entry['reason']}"
        _add(table, "history", told.rstrip())
    return table


def _add(table: Table, *cells: str) -> None:
    """Add a row; a bundle's manifest and an alias's history may hold anything."""
    table.add_row(*map(printable, cells))


def _few_figures(quality: dict[str, float]) -> str:
    """What a list has room for."""
    words = {"roc_auc": "AUC {:.3f}", "false_incidents_per_day": "{:.3g} false a day"}
    return ", ".join(word.format(quality[name]) for name, word in words.items() if name in quality)


def _figures(quality: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in quality.items())


def _day(seconds: float | None) -> str:
    return "unknown" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
