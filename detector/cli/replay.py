"""``oddflow replay``: an alert's score, p-value and explanation, worked out once more."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from detector.cli.data import (
    BootstrapOption,
    ColumnsOption,
    ConfigOption,
    DataOption,
    FormatOption,
    JsonOption,
    RegistryOption,
    UnpackOption,
    kafka_decoder,
    read_files,
    settings_of,
)
from detector.errors import InputError, RegistryError
from detector.printable import printable
from detector.settings.tree import Settings

if TYPE_CHECKING:
    from detector.alerts.read_alert import ReadAlert
    from detector.bundle.loaded_model import LoadedModel
    from detector.cli.steps import Steps
    from detector.scoring.dataset import Dataset
    from detector.scoring.replay import Replayed
    from detector.state.snapshot import Snapshot

MOST_BYTES = 16 << 20
"""Of an alert's file: one is some kilobytes."""

HOUR_MS = 3_600_000


def replay(
    alert: Annotated[
        str, typer.Argument(metavar="ALERT.json|-|ID", help="The alert: a file, standard input, or its id on a topic.")
    ],
    *,
    topic: Annotated[
        str | None, typer.Option("--topic", help="Where the id is; the settings' output.alerts_topic if not given.")
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Read the record again, though the alert has a copy of its features.")
    ] = False,
    horizon: Annotated[
        float,
        typer.Option(
            "--horizon",
            min=0,
            help="Hours of its partition to read before it where no state was kept; 0: all there are.",
        ),
    ] = 24.0,
    state: Annotated[
        bool,
        typer.Option(
            "--state/--no-state",
            help="Begin with the state that the daemon kept (state.url) at or before the record, where it has one.",
        ),
    ] = True,
    data: DataOption = None,
    format: FormatOption = None,  # noqa: A002
    unpack: UnpackOption = None,
    columns: ColumnsOption = None,
    bootstrap_servers: BootstrapOption = None,
    registry: RegistryOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Work an alert out once more, by the model version that made it, and say whether it comes out the same.

    An alert that holds its features (`alerts.detail` is `vector` or `features`) needs the registry alone. Of another
    one the record is read again, with what came before it: from Kafka, after the state that the daemon kept at or
    before it, or from the files of --data, which must hold both. Exit code 0: all that the alert tells came out the
    same; 1: something differs, or the alert holds nothing to compare with; 3: the alert was altered, or its record is
    gone; 4: Kafka is unreachable; 5: the registry has no such version; 6: its bundle is not the one that made the
    alert.

    Examples:

      oddflow replay alert.json --registry registry

      oddflow replay 5f0c7a3e-8a0b-5d5e-9d3c-0f6a4c1f2b7d --bootstrap-servers kafka:9092

      oddflow replay alert.json --data conn.log --format zeek --json
    """
    from detector.alerts.read_alert import read_alert  # noqa: PLC0415 - --help needs none of these
    from detector.bundle.carried_over import reading  # noqa: PLC0415
    from detector.cli.steps import steps_on_stderr  # noqa: PLC0415
    from detector.registry.trusted import open_registry  # noqa: PLC0415
    from detector.scoring.replay import check_model, check_whole, replay_record, replay_vector  # noqa: PLC0415

    settings = settings_of(
        config,
        input__format=format,
        input__unpack=unpack or None,
        input__columns=columns,
        kafka__bootstrap_servers=bootstrap_servers,
        model__registry=registry,
    )
    with steps_on_stderr(quiet=as_json) as steps:
        told = read_alert(_document(alert, settings, topic, steps))
        check_whole(told)
        shelf = open_registry(settings.model)
        try:
            files = shelf.fetch(told.model, told.model_version)
        except RegistryError as error:
            raise RegistryError(
                f"replaying alert {told.id}: its model is missing: {error}; keep versions for as long as alerts"
                " are to be replayed, or name the registry that has it"
            ) from error
        model = reading(settings.model.of_elsewhere)(files)
        check_model(told, model)
        if told.vector is not None and not (record or data):
            found = replay_vector(told, model)
        else:
            kept, without = (None, "") if data or not state else _kept(told, settings, model)
            flows = _flows(told, settings, data, None if kept is None else kept.offset, horizon, steps)
            steps("scoring")
            found = replay_record(told, model, flows, kept, without)
    typer.echo(json.dumps(_as_json(told, found), indent=2) if as_json else _as_text(told, found))
    if not found.same:
        raise typer.Exit(1)


def _document(alert: str, settings: Settings, topic: str | None, steps: Steps) -> bytes:
    if alert == "-":
        return sys.stdin.buffer.read(MOST_BYTES)
    if (path := Path(alert)).is_file():
        return path.read_bytes()[:MOST_BYTES]
    try:
        wanted = str(UUID(alert))
    except ValueError:
        raise InputError(f"reading alert {alert}: there is no such file, and it is no alert's id") from None
    return _on_topic(wanted, settings, topic or settings.output.alerts_topic, steps)


def _on_topic(wanted: str, settings: Settings, topic: str, steps: Steps) -> bytes:
    from detector.alerts.read_alert import read_alert  # noqa: PLC0415
    from detector.transport.kafka.topic_range import TopicRange  # noqa: PLC0415

    steps(f"looking for the alert on {topic}")
    for _, values, _ in TopicRange(topic, settings.kafka.consumer()).read():
        steps.count(len(values))
        for value in values:
            if value is not None and wanted.encode() in value and read_alert(value).id == wanted:
                return value
    raise InputError(f"reading alert {wanted}: topic {topic} does not hold it any more; lengthen its retention")


def _kept(alert: ReadAlert, settings: Settings, model: LoadedModel) -> tuple[Snapshot | None, str]:
    """The latest state at or before the alert's record that the daemon of these settings kept; or why there is none."""
    from detector.scoring.replay import state_of  # noqa: PLC0415
    from detector.state.store import snapshots_of  # noqa: PLC0415

    if not settings.state.enabled:
        return None, "the daemon keeps no state (state.enabled)"
    try:
        store = snapshots_of(settings, alert.topic)
        kept = store.load(alert.partition, alert.offset)
        if kept is None:
            return None, f"{store.url} has no state of group {settings.kafka.group} at or before it: two are kept"
        state_of(kept, model)
    except (OSError, RegistryError, InputError) as error:
        return None, f"the state that the daemon kept cannot be used: {error}"
    return kept, ""


def _flows(  # noqa: PLR0917 - which record, and from where on
    alert: ReadAlert, settings: Settings, data: list[str] | None, first: int | None, horizon_h: float, steps: Steps
) -> Dataset:
    """The alert's record and what came before it: of a topic from the offset ``first`` on, if there is one."""
    from detector.scoring.dataset import read_topic  # noqa: PLC0415
    from detector.scoring.replay import KEEP  # noqa: PLC0415
    from detector.transport.kafka.topic_range import Bound, TopicRange  # noqa: PLC0415

    if data:
        return read_files(settings, data, steps, labels=False)
    steps(f"reading topic {alert.topic}, partition {alert.partition}")
    start = Bound(offset=first)
    if first is None and horizon_h:
        start = Bound(time_ms=max(alert.time_ms - round(horizon_h * HOUR_MS), 0))
    asked = TopicRange(
        alert.topic, settings.kafka.consumer(), start, Bound(offset=alert.offset + 1), partition=alert.partition
    )
    try:
        decoder = kafka_decoder(settings, labels=False)
        return read_topic(asked, settings.input.format, decoder=decoder, tell=steps.count)
    except InputError as error:
        raise InputError(f"replaying alert {alert.id}: its record is missing: {error}. {KEEP}") from error


def _as_json(alert: ReadAlert, found: Replayed) -> dict[str, Any]:
    return {
        "alert": alert.id,
        "model": alert.model,
        "version": alert.model_version,
        "by": found.by,
        "state": found.began,
        "same": found.same,
        "compared": found.compared,
        "differing": [asdict(each) for each in found.differing],
        **found.found,
        "rhythm": found.rhythm,
        "features": found.features,
        "explanation": found.explanation,
    }


def _as_text(alert: ReadAlert, found: Replayed) -> str:
    from detector.alerts.rhythm import by_the_clock  # noqa: PLC0415

    lines = [f"alert {alert.id} of {alert.topic}/{alert.partition}/{alert.offset}", alert.message]
    lines += [f"by {alert.model} {alert.model_version}, from its {found.by}; before it: {found.began}"]
    lines += [f"{name}: {value:.6g}" for name, value in found.found.items()]
    lines += [by_the_clock(found.rhythm).text] if found.rhythm else []
    lines += [f"{each['name']} = {each['value']:g}: {each['contribution']:+.4g}" for each in found.features]
    if not found.compared:
        lines.append('nothing to compare with: the alert holds no numbers; set alerts.detail to "numbers" or more')
    elif found.same:
        lines.append("same")
    else:
        lines += [f"differs: {each.field} was {each.alert}, is {each.replayed}" for each in found.differing]
    return "\n".join(map(printable, lines))
