"""``oddflow models diff``: two versions side by side, and what daemons found of one beside the other."""

from __future__ import annotations

import time
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table

from detector.bundle.manifest import Manifest, decode_manifest
from detector.cli.models_place import ConfigOption, JsonOption, ModelOption, ModelPlace, RegistryOption, give
from detector.printable import printable
from detector.registry.names import CHALLENGER, CHAMPION
from detector.shadow.clerk import FIGURES
from detector.shadow.figures import read_figures, told, total

FIRST = typer.Argument(metavar="[A]", help="A version or alias.")
SECOND = typer.Argument(metavar="[B]", help="Another, that was its challenger.")


def diff(
    first: Annotated[str, FIRST] = CHAMPION,
    second: Annotated[str, SECOND] = CHALLENGER,
    registry: RegistryOption = None,
    model: ModelOption = None,
    *,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two versions: data, features, parameters, quality, and what daemons found with B beside A.

    Examples:

      oddflow models diff

      oddflow models diff champion 20261124T034500Z-1f3a9c --json
    """
    place = ModelPlace.chosen(registry, model, config)
    versions = [place.registry.resolve(place.model, which) for which in (first, second)]
    manifests = [decode_manifest(place.registry.manifest(place.model, version)) for version in versions]
    ours, theirs = (set(manifest.features.names) for manifest in manifests)
    found = {
        "model": place.model,
        "versions": versions,
        "manifests": [_row(manifest) for manifest in manifests],
        "features_gained": sorted(theirs - ours),
        "features_lost": sorted(ours - theirs),
        "shadow": shadow(place, *versions),
    }
    give(found, as_json, _table)


def shadow(place: ModelPlace, champion: str, challenger: str) -> dict[str, Any] | None:
    """What daemons found of the one beside the other, added up; None where none has compared them.

    Where any figures are fresh, those that are stale are left out; otherwise they are told as they are.
    """
    files = read_figures(place.registry.figures(place.model, FIGURES, challenger))
    every = [figures for figures in files if figures.champion == champion]
    now = time.time()
    fresh = [figures for figures in every if not figures.is_stale(now)]
    if (figures := total(fresh or every)) is None:
        return None
    stale = {one.member: round(now - one.at) for one in every if one.is_stale(now)}
    return told(figures) | {"daemons": [one.member for one in fresh], "stale_s": stale}


def _row(manifest: Manifest) -> dict[str, Any]:
    training = msgspec.to_builtins(manifest.training)
    return {
        "kind": manifest.kind,
        "created": manifest.created,
        "parent": manifest.parent,
        "data": training.get("dataset") or ", ".join(training["sources"]),
        "rows": training["rows"],
        "features": len(manifest.features.names),
        **{f"parameter {name}": value for name, value in manifest.parameters.items()},
        **{f"quality {name}": figure.value for name, figure in manifest.quality.items()},
        "digest": manifest.digest,
    }


def _table(found: dict[str, Any]) -> Table:
    table = Table("", *map(printable, found["versions"]), box=None, pad_edge=False)
    first, second = found["manifests"]
    for name in dict.fromkeys((*first, *second)):
        table.add_row(*(printable(each) for each in (name, _cell(first.get(name)), _cell(second.get(name)))))
    for name in ("features_lost", "features_gained"):
        if found[name]:
            table.add_row(name.replace("_", " "), printable(", ".join(found[name])))
    compared = found["shadow"]
    if compared is None:
        table.add_row("shadow", "no daemon has compared them")
        return table
    for name, value in compared.items():
        if name == "stale_s":
            value = ", ".join(f"{member}: {seconds} s ago" for member, seconds in value.items())  # noqa: PLW2901
        elif name == "daemons":
            value = ", ".join(value) or "none now: the figures are stale"  # noqa: PLW2901
        table.add_row(f"shadow {name.replace('_', ' ')}", printable(_cell(value)))
    return table


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
