"""Labels in text files: CSV for spreadsheets and JSON lines for programs, read and written. Pure: bytes in, bytes out.

Which of the two a file is shows by its first sign. A line needs a verdict and what it is of, no more::

    incident,verdict,comment
    903b9f5f-1a2b-5c3d-8e4f-0123456789ab,false,our backup

    {"verdict": "false", "of": {"incident": "903b9f5f-1a2b-5c3d-8e4f-0123456789ab"}}

Who said it and when are then the file's, and the id is made of all that it says, so that a file that is read twice says
nothing new. An error names line and column and what to write instead; of a file with an error nothing is taken.

A text that a spreadsheet would take for a formula is written with an apostrophe before it (OWASP, CSV injection), and
read without.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, NamedTuple

import msgspec

from detector.errors import InputError
from detector.feedback.label import FIXES, Label, convert_label, iso, made_id, read_label, write_label
from detector.printable import printable

COLUMNS = (
    *("verdict", "incident", "alert", "src_ip", "dst_ip", "dst_port", "proto", "since", "until"),
    *("by", "at", "comment", "model_version", "id", "withdraws"),
)
"""Of a CSV file, in the order in which they are written; any order is read, and any may be left out."""

FLOWS = ("src_ip", "dst_ip", "dst_port", "proto", "since", "until")
TIMES = ("since", "until", "at")

DELIMITERS = ",;\t"
"""Spreadsheets of countries with a decimal comma write semicolons."""

MOST_TOLD = 3
"""Wrong lines that one error tells in full."""

_FORMULA = re.compile(r"[\s']*[=+\-@\t\r\n＝＋－＠]")
"""What a spreadsheet would take for a formula, be it after blanks, the wide forms of signs among them; apostrophes, so
that reading takes away ours alone."""


class Unsaid(NamedTuple):
    """What counts where a line says nothing of it."""

    by: str
    at: datetime


class Wrong(NamedTuple):
    """A line that is not what it should be."""

    line: int
    column: int
    """From 1; 0 where the whole line is meant."""
    why: str

    @property
    def words(self) -> str:
        """Where it is and why, such as ``line 2, column 3: …``."""
        return f"line {self.line}{f', column {self.column}' if self.column else ''}: {self.why}"


def read_labels(data: bytes, name: str, unsaid: Unsaid) -> list[Label]:
    """Read a file of that name, in its order. Raises InputError where any line of it is no label."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"reading labels {name} line {line}: it is not UTF-8; save it as CSV UTF-8") from None
    read = _read_lines if text.lstrip()[:1] in {"{", "["} else _read_csv
    labels, wrong = list[Label](), list[Wrong]()
    for each in read(text, unsaid):
        if isinstance(each, Wrong):
            wrong.append(each)
        else:
            labels.append(each)
    refuse("labels", name, wrong)
    return labels


def refuse(what: str, name: str, wrong: Sequence[Wrong]) -> None:
    """Raise InputError, which tells the first of them, where any line of a file is wrong."""
    if wrong:
        told = "; ".join(each.words for each in wrong[:MOST_TOLD])
        more = f"; and {len(wrong) - MOST_TOLD:,} more lines" if len(wrong) > MOST_TOLD else ""
        raise InputError(f"reading {what} {name} {told}{more}; nothing of it is taken")


def write_lines(labels: Iterable[Label]) -> bytes:
    """Write JSON lines."""
    return b"".join(write_label(each) + b"\n" for each in labels)


def write_csv(labels: Iterable[Label]) -> bytes:
    """Write CSV for a spreadsheet: every cell quoted, and none a formula."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(COLUMNS)
    for label in labels:
        cells = _cells(label)
        writer.writerow([inert(cells.get(column, "")) for column in COLUMNS])
    return text.getvalue().encode()


def inert(text: str) -> str:
    """The same as a cell that is no formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def as_it_was(cell: str) -> str:
    """The text of such a cell."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell[1:]) else cell


def _cells(label: Label) -> Mapping[str, str]:
    given = msgspec.to_builtins(label)
    of = given.pop("of", {})
    flat = given | {name: of[name] for name in ("incident", "alert") if name in of} | of.get("flows", {})
    return {name: str(value) for name, value in flat.items()}


def _read_lines(text: str, unsaid: Unsaid) -> Iterator[Label | Wrong]:
    for number, line in enumerate(re.split("\r?\n", text), 1):
        if not line.strip():
            continue
        try:
            given = msgspec.json.decode(line)
            if isinstance(given, dict):
                yield _label(given, unsaid)
            else:
                read_label(line.encode())  # which tells what it is instead
        except InputError as error:
            yield Wrong(number, 0, str(error))
        except (msgspec.MsgspecError, RecursionError) as error:
            column, why = _where(line, error)
            yield Wrong(number, column, f"it is not JSON: {why}; give one JSON object a line")


def _where(line: str, error: Exception) -> tuple[int, str]:
    """The column in which a line stops to be JSON, and what is wrong there."""
    try:
        json.loads(line)
    except json.JSONDecodeError as exact:
        return exact.colno, exact.msg[0].lower() + exact.msg[1:]
    except (ValueError, RecursionError):
        pass
    return 0, printable(str(error))


def _read_csv(text: str, unsaid: Unsaid) -> Iterator[Label | Wrong]:
    header = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(DELIMITERS, key=header.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] | None = None
    before = 0
    try:
        for row in rows:
            number, before = before + 1, rows.line_num
            if not any(cell.strip() for cell in row):
                continue
            if columns is None:
                columns = [cell.strip().lower() for cell in row]
                if wrong := _wrong_header(columns, number):
                    yield wrong
                    return
            else:
                yield _row(columns, row, number, unsaid)
    except csv.Error as error:
        yield Wrong(before + 1, 0, f"{error}; quote a cell that has quotes in it, and double these")


def _wrong_header(columns: Sequence[str], line: int) -> Wrong | None:
    for place, name in enumerate(columns, 1):
        if name not in COLUMNS:
            near = get_close_matches(name, COLUMNS, 1)
            hint = f"the nearest known one is {near[0]}" if near else f"delete it; there are {', '.join(COLUMNS)}"
            return Wrong(line, place, f"{printable(name[:40]) or 'a column without a name'}: unknown column; {hint}")
        if name in columns[: place - 1]:
            return Wrong(line, place, f"{name}: there are two such columns; delete one of them")
    return None


def _row(columns: Sequence[str], row: Sequence[str], line: int, unsaid: Unsaid) -> Label | Wrong:
    """Make a label of a row of cells."""
    if len(row) > len(columns):
        more = f"there are {len(row)} cells under {len(columns)} columns; quote a cell that has the separator in it"
        return Wrong(line, len(columns) + 1, more)
    cells = {name: text for name, cell in zip(columns, row, strict=False) if (text := as_it_was(cell.strip(" ")))}
    place = {name: number for number, name in enumerate(columns, 1)}
    given: dict[str, Any] = {}
    for name, text in cells.items():
        try:
            given[name] = _value(name, text)
        except ValueError:
            return Wrong(line, place[name], f"{name}: {printable(text[:40])} is none; {CSV_FIXES[name]}")
    try:
        return _label(_nested(given), unsaid)
    except InputError as error:
        named = [name for name in re.findall(r"\w+", str(error).partition(";")[0])[:4] if name in place]
        return Wrong(line, place[named[0]] if named else 0, str(error))


CSV_FIXES: Mapping[str, str] = {
    **dict.fromkeys(TIMES, "give a time such as 2026-11-24T09:00:00Z or 2026-11-24 09:00, UTC where no zone is told"),
    "dst_port": FIXES["dst_port"],
}


def _value(name: str, text: str) -> Any:
    """A cell's value as JSON has it. Raises ValueError."""
    if name in TIMES:
        moment = datetime.fromisoformat(text.strip())
        return iso(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    if name == "dst_port":
        return int(text)
    # spreadsheets make TRUE of true
    return text.strip().lower() if name in {"verdict", "incident", "alert"} else text


def _nested(given: dict[str, Any]) -> dict[str, Any]:
    of: dict[str, Any] = {name: given.pop(name) for name in ("incident", "alert") if name in given}
    flows = {name: given.pop(name) for name in FLOWS if name in given}
    of |= {"flows": flows} if flows else {}
    return given | ({"of": of} if of else {})


def _label(given: dict[str, Any], unsaid: Unsaid) -> Label:
    """Fill in what is not said. Raises InputError."""
    whole = {"by": unsaid.by, "at": iso(unsaid.at)} | given
    label = convert_label({"id": "unsaid"} | whole)
    return label if "id" in given else msgspec.structs.replace(label, id=made_id(write_label(label).decode()))
