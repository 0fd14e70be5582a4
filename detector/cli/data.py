"""What train, evaluate and score have in common: the flags that say which flows, and reading those flows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from threading import Event as Flag
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from detector.errors import ConfigurationError
from detector.settings.load import load_settings
from detector.settings.tree import Settings

if TYPE_CHECKING:
    from detector.cli.steps import Steps
    from detector.records.flow import Decoder
    from detector.scoring.dataset import Dataset

REGISTRY_PATIENCE_S = 30.0
"""How long to wait for a schema registry that does not answer."""

FORMAT_NAMES = (
    *("zeek", "zeek-json", "zeek-tsv", "suricata", "goflow2", "argus", "cicflowmeter", "vpcflow"),
    *("nprobe", "pmacct", "nfdump", "unsw-nb15", "nsl-kdd", "mapping"),
)
"""Those of ``detector.records.every_format``, for ``--help``, which imports nothing slow."""

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Settings file (TOML). Default: the one ODDFLOW_CONFIG names.")
]
DataOption = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        metavar="FILE...",
        help="Files of flow records (lines, plain or compressed, or Parquet), folders of them, or globs;"
        " `-` is standard input.",
    ),
]
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format", help=f"Format of a record: {', '.join(FORMAT_NAMES)}; the settings' input.format if not given."
    ),
]
UnpackOption = Annotated[
    list[str] | None,
    typer.Option(
        "--unpack",
        metavar="PATH...",
        help="Where the record is within each message, such as message, json, conn or logEvents.message; the settings'"
        " input.unpack if not given.",
    ),
]
ColumnsOption = Annotated[
    str | None,
    typer.Option(
        "--columns",
        help="Names of the columns, in order, where no header line says them: one text with blanks or commas between;"
        " the settings' input.columns if not given.",
    ),
]
TopicOption = Annotated[str | None, typer.Option("--topic", help="Kafka topic to read flows from, instead of files.")]
BootstrapOption = Annotated[
    str | None, typer.Option("--bootstrap-servers", help="Kafka brokers, as host:port; the settings' if not given.")
]
FromOption = Annotated[
    str | None,
    typer.Option("--from", help="With --topic: the first offset, or the broker's time (ISO 8601). Default: all."),
]
ToOption = Annotated[
    str | None, typer.Option("--to", help="With --topic: the offset or time to end before. Default: what there is now.")
]
RegistryOption = Annotated[
    str | None,
    typer.Option("--registry", help="Folder or URL of the registry; the settings' model.registry if not given."),
]
ModelOption = Annotated[
    str | None, typer.Option("--model", help="Name of the model; the settings' model.name if not given.")
]
AliasOption = Annotated[
    str | None, typer.Option("--alias", help="Alias of the version; the settings' model.alias if not given.")
]
VersionOption = Annotated[str | None, typer.Option("--version", help="The version by its name, instead of an alias.")]
WarmUpOption = Annotated[
    list[str] | None,
    typer.Option(
        "--warm-up", metavar="FILE...", help="Earlier flows, as --data: they pass through the features, unscored."
    ),
]
AttackerOption = Annotated[
    list[str] | None,
    typer.Option(
        "--attacker", metavar="IP...", help="Label flows from or to these addresses as attacks, all others benign."
    ),
]
DatasetOption = Annotated[
    str | None,
    typer.Option(
        "--dataset", metavar="NAME[@VERSION]", help="Data set of `oddflow dataset` to read; its latest version if none."
    ),
]
DatasetsOption = Annotated[
    str | None,
    typer.Option("--datasets", help="Folder or URL of the data sets; the settings' training.datasets if not given."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="For a program to read.")]


class ChosenSet(Protocol):
    """A data set that is there."""

    def read(self, steps: Steps) -> Dataset:
        """Its flows. Raises InputError where it is corrupt."""


DATASETS = "oddflow.datasets"
"""Entry-point group: a function of settings, the text of ``--dataset`` and whether other flows are given, too."""


def chosen_set(settings: Settings, reference: str | None, others: object) -> ChosenSet | None:
    """The set that ``--dataset`` names, None where it names none; sets are of ``training``.

    Raises ConfigurationError where that is not installed, or ``others`` are given; InputError where it is not there.
    """
    if reference is None:
        return None
    for entry in entry_points(group=DATASETS):
        found: ChosenSet | None = entry.load()(settings, reference, others)
        return found
    raise ConfigurationError("--dataset: nothing that reads data sets is installed; pip install 'oddflow[train]'")


def settings_of(config: Path | None, **flags: str | float | list[str] | None) -> Settings:
    """The daemon's settings, with a command's flags (``input__format="zeek"``) over them."""
    dotted: dict[str, Any] = {name.replace("__", "."): value for name, value in flags.items()}
    return load_settings(config, dotted)


@dataclass(frozen=True, slots=True)
class Given:
    """Which flows a command is about: files, or a range of a topic."""

    paths: tuple[str, ...] = ()
    topic: str | None = None
    start: str | None = None
    end: str | None = None


def given_flows(paths: list[str] | None, topic: str | None, start: str | None, end: str | None) -> Given:
    """Hold the flags together. Raises ConfigurationError for both, neither, or a range of files; see ``expanded``."""
    if paths and topic:
        raise ConfigurationError("flows of --data and of --topic: give one of them")
    if not paths and not topic:
        raise ConfigurationError("no flows given: name their files with --data FILE, or a topic with --topic NAME")
    if paths and (start or end):
        raise ConfigurationError("--from and --to: they are for a --topic; files are read whole")
    from detector.transport.paths import expanded  # noqa: PLC0415 - --help needs none

    return Given(tuple(expanded(paths or ())), topic, start, end)


def flow_reader(  # noqa: PLR0917 - a set, or the flags of other flows
    settings: Settings,
    chosen: ChosenSet | None,
    paths: list[str] | None,
    topic: str | None,
    start: str | None,
    end: str | None,
    *,
    labels: bool,
) -> Callable[[Steps], Dataset]:
    """How to read the chosen set, with its labels, or what the flags give; raises as :func:`given_flows` does."""
    if chosen is not None:
        return chosen.read
    given = given_flows(paths, topic, start, end)
    return lambda steps: read_flows(settings, given, steps, labels=labels)


def read_flows(settings: Settings, given: Given, steps: Steps, *, labels: bool) -> Dataset:
    """Read what was given, in the settings' format. See ``read_dataset`` and ``read_topic``."""
    if given.topic is None:
        return read_files(settings, given.paths, steps, labels=labels)
    from detector.scoring.dataset import read_topic  # noqa: PLC0415 - compiles kernels; --help needs none
    from detector.transport.kafka.topic_range import Bound, TopicRange  # noqa: PLC0415

    start, end = Bound.parse(given.start, "--from"), Bound.parse(given.end, "--to")
    steps(f"reading topic {given.topic}")
    chosen = settings.input
    return read_topic(
        TopicRange(given.topic, settings.kafka.consumer(), start, end),
        chosen.format,
        labels=labels,
        decoder=kafka_decoder(settings, labels=labels),
        tell=steps.count,
    )


def kafka_decoder(settings: Settings, *, labels: bool) -> Decoder:
    """The decoder of a topic's values; it does not wait for a schema registry for ever."""
    from detector.pipeline.decoding import open_kafka_decoder  # noqa: PLC0415 - compiles kernels; --help needs none
    from detector.telemetry.events import silent  # noqa: PLC0415

    return open_kafka_decoder(settings, silent, abandon=Flag(), labels=labels, patience_s=REGISTRY_PATIENCE_S)


def read_files(settings: Settings, paths: Sequence[str], steps: Steps, *, labels: bool, what: str = "") -> Dataset:
    """Read files in the settings' format. See ``read_dataset``."""
    from detector.pipeline.decoding import open_format  # noqa: PLC0415
    from detector.scoring.dataset import read_dataset  # noqa: PLC0415 - compiles kernels; --help needs none
    from detector.transport.paths import expanded  # noqa: PLC0415

    steps(f"reading {what}flows")
    chosen = settings.input
    decoder = open_format(settings, labels=labels)
    return read_dataset(expanded(paths), chosen.format, labels=labels, decoder=decoder, tell=steps.count)
