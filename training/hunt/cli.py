"""``oddflow hunt``: a folder of logs in, one page out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from detector.cli.data import ColumnsOption, ConfigOption, FormatOption, JsonOption, UnpackOption, settings_of
from detector.errors import ConfigurationError, OutputError
from training.options import InsideOption, MaxRejectedOption, networks


def hunt(
    *,
    logs: Annotated[
        list[str],
        typer.Argument(
            metavar="LOGS...",
            help="Files of flow records (lines, plain or compressed, or Parquet), folders of them, or globs; `-` is"
            " standard input.",
            show_default=False,
        ),
    ],
    format: FormatOption = None,  # noqa: A002
    unpack: UnpackOption = None,
    columns: ColumnsOption = None,
    output: Annotated[Path, typer.Option("--output", help="The page to write; one that is there is replaced.")] = Path(
        "hunt.html"
    ),
    budget: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            help="Hosts a day that may be raised falsely; the settings' alerts.false_incidents_per_day if not given.",
        ),
    ] = None,
    inside: InsideOption = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and logs give the same page.")] = 1,
    max_rejected: MaxRejectedOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find what is odd in logs that were kept: it learns from them, and judges each stretch by the others.

    Neither Kafka nor a model is needed. The page holds the incidents, the gravest first, with hosts and times.

    Examples:

      oddflow hunt logs/

      oddflow hunt logs/conn.*.log.gz --format zeek --output monday.html --budget 3

      oddflow hunt eve.json --format suricata --inside 198.51.100.0/24 --json
    """
    from detector.cli.data import read_files  # noqa: PLC0415
    from detector.cli.rejects import check_share, told_reading  # noqa: PLC0415 - --help needs none of these
    from detector.cli.steps import steps_on_stderr  # noqa: PLC0415
    from detector.cli.whole_file import write_whole  # noqa: PLC0415
    from detector.features.windows import default_windows  # noqa: PLC0415
    from detector.pipeline.decoding import open_format  # noqa: PLC0415
    from detector.transport.paths import expanded  # noqa: PLC0415
    from training.hunt.hunting import hunt as hunt_flows  # noqa: PLC0415
    from training.hunt.page import page  # noqa: PLC0415
    from training.hunt.told import as_json as told_as_json  # noqa: PLC0415
    from training.hunt.told import as_text  # noqa: PLC0415
    from training.hunt.weak import short  # noqa: PLC0415
    from training.train import Recipe  # noqa: PLC0415
    from training.watched import left_out  # noqa: PLC0415

    settings = settings_of(
        config,
        input__format=format,
        input__unpack=unpack or None,
        input__columns=columns,
        training__max_rejected_share=max_rejected,
        alerts__false_incidents_per_day=budget,
    )
    windows = default_windows(half_lives_s=settings.training.half_lives_s)
    recipe = Recipe(seed=seed, folds=0, windows=windows, inside=networks(inside or []))
    open_format(settings)
    asked = settings.alerts.false_incidents_per_day
    if not asked:
        raise ConfigurationError("hunting: alerts.false_incidents_per_day is 0, which raises nobody; give --budget")
    paths = expanded(logs)
    check_output(output, paths)
    with steps_on_stderr(quiet=as_json) as steps:
        read = left_out(read_files(settings, paths, steps, labels=False))
        if notes := told_reading(read):
            steps.note(notes)
        check_share(read, settings.training.max_rejected_share)
        hunted = hunt_flows(read, recipe, asked, steps)
        for doubt in short(hunted):
            steps.note(doubt)
        steps("writing the page")
        text = page(hunted).encode()
        write_whole(str(output), lambda file: file.write(text))
    typer.echo(json.dumps(told_as_json(hunted, output), indent=2) if as_json else as_text(hunted, output))


def check_output(output: Path, paths: list[str]) -> None:
    """Raise, before anything is read, for a page that would be written over an input, or that has no folder."""
    if output.is_dir():
        raise OutputError(f"writing {output}: it is a folder; give --output a file")
    if not output.absolute().parent.is_dir():
        raise OutputError(f"writing {output}: there is no folder {output.parent}; choose another --output")
    for path in paths:
        if path != "-" and output.exists() and Path(path).exists() and output.samefile(path):
            raise ConfigurationError(f"{path}: it is an input and the output; give another file for --output")
