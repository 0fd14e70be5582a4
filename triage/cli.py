"""The command that comes with the extra ``triage``: what it is given; the work is in modules imported when it runs."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the commands: the entry point of the group ``oddflow.commands``."""
