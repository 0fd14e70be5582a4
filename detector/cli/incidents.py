"""``oddflow incidents``: what was found, as a list or a page for people; from the topic or from files."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from detector.errors import ConfigurationError, InputError
from detector.settings.load import load_settings
from detector.settings.tree import Settings

if TYPE_CHECKING:
    from detector.casebook.hosts import HostRow
    from detector.casebook.parsed import Parsed
    from detector.casebook.told import Told
    from detector.casebook.wanted import Wanted
    from detector.casebook.words import Order

STDIN = "-"

app = typer.Typer(add_completion=False)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Settings file (TOML). Default: the one ODDFLOW_CONFIG names.")
]
InputOption = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="FILE",
        help="Read this file of incidents instead of Kafka, a folder or glob of them; `-` is standard input."
        " May be repeated.",
    ),
]
TopicOption = Annotated[
    str | None,
    typer.Option("--topic", help="Kafka topic of the incidents; the settings' output.incidents_topic if not given."),
]
BootstrapOption = Annotated[
    str | None, typer.Option("--bootstrap-servers", help="Kafka brokers, as host:port; the settings' if not given.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="The documents as they are, one a line.")]


class Asked(NamedTuple):
    """The flags that say where documents are."""

    config: Path | None
    inputs: list[str] | None
    topic: str | None
    servers: str | None

    def over(self, before: Asked | None) -> Asked:
        """These, and where one is not given that of ``before``."""
        return (
            self
            if before is None
            else Asked(
                self.config or before.config,
                self.inputs or before.inputs,
                self.topic or before.topic,
                self.servers or before.servers,
            )
        )


@dataclass(frozen=True, slots=True)
class Documents:
    """Where documents are read from: files, or a topic."""

    paths: tuple[str, ...]
    topic: str
    properties: dict[str, object]

    @classmethod
    def chosen(
        cls,
        asked: Asked,
        named: Callable[[Settings], str] = lambda settings: settings.output.incidents_topic,
        key: str = "output.incidents_topic",
    ) -> Documents:
        """Hold the flags together with the settings. Raises ConfigurationError for flags that do not go together."""
        config, inputs, topic, servers = asked
        if inputs and (topic or servers):
            flag = f"--topic {topic}" if topic else f"--bootstrap-servers {servers}"
            raise ConfigurationError(f"{flag}: it is for Kafka, and --input names files; leave one of them out")
        settings = load_settings(config, {"kafka.bootstrap_servers": servers})
        from detector.transport.paths import expanded  # noqa: PLC0415 - --help needs none

        where = topic or named(settings)
        if not inputs and not where:
            raise ConfigurationError(f"{key} is empty: name a topic with --topic, or files with --input")
        return cls(tuple(expanded(inputs or ())), where, dict(settings.kafka.consumer()))

    def batches(self, *, follow: bool = False) -> Iterator[list[bytes | None]]:
        """Give the documents, some at a time. With ``follow`` an empty list says that none came for a moment."""
        if self.paths:
            from detector.transport.lines import read_values  # noqa: PLC0415

            for path in self.paths:
                for values in read_values(path, may_be_empty=True):
                    yield [*values]
            return
        from detector.transport.kafka.topic_range import TopicRange  # noqa: PLC0415 - brings the Kafka client

        source = TopicRange(self.topic, self.properties)
        if follow:
            yield from source.follow()
        else:
            for _, records, _ in source.read(may_be_empty=True):
                yield records


class Reading:
    """Documents taken in: the latest revisions, and what was no incident."""

    def __init__(self, place: Documents, wanted: Wanted | None = None) -> None:
        from detector.casebook.latest import Latest  # noqa: PLC0415
        from detector.casebook.parsed import Parsed  # noqa: PLC0415
        from detector.casebook.told import read_told  # noqa: PLC0415
        from detector.casebook.wanted import Wanted  # noqa: PLC0415
        from detector.incidents.wholes import named  # noqa: PLC0415

        self.latest = Latest(fits=(wanted or Wanted()).fits, named=named)
        self._place = place
        self._wanted = wanted
        self._parsed = Parsed(read_told, "incident's")
        self._last_seen = 0.0

    def take(self, documents: list[bytes | None]) -> Iterator[tuple[Told, bytes]]:
        """Take documents in, one after the other; gives those that tell something new, wanted or not."""
        for told, document in self._parsed.of(documents):
            self._last_seen = max(self._last_seen, told.ours.last_seen)
            if self.latest.put(told):
                yield told, document

    def shown(self, told: Told) -> Told | None:
        """What is shown where this was told: what it is part of, or itself; None where that is not wanted."""
        one = told if told.ours.merged_into else self.latest.whole(told.ours.id) or told
        return one if self._wanted is None or self._wanted.fits(one) else None

    def tell(self) -> None:
        """Say on standard error what a person should know. Raises InputError where not one was an incident's."""
        parsed = self._parsed
        tell_unfit(parsed, "incidents", "an incident's")
        if self.latest.dropped:
            typer.echo(f"{self.latest.dropped:,} incidents of before are left out; ask for fewer by --since", err=True)
        if not self.latest.wholes():
            from detector.casebook.words import moment  # noqa: PLC0415

            why = (
                f"none of {parsed.read:,} documents is what the flags ask for;"
                f" the latest is of {moment(self._last_seen)} UTC"
                if parsed.read
                else self._why_none()
            )
            typer.echo(f"no incidents: {why}", err=True)

    def _why_none(self) -> str:
        """Why there was no document at all. Raises InputError for files that have something else in them."""
        names = ", ".join("standard input" if path == STDIN else path for path in self._place.paths)
        if not names:
            return "none was told yet"
        if blank := self._parsed.passed_over:
            lines = "one blank line" if blank == 1 else f"{blank:,} blank lines"
            raise InputError(
                f"reading {names}: there is no incident in it, only {lines}; give a file that `oddflow detect"
                " --incidents` wrote"
            )
        return (
            f"{names}: there is nothing in it, as where `oddflow detect --incidents` found nothing; if it did, give the"
            " file that it wrote"
        )


def tell_unfit(parsed: Parsed[Any], what: str, one: str) -> None:
    """Say on standard error which documents were passed over. Raises InputError where not one was what is read."""
    if parsed.none_fits:
        raise InputError(f"reading {what}: none of {parsed.read:,} documents is {one}: {parsed.why}")
    if parsed.note:
        typer.echo(parsed.note, err=True)


@app.callback(invoke_without_command=True)
def incidents(  # noqa: PLR0917 - of the command line
    context: typer.Context,
    inputs: InputOption = None,
    topic: TopicOption = None,
    bootstrap_servers: BootstrapOption = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only those whose last flow is not before: 2h, 7d, or a time (ISO).")
    ] = None,
    severity: Annotated[
        str | None, typer.Option("--severity", help="At least so severe: low, medium, high or critical.")
    ] = None,
    hosts: Annotated[
        list[str] | None,
        typer.Option("--host", help="Only those that list this address, or one of this network. May be repeated."),
    ] = None,
    kinds: Annotated[
        list[str] | None, typer.Option("--kind", help="Only this kind, such as scan. May be repeated.")
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option("--sort", help="By `time`, the newest last, or by `risk`, the gravest first; time if not given."),
    ] = None,
    *,
    suppressed: Annotated[
        bool, typer.Option("--suppressed", help="Also those that suppressions hide: see `oddflow suppress`.")
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with those that come, until Ctrl-C.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Read incidents: a list, live, or one in full.

    The list has the latest of each, the newest last unless --sort says otherwise; with --follow it is live. What
    turned out to be part of another incident is left out; `show` has it.

    Examples:

      oddflow incidents --bootstrap-servers kafka:9092 --severity high

      oddflow incidents --since 7d --sort risk

      oddflow incidents --follow

      oddflow incidents --input incidents.jsonl --since 2026-11-24T08:00:00Z --host 10.0.0.0/8

      oddflow incidents show 3bc9 --input incidents.jsonl
    """
    if context.invoked_subcommand is not None:
        _check_alone(since, severity, hosts, kinds, sort, suppressed, follow, as_json)
        context.obj = Asked(config, inputs, topic, bootstrap_servers)
        return
    from detector.casebook.wanted import (  # noqa: PLC0415 - --help needs none of these
        Wanted,
        parse_hosts,
        parse_kinds,
        parse_level,
        parse_since,
    )
    from detector.incidents.kinds import NAMES  # noqa: PLC0415

    wanted = Wanted(
        parse_since(since, time.time()),
        parse_level(severity),
        parse_hosts(hosts),
        parse_kinds(kinds, NAMES),
        suppressed,
    )
    place = Documents.chosen(Asked(config, inputs, topic, bootstrap_servers))
    if follow and any(path != STDIN for path in place.paths):
        raise ConfigurationError(
            "--follow: a file has an end; use `tail -n +1 -f FILE | oddflow incidents --input - -f`"
        )
    by = _order(sort)
    if follow and by != "time":
        raise ConfigurationError("--sort: --follow shows incidents as they come; leave one of the two out")
    reading = Reading(place, wanted)
    if follow:
        _follow(place, reading, as_json=as_json)
    else:
        _list(place, reading, by, as_json=as_json)


@app.command()
def show(
    context: typer.Context,
    incident: Annotated[str, typer.Argument(metavar="ID", help="The incident's id, or how it begins.")],
    inputs: InputOption = None,
    topic: TopicOption = None,
    bootstrap_servers: BootstrapOption = None,
    *,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show all that is told of an incident: what, how much, what worked, what to check.

    Examples:

      oddflow incidents show 3bc9adf7

      oddflow incidents show 3bc9adf7 --input incidents.jsonl --json
    """
    from detector.casebook.text_page import text_page  # noqa: PLC0415
    from detector.casebook.whole_document import whole_document  # noqa: PLC0415

    place = Documents.chosen(Asked(config, inputs, topic, bootstrap_servers).over(context.obj))
    reading, documents = Reading(place), dict[str, bytes]()
    for batch in place.batches():
        documents |= {told.ours.id: document for told, document in reading.take(batch)}
    reading.tell()
    found = reading.latest.find(incident)
    told = reading.latest.shown(found.ours.id) or found
    if as_json:
        _give_json(whole_document(told, documents))
    else:
        typer.echo(text_page(told, reading.latest, shutil.get_terminal_size((100, 40)).columns))


@app.command()
def hosts(
    context: typer.Context,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="FILE",
            help="Read this file of risks, as `detect --risk` writes it, instead of Kafka, a folder or glob of them;"
            " `-` is standard input. May be repeated.",
        ),
    ] = None,
    topic: Annotated[
        str | None,
        typer.Option("--topic", help="Kafka topic of risks; the settings' output.risk_topic if not given."),
    ] = None,
    bootstrap_servers: BootstrapOption = None,
    most: Annotated[int, typer.Option("--most", min=1, help="So many hosts at most.")] = 20,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each host.")] = False,
    config: ConfigOption = None,
) -> None:
    """List the hosts with the highest risks, of all partitions together, as of the latest document.

    Examples:

      oddflow incidents hosts

      oddflow incidents hosts --input risk.jsonl --most 5
    """
    from detector.casebook.hosts import HostRisks, read_host  # noqa: PLC0415
    from detector.casebook.parsed import Parsed  # noqa: PLC0415

    asked = Asked(config, inputs, topic, bootstrap_servers).over(context.obj)
    place = Documents.chosen(asked, lambda settings: settings.output.risk_topic, "output.risk_topic")
    found = HostRisks()
    faded = frozenset({b"", b"null"})  # a host whose risk faded away
    parsed = Parsed(read_host, "host's risk", blank=lambda document: document.strip() in faded)
    for batch in place.batches():
        for host, _ in parsed.of(batch):
            found.put(host)
    tell_unfit(parsed, "hosts' risks", "one, as `detect --risk` writes them")
    _show_hosts(found.rows()[:most], as_json=as_json)


def _show_hosts(rows: Sequence[HostRow], *, as_json: bool) -> None:
    from detector.cli.incidents_table import print_hosts  # noqa: PLC0415

    if as_json:
        for row in rows:
            typer.echo(json.dumps(row._asdict()))
    elif rows:
        print_hosts(rows)
    else:
        typer.echo("no hosts: none has a risk now", err=True)


def _check_alone(*flags: object) -> None:
    """Raise ConfigurationError for flags of the list where one incident is shown."""
    if any(flags):
        raise ConfigurationError(
            "show: --since, --severity, --host, --kind, --sort, --suppressed, --follow are for the list; leave them out"
        )


def _order(sort: str | None) -> Order:
    """Raises ConfigurationError for another order than there is."""
    match sort:
        case None | "time":
            return "time"
        case "risk":
            return "risk"
    raise ConfigurationError(f"--sort {sort!r}: choose time or risk")


def _list(place: Documents, reading: Reading, by: Order, *, as_json: bool) -> None:
    from detector.casebook.whole_document import whole_document  # noqa: PLC0415
    from detector.casebook.words import ordered, rows  # noqa: PLC0415
    from detector.cli.incidents_table import print_rows  # noqa: PLC0415

    documents: dict[str, bytes] = {}
    for batch in place.batches():
        news = {told.ours.id: document for told, document in reading.take(batch)}
        if as_json:
            documents |= news
    reading.tell()
    if as_json:
        for told in ordered(reading.latest.wholes(), by):
            _give_json(whole_document(told, documents))
    elif shown := rows(reading.latest, by):
        print_rows(shown)


def _follow(place: Documents, reading: Reading, *, as_json: bool) -> None:
    """Show incidents as they come: a table that stays current on a terminal, else a line for each document.

    As JSON, documents are as they were told, parts of one thing each by itself.
    """
    from detector.casebook.words import row  # noqa: PLC0415
    from detector.cli.incidents_table import LiveTable  # noqa: PLC0415

    if not as_json and sys.stdout.isatty():
        with LiveTable(reading.latest) as table:
            for batch in place.batches(follow=True):
                if list(reading.take(batch)):
                    table.refresh()
        reading.tell()
        return
    for batch in place.batches(follow=True):
        for told, document in reading.take(batch):
            one = reading.shown(told)
            if one is None:
                continue
            if as_json:
                _give_json(document)
            else:
                typer.echo("  ".join(row(one, reading.latest)))
        sys.stdout.flush()
    reading.tell()


def _give_json(document: bytes) -> None:
    """Write a document on one line, whatever a terminal would make of it escaped."""
    import msgspec  # noqa: PLC0415

    from detector.printable import printable_json  # noqa: PLC0415

    typer.echo(printable_json(msgspec.json.encode(msgspec.json.decode(document))))
