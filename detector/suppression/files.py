"""Rules in a text file: one document a line, as on their topic. Pure: bytes in, bytes out."""

from __future__ import annotations

from collections.abc import Iterable

from detector.errors import InputError
from detector.suppression.rule import Suppression, read_rule, write_rule

MOST_TOLD = 3
"""Wrong lines that one error tells."""


def read_rules(data: bytes, name: str) -> list[Suppression]:
    """Read a file of that name, in its order; of lines with one id the last counts.

    Raises InputError, which names file, line and field and says what to write instead, where any line is no rule:
    nothing of the file is taken then.
    """
    rules: dict[str, Suppression] = {}
    wrong: list[str] = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            rule = read_rule(line)
        except InputError as error:
            wrong.append(f"line {number}: {error}")
        else:
            rules.pop(rule.id, None)
            rules[rule.id] = rule
    if wrong:
        more = f"; and {len(wrong) - MOST_TOLD:,} more lines" if len(wrong) > MOST_TOLD else ""
        told = "; ".join(wrong[:MOST_TOLD])
        raise InputError(f"reading suppressions {name} {told}{more}; nothing of it is taken")
    return list(rules.values())


def write_rules(rules: Iterable[Suppression]) -> bytes:
    """Write such a file."""
    return b"".join(write_rule(rule) + b"\n" for rule in rules)
