"""``oddflow demo``: see it all run."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer


def demo(
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave Kafka, the daemon and triage running until Ctrl-C.")
    ] = False,
    folder: Annotated[
        Path | None, typer.Option(help="Where logs, registry and Kafka's data go. Default: a temporary folder.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="How long the live hour takes.", min=5.0)] = 60.0,
    seed: Annotated[int, typer.Option(help="Another seed is another organisation, and other attacks.")] = 1,
) -> None:
    """Run the whole loop on this machine: Kafka, training, the daemon, live attacks, triage, a label, a retraining.

    It needs nothing but this package with its extra `demo`; Kafka's own files are fetched once (57 MB) and kept in the
    user's cache. The last line printed is one JSON object; the exit code is 0 only if all records are accounted for.

    Examples:

      oddflow demo

      oddflow demo --seconds 20 --keep
    """
    from rich.console import Console  # noqa: PLC0415 - --help needs none of these

    from training.demo.run import Demo  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="oddflow-demo-", ignore_cleanup_errors=True) as temporary:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        held = Demo(folder or Path(temporary), Console(), seed=seed, live_s=seconds, keep=keep).run()
    raise typer.Exit(0 if held else 1)
