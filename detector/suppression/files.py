"""Rules in a text file: one document a line, as on their topic. Pure: bytes in, bytes out."""

from __future__ import annotations

from collections.abc import Iterable

from detector.errors import InputError
from detector.feedback.files import Wrong, refuse
from detector.suppression.rule import Suppression, read_rule, write_rule


def read_rules(data: bytes, name: str) -> list[Suppression]:
    """Read a file of that name, in its order; of lines with one id the last counts.

    Raises InputError, which names file, line and field and says what to write instead, where any line is no rule:
    nothing of the file is taken then.
    """
    rules: dict[str, Suppression] = {}
    wrong: list[Wrong] = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            rule = read_rule(line)
        except InputError as error:
            wrong.append(Wrong(number, 0, str(error)))
        else:
            rules.pop(rule.id, None)
            rules[rule.id] = rule
    refuse("suppressions", name, wrong)
    return list(rules.values())


def write_rules(rules: Iterable[Suppression]) -> bytes:
    """Write such a file."""
    return b"".join(write_rule(rule) + b"\n" for rule in rules)
