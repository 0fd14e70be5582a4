"""Tables as plain text."""

from __future__ import annotations

from rich.console import Console, RenderableType


def plain_text(*parts: RenderableType, width: int) -> str:
    """What would be shown on a terminal of that width, without colours; nothing in it is taken for markup."""
    console = Console(width=width, highlight=False, markup=False, color_system=None)
    with console.capture() as capture:
        for part in parts:
            console.print(part)
    return capture.get().rstrip()
