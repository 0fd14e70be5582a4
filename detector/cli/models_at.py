"""``oddflow models at``: which version was in charge at a moment, and by whom and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import accumulate
from typing import Annotated, Any

import msgspec
import typer

from detector.bundle.manifest import decode_manifest
from detector.cli.models_place import ConfigOption, JsonOption, ModelOption, ModelPlace, RegistryOption, give
from detector.errors import BundleError, ConfigurationError, RegistryError
from detector.printable import printable
from detector.registry.history import Entry
from detector.registry.names import CHAMPION


def at(
    when: Annotated[str, typer.Argument(metavar="TIME", help="ISO 8601; without a time zone it is UTC.")],
    registry: RegistryOption = None,
    model: ModelOption = None,
    alias: Annotated[str, typer.Option("--alias", help="Alias to ask about.")] = CHAMPION,
    *,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which version was in charge at a moment: since and until when, by whom and why, and what it is.

    Examples:

      oddflow models at 2026-11-20T10:00

      oddflow models at 2026-11-20T10:00+01:00 --alias challenger --json
    """
    moment = parsed(when)
    place = ModelPlace.chosen(registry, model, config)
    place.registry.resolve(place.model, alias)  # raises what to do where there is no such model or alias
    moves = in_order([entry for entry in place.registry.history(place.model) if entry.alias == alias])
    before = [entry for entry in moves if entry.at <= moment]
    after = [entry for entry in moves if entry.at > moment]
    found: dict[str, Any] = {"model": place.model, "alias": alias, "at": moment.isoformat()}
    found["until"] = after[0].at.isoformat() if after else None
    if before:
        entry = before[-1]
        found |= {"version": entry.version, "since": entry.at.isoformat(), "action": entry.action}
        found |= {"by": entry.by, "reason": entry.reason, "previous": entry.previous} | _about(place, entry.version)
    else:
        found["version"] = None
    give(found, as_json, _words)


def in_order(moves: Sequence[Entry]) -> list[Entry]:
    """Have no move's time be earlier than that of the move before it.

    Each was told by the clock of its machine, and clocks differ; the order of the lines is what happened.
    """
    times = accumulate((entry.at for entry in moves), max)
    return [msgspec.structs.replace(entry, at=at) for entry, at in zip(moves, times, strict=True)]


def parsed(when: str) -> datetime:
    """The moment that is meant, in UTC. Raises ConfigurationError."""
    try:
        moment = datetime.fromisoformat(when)
    except ValueError as error:
        raise ConfigurationError(
            f"models at {when}: not a time; write it as 2026-11-20T10:00 (UTC) or 2026-11-20T10:00+01:00"
        ) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _about(place: ModelPlace, version: str) -> dict[str, Any]:
    """The version's data set and digest; a bundle that is gone or damaged hides nothing else."""
    try:
        manifest = decode_manifest(place.registry.manifest(place.model, version))
    except (BundleError, RegistryError) as error:
        return {"digest": None, "dataset": None, "dataset_sha256": None, "unreadable": str(error)}
    training = msgspec.to_builtins(manifest.training)
    names = ("dataset", "dataset_sha256")
    return (
        {"digest": manifest.digest} | {name: training.get(name) for name in names} | {"trained_on": training["sources"]}
    )


def _words(found: dict[str, Any]) -> str:
    name = f"{found['model']} {found['alias']}"
    if found["version"] is None:
        first = f"; the first was set at {found['until']}" if found["until"] else ""
        return f"{name} at {found['at']}: none yet{first}"
    until = found["until"] or "now"
    lines = [f"{name} at {found['at']}: {found['version']}", f"  from {found['since']} until {until}"]
    lines.append(f"  {found['action']} by {found['by'] or 'nobody named'}: {found['reason'] or 'no reason given'}")
    if "unreadable" in found:
        lines.append(f"  {found['unreadable']}")
    else:
        data = found["dataset"] or ", ".join(found["trained_on"])
        lines.append(f"  data {data}{f', sha256 {digest}' if (digest := found['dataset_sha256']) else ''}")
        lines.append(f"  digest {found['digest']}")
    return "\n".join(map(printable, lines))
