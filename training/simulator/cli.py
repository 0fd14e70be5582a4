"""``oddflow simulate``: labelled traffic to a file, standard output or Kafka."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from training.simulator.run import Run
    from training.simulator.targets import Places, Target
    from training.simulator.truth import Truth

_DAY = "24h"


def simulate(
    *,
    format: Annotated[  # noqa: A002
        str, typer.Option(help="zeek-json, zeek-tsv, suricata, suricata-mixed, mapping or mapping-nested.")
    ] = "zeek-json",
    output: Annotated[str | None, typer.Option(help="File to write, gzipped if it ends in .gz; `-` is stdout.")] = None,
    bootstrap_servers: Annotated[str | None, typer.Option(help="Kafka brokers, as host:port.")] = None,
    topic: Annotated[str | None, typer.Option(help="Kafka topic to produce to, keyed by source address.")] = None,
    truth: Annotated[str | None, typer.Option(help="Also write the attacks as JSON lines to this file.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same options and seed give the same records.")] = 1,
    hosts: Annotated[int, typer.Option(help="Hosts on the network.")] = 200,
    start: Annotated[
        str, typer.Option(help="When the traffic begins, such as 2026-01-05T09:00 (UTC), or now.")
    ] = "2026-01-05",
    duration: Annotated[
        str | None, typer.Option(help=f"How long, in event time: 30m, 24h, 7d. Default {_DAY}, or what --count takes.")
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Exactly so many flows, however long they take.")] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.01, help="Records a second of real time. Default: as fast as possible.")
    ] = None,
    attacks: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND,…|all|none", help="Kinds of attack. May be repeated. Default: all."),
    ] = None,
    attack_share: Annotated[float, typer.Option(help="About how much of all flows is attacks, 0 to 0.5.")] = 0.01,
    intensity: Annotated[float, typer.Option(help="How busy people are; 1 is usual.")] = 1.0,
    background: Annotated[
        bool, typer.Option(help="The Internet's noise that reaches public addresses (labelled benign).")
    ] = True,
    labels: Annotated[bool, typer.Option(help="Write the truth into each record.")] = True,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
) -> None:
    """Make labelled traffic, with attacks in it: a made-up organisation's hosts, servers, people and machines.

    Kinds of attack: vertical-scan, horizontal-scan, ssh-brute-force, dns-tunnel, exfiltration, beacon, syn-flood,
    lateral-movement, slow-beacon, quiet-logins. Files appear when they are whole. docs/reference/simulator.md says how
    this differs from real traffic.

    Examples:

      oddflow simulate --output day.json.gz --truth attacks.jsonl

      oddflow simulate --format zeek-tsv --hosts 1000 --duration 7d --attacks none --output week.log

      oddflow simulate --count 1000000 --attacks beacon,dns-tunnel --attack-share 0.002 --output flows.json

      oddflow simulate --format suricata --start now --rate 500 --bootstrap-servers kafka:9092 --topic flows

      oddflow simulate --count 10 --output -
    """
    from detector.signals import ended_by_sigterm  # noqa: PLC0415 - --help needs none of these
    from training.simulator.attacks import USUAL_ATTACKS  # noqa: PLC0415
    from training.simulator.choices import kinds_of, moment_of, seconds_of  # noqa: PLC0415
    from training.simulator.run import Run  # noqa: PLC0415
    from training.simulator.scenario import Scenario  # noqa: PLC0415
    from training.simulator.targets import Places  # noqa: PLC0415
    from training.simulator.writers import writer_named  # noqa: PLC0415

    writer = writer_named(format)
    scenario = Scenario(
        seed=seed,
        hosts=hosts,
        start=moment_of(start),
        duration_s=seconds_of(duration or _DAY),
        intensity=intensity,
        attacks=kinds_of(attacks or [], USUAL_ATTACKS),
        attack_share=attack_share,
        background=background,
    )
    if count is not None and duration is None:
        scenario = scenario.lasting(count)
    with ended_by_sigterm():
        places = Places(_target(output, bootstrap_servers, topic), truth)
        _write(Run(scenario, writer, labels, count, rate), places, quiet=quiet)


def _target(output: str | None, bootstrap_servers: str | None, topic: str | None) -> Callable[[], Target]:
    """What opens the one place where the records go."""
    from detector.errors import ConfigurationError  # noqa: PLC0415

    if topic is None and bootstrap_servers is None:
        from training.simulator.targets import FileTarget  # noqa: PLC0415

        if output is None:
            raise ConfigurationError("simulate: nowhere to write to; give --output FILE, or --topic for Kafka")
        return partial(FileTarget, output)
    if output is not None:
        raise ConfigurationError("simulate: --output and Kafka's options exclude each other; give one of them")
    if topic is None or bootstrap_servers is None:
        lacking = "--topic" if topic is None else "--bootstrap-servers"
        raise ConfigurationError(f"simulate: writing to Kafka takes both its options; give {lacking} too")
    from training.simulator.kafka_target import KafkaTarget  # noqa: PLC0415

    return partial(KafkaTarget, bootstrap_servers, topic)


def _write(run: Run, places: Places, *, quiet: bool) -> None:
    from detector.cli.steps import steps_on_stderr  # noqa: PLC0415

    began = time.monotonic()
    with steps_on_stderr(quiet=quiet or not sys.stderr.isatty()) as steps, places as target:
        steps(f"simulating to {target.name}")
        truth = run.to(target, steps.count)
        places.tell(truth.lines())
    if not quiet:
        typer.echo(_summary(truth, target.name, time.monotonic() - began), err=True)


def _summary(truth: Truth, where: str, seconds: float) -> str:
    share = truth.attack_flows / truth.flows if truth.flows else 0.0
    return (
        f"simulated {truth.flows:,} flows to {where} in {seconds:.1f} s ({truth.flows / seconds:,.0f}/s); "
        f"{truth.attack_flows:,} of them ({share:.2%}) in {len(truth.attacks())} attacks"
    )
