"""What people have judged: a file of labels or judgements, and what a model says of the flows that they are of.

Labels are as ``oddflow feedback`` reads and writes them (:mod:`detector.feedback.files`): CSV or JSON lines; of all
that was said of one thing the last word counts. Where that is *unsure*, or people differ, nothing was judged.
Judgements, which may stand between them, are a line each, JSON::

    {"id": "CHhAvVGS1DHFjwGM9", "label": "false", "by": "ada", "at": "2026-11-24T09:00:00Z"}
    {"id": "incident 7", "label": "true", "flow": {"src_ip": "10.0.0.7", "dst_ip": "198.51.100.9", "dst_port": 443}}

``id`` is a flow's own id (Zeek's uid), or the record's (``2/122``), or, beside a ``flow``, any name. ``flow`` has some
of a flow's canonical columns; every flow that has all of them is meant. Of several judgements of one id the last one
counts. Which flows are meant, :mod:`training.gate.meant` finds.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
import numpy as np
from msgspec import UNSET
from msgspec.structs import asdict
from numpy.typing import NDArray

from detector.errors import InputError
from detector.feedback.files import Unsaid, read_labels
from detector.feedback.label import Flows, Label, Of, iso
from detector.feedback.latest import Said, Word, weigh
from detector.listed import listed
from detector.printable import printable
from detector.structs import resolved
from training.gate.facts import Known

COLUMNS = ("ts", "src_ip", "src_port", "dst_ip", "dst_port", "proto", "service")
"""What a ``flow`` may name."""


class Judgement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of them."""

    id: str
    label: Literal["true", "false"]
    by: str = ""
    at: str = ""
    """UTC, ISO 8601."""
    flow: dict[str, str | int | float] = {}

    @property
    def whom(self) -> str:
        """Who says so, printable."""
        return printable(self.by) or NOBODY

    @property
    def day(self) -> str:
        """When, in UTC, printable; empty where that is not told."""
        return printable(self.at[:10])

    @property
    def words(self) -> str:
        """What it is of, and who says so."""
        return printable(f"{self.id}{f' by {self.by}' if self.by else ''}")


class OfFlows(Judgement, frozen=True, kw_only=True):
    """One of the flows of a time; made of a label."""

    since: float
    """A flow's start is not before it, in seconds since 1970 …"""
    until: float
    """… and before this."""


SHOWN = 3
"""Names that a sentence has."""

NOBODY = "somebody"
"""Who said what has no name with it."""


class Spoken(NamedTuple):
    """What people said, and what counts of it."""

    judgements: tuple[Judgement, ...] = ()
    """Of each thing the last word, where that is true or false and nobody else says the other."""
    contested: tuple[Judgement, ...] = ()
    """Last words of what some judge true and others false: they neither teach nor are asked of the gate."""
    unsure: int = 0
    """Things whose last word is that it is not known."""
    notes: tuple[str, ...] = ()
    """What is odd about it, a sentence each."""


NOTHING_SAID = Spoken()


def read_judgements(path: Path) -> Spoken:
    """Read a file. Raises InputError, with the line, for what is neither a label nor a judgement."""
    try:
        data, saved = path.read_bytes(), path.stat().st_mtime
    except OSError as error:
        raise InputError(f"reading judgements {path}: {error.strerror}; give a file of CSV or JSON lines") from error
    unsaid = Unsaid(NOBODY, datetime.fromtimestamp(saved, UTC))
    if data.removeprefix(codecs.BOM_UTF8).lstrip()[:1] not in {b"{", b""}:
        return spoken(_words(read_labels(data, str(path), unsaid)))
    lines = data.removeprefix(codecs.BOM_UTF8).split(b"\n")
    labels = [_is_label(line) for line in lines]
    only = b"\n".join(line if is_label else b"" for line, is_label in zip(lines, labels, strict=True))
    rest = [b"" if is_label else line for line, is_label in zip(lines, labels, strict=True)]
    return spoken(_words(read_labels(only, str(path), unsaid)), _judgements(path, rest))


def _words(labels: Sequence[Label]) -> list[Word]:
    return [Word(label, place) for place, label in enumerate(labels)]


def _is_label(line: bytes) -> bool:
    try:
        given = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(given, dict) and not given.keys().isdisjoint({"verdict", "of", "withdraws"})


def spoken(words: Iterable[Word], judgements: Sequence[Judgement] = ()) -> Spoken:
    """Find what counts of labels; of ``judgements`` all do."""
    said = weigh(words)
    agreed, contested, unsure = list[Judgement](), list[Judgement](), 0
    for of, standing in said.standings.items():
        last = standing.last
        if last is None or last.verdict is UNSET:
            continue
        if last.verdict == "unsure":
            unsure += 1
            continue
        (contested if standing.conflicting else agreed).append(_judgement(of, last, last.verdict))
    return Spoken((*agreed, *judgements), tuple(contested), unsure, tuple(_odd(said)))


def _judgement(of: Of, last: Label, verdict: Literal["true", "false"]) -> Judgement:
    by, at = last.by, iso(last.at)
    if isinstance(of.flows, Flows):
        flow = {name: value for name, value in asdict(of.flows).items() if name in COLUMNS and value is not UNSET}
        since, until = of.flows.since.timestamp(), of.flows.until.timestamp()
        return OfFlows(id=of.words, label=verdict, by=by, at=at, flow=flow, since=since, until=until)
    return Judgement(id=str(of.incident if of.alert is UNSET else of.alert), label=verdict, by=by, at=at)


def _odd(said: Said) -> Iterator[str]:
    """What a person should know of labels that were read."""
    for names, what in (
        (tuple(of.words for of in said.conflicting), "are judged true by some and false by others: they do not teach"),
        (said.late, "came after one that was said later, and do not count"),
        (said.dangling, "withdraw a label that is not there"),
        (said.reused, "have the id of another label, and do not count"),
        (said.ahead, "give a time to come; they count as said when they came"),
    ):
        if names:
            yield f"{len(names):,} labels {what}: {listed(names, SHOWN)}"


def _judgements(path: Path, lines: Sequence[bytes]) -> list[Judgement]:
    found: dict[str, Judgement] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            judgement = msgspec.json.decode(line, type=resolved(Judgement))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InputError(f"reading judgements {path} line {number}: {str(error).splitlines()[0]}") from error
        if odd := sorted(judgement.flow.keys() - set(COLUMNS)):
            raise InputError(f"reading judgements {path} line {number}: flow.{odd[0]} is none of {', '.join(COLUMNS)}")
        found[judgement.id] = judgement
    return list(found.values())


def known_of(asked: Iterable[tuple[Judgement, NDArray[np.intp]]], raised: NDArray[np.bool_]) -> Known:
    """Hold judgements, each with the places of its flows, against what is ``raised`` of all flows (rows,)."""
    ids: dict[tuple[str, bool], list[str]] = {}
    absent = 0
    for judgement, rows in asked:
        if len(rows):
            ids.setdefault((judgement.label, bool(raised[rows].any())), []).append(judgement.words)
        else:
            absent += 1
    found = {key: tuple(each) for key, each in ids.items()}
    again, quiet = found.get(("false", True), ()), found.get(("false", False), ())
    still, lost = found.get(("true", True), ()), found.get(("true", False), ())
    return Known(
        judged_false=len(again) + len(quiet),
        raised_again=again,
        judged_true=len(still) + len(lost),
        lost=lost,
        absent=absent,
    )
