"""Words: what an alert says, by the rules for sentences, for the families of features and for any vector whatever."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.alerts.explanation import readable
from detector.alerts.quantities import said
from detector.alerts.rarity import Rarity, told_rarity
from detector.alerts.readings import Readings
from detector.alerts.wording import MOST_CHARACTERS, Raising, Told, Weighed, tell
from detector.decisions.severity import Severity
from detector.decisions.views import BREADTH, EVIDENCE, SURPRISE, VIEWS, View
from detector.features.meanings import Topic, Unit
from detector.features.windows import WindowState, default_windows
from detector.models.baseline_ranges import BaselineRanges
from detector.models.training_sample import TrainingSample
from tests.alerts.rules import broken_rules
from tests.alerts.saying import CALLER, HIGHEST, LOWEST, ROW, SPEC, TRAINED, encoders, readings, say
from tests.features.flows import ONE, flows, frames

ROOT = Path(__file__).parents[2]

SCANNER = {"src_ip": "10.0.10.17", "dst_ip": "10.0.10.35", "dst_port": 27353, "service": None, "state": "S0"}

SCAN = {
    "pair_ports_1m": math.log1p(142),
    "pair_flows_1m": math.log1p(151),
    "pair_unanswered_1m": 0.91,
    "source_port_first": 1.0,
}


def test_a_port_scan_is_told_as_one() -> None:
    """Of a scan's flow: who tried how many ports of whom, unanswered, what is usual, the first time, and how rare."""
    told = say(SCAN, SCANNER)
    assert told.message == (
        "10.0.10.17 → 10.0.10.35 27353/tcp: 10.0.10.17 tried about 140 ports of 10.0.10.35 in 90 s, 91 % of the flows"
        " unanswered (between any two hosts usually at most 4 ports); first time 10.0.10.17 uses port 27353;"
        " odder than all but 1 in 227,459 usual flows."
    )
    assert told.facts[0] == {
        "what": "ports tried by one at the other",
        "value": 140,
        "unit": "ports",
        "usual_most": 4,
        "window_s": 90.0,
    }


CALLS = {
    "pair_gap_10m": math.log(18.0),
    "pair_gap_spread_10m": math.log1p(0.27),
    "pair_total": math.log1p(50),
    "destination_total": math.log1p(50),
    "pair_age": math.log1p(960.0),
    "pair_out_10m": math.log1p(2_000),
    "dst_port_surprise": math.log10(TRAINED + 2),
}


def test_a_beacon_is_told_as_one() -> None:
    """Of a trojan's poll raised by evidence: how it calls, how often since when, that no other does, and the port."""
    told = say(
        CALLS,
        CALLER,
        contributions={"dst_port_surprise": 2.0},
        view=Raising(EVIDENCE, 3.0),
        rarity=Rarity(per_day=1 / 30),
    )
    assert told.message == (
        "10.0.10.11 → 177.203.50.27 6667/tcp (ssl): calls every 18 s ± 27 %, 50 times in 16 min, each a little odd,"
        " about 2 kB sent each, no other host goes there; port 6667 never among 230,911 flows of training;"
        " benign traffic keeps on being odd like this about once in 30 days."
    )


@pytest.mark.parametrize(
    ("sent", "told"), [(0, False), (None, False), (600, False), (700, True), (5_900, True), (6_100, False)]
)
def test_what_each_flow_sent_is_told_where_this_one_sent_about_as_much(sent: int | None, told: bool) -> None:
    """Windows know the mean of logarithms: where flows that sent nothing are among them, none sent what it says."""
    message = say(CALLS, CALLER | {"src_bytes": sent}, contributions={}, view=Raising(EVIDENCE, 3.0)).message
    assert ("about 2 kB sent each" in message) == told


def test_a_burst_has_no_rhythm() -> None:
    """However regular, flows a hundred times a second are told by how many came in which time."""
    burst = {"pair_gap_10m": math.log(0.012), "pair_total": math.log1p(9_226), "pair_age": math.log1p(19.0)}
    told = say(CALLS | burst, CALLER, contributions={}, view=Raising(EVIDENCE, 3.0), rarity=Rarity(per_day=0.01))
    assert ": 9,226 flows in 19 s, each a little odd, " in told.message


def test_evidence_without_a_rhythm_counts_flows() -> None:
    """Flows that come without a rhythm are told by how many there are, and by nothing that is not known."""
    row = {"pair_flows_10m": math.log1p(35), "pair_out_10m": math.log1p(2_000), "pair_gap_spread_10m": 2.0}
    told = say(row, contributions={"src_bytes_log": 1.0}, view=Raising(EVIDENCE, 9.0), rarity=Rarity(per_day=0.01))
    assert ": about 35 flows in 15 min, each odd, about 2 kB sent each; no single value is unusual; " in told.message
    assert "no other host" not in told.message


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            {"source_new_10m": math.log1p(14)},
            ": one of about 14 flows in 15 min to hosts or ports that 192.168.1.5 never used before; ",
        ),
        (
            {"destination_new_10m": math.log1p(40)},
            ": one of about 40 flows in 15 min that came to 93.184.216.34 from new hosts or to new ports; ",
        ),
        ({}, ": one of several odd flows that 192.168.1.5 began to new targets; "),
    ],
)
def test_breadth_says_of_how_many_it_is_one(row: dict[str, float], words: str) -> None:
    """Of what breadth raised: of how many new things it is the latest, as far as the windows know."""
    told = say(row, contributions={}, view=Raising(BREADTH, 3.0), rarity=Rarity(per_day=0.5))
    assert words in told.message
    assert told.message.endswith("; benign hosts make this many odd new contacts about once in 2 days.")


FAMILIES = [
    (SCAN, SCANNER, "tried about 140 ports of 10.0.10.35 in 90 s, 91 % of the flows unanswered (between any two hosts"),
    (
        {"source_peers_1m": math.log1p(66), "source_ports_1m": math.log1p(3)},
        {},
        "192.168.1.5 reached about 66 hosts on about 3 ports in 90 s (a host here usually at most 12 hosts)",
    ),
    (
        {"source_peers_1m": math.log1p(265)},
        {},
        "192.168.1.5 reached at least 260 hosts in 90 s (a host here usually at most 12 hosts)",
    ),
    (
        {"destination_flows_1m": math.log1p(5_400), "destination_peers_1m": math.log1p(9)},
        {},
        "about 5,400 flows from about 9 sources reached 93.184.216.34 in 90 s (usually at most 60 flows)",
    ),
    (
        {"source_flows_1m": math.log1p(99)},
        {},
        "192.168.1.5 opened about 99 flows in 90 s (a host here usually at most 55 flows)",
    ),
    (
        {"source_new_1m": math.log1p(30)},
        {},
        "about 30 flows of 192.168.1.5 in 90 s went to hosts or ports that it never used before (a host here usually",
    ),
    (
        {"source_unanswered_10m": 0.93, "source_flows_10m": math.log1p(15)},
        {},
        "of about 15 flows of 192.168.1.5 in 15 min, 93 % got no answer (usually at most 40 %)",
    ),
    (
        {"pair_gap_spread_10m": math.log1p(0.05), "pair_gap_10m": math.log(69), "pair_total": math.log1p(9)},
        {},
        "192.168.1.5 calls 93.184.216.34 every 69 s ± 5 % (pauses usually vary by at least 40 %)",
    ),
    ({"pair_first": 1.0}, {}, "first contact of the two"),
    ({"source_port_first": 1.0}, {"dst_port": 22}, "first time 192.168.1.5 uses port 22"),
    (
        {"pair_total": math.log1p(545), "pair_age": math.log1p(3 * 86_400.0)},
        {},
        "the two have known each other for 3 days, 545 flows",
    ),
    (
        {"src_bytes_log": math.log1p(747e6)},
        {"src_bytes": 747_213_043, "dst_bytes": 3_100_000, "duration_s": 240.0},
        "it sent 747 MB in 4 min, 3.1 MB came back (99 of 100 flows at most 42 kB)",
    ),
    (
        {"bytes_per_second_log": math.log1p(8.6e6)},
        {},
        "it ran at 8.6 MB/s (usually at most 120 kB/s)",
    ),
    ({"src_bytes_per_packet_log": math.log1p(155)}, {}, "its packets carry 155 bytes each (usually at most 60 bytes)"),
    ({"duration_log": math.log1p(4_080_000)}, {"duration_s": 4_080.0}, "it lasted 68 min (usually at most 13 min)"),
    ({"bytes_balance": 0.98}, {}, "99 % of its bytes went out (usually at most 60 %)"),
    (
        {"dst_port_surprise": math.log10(TRAINED + 2)},
        {"dst_port": 6667},
        "port 6667 never among 230,911 flows of training",
    ),
    (
        {"state_surprise": math.log10(2_960)},
        {"state": "RSTOS0"},
        "state RSTOS0 in 1 of 2,960 flows of training (usual ones in 1 of 316 or more)",
    ),
    ({"sttl": math.log1p(254)}, {}, "sttl is 254 (usually at most 64)"),
    ({}, {}, "no single value is unusual"),
]


@pytest.mark.parametrize(("row", "flow", "words"), FAMILIES)
def test_each_family_in_its_words(row: dict[str, float], flow: dict[str, Any], words: str) -> None:
    """Each family of features is told in its own words, in units, with what is usual beside."""
    assert words in say(row, flow).message


def test_a_steady_stream_is_told_as_it_is() -> None:
    """Of a flow every second, a fading count tells about as many as came in the time that it is told for."""
    steady = pl.concat([flows({"ts": 1.7e9 + second}) for second in range(600)])
    names = ("source_flows_1m", "pair_flows_10s")
    state = WindowState(default_windows(half_lives_s=(10.0, 60.0), columns=names))
    last = dict(zip(names, state.update(steady)[-1].tolist(), strict=True))
    for name, seconds in (("source_flows_1m", 90), ("pair_flows_10s", 15)):
        place = readings().at[name]
        assert readings().columns[place].window_s == seconds
        assert math.expm1(last[name]) == pytest.approx(seconds, rel=0.05)


def test_the_past_of_a_key_counts_for_nothing_yet() -> None:
    """Shares and rhythms of fewer than five flows are not told, nor is a range of all that there can be."""
    few = {"source_unanswered_10m": 1.0, "source_flows_10m": math.log1p(4), "pair_gap_spread_10m": 0.0}
    assert "no single value is unusual" in say(few).message
    assert "no single value is unusual" in say({"pair_unanswered_1m": 1.0, "pair_flows_1m": math.log1p(99)}).message


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("source_since", math.log1p(43 * 3600), "192.168.1.5 had been silent for 43 h"),
        ("destination_since", math.log1p(43 * 3600), "nothing had reached 93.184.216.34 for 43 h"),
        ("pair_gap_change", math.log(300), "the pause between their flows changed 300-fold"),
    ],
)
def test_a_silence_that_began_before_training_ended_is_not_told(name: str, value: float, words: str) -> None:
    """A daemon may begin long after training ended, and nobody knows what there was between."""
    high = np.array([50.0 if each != name else 0.1 for each in SPEC.names], np.float32)
    learnt = Readings.of(SPEC, BaselineRanges(np.full(len(high), -50.0, "f4"), high), encoders())
    key = name.partition("_")[0]
    silent = {f"{key}_since": math.log1p(43 * 3600), f"{key}_total": math.log1p(9), name: value}
    for ended, told in ((-math.inf, True), (ONE["ts"] - 44 * 3600, True), (ONE["ts"] - 42 * 3600, False)):
        assert (words in say(silent, read=replace(learnt, ended=ended)).message) is told


def test_values_inside_their_range_are_no_reason() -> None:
    """Whatever contributes, a value that is usual is told only as odd together with another."""
    usual = {"src_bytes_log": math.log1p(41_999), "src_bytes_per_packet_log": math.log1p(59)}
    told = say(usual, {"src_bytes": 41_999}, contributions={"src_bytes_log": 9.0, "src_bytes_per_packet_log": 8.0})
    assert "no single value is unusual; 42 kB sent together with 59 bytes a packet sent; " in told.message
    assert all("usual_most" not in fact for fact in told.facts)


@pytest.mark.parametrize(
    ("surprise", "whole", "held"),
    [
        (3.0, None, False),
        (3.0, 5.2, False),
        (3.0, 5.4, True),
        (7.0, 12.0, False),
    ],
)
def test_what_a_known_target_takes_off_is_told(surprise: float, whole: float | None, held: bool) -> None:
    """A flow that would be ten times as rare, did the two not know each other, says that only itself counts; it does
    not where the flow is held back as a probe, at seven nats."""
    raising = Raising(EVIDENCE, surprise, whole)
    told = say(SCAN, SCANNER, view=raising, rarity=Rarity(per_day=0.1))
    assert (
        "; the source has long used this port there: only what the flow itself shows counts;" in told.message
    ) is held


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, "42 kB sent together with a duration of 50 s: both as far out in none of 4,000 flows of training; "),
        (0.001, "42 kB sent together with a duration of 50 s: both as far out in 4 of 4,000 flows of training; "),
        (
            0.2,
            "value is unusual, nor are two of them together; 42 kB sent and a duration of 50 s weigh most; ",
        ),
    ],
)
def test_what_is_odd_only_together_says_how_seldom(share: float, words: str) -> None:
    """Of two values that are usual by themselves it is told in how many training flows both were; often, that they are
    no reason either."""
    rng = np.random.default_rng(3)
    trained = np.zeros((4_000, len(SPEC.names)), np.float32)
    sent, lasted = (SPEC.names.index(name) for name in ("src_bytes_log", "duration_log"))
    both = np.arange(4_000) < 4_000 * share
    trained[:, sent] = np.where(both | (rng.random(4_000) < 0.05), math.log1p(42_000), 1.0)
    trained[:, lasted] = np.where(both | ((rng.random(4_000) < 0.05) & (trained[:, sent] == 1.0)), 11.0, 1.0)
    row = {"src_bytes_log": math.log1p(42_000), "duration_log": math.log1p(50_000)}
    told = say(
        row,
        {"src_bytes": 42_000, "duration_s": 50.0},
        contributions={"src_bytes_log": 2.0, "duration_log": 1.0},
        read=replace(readings(), sample=TrainingSample.fit(trained)),
    )
    assert words in told.message


def test_a_bound_that_reads_alike_is_none() -> None:
    """A value that is told as the same number as its bound, or hardly more, is not called unusual."""
    for sent in (42_040, 43_000):
        assert "42 kB)" not in say({"src_bytes_log": math.log1p(sent)}, {"src_bytes": sent}).message


def test_yes_and_no_are_never_told_alone() -> None:
    """A class that is unusual is told beside something else, or together with what weighs most."""
    spec_low = np.array([LOWEST.get(name, -50.0) for name in SPEC.names], np.float32)
    spec_high = np.array([{"dst_multicast": 0.0}.get(name, HIGHEST.get(name, 50.0)) for name in SPEC.names], np.float32)
    read = Readings.of(SPEC, BaselineRanges(spec_low, spec_high), encoders())

    def told(changes: dict[str, float]) -> str:
        values = np.array([list((ROW | changes).values())], np.float32)
        weights = np.array([[float(name in changes) for name in SPEC.names]])
        record = {name: value for name, value in ONE.items() if value is not None} | {"src_bytes": 10**6}
        weighed = Weighed.of(read, values, weights)
        return tell(read, weighed, 0, readable(values[0]), record, Raising(), Rarity(share=0.01)).message

    both = told({"dst_multicast": 1.0, "src_bytes_log": math.log1p(10**6)})
    assert (
        "it sent 1 MB in 2 s, 3 kB came back (99 of 100 flows at most 42 kB); a multicast address as its target" in both
    )
    together = told({"dst_multicast": 1.0, "is_udp": 1.0, "dst_bytes_log": math.log1p(3_000)})
    assert "no single number is unusual; a multicast address as its target together with 3 kB received" in together


def test_the_guide_explains_the_words_that_alerts_have() -> None:
    """What the guide says that alerts say they do say, and each way to have no reason is in it."""
    guide = (ROOT / "docs" / "guides" / "read-an-alert.md").read_text(encoding="utf-8")
    asked = ("no single value is unusual", "no single number is unusual", "nor are two of them together", "weigh most")
    said_so = ("each a little odd", "each odd", "no other host goes there", "99 of 100 flows", "had been silent for")
    assert [words for words in (*asked, *said_so) if words not in guide] == []
    assert [words for words in said_so[2:] if words not in _sources()] == []
    usual = {"src_bytes_log": math.log1p(41_999), "src_bytes_per_packet_log": math.log1p(59)}
    assert asked[0] in say(usual, {"src_bytes": 41_999}).message


def _sources() -> str:
    """The modules whose words alerts are made of."""
    folders = (ROOT / "detector" / "alerts", ROOT / "detector" / "features")
    return "".join(path.read_text(encoding="utf-8") for folder in folders for path in sorted(folder.glob("*.py")))


def test_three_families_are_told_the_most_telling_ones() -> None:
    """Of four families beyond their ranges the three that contribute most are told, one statement each."""
    row = {
        "src_bytes_log": math.log1p(10**6),
        "duration_log": math.log1p(4_080_000),
        "bytes_balance": 0.98,
        "sttl": math.log1p(254),
    }
    flow = {"src_bytes": 10**6, "duration_s": 4_080.0}
    weights = {"src_bytes_log": 3.0, "duration_log": 2.0, "bytes_balance": 1.0, "sttl": 4.0}
    message = say(row, flow, contributions=weights).message
    assert [word in message for word in ("sttl is", "it sent", "it lasted", "of its bytes")] == [True] * 3 + [False]
    assert message.index("sttl is") < message.index("it sent") < message.index("it lasted")


def test_two_half_lives_are_one_statement() -> None:
    """A family beyond its range at several half-lives is told once; a scan's flows are not told beside its ports."""
    message = say(SCAN | {"pair_ports_10m": math.log1p(190), "source_new_1m": math.log1p(140)}, SCANNER).message
    assert message.count("about") == 1


def test_what_lowered_the_score_is_told() -> None:
    """A family that lowers the score by a quarter of what raises it, and is usual, is told as usual."""
    row = {"src_bytes_log": math.log1p(10**6)}
    weights = {"src_bytes_log": 4.0, "duration_log": -1.5, "bytes_balance": -0.5}
    told = say(row, {"src_bytes": 10**6}, contributions=weights)
    assert f"; as usual: {Topic.DURATION.value}; odder than" in told.message


def test_a_value_that_the_record_lacks_is_not_told() -> None:
    """What the record does not hold is told as no number, whatever the feature is taken for."""
    row = {"src_bytes_log": math.log1p(10**6), "duration_log": math.log1p(10**9), "bytes_per_second_log": 20.0}
    told = say(row, {"src_bytes": None, "duration_s": None})
    assert "no single value is unusual" in told.message


@pytest.mark.parametrize(
    ("view", "rarity", "words"),
    [
        (SURPRISE, Rarity(per_day=0.1), "benign traffic is this odd about once in 10 days"),
        (SURPRISE, Rarity(per_day=8.0), "benign traffic is this odd about once in 3 h"),
        (
            EVIDENCE,
            Rarity(per_day=0.0014, least=True),
            "benign traffic keeps on being odd like this at most once in 714 days",
        ),
        (BREADTH, Rarity(per_day=1.0), "benign hosts make this many odd new contacts about once in 24 h"),
        (SURPRISE, Rarity(share=0.04), "odder than all but 1 in 25 usual flows"),
        (SURPRISE, Rarity(share=0.35), "odder than all but 1 in 2.9 usual flows"),
        (SURPRISE, Rarity(share=1.23e-6, counted=False), "odder than all but about 1 in 810,000 usual flows"),
    ],
)
def test_rarity_is_told_by_the_way_that_raised_it(view: View, rarity: Rarity, words: str) -> None:
    """The rarity told is that by which the alert was graded, in the words of the way that raised it."""
    clause = told_rarity(rarity, view)
    assert clause.text == words
    assert said(clause.facts[0].value, Unit.SECONDS if rarity.per_day else Unit.FLOWS).split()[0] in words


@pytest.mark.parametrize("kept", ["service", "state"])
def test_a_record_s_text_is_told_harmlessly(kept: str) -> None:
    """Controls, terminal escapes and text without end come out spelled and cut."""
    row = {"service_surprise": 5.0, "state_surprise": 5.0}
    told = say(row, {kept: "\x1b[31m\u202e" + "x" * 500})
    assert "\\x1b[31m\\u202e" in told.message
    assert len(told.message) < 600


RANGES = st.sampled_from(["usual", "wide", "wild"])

STRANGE = st.floats(width=32, allow_nan=True, allow_infinity=True)

RARITIES = st.one_of(
    st.builds(Rarity, st.floats(0, 1e6), st.booleans(), st.none(), st.just(value=True)),
    st.builds(Rarity, st.none(), st.just(value=False), st.floats(0, 1), st.booleans()),
)


@given(
    frame=frames(max_size=1),
    seed=st.integers(0, 2**32 - 1),
    ranges=RANGES,
    strange=st.lists(st.tuples(st.integers(0, len(SPEC.names) - 1), STRANGE), max_size=20),
    view=st.builds(Raising, st.sampled_from(VIEWS), st.none() | st.floats(0, 1e3), st.none() | st.floats(0, 1e3)),
    rarity=RARITIES,
)
@settings(max_examples=150, deadline=None)
def test_no_vector_breaks_a_rule(  # noqa: PLR0917 - all that a sentence is made of
    frame: Any, seed: int, ranges: str, strange: Any, view: Raising, rarity: Rarity
) -> None:
    """Whatever vector, usual range, contributions, flow and way: the sentence keeps every rule, and nothing raises."""
    rng = np.random.default_rng(seed)
    count = len(SPEC.names)
    scale = {"usual": 3.0, "wide": 30.0, "wild": 1e6}[ranges]
    ends = np.sort(rng.normal(2.0, 3.0, (2, count)), axis=0).astype(np.float32)
    spread = rng.choice([0.0, 1.0], count, p=[0.2, 0.8]) * rng.normal(2.0, scale, count)
    values = np.where(rng.random(count) < 0.3, np.round(np.clip(spread, 0, 1)), spread).astype(np.float32)[None]
    for place, value in strange:
        values[0, place] = value
    weights = rng.normal(0.0, 1.0, (1, count))
    weights[0, rng.random(count) < 0.5] = 0.0
    sample = None if rng.random() < 0.5 else TrainingSample.fit(rng.normal(0.0, scale, (90, count)).astype(np.float32))
    read = Readings.of(SPEC, BaselineRanges(*ends), encoders(), sample)
    read = read if rng.random() < 0.7 else readings()
    record = {name: value for name, value in frame.row(0, named=True).items() if _is_told(value)}
    told = tell(read, Weighed.of(read, values, weights), 0, values[0].tolist(), record, view, rarity)
    assert list(broken_rules(told, record)) == []


def _is_told(value: object) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


BROKEN = [
    ("x → y 1/tcp: it sent 5 kB; odder than all but 1 in 10 usual flows.", [], "comes first"),
    ("192.168.1.5 → 93.184.216.34 443/tcp: odd.", [], "comes last"),
    (
        "192.168.1.5 → 93.184.216.34 443/tcp: it sent 5 kB; odder than all but 1 in 10 usual flows.",
        [{"what": "flows", "value": 10, "unit": "flows"}],
        "each number is a fact: 5",
    ),
    (
        "192.168.1.5 → 93.184.216.34 443/tcp: it sent 5 kB (at most 6 kB); odder than all but 1 in 10 usual flows.",
        [
            {"what": "bytes", "value": 5_000, "unit": "bytes", "usual_most": 6_000},
            {"what": "flows", "value": 10, "unit": "flows"},
        ],
        "inside its usual range",
    ),
    (
        "192.168.1.5 → 93.184.216.34 443/tcp: it sent 7 kB; odder than all but 1 in 10 usual flows.",
        [
            {"what": "bytes", "value": 7_000, "unit": "bytes", "usual_most": 6_000},
            {"what": "flows", "value": 10, "unit": "flows"},
        ],
        "what is usual stands beside",
    ),
    (
        "192.168.1.5 → 93.184.216.34 443/tcp: 7 ports in 90 s; odder than all but 1 in 10 usual flows.",
        [
            {"what": "ports", "value": 7, "unit": "ports", "window_s": 90.0},
            {"what": "flows", "value": 10, "unit": "flows"},
        ],
        "damped counts",
    ),
    (
        "192.168.1.5 → 93.184.216.34 443/tcp: nan; odder than all but 1 in 10 usual flows.",
        [{"what": "x", "value": math.nan, "unit": "lux"}, {"what": "flows", "value": 10, "unit": "flows"}],
        "every number is one",
    ),
    ("192.168.1.5 → 93.184.216.34 443/tcp: \x1b; odder than all but 1 in 1 usual flows.", [], "printable"),
    (f"192.168.1.5 → 93.184.216.34 443/tcp: {'x' * MOST_CHARACTERS}.", [], "not long"),
]


@pytest.mark.parametrize(("message", "facts", "rule"), BROKEN)
def test_a_broken_rule_is_found(message: str, facts: list[dict[str, Any]], rule: str) -> None:
    """The checks find a sentence that breaks a rule."""
    found = list(broken_rules(Told(message, facts), ONE))
    assert any(rule in each for each in found), found


def test_severities_have_words() -> None:
    """No message says how severe it is: that is a field, and by the same rarity."""
    message = say(SCAN, SCANNER).message.lower()
    assert not any(severity.word in message.split() for severity in Severity)
