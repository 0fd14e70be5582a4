"""Labels in files: what is read and written, spreadsheets' ways, and errors with their place."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.errors import InputError
from detector.feedback.files import COLUMNS, Unsaid, as_it_was, inert, read_labels, write_csv, write_lines
from detector.feedback.label import Flows, Label, Of
from tests.feedback.labels import START, any_label, label, uid

UNSAID = Unsaid("eve", START)

ID = uid(1)


def read(text: str) -> list[Label]:
    """The labels of a file."""
    return read_labels(text.encode(), "labels.csv", UNSAID)


def complaint(text: str) -> str:
    """What is said of a file that is refused."""
    with pytest.raises(InputError) as told:
        read(text)
    return str(told.value).removeprefix("reading labels labels.csv ").removesuffix("; nothing of it is taken")


@pytest.mark.parametrize("write", [write_csv, write_lines])
@given(labels=st.lists(any_label(), max_size=4))
def test_what_is_written_is_read(write: Callable[[list[Label]], bytes], labels: list[Label]) -> None:
    """Both kinds of file give back the labels that they were made of."""
    assert read_labels(write(labels), "x", UNSAID) == labels


@given(st.text() | st.sampled_from("=+-@\t\r'").map(lambda sign: f"{sign}1+1"))
def test_no_cell_is_a_formula(text: str) -> None:
    """A cell begins with no sign that makes a formula, and reading gives the text as it was."""
    cell = inert(text)
    assert cell.lstrip()[:1] not in set("=+-@＝＋－＠")
    assert as_it_was(cell) == text


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "＝1", "＋1", "－1", "＠a", " =1", "\t1", "'=1"])
def test_every_sign_of_a_formula(text: str) -> None:
    """Each sign that begins a formula, wide ones and those after blanks too, has an apostrophe before it."""
    assert inert(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a=1", "'tis", "5", "(1)"])
def test_other_texts_stay(text: str) -> None:
    """What is no formula is written as it is."""
    assert inert(text) == as_it_was(text) == text


@given(st.lists(any_label(), min_size=1, max_size=3))
def test_no_cell_of_a_file_is_a_formula(labels: list[Label]) -> None:
    """No cell of a written file begins so, whatever quotes and separators its texts have."""
    rows = csv.reader(io.StringIO(write_csv(labels).decode(), newline=""))
    assert [cell for row in rows for cell in row if cell[:1] in set("=+-@")] == []


def test_a_line_needs_a_verdict_and_what_it_is_of() -> None:
    """Who and when are the file's where the line does not say them; the id is the same at each reading."""
    text = f"incident,verdict\n{ID},false\n"
    (one,) = read(text)
    assert (one.verdict, one.of, one.by, one.at) == ("false", Of(incident=ID), "eve", START)
    assert read(text) == [one]
    (line,) = read(json.dumps({"verdict": "false", "of": {"incident": ID}}))
    assert line == one
    assert read(f"incident,verdict,by\n{ID},false,ada\n")[0].id != one.id


def test_columns_in_any_order() -> None:
    """Flows are given by their columns; columns may come in any order and case, cells may be empty."""
    (one,) = read("Since,Until,dst_port,Src_IP,verdict,comment\n2026-11-24 08:00,2026-11-24 09:00,53,10.0.0.7,true,\n")
    assert isinstance(one.of, Of)
    flows = one.of.flows
    assert isinstance(flows, Flows)
    assert (flows.src_ip, flows.dst_port, flows.until) == ("10.0.0.7", 53, START)


@pytest.mark.parametrize(
    "text",
    [
        f"\ufeffincident,verdict\r\n{ID},FALSE\r\n\r\n",
        f"incident;verdict\n{ID};False\n",
        f"incident\tverdict\n{ID.upper()}\tfalse\n;\n".replace(";\n", "\t\n"),
        f'"incident","verdict"\n"{ID}"," false "\n',
    ],
)
def test_spreadsheets_ways(text: str) -> None:
    """A mark at the start, other separators, other cases, blank lines and quotes are read for what they are."""
    assert [(one.verdict, one.of) for one in read(text)] == [("false", Of(incident=ID))]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            f"incident,verdict\n{ID},true\n{ID},flase\n",
            "line 3, column 2: verdict: Invalid enum value 'flase'; give true, false or unsure",
        ),
        (
            "verdict,incident\nfalse,903b9f5f\n",
            "line 2, column 2: of.incident: Expected an id; give the whole id, as `oddflow incidents --json` has it",
        ),
        ("incident,verdct\n", "line 1, column 2: verdct: unknown column; the nearest known one is verdict"),
        ("verdict,verdict\n", "line 1, column 2: verdict: there are two such columns; delete one of them"),
        (
            f"incident,verdict\n{ID},true,but\n",
            "line 2, column 3: there are 3 cells under 2 columns; quote a cell that has the separator in it",
        ),
        (
            "src_ip,since,until,verdict\n10.0.0.7,24.11.2026,2026-11-25,true\n",
            "line 2, column 2: since: 24.11.2026 is none; give a time such as 2026-11-24T09:00:00Z or 2026-11-24",
        ),
        (
            "src_ip,since,until,verdict,dst_port\n10.0.0.7,2026-11-24,2026-11-25,true,http\n",
            "line 2, column 5: dst_port: http is none; give a number from 0 to 65535",
        ),
        (
            "since,src_ip,until,verdict\n2026-11-24,10.0.0.300,2026-11-25,true\n",
            "line 2, column 2: of.flows: src_ip 10.0.0.300 is no address; give one such as 10.0.0.7",
        ),
        (
            "src_ip,verdict\n10.0.0.7,true\n",
            "line 2: of.flows.since: it is missing; give a time with its zone, such as 2026-11-24T09:00:00Z",
        ),
        (
            f'incident,comment,verdict\n{ID},"two\nlines",true\n{ID},x,no\n',
            "line 4, column 3: verdict: Invalid enum value 'no'; give true, false or unsure",
        ),
        ('incident,verdict\n"a"b,true\n', "line 2: ',' expected after '\"'; quote a cell that has quotes in it, and"),
        (
            '{"verdict": "true"}\n',
            "line 1: of is missing; give a verdict and what it is of, or withdraws with a label's id",
        ),
        ('\n{"vé": nope}\n', "line 2, column 8: it is not JSON: expecting value; give one JSON object a line"),
        ("[1]\n", "line 1: Expected `object`, got `array`; give a JSON object"),
    ],
)
def test_errors_name_their_place(text: str, told: str) -> None:
    """What is wrong is told with its line, its column where one alone is meant, and what to write instead."""
    assert complaint(text).startswith(told)


def test_all_wrong_lines_are_counted() -> None:
    """Of many wrong lines the first few are told, and how many more there are."""
    told = complaint("incident,verdict\n" + f"{ID},no\n" * 5 + f"{ID},true\n")
    assert (told.count("Invalid enum"), told[-18:]) == (3, "; and 2 more lines")


def test_what_is_no_text_is_told() -> None:
    """A file in another encoding, as spreadsheets write them, is told with the line."""
    with pytest.raises(InputError, match=r"line 2: it is not UTF-8; save it as CSV UTF-8"):
        read_labels("incident,verdict,comment\nx,false,Zoë".encode("latin-1"), "x", UNSAID)


def test_an_empty_file_has_none() -> None:
    """A file without a line, or with a header alone, has no labels."""
    assert read("") == read("\n") == read(",".join(COLUMNS)) == []


def test_every_field_has_a_column() -> None:
    """A written file has all that a label says."""
    flows = {"src_ip": "10.0.0.7", "dst_ip": "10.0.0.8", "dst_port": 53, "proto": "udp"}
    times = {"since": "2026-11-24T08:00:00Z", "until": "2026-11-24T09:00:00Z"}
    one = label(of={"flows": flows | times}, comment="=1+1", model_version="v1")
    row = next(csv.DictReader(io.StringIO(write_csv([one]).decode(), newline="")))
    assert {name for name, cell in row.items() if not cell} == {"incident", "alert", "withdraws"}
    assert (row["dst_port"], row["comment"]) == ("53", "'=1+1")
