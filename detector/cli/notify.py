"""``oddflow notify``: messages about incidents to a webhook, Slack and syslog; from the topic, or from files."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from detector.cli.incidents import Asked, BootstrapOption, ConfigOption, Documents, InputOption, TopicOption
from detector.errors import ConfigurationError, OutputError
from detector.settings.load import load_settings

if TYPE_CHECKING:
    from detector.notify.desk import Desk
    from detector.notify.ways import Way
    from detector.settings.tree import Settings
    from detector.telemetry.events import Telemetry

STOP_S = 10.0
"""How long an attempt may still take once it is to end."""

ATTEMPTS = 5
"""With files, how often a message is tried."""

LOOK_S = 0.5


def notify(
    inputs: InputOption = None,
    topic: TopicOption = None,
    bootstrap_servers: BootstrapOption = None,
    *,
    test: Annotated[bool, typer.Option("--test", help="Send a test message each way, and say what came back.")] = False,
    metrics_port: Annotated[
        int | None, typer.Option("--metrics-port", help="Port of its own metrics; without it, there are none.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="With --test: for a program to read.")] = False,
    config: ConfigOption = None,
) -> None:
    """Send messages about incidents by webhook, Slack and syslog, as the settings have it.

    A daemon does so by itself. This is for those who want it elsewhere (`notify.in_daemon = false`), or who have no
    Kafka. With Kafka it runs until SIGTERM or Ctrl-C. With --input it reads the files whole, sends the latest that they
    tell of each incident, and ends.

    Examples:

      oddflow notify --test

      oddflow notify --bootstrap-servers kafka:9092 --metrics-port 9467

      oddflow notify --input incidents.jsonl
    """
    flags = {"kafka.bootstrap_servers": bootstrap_servers, "output.incidents_topic": topic}
    settings = load_settings(config, flags)
    from detector.notify.ways import open_ways  # noqa: PLC0415 - --help needs none of these

    ways = open_ways(settings)
    if not ways:
        raise ConfigurationError(
            "nowhere to send to: set webhook.url_file, slack.url_file or syslog.address"
            " (docs/guides/notify.md has an example of each)"
        )
    if as_json and not test:
        raise ConfigurationError("--json: it is for --test; leave it out")
    if test:
        _try(ways, as_json=as_json)
    elif inputs:
        _send_files(ways, settings, Documents.chosen(Asked(config, inputs, topic, bootstrap_servers)))
    else:
        _serve(settings, metrics_port)


def _try(ways: list[Way], *, as_json: bool) -> None:
    """Raises OutputError where a way did not take its message."""
    from detector.notify.message import Trial  # noqa: PLC0415

    missed = 0
    for way in ways:
        outcome = way.deliver(Trial(f"test:{uuid4()}", time.time()))
        sent = outcome.fate == "sent"
        missed += not sent
        if as_json:
            typer.echo(json.dumps({"way": way.name, "sent": sent, "said": outcome.detail}))
        else:
            typer.echo(f"{way.name}: {'sent' if sent else 'not sent'}: {outcome.detail}")
    if missed:
        raise OutputError(f"{missed} of {len(ways)} test messages were not taken; see above")


def _send_files(ways: list[Way], settings: Settings, place: Documents) -> None:
    """Raises OutputError where messages were not taken."""
    from detector.notify.desk import Desk  # noqa: PLC0415

    tell = _telemetry(settings).tell
    desks = [Desk(way, settings.notify, tell, most_attempts=ATTEMPTS) for way in ways]
    _read(desks, place)
    for desk in desks:
        desk.finish()
        _work(desk, lambda desk: desk.idle)
    for desk in desks:
        typer.echo(f"{desk.name}: {_messages(desk.sent)} sent")
    for desk in desks:
        if desk.hopeless:
            raise OutputError(
                f"{desk.name}: messages were not taken, after {ATTEMPTS} attempts: {desk.last_failure};"
                " try `oddflow notify --test`"
            )
        if desk.given_up:
            raise OutputError(f"{desk.name}: {_messages(desk.given_up)} refused: {desk.last_failure}")


def _read(desks: list[Desk], place: Documents) -> None:
    """Have the latest document of each incident sent, in the order in which incidents were first told.

    A file has an end: what an incident became by then is known, and one message says it. So the latest documents are
    held until all is read.
    """
    from detector.casebook.parsed import Parsed  # noqa: PLC0415
    from detector.casebook.told import read_told  # noqa: PLC0415
    from detector.notify.message import Place  # noqa: PLC0415

    latest: dict[str, tuple[int, bytes]] = {}
    parsed = Parsed(read_told, "incident's")
    for batch in place.batches():
        for told, document in parsed.of(batch):
            revision, _ = latest.get(told.ours.id, (-1, b""))
            if told.ours.revision > revision:
                latest[told.ours.id] = told.ours.revision, document
    if parsed.unfit:
        for desk in desks:
            desk.pass_over(parsed.unfit, parsed.why)
    for number, (_, document) in enumerate(latest.values()):
        for desk in desks:
            _work(desk, lambda desk: not desk.full)
            if not desk.hopeless:
                desk.take(document, Place(0, number))


def _work(desk: Desk, enough: Callable[[Desk], bool]) -> None:
    """Send until it is enough, or until its receiver is known to take nothing."""
    while not enough(desk) and not desk.hopeless:
        if not desk.step():
            time.sleep(min(LOOK_S, desk.wait_s()))


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count:,} messages"


def _serve(settings: Settings, metrics_port: int | None) -> None:
    """Run until a signal. Raises BrokerError where no broker answers at the start, or the topic is missing."""
    from threading import Event as Flag  # noqa: PLC0415

    from detector.deadline import Deadline  # noqa: PLC0415
    from detector.notify.couriers import Couriers  # noqa: PLC0415
    from detector.signals import handled  # noqa: PLC0415

    if not settings.output.incidents_topic:
        raise ConfigurationError("output.incidents_topic is empty: name a topic with --topic, or files with --input")
    telemetry, stopping = _telemetry(settings), Flag()
    if metrics_port is not None:
        _listen(telemetry, settings.web.host, metrics_port)
    couriers = Couriers(settings, telemetry.tell, alone=True)

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    with handled(stop, signal.SIGTERM, signal.SIGINT):
        couriers.start()
        while not stopping.wait(LOOK_S) and all(courier.running for courier in couriers):
            pass
        couriers.stop(Deadline.after(STOP_S))
    for courier in couriers:
        if courier.error is not None:
            raise courier.error


def _telemetry(settings: Settings) -> Telemetry:
    from prometheus_client import CollectorRegistry  # noqa: PLC0415

    from detector.notify.events import begin  # noqa: PLC0415
    from detector.telemetry.events import Telemetry  # noqa: PLC0415
    from detector.telemetry.logs import open_log  # noqa: PLC0415
    from detector.telemetry.metrics import Metrics  # noqa: PLC0415

    metrics = Metrics(CollectorRegistry())
    begin(metrics)  # of the daemon's other parts nothing is loaded
    return Telemetry(metrics, open_log(sys.stderr, settings.log.level, settings.log.format))


def _listen(telemetry: Telemetry, host: str, port: int) -> None:
    from prometheus_client import start_http_server  # noqa: PLC0415

    from detector.errors import ListenError  # noqa: PLC0415

    try:
        start_http_server(port, host, registry=telemetry.metrics.registry)
    except OSError as error:
        raise ListenError(f"metrics: cannot listen on {host}:{port}: {error.strerror}; give another port") from error
