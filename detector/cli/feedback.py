"""``oddflow feedback``: labels from a text file to their topic, and back; or from file to file, without Kafka."""

from __future__ import annotations

import errno
import getpass
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from detector.cli import one_line
from detector.cli.incidents import STDIN, Asked, BootstrapOption, ConfigOption, Documents, tell_unfit
from detector.cli.whole_file import write_whole
from detector.errors import BrokerError, ConfigurationError, InputError, OutputError
from detector.listed import listed
from detector.settings.load import load_settings

if TYPE_CHECKING:
    from detector.feedback.label import Label, Of
    from detector.feedback.latest import Said, Word
    from detector.settings.tree import Settings

SHOWN = 3
"""Ids that a line names."""

app = typer.Typer(help="Say what was a false alarm and what was not: labels in and out.", no_args_is_help=True)

TopicOption = Annotated[
    str | None, typer.Option("--topic", help="Kafka topic of labels; the settings' feedback.topic if not given.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="For a program to read.")]


@app.command("import")
def import_labels(  # noqa: PLR0917 - of the command line
    file: Annotated[str, typer.Argument(metavar="FILE", help="CSV, or JSON lines; `-` is standard input.")],
    by: Annotated[
        str | None, typer.Option("--by", help="Who says it, where a line does not; your login name if not given.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Add them to this file of JSON lines, without Kafka.")
    ] = None,
    incidents: Annotated[
        list[str] | None,
        typer.Option(
            "--incidents",
            metavar="FILE",
            help="Tell of labels of incidents that are not in this file, a folder or glob of them. May be repeated. Not"
            " given: not in the topic output.incidents_topic.",
        ),
    ] = None,
    topic: TopicOption = None,
    bootstrap_servers: BootstrapOption = None,
    *,
    create_topics: Annotated[bool, typer.Option("--create-topics", help="Create the topic if it is missing.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check all of it, and write nothing.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Take in labels: a verdict (true, false, unsure) on an incident, an alert, or flows of a time.

    A file is CSV with a header line, or JSON lines. It is taken whole or not at all, and twice is as good as once.
    Columns: verdict, and incident, alert, or src_ip, dst_ip, dst_port, proto, since, until; maybe by, at, comment,
    model_version, id, withdraws.

    Examples:

      oddflow feedback import labels.csv

      echo '{"verdict": "false", "of": {"incident": "ID"}}' | oddflow feedback import - --by ada

      oddflow feedback import labels.csv --output judged.jsonl
    """
    from detector.feedback.files import Unsaid, read_labels  # noqa: PLC0415 - --help needs none of these
    from detector.feedback.latest import weigh  # noqa: PLC0415

    if output and (topic or bootstrap_servers or create_topics):
        raise ConfigurationError("--output: it is in Kafka's place; leave out --topic, --bootstrap-servers and so on")
    settings = load_settings(config, {"kafka.bootstrap_servers": bootstrap_servers, "feedback.topic": topic})
    if not output and not settings.feedback.topic:
        raise ConfigurationError("feedback.topic is empty: name a topic with --topic, or a file with --output")
    now = time.time()
    data, saved = _read(file, now)
    labels = read_labels(data, file, Unsaid(by or login(), datetime.fromtimestamp(saved, UTC)))
    _check_times(labels, now)
    if create_topics and not dry_run:
        from detector.transport.kafka.own_topics import create_missing  # noqa: PLC0415

        create_missing(settings, only=settings.feedback.topic)
    before = _before(settings, output, now)
    new, knows = _new(labels, before), _known(settings, incidents, labels, output)
    if not dry_run:
        _send(settings, output, new)
    said = weigh([*before, *_words(new, len(before), now)], knows)
    _tell_import(labels, new, said, as_json=as_json, dry_run=dry_run)


@app.command("export")
def export_labels(
    output: Annotated[str, typer.Option("--output", help="Where to; `-` is standard output.")] = STDIN,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help="Read this file of JSON lines instead of Kafka, a folder or glob of them; `-` is standard input."
            " May be repeated.",
        ),
    ] = None,
    only: Annotated[
        Literal["all", "last"],
        typer.Option("--only", help="`all` that was ever said, or the `last` word on each thing, which counts."),
    ] = "all",
    topic: TopicOption = None,
    bootstrap_servers: BootstrapOption = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines, as on the topic; else CSV.")] = False,
    config: ConfigOption = None,
) -> None:
    """Give labels, for a spreadsheet or a program. No cell of the CSV is a formula; import reads either again.

    Examples:

      oddflow feedback export --output labels.csv

      oddflow feedback export --json --only last

      oddflow feedback export --input judged.jsonl
    """
    from detector.feedback.files import write_csv, write_lines  # noqa: PLC0415 - --help needs none of these
    from detector.feedback.latest import weigh  # noqa: PLC0415

    asked = Asked(config, inputs, topic, bootstrap_servers)
    place = Documents.chosen(asked, lambda settings: settings.feedback.topic, "feedback.topic")
    words = _taken(place.batches(), time.time())
    said = weigh(words)
    if only == "last":
        labels = [label for each in said.standings.values() if (label := each.last)]
    else:
        labels = [word.label for word in words]
    _write(output, write_lines(labels) if as_json else write_csv(labels))
    if not labels:
        typer.echo("no labels: none was given yet", err=True)
    _tell_odd(said)


# --- reading --------------------------------------------------------------------------------------------------------


def _read(file: str, now: float) -> tuple[bytes, float]:
    """A file's bytes, and when it was saved."""
    if file == STDIN:
        return sys.stdin.buffer.read(), now
    path = Path(file)
    try:
        return path.read_bytes(), min(path.stat().st_mtime, now)
    except OSError as error:
        raise InputError(f"reading labels {file}: {error.strerror}; give a file of CSV or JSON lines") from error


def login(flag: str = "--by") -> str:
    """Who is logged in. Raises ConfigurationError, which names the flag that says it, where nobody is."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # nobody has a name in a container
        raise ConfigurationError(f"{flag}: nobody is logged in here by a name; say who it is, {flag} NAME") from None


def _check_times(labels: Sequence[Label], now: float) -> None:
    """Raise InputError for a label of a time to come: it would be the last word until then."""
    from detector.feedback.label import iso  # noqa: PLC0415
    from detector.feedback.latest import AHEAD_S  # noqa: PLC0415

    for label in labels:
        if label.at.timestamp() > now + AHEAD_S:
            raise InputError(
                f"label {label.id}: at {iso(label.at)} is still to come; give the time at which it is said"
            )


def _before(settings: Settings, output: Path | None, now: float) -> list[Word]:
    """What was said before."""
    if output is not None:
        return _taken(Documents((str(output),), "", {}).batches() if output.exists() else (), now)
    return _taken(Documents((), settings.feedback.topic, dict(settings.kafka.consumer())).batches(), now)


def _taken(batches: Iterable[Sequence[bytes | None]], now: float) -> list[Word]:
    """What is said there; documents that are no labels are told. Raises InputError where all are."""
    from detector.feedback.topic import LabelReader  # noqa: PLC0415

    reader = LabelReader()
    reader.take_all(batches, now)
    tell_unfit(reader.parsed, "labels", "a label")
    return reader.words


def _words(labels: Sequence[Label], first: int, now: float) -> list[Word]:
    from detector.feedback.latest import Word  # noqa: PLC0415

    return [Word(label, place, now) for place, label in enumerate(labels, first)]


def _new(labels: Sequence[Label], before: Sequence[Word]) -> list[Label]:
    """Those that are not there yet, each once. Raises InputError for an id that says something else there."""
    there = {word.label.id: word.label for word in before}
    found: list[Label] = []
    for label in labels:
        known = there.setdefault(label.id, label)
        if known is label:
            found.append(label)
        elif known != label:
            raise InputError(
                f"label {label.id}: there is one with this id that says something else; leave the id out, or give"
                " another one"
            )
    return found


def _known(
    settings: Settings, files: list[str] | None, labels: Sequence[Label], output: Path | None
) -> Callable[[Of], bool]:
    """Whether what labels are of is known here; of what cannot be looked up, yes."""
    from msgspec import UNSET  # noqa: PLC0415

    asked = {label.of.incident for label in labels if label.of is not UNSET and label.of.incident is not UNSET}
    where = settings.output.incidents_topic
    if not asked or (not files and (output is not None or not where)):
        return lambda _: True
    from detector.transport.paths import expanded  # noqa: PLC0415

    try:
        ids = _ids(Documents(tuple(expanded(files or ())), where, dict(settings.kafka.consumer())))
    except BrokerError as error:  # as where there is no such topic
        typer.echo(f"incidents are not looked up: {one_line(error)}", err=True)
        return lambda _: True

    def knows(of: Of) -> bool:
        return of.incident is UNSET or of.incident in ids or of.incident not in asked

    return knows


def _ids(place: Documents) -> set[str]:
    """Of all incidents that were ever told there."""
    from detector.casebook.parsed import Parsed  # noqa: PLC0415
    from detector.casebook.told import read_told  # noqa: PLC0415

    parsed = Parsed(read_told, "incident's")
    return {told.ours.id for batch in place.batches() for told, _ in parsed.of(batch)}


# --- writing --------------------------------------------------------------------------------------------------------


def _send(settings: Settings, output: Path | None, labels: Sequence[Label]) -> None:
    if not labels:
        return
    if output is not None:
        from detector.feedback.files import write_lines  # noqa: PLC0415

        _add(output, write_lines(labels))
        return
    from detector.feedback.topic import records_of  # noqa: PLC0415
    from detector.telemetry.events import silent  # noqa: PLC0415
    from detector.transport.base import Channel  # noqa: PLC0415
    from detector.transport.choose import open_label_sink  # noqa: PLC0415
    from detector.transport.sending import send_once  # noqa: PLC0415

    send_once(open_label_sink(settings, silent), Channel.FEEDBACK, records_of(labels))


def _add(path: Path, lines: bytes) -> None:
    """Add lines to a file, after a line break where its last line has none; all of them or none."""
    try:
        with path.open("a+b", buffering=0) as file:
            before = file.seek(0, os.SEEK_END) if file.seekable() else 0
            if before and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
                lines = b"\n" + lines
            try:
                _put(file, lines)
            except OSError:
                if path.is_file():
                    file.truncate(before)
                raise
    except OSError as error:
        raise OutputError(f"writing labels {path}: {error.strerror}; choose another --output, or make room") from error


def _put(file: FileIO, lines: bytes) -> None:
    """Write to the disk. Raises OSError where it takes less than all."""
    if file.write(lines) != len(lines):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if file.seekable():
        os.fsync(file.fileno())


def _write(output: str, data: bytes) -> None:
    if output == STDIN:
        typer.echo(data, nl=False)
        return
    write_whole(output, lambda file: file.write(data))


# --- telling --------------------------------------------------------------------------------------------------------


def _tell_import(labels: Sequence[Label], new: Sequence[Label], said: Said, *, as_json: bool, dry_run: bool) -> None:
    if as_json:
        told = {"labels": len(labels), "new": len(new), "written": not dry_run} | _odd(said)
        typer.echo(json.dumps(told))
        return
    there = len(labels) - len(new)
    verb = "would be new" if dry_run else "are new" if len(new) != 1 else "is new"
    typer.echo(f"{len(new):,} of {len(labels):,} labels {verb}" + (f", {there:,} there already" if there else ""))
    _tell_odd(said)


def _odd(said: Said) -> dict[str, list[str]]:
    """What is odd about all that was said, by its name; what it is of in words, labels by their ids."""
    return {
        "unknown": [of.words for of in said.unknown],
        "conflicting": [of.words for of in said.conflicting],
        "late": list(said.late),
        "dangling": list(said.dangling),
        "reused": list(said.reused),
        "ahead": list(said.ahead),
    }


ODD = {
    "unknown": "are of an incident that is not known here; of another cluster?",
    "conflicting": "are judged true by some and false by others; the last word counts",
    "late": "came after one that was said later, and do not count",
    "dangling": "withdraw a label that is not there",
    "reused": "have the id of another label, and do not count",
    "ahead": "give a time to come; they count as said when they came",
}


def _tell_odd(said: Said) -> None:
    for name, names in _odd(said).items():
        if names:
            typer.echo(f"{len(names):,} {ODD[name]}: {listed(names, SHOWN)}", err=True)
