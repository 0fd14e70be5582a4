"""Options that take several values at once, as a shell's glob gives them: ``--data a.log b.log --format zeek``.

A command line library takes one value an option; here every option that may be repeated also takes what follows it, up
to the next option. For commands that have no arguments of their own, so that nothing else could be meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from typer.core import TyperCommand


class SeveralCommand(TyperCommand):
    """A command without arguments whose options that may be repeated take several values."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat each such option before each of its values, then go on as usual."""
        names = [name for each in self.params if getattr(each, "multiple", False) for name in each.opts]
        return super().parse_args(ctx, spread(args, names))


def spread(arguments: Sequence[str], names: Iterable[str]) -> list[str]:
    """The same with each of ``names`` before every value that follows it; ``-`` alone is a value."""
    several, found, current, valued = set(names), list[str](), "", False
    for word in arguments:
        if word.startswith("-") and word != "-":
            current = word.partition("=")[0] if word.partition("=")[0] in several else ""
            valued = "=" in word
            found.append(word)
        else:
            found += [current, word] if current and valued else [word]
            valued = True
    return found
