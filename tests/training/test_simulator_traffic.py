"""What the simulated traffic is like: seeded, in order, by the rhythm of the week, with attacks in it."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest

from detector.errors import ConfigurationError
from detector.records.flow import BENIGN, LABEL
from training.simulator.attacks import USUAL_ATTACKS
from training.simulator.frames import ATTACK_ID, FRAME_SCHEMA
from training.simulator.rhythm import DAY_S, HOUR_S
from training.simulator.scenario import DEFAULT_START, Scenario, slot_bounds
from training.simulator.stream import encode, keys

HOSTS = 60
SHARE = 0.06
WORKDAY = Scenario(seed=7, hosts=HOSTS, start=DEFAULT_START, attack_share=SHARE)
HOUR = Scenario(seed=3, hosts=40, start=DEFAULT_START + 10 * HOUR_S, duration_s=1200.0, attack_share=0.05)


@pytest.fixture(scope="module")
def day() -> pl.DataFrame:
    """All flows of a Monday."""
    return pl.concat(WORKDAY.frames())


@pytest.fixture(scope="module")
def attacks(day: pl.DataFrame) -> pl.DataFrame:
    """The attacks' flows."""
    return day.filter(pl.col(LABEL) != BENIGN)


def of_kind(attacks: pl.DataFrame, kind: str) -> list[pl.DataFrame]:
    """The flows of each attack of a kind."""
    parts = attacks.filter(pl.col(LABEL) == kind).partition_by(ATTACK_ID, maintain_order=True)
    assert parts
    return parts


def mean(values: pl.Series) -> float:
    """The mean of numbers, or the share of true ones."""
    return float(values.cast(pl.Float64).to_numpy().mean())


def quantile(values: pl.Series, share: float) -> float:
    """A quantile of the values that are known."""
    return float(np.quantile(values.drop_nulls().to_numpy(), share))


def per_hour(flows: pl.DataFrame, hour: int) -> int:
    """How many flows there are within an hour of the day."""
    return int(flows.filter((pl.col("ts") % DAY_S // HOUR_S) == hour).height)


def test_frames_have_the_schema(day: pl.DataFrame) -> None:
    """A frame has the canonical columns, then the label and the attack's id."""
    assert dict(day.schema) == FRAME_SCHEMA


def test_flows_come_in_event_time_order_within_the_time_asked_for(day: pl.DataFrame) -> None:
    """Flows are sorted by their start and begin within the scenario's time."""
    assert day["ts"].is_sorted()
    assert WORKDAY.start <= day["ts"][0]
    assert day["ts"][-1] < WORKDAY.end


def test_ids_are_unique(day: pl.DataFrame) -> None:
    """No two flows share an id."""
    assert day["uid"].n_unique() == len(day)


def test_same_seed_gives_same_bytes() -> None:
    """Two scenarios with the same values give the same records, byte for byte."""
    first, second = (pl.concat(Scenario(seed=5, hosts=30, duration_s=600.0).frames()) for _ in range(2))
    assert encode(first, "zeek-json", labels=True) == encode(second, "zeek-json", labels=True)


def test_other_seed_gives_other_flows() -> None:
    """Another seed gives other ids and other flows."""
    first, second = (pl.concat(Scenario(seed=seed, hosts=30, duration_s=600.0).frames()) for seed in (5, 6))
    assert not set(first["uid"]) & set(second["uid"])
    assert first["ts"].to_list() != second["ts"].to_list()


@pytest.mark.parametrize("rows", [1, 997, 10**9])
def test_size_of_frames_does_not_change_the_flows(rows: int) -> None:
    """Frames of any size give the same flows in the same order."""
    scenario = Scenario(seed=5, hosts=30, duration_s=300.0)
    assert pl.concat(scenario.frames(rows)).equals(pl.concat(scenario.frames()))


def test_frames_have_the_rows_asked_for() -> None:
    """Every frame but the last has just as many rows as asked for."""
    lengths = [len(frame) for frame in HOUR.frames(100)]
    assert set(lengths[:-1]) == {100}
    assert 0 < lengths[-1] <= 100


def test_endless_frames_go_on_after_the_end_without_attacks() -> None:
    """An endless scenario begins as the finite one and goes on with benign flows."""
    scenario = Scenario(seed=5, hosts=30, duration_s=300.0)
    finite = pl.concat(scenario.frames())
    endless = scenario.frames(len(finite) + 500, endless=True)
    more = next(endless)
    beyond = more.filter(pl.col("ts") >= scenario.end)
    assert more[: len(finite)]["uid"].equals(finite["uid"])
    assert set(beyond[LABEL]) == {BENIGN}


def test_people_send_little_at_a_time(day: pl.DataFrame) -> None:
    """Of what desks and guests send to the web some are pages' forms and mails, and hardly any is a megabyte."""
    people = pl.col("src_ip").str.contains(r"^10\.0\.1[01]\.") & (pl.col(LABEL) == BENIGN)
    to_the_web = (pl.col("direction") == "outbound") & (pl.col("dst_port") == 443)
    sent = day.filter(people & to_the_web)["src_bytes"].fill_null(0)
    assert 0.002 < mean(sent > 30_000) < 0.02
    assert 0 < mean(sent > 1_000_000) < 0.003


def test_people_work_by_day(day: pl.DataFrame) -> None:
    """People's traffic is several times busier in the morning than at night; machines go on."""
    people = day.filter((pl.col("direction") == "outbound") & pl.col("service").is_in(["ssl", "quic,ssl", "http"]))
    names = day.filter(pl.col("service") == "ntp")
    assert per_hour(people, 10) > 2.5 * per_hour(people, 3)
    assert per_hour(names, 10) < 2.5 * per_hour(names, 3)


def test_weekends_are_quiet() -> None:
    """A Saturday has far fewer flows than a Monday."""
    monday = Scenario(hosts=HOSTS, attacks=()).expected_flows
    saturday = Scenario(hosts=HOSTS, attacks=(), start=DEFAULT_START + 5 * DAY_S).expected_flows
    assert saturday < 0.75 * monday


def test_expectation_is_close_to_what_comes(day: pl.DataFrame) -> None:
    """The number of benign flows that is planned with is within a few percent of what comes."""
    benign = int((day[LABEL] == BENIGN).sum())
    assert benign == pytest.approx(WORKDAY.expected_flows, rel=0.04)


def test_share_of_attacks_is_as_asked(day: pl.DataFrame) -> None:
    """The share of flows that belong to attacks is close to the one asked for."""
    assert mean(day[LABEL] != BENIGN) == pytest.approx(SHARE, rel=0.08)


def test_sizes_have_long_tails(day: pl.DataFrame) -> None:
    """A few flows carry most bytes, and the largest are thousands of times the median."""
    sizes = day["dst_bytes"].drop_nulls().sort(descending=True).to_numpy()
    assert sizes[: len(sizes) // 100].sum() > 0.5 * sizes.sum()
    assert np.quantile(sizes, 0.9999) > 1000 * np.median(sizes)


def test_places_have_a_long_tail(day: pl.DataFrame) -> None:
    """The Internet's most visited addresses take a large share, and most addresses are seen a few times only."""
    visits = day.filter((pl.col("direction") == "outbound") & (pl.col(LABEL) == BENIGN))["dst_ip"]
    counts = visits.value_counts(sort=True)["count"].to_numpy()
    assert counts[:20].sum() > 0.15 * counts.sum()
    assert (counts <= 3).mean() > 0.5


def test_hosts_live_in_several_subnets(day: pl.DataFrame) -> None:
    """Inside sources come from many subnets, and some speak IPv6."""
    inside = day.filter(pl.col("src_ip").str.starts_with("10."))
    subnets = inside["src_ip"].str.extract(r"^(\d+\.\d+\.\d+)\.").n_unique()
    assert subnets >= 8
    assert day["src_ip"].str.contains(":", literal=True).any()


def test_many_kinds_of_traffic_are_there(day: pl.DataFrame) -> None:
    """DNS, TLS, SSH, SMB, time, mail, directory and IoT protocols are all there, benign, over TCP, UDP and ICMP."""
    benign = day.filter(pl.col(LABEL) == BENIGN)
    wanted = {"dns", "ssl", "ssh", "gssapi,smb", "ntp", "http", "krb_tcp", "rtsp", "sip", "snmp", "postgresql"}
    assert wanted <= set(benign["service"].drop_nulls().unique())
    assert set(day["proto"].unique()) == {"tcp", "udp", "icmp"}
    assert set(day["direction"].unique()) == {"internal", "outbound", "inbound"}


def test_flows_hang_together(day: pl.DataFrame) -> None:
    """Unknown durations go with unknown bytes, refused connections carry nothing, and packets cover bytes."""
    assert (day["duration_s"].is_null() == day["src_bytes"].is_null()).all()
    refused = day.filter((pl.col("proto") == "tcp") & pl.col("state").is_in(["S0", "REJ"]))
    assert (refused["dst_bytes"].fill_null(0) == 0).all()
    assert (day["src_packets"] + day["dst_packets"] >= 1).all()
    assert refused["service"].null_count() == len(refused)
    for side in ("src", "dst"):
        assert (day[f"{side}_bytes"].fill_null(0) <= day[f"{side}_packets"] * 1500).all()
    assert (day["duration_s"].fill_null(0) >= 0).all()
    assert day["src_port"].is_between(0, 65535).all()
    assert day["dst_port"].is_between(0, 65535).all()


def test_every_kind_of_attack_takes_place(attacks: pl.DataFrame) -> None:
    """Each kind that takes place by itself has its label on some flows."""
    assert set(attacks[LABEL].unique()) == set(USUAL_ATTACKS)


def test_list_of_attacks_tells_what_the_flows_show(attacks: pl.DataFrame) -> None:
    """The list gives each attack's kind, number of flows, first and last moment."""
    told = {attack.id: (attack.kind, attack.flows) for attack in WORKDAY.attack_list}
    found = {name: (kind, count) for name, kind, count in attacks.group_by(ATTACK_ID, LABEL).len().iter_rows()}
    assert told == found
    first = attacks.group_by(ATTACK_ID).agg(pl.col("ts").min(), pl.col("ts").max().alias("last"))
    times = {name: (begin, last) for name, begin, last in first.iter_rows()}
    for attack in WORKDAY.attack_list:
        assert times[attack.id] == pytest.approx((attack.start, attack.end), abs=1e-5)


def test_vertical_scans_try_many_ports_of_one_host(attacks: pl.DataFrame) -> None:
    """One source asks for a different port of the same host each time, and hardly any answers."""
    for flows in of_kind(attacks, "vertical-scan"):
        assert flows["src_ip"].n_unique() == flows["dst_ip"].n_unique() == 1
        assert flows["dst_port"].n_unique() == len(flows)
        assert mean(flows["state"].is_in(["S0", "REJ"])) > 0.9


def test_horizontal_scans_try_one_or_two_ports_of_many_hosts(attacks: pl.DataFrame) -> None:
    """One source asks many hosts for the same port or two."""
    for flows in of_kind(attacks, "horizontal-scan"):
        assert flows["src_ip"].n_unique() == 1
        assert flows["dst_port"].n_unique() <= 2
        assert flows["dst_ip"].n_unique() >= len(flows) / 8


def test_brute_force_is_many_short_ssh_connections(attacks: pl.DataFrame) -> None:
    """The same source logs in again and again, each time briefly and with little data."""
    for flows in of_kind(attacks, "ssh-brute-force"):
        assert flows["dst_port"].unique().to_list() == [22]
        assert quantile(flows["src_bytes"], 0.9) < 10_000


def test_dns_tunnels_ask_longer_questions(day: pl.DataFrame, attacks: pl.DataFrame) -> None:
    """A tunnel's questions are longer than usual ones."""
    usual = day.filter((pl.col("service") == "dns") & (pl.col(LABEL) == BENIGN) & (pl.col("dst_port") == 53))
    for flows in of_kind(attacks, "dns-tunnel"):
        assert flows["dst_port"].unique().to_list() == [53]
        assert quantile(flows["src_bytes"], 0.5) > 2 * quantile(usual["src_bytes"], 0.5)


def test_exfiltration_sends_far_more_than_it_gets(attacks: pl.DataFrame) -> None:
    """Data leaves for one place outside."""
    for flows in of_kind(attacks, "exfiltration"):
        assert set(flows["direction"]) == {"outbound"}
        assert flows["dst_ip"].n_unique() == 1
        assert flows["src_bytes"].sum() > 10 * flows["dst_bytes"].sum()


def test_beacons_are_regular(attacks: pl.DataFrame) -> None:
    """One host reports to one place outside with gaps that vary by less than half of their mean."""
    for flows in of_kind(attacks, "beacon"):
        assert flows["src_ip"].n_unique() == flows["dst_ip"].n_unique() == 1
        gaps = np.diff(flows["ts"].to_numpy())
        assert gaps.std() < 0.5 * gaps.mean()


def test_floods_are_half_open_and_fast(attacks: pl.DataFrame) -> None:
    """A flood hits one port of one host with more than ten connections a second, most of them never completed."""
    for flows in of_kind(attacks, "syn-flood"):
        assert flows["dst_ip"].n_unique() == flows["dst_port"].n_unique() == 1
        assert len(flows) / (flows["ts"][-1] - flows["ts"][0]) > 10
        assert mean(flows["state"].is_in(["S0", "S1", "REJ", "RSTOS0", "SH"])) > 0.95


def test_lateral_movement_goes_from_one_host_to_several_inside(attacks: pl.DataFrame) -> None:
    """One inside host reaches several others by the protocols of administration."""
    for flows in of_kind(attacks, "lateral-movement"):
        assert flows["src_ip"].n_unique() == 1
        assert flows["dst_ip"].n_unique() >= 4
        assert flows["dst_port"].is_in([445, 135, 49668, 5985, 3389, 22]).all()


def test_inside_attackers_go_on_with_their_usual_work(day: pl.DataFrame, attacks: pl.DataFrame) -> None:
    """Every inside host that attacks has benign flows in the hours around, so that the attack hides among them."""
    inside = attacks.filter(pl.col("src_ip").str.starts_with("10."))
    assert inside[ATTACK_ID].n_unique() >= 6
    for attack in inside.partition_by(ATTACK_ID):
        around = pl.col("ts").is_between(attack["ts"][0] - HOUR_S, attack["ts"][-1] + HOUR_S)
        own = day.filter(around & (pl.col("src_ip") == attack["src_ip"][0]) & (pl.col(LABEL) == BENIGN))
        assert len(own) > 0


def test_attacks_are_put_in_by_hand() -> None:
    """An injected attack begins when told, has about the flows asked for, and is listed."""
    scenario = Scenario(seed=2, hosts=30, duration_s=900.0, attacks=())
    attack = scenario.inject("vertical-scan", scenario.start + 300, 80)
    flows = pl.concat(scenario.frames()).filter(pl.col(ATTACK_ID) == attack.id)
    assert scenario.attack_list == (attack,)
    assert flows["ts"][0] == scenario.start + 300
    assert len(flows) == attack.flows


def test_none_gives_no_attacks() -> None:
    """Without kinds of attack every flow is benign."""
    flows = pl.concat(Scenario(hosts=30, duration_s=300.0, attacks=()).frames())
    assert set(flows[LABEL]) == {BENIGN}


def test_lasting_chooses_the_time_for_a_number_of_flows() -> None:
    """The time that is chosen for a number of flows gives about that many."""
    scenario = Scenario(seed=4, hosts=50, start=DEFAULT_START + 9 * HOUR_S, attacks=()).lasting(8000)
    assert sum(len(frame) for frame in scenario.frames()) == pytest.approx(8000, rel=0.1)


def test_keys_are_the_sources() -> None:
    """A record's key is its source address."""
    frame = next(HOUR.frames(50))
    assert keys(frame) == [address.encode() for address in frame["src_ip"]]


def test_slots_cover_the_time_without_gaps() -> None:
    """Slots follow one another from the start to the end."""
    slots = list(slot_bounds(100.0, 20_000.0, 11.0))
    assert slots[0][0] == 100.0
    assert slots[-1][1] == 20_000.0
    assert all(before[1] == after[0] for before, after in itertools.pairwise(slots))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"hosts": 3}, "--hosts"),
        ({"attacks": ("beacn",)}, "beacn"),
        ({"attack_share": 0.6}, "attack_share"),
        ({"duration_s": -1.0}, "duration_s"),
        ({"intensity": float("nan")}, "intensity"),
    ],
)
def test_impossible_scenarios_are_refused(wrong: dict[str, object], told: str) -> None:
    """A value that makes no sense is an error that names it."""
    with pytest.raises(ConfigurationError, match=told):
        _ = Scenario(**wrong).attack_list  # type: ignore[arg-type]


def test_a_slow_beacon_calls_for_hours_much_alike() -> None:
    """Where it is asked for, a bot calls one server again and again, minutes to hours apart, and sends the same."""
    scenario = Scenario(hosts=25, attacks=(), attack_share=0.0, intensity=0.0, duration_s=2 * 86_400.0)
    for number in range(6):
        scenario.inject("slow-beacon", scenario.start + 9 * HOUR_S + 600.0 * number, 20)
    calls = [intents for _, intents in scenario.extra]
    for each in calls:
        gaps = np.diff(each.ts)
        assert len(np.unique(each.src)) == len(np.unique(each.dst)) == 1
        assert 0.6 * 300.0 <= gaps.min() <= np.median(gaps) <= 1.4 * 7200.0
        within = np.abs(gaps / np.median(gaps) - 1.0) < 1.4
        assert within.mean() > 0.8
    assert "slow-beacon" not in USUAL_ATTACKS


def test_quiet_logins_are_a_few_sessions_within_an_hour() -> None:
    """Where they are asked for, one workstation opens SSH sessions to different servers, minutes apart."""
    scenario = Scenario(hosts=25, attacks=(), attack_share=0.0, duration_s=86_400.0)
    for number in range(6):
        scenario.inject("quiet-logins", scenario.start + HOUR_S * number, 4)
    for _, intents in scenario.extra:
        assert len(np.unique(intents.src)) == 1
        assert len(np.unique(intents.dst)) == len(intents) == 4
        assert intents.ts[1] - intents.ts[0] >= 300.0
        assert intents.ts[-1] - intents.ts[0] <= HOUR_S
    assert "quiet-logins" not in USUAL_ATTACKS
