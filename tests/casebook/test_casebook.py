"""Documents read back, the latest of each, what is asked for, and pages of text."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.casebook.latest import Latest
from detector.casebook.text_page import text_page
from detector.casebook.told import LEVELS, MOST_LISTED, Technique, read_told
from detector.casebook.wanted import Wanted, parse_hosts, parse_kinds, parse_level, parse_since
from detector.casebook.words import rows, sections
from detector.decisions.severity import Severity
from detector.errors import ConfigurationError, InputError
from detector.incidents.kinds import NAMES
from tests.casebook.documents import EVIL, ID, START, ecs, ocsf, ours, plain

OTHER = "e0" + ID[2:]


def latest_of(*documents: bytes, most: int = 100) -> Latest:
    """The latest revisions among these."""
    latest = Latest(most)
    for document in documents:
        latest.put(read_told(document))
    return latest


def test_levels_are_the_severities() -> None:
    """The severities that a reader knows are those that alerts have, with the numbers of OCSF."""
    assert tuple(each.word for each in sorted(Severity)) == LEVELS
    told = {level: read_told(ocsf(severity_id=int(level))).severity for level in Severity}
    assert told == {level: level.word for level in Severity}


def test_both_shapes_say_the_same() -> None:
    """An incident is the same whether its document is OCSF or ECS, techniques with their names."""
    one, other = read_told(ocsf()), read_told(ecs())
    assert (one.severity, one.headline, one.techniques) == (other.severity, other.headline, other.techniques)
    assert (one.tactic, one.techniques) == ("TA0007 Discovery", (Technique("T1046", "Network Service Discovery"),))
    assert other.tactic == one.tactic
    assert text_page(one, latest_of(ocsf())) == text_page(other, latest_of(ecs()))


def test_what_a_document_lacks_is_left_out() -> None:
    """A document of the first version has a page, with its message as the headline and without empty sections."""
    page = text_page(read_told(plain()), latest_of(plain()))
    assert page.splitlines()[0] == "MEDIUM a title"
    assert [name for name in ("att&ck", "check", "often only", "strongest") if name in page] == []


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"nothing", "malformed"),
        (b"[1]", "no JSON object"),
        (b'{"class_uid": 2004}', "neither unmapped.oddflow nor oddflow"),
        (json.dumps({"oddflow": ours(alerts="many")}).encode(), "$.alerts"),
        (json.dumps({"oddflow": ours(id="")}).encode(), "$.id"),
        (json.dumps({"oddflow": ours(last_seen=1e300)}).encode(), "$.last_seen"),
        (json.dumps({"oddflow": ours()}).encode(), "no severity"),
        (ocsf(severity_id=9), "no severity"),
        (ocsf(severity_id=1), "no severity"),
        (b'{"oddflow": ' + b"[" * 100_000, ""),
        (b'{"oddflow": "\xff"}', ""),
    ],
)
def test_what_is_no_incident_is_an_error(document: bytes, said: str) -> None:
    """Whatever is no incident's document is refused with the reason, by the field's path where one is wrong."""
    with pytest.raises(InputError) as caught:
        read_told(document)
    assert said in str(caught.value)


SHAPES: list[Callable[..., bytes]] = [ocsf, ecs]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(ours())), JSON, st.sampled_from(SHAPES))
def test_any_field_may_hold_anything(name: str, value: Any, shape: Any) -> None:
    """Whatever stands in a field, the document is refused, or has a row and a page; all that is said is printable."""
    try:
        told = read_told(shape(**{name: value}))
    except InputError as error:
        shown = [str(error)]
    else:
        latest = Latest()
        latest.put(told)
        shown = [*text_page(told, latest).split("\n"), *(cell for row in rows(latest) for cell in row)]
    assert [line for line in shown if not line.isprintable()] == []


def test_texts_from_outside_are_spelt_out() -> None:
    """Escapes of terminals and signs that turn text around are shown, not acted on, wherever they stand."""
    texts: dict[str, Any] = dict.fromkeys(("kind", "headline", "size", "worked", "rule", "confidence", "tactic"), EVIL)
    lists: dict[str, Any] = {name: [EVIL] for name in ("check", "innocent", "techniques", "sources", "model_versions")}
    strong = [{"why": EVIL, "alert": EVIL}]
    document = ocsf(**texts, **lists, strongest=strong, flows=[{"topic": EVIL, "uid": EVIL}])
    page = text_page(read_told(document), latest_of(document), width=10_000)
    assert all(line.isprintable() for line in page.split("\n"))
    assert page.count("\\x1b[31mred") == len(texts) + len(lists) + 4


def test_lists_and_texts_are_bounded() -> None:
    """A document of a megabyte leaves no more than the bounds in memory."""
    told = read_told(ocsf(sources=["10.0.0.1"] * 20_000, headline="x" * 1_000_000))
    assert (len(told.ours.sources), len(told.headline)) == (MOST_LISTED, 4_096)


def test_the_highest_revision_counts() -> None:
    """Of each incident the latest revision is kept, whatever order documents come in or come again."""
    latest = latest_of(ocsf(revision=2, alerts=8), ocsf(revision=1, alerts=1), ocsf(revision=2, alerts=8))
    assert [(told.ours.revision, told.ours.alerts) for told in latest] == [(2, 8)]


def test_a_revision_that_is_not_wanted_takes_the_others_along() -> None:
    """An incident whose latest revision is not asked for is not shown as it was before."""
    latest = Latest(fits=lambda told: told.ours.revision == 1)
    for revision in (1, 2):
        assert latest.put(read_told(ocsf(revision=revision)))
    assert (len(latest), latest.wholes()) == (0, [])


def test_incidents_are_bounded() -> None:
    """Beyond the bound the incident told longest ago goes, and is counted."""
    latest = latest_of(ocsf(id="a1"), ocsf(id="b2"), ocsf(id="a1", revision=5), ocsf(id="c3"), most=2)
    assert ([told.ours.id for told in latest], latest.dropped) == (["a1", "c3"], 1)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"step": "open"}, "open"),
        ({"step": "update"}, "open"),
        ({"step": "close"}, "closed"),
        ({"step": "close", "merged_into": OTHER}, "merged"),
        ({"step": "open", "alerts": 1, "last_seen": START - 1_201.0}, "closed"),
        ({"step": "open", "alerts": 1, "last_seen": START - 1_199.0}, "open"),
        ({"step": "open", "alerts": 2, "last_seen": START - 1_201.0}, "open"),
    ],
)
def test_states(changes: dict[str, Any], state: str) -> None:
    """A closed incident is told so; one of a single alert never is, and counts as over after twenty quiet minutes."""
    latest = latest_of(ocsf(**changes), ocsf(id=OTHER, last_seen=START))
    assert latest.state(latest.find(ID)) == state


@pytest.mark.parametrize("shape", [ocsf, ecs])
def test_suppressed_incidents_are_shown_where_they_are_asked_for(shape: Any) -> None:
    """They say that they are, and are no part of others."""
    told = read_told(shape(suppressed_by=["r1"]))
    assert (Wanted(suppressed=False).fits(told), Wanted(suppressed=True).fits(told)) == (False, True)
    assert latest_of(shape(suppressed_by=["r1"])).state(told) == "suppressed"


def test_the_list_leaves_out_what_became_part_of_another() -> None:
    """A list is ordered by the last flow, and merged incidents are not in it."""
    documents = ocsf(last_seen=START + 9), ocsf(id=OTHER, last_seen=START), ocsf(id="f1", merged_into=ID)
    assert [row.id for row in rows(latest_of(*documents))] == [OTHER[:8], ID[:8]]


@pytest.mark.parametrize(
    ("changes", "who"),
    [
        ({}, "10.0.10.17 → 10.0.10.35 276 ports"),
        ({"ports": [443]}, "10.0.10.17 → 10.0.10.35 port 443"),
        ({"ports": []}, "10.0.10.17 → 10.0.10.35"),
        (
            {"destinations": ["a", "b"], "counts": {"destinations": {"distinct": 1000, "or_more": True}}, "ports": [1]},
            "10.0.10.17 → 1,000 or more hosts port 1",
        ),
        ({"sources": ["a", "b"], "ports": [22], "counts": {}}, "2 sources → 10.0.10.35 port 22"),
    ],
)
def test_who_did_it_to_whom(changes: dict[str, Any], who: str) -> None:
    """One address or port is named, several are counted: exactly where the document says how many."""
    assert [row.who for row in rows(latest_of(ocsf(**changes)))] == [who]


def test_an_id_s_beginning_suffices() -> None:
    """An incident is found by how its id begins; several that begin so, and none, are errors that name some."""
    latest = latest_of(ocsf(), ocsf(id=OTHER))
    assert latest.find("3BC9").ours.id == ID
    with pytest.raises(ConfigurationError, match=r"none has this id; there are 2; the nearest is 3bc9adf7"):
        latest.find("3bcf")
    with pytest.raises(ConfigurationError, match=r"none has this id; there are 2, such as 3bc9adf7"):
        latest.find("77")
    with pytest.raises(ConfigurationError, match="2 begin so"):
        latest_of(ocsf(), ocsf(id=ID[:-1] + "b")).find("3bc9")
    with pytest.raises(ConfigurationError, match="there is none at all"):
        Latest().find("3b")


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (Wanted(), True),
        (Wanted(since=START + 15.0), True),
        (Wanted(since=START + 15.1), False),
        (Wanted(least=parse_level("HIGH")), True),
        (Wanted(least=parse_level("critical")), False),
        (Wanted(hosts=parse_hosts(["10.0.10.35"])), True),
        (Wanted(hosts=parse_hosts(["192.0.2.1", "10.0.10.16/30"])), True),
        (Wanted(hosts=parse_hosts(["2001:db8::/32"])), False),
        (Wanted(kinds=parse_kinds(["Scan"], NAMES)), True),
        (Wanted(kinds=parse_kinds(["dns-tunnel"], NAMES)), False),
        (Wanted(least=2, kinds=frozenset({"flood"})), False),
    ],
)
def test_what_is_asked_for(wanted: Wanted, fits: bool) -> None:
    """An incident must have all that is asked for."""
    assert wanted.fits(read_told(ocsf(severity_id=4))) is fits


def test_kinds_are_written_with_blanks_or_without() -> None:
    """``dns-tunnel`` is the kind ``dns tunnel``."""
    assert parse_kinds(["dns-tunnel", "Brute_Force"], NAMES) == {"dns tunnel", "brute force"}


def test_a_kind_that_there_is_not_is_refused() -> None:
    """The error says which kinds there are; an empty list would look like peace."""
    with pytest.raises(ConfigurationError, match=r"--kind tunnel: choose one of dns tunnel, flood, "):
        parse_kinds(["tunnel"], NAMES)


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("90s", 910.0),
        ("2 h", 1_000.0 - 7_200.0),
        ("1.5min", 910.0),
        ("7D", 1_000.0 - 604_800.0),
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T00:01:00", 60.0),
        ("1970-01-01T01:01:00+01:00", 60.0),
        (None, None),
    ],
)
def test_since(text: str | None, since: float | None) -> None:
    """A time is ISO 8601, UTC where no zone is given, or how long ago."""
    assert parse_since(text, now=1_000.0) == since


def test_flags_that_mean_nothing_are_errors() -> None:
    """A flag's value that means nothing is an error that says what would."""
    with pytest.raises(ConfigurationError, match=r"--since soon: .*2h"):
        parse_since("soon", 0.0)
    with pytest.raises(ConfigurationError, match=r"--severity bad: choose one of low"):
        parse_level("bad")
    with pytest.raises(ConfigurationError, match=r"--host: 'printer' .* such as 10\.0\.0\.7"):
        parse_hosts(["printer"])


def test_the_page_tells_it_all() -> None:
    """The page begins with severity and headline, and has what to check, where the records are, and the id."""
    page = text_page(read_told(ocsf()), latest_of(ocsf()), width=200)
    lines = [" ".join(line.split()) for line in page.splitlines()]
    assert lines[0] == "CRITICAL Port scan of 10.0.10.35 by 10.0.10.17"
    assert [
        line
        for line in (
            "what 276 alerts in 15 s, 99 % unanswered",
            "answered: 10.0.10.35 port 143/tcp",
            "severity critical, risk 91 of 100: benign traffic is this odd once in 139 days; raised by 276 alerts",
            "att&ck T1046 Network Service Discovery, tactic TA0007 Discovery, sure",
            "check is the source a scanner of yours",
            "who was logged in there",
            "when 2025-11-24 16:00:00 to 2025-11-24 16:00:15 UTC",
            "state open, 276 alerts, told 4 times",
            "ports 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, …: 276",
            "first flows flows partition 2 offset 761, uid CIy",
            f"id {ID}",
        )
        if line not in lines
    ] == []


def test_strongest_alerts_that_say_the_same_are_one() -> None:
    """Of a burst one sentence is told and how many are like it; another sentence, and one untold, stay apart."""
    why = [
        "10.0.0.{n} → 10.0.0.9 {n}/tcp: tried about {n} ports in 1{n} s",
        "10.0.0.{n} sent 2.{n} kB",
        "tried {n}",
        "",
    ]
    told = [
        {"alert": f"a{n}", "why": why[at].format(n=n), "ts": START} for n, at in enumerate([0, 0, 1, 0, 3, 2, 3], 1)
    ]
    (strongest,) = (
        section.items
        for section in sections(read_told(ocsf(strongest=told)), latest_of(ocsf()))
        if section.name == "strongest alerts"
    )
    assert [line.partition("UTC")[0].removeprefix("2025-11-24 16:00:00 ") for line in strongest] == [
        "10.0.0.1 → 10.0.0.9 1/tcp: tried about 1 ports in 11 s (a1) – and 2 like it",
        *("10.0.0.3 sent 2.3 kB (a3)", " (a5)", "tried 6 (a6)", " (a7)"),
    ]


def test_the_page_fits_the_terminal() -> None:
    """Lines are as wide as the terminal at most, unless a single word is wider."""
    page = text_page(read_told(ocsf()), latest_of(ocsf()), width=70)
    assert max(map(len, page.splitlines())) <= 70
