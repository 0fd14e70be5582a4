"""What stands out as one incident is left out of training, and shown; what is usual, a habit or most of all is not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from training.cut_incidents import MOST_SHARE, Cut, as_rows, as_text, standing_out
from training.odd_groups import LEAST_FLOWS

HOSTS, EACH, STRETCHES = 120, 75, 5
ATTACKER = "10.9.9.9"
ROWS = HOSTS * EACH


def calm() -> tuple[pl.DataFrame, NDArray[np.float64]]:
    """Five hours of hosts that have their own destination, and how odd their flows are: as if all were usual."""
    rng = np.random.default_rng(5)
    frame = pl.DataFrame(
        {
            "ts": np.sort(rng.uniform(0.0, STRETCHES * 3600.0, ROWS)),
            "src_ip": [f"10.0.0.{n % HOSTS}" for n in range(ROWS)],
            "dst_ip": [f"203.0.113.{n % HOSTS}" for n in range(ROWS)],
            "dst_port": [443] * ROWS,
            "proto": ["tcp"] * ROWS,
        },
        schema_overrides={"dst_port": pl.Int32},
    )
    # Some hours of some hosts are odder than others, as they are in every network.
    hours = (frame["ts"].to_numpy() // 3600.0).astype(int)
    busier = rng.exponential(0.7, (HOSTS, STRETCHES))[np.arange(ROWS) % HOSTS, hours]
    return frame, rng.exponential(1.0, ROWS) * (0.7 + busier)


def with_attack(flows: int, nats: float, *, begins: float = 4_000.0, lasts: float = 600.0) -> Cut:
    """What stands out where one source scans so many hosts besides, each flow so odd."""
    frame, surprise = calm()
    attack = pl.DataFrame(
        {
            "ts": np.linspace(begins, begins + lasts, flows),
            "src_ip": [ATTACKER] * flows,
            "dst_ip": [f"10.1.{n // 250}.{n % 250}" for n in range(flows)],
            "dst_port": [22] * flows,
            "proto": ["tcp"] * flows,
        },
        schema=frame.schema,
    )
    return of(pl.concat([frame, attack]), np.concatenate([surprise, np.full(flows, nats)]))


def of(frame: pl.DataFrame, surprise: NDArray[np.float64]) -> Cut:
    """What stands out, of an hour for each stretch."""
    ordered = frame.with_columns(pl.Series("nats", surprise)).sort("ts", maintain_order=True)
    stretches = (ordered["ts"].to_numpy() // 3600.0).astype(np.intp)
    return standing_out(ordered.drop("nats"), ordered["nats"].to_numpy(), stretches, np.ones(len(ordered), np.bool_))


def test_calm_traffic_is_left_as_it_is() -> None:
    """Though some hosts' hours are odder than others', none is cut."""
    assert of(*calm()).flows == 0


def test_a_burst_of_one_source_is_cut_and_nothing_else() -> None:
    """A scan of two hundred odd flows is cut as one incident, with who, when and how many."""
    cut = with_attack(200, 4.0)
    assert cut.flows == 200
    (row,) = as_rows(cut)
    assert (row["src_ip"], row["dst_ip"], row["dst_port"], row["flows"]) == (ATTACKER, None, 22, 200)
    assert (row["first"], row["last"]) == ("1970-01-01T01:06:40+00:00", "1970-01-01T01:16:40+00:00")
    assert f"{ATTACKER} to 200 hosts, port 22/tcp: 200 flows until 1970-01-01T01:16:40+00:00" in as_text(cut)


@pytest.mark.parametrize(
    ("flows", "nats"), [(LEAST_FLOWS - 1, 6.0), (400, 1.2)], ids=["few flows", "flows that are hardly odd"]
)
def test_what_is_no_dense_incident_stays(flows: int, nats: float) -> None:
    """A source with few odd flows, or with many that are hardly odd, is not cut."""
    assert with_attack(flows, nats).flows == 0


def at_one_server(flows: int, busy_hours: int) -> Cut:
    """What stands out where so many made-up sources send to one server, in each of so many hours."""
    frame, surprise = calm()
    parts = [
        pl.DataFrame(
            {
                "ts": np.linspace(hour * 3_600.0, hour * 3_600.0 + 3_000.0, flows),
                "src_ip": [f"198.51.{hour}.{n}" for n in range(flows)],
                "dst_ip": ["203.0.113.250"] * flows,
                "dst_port": [80] * flows,
                "proto": ["tcp"] * flows,
            },
            schema=frame.schema,
        )
        for hour in range(busy_hours)
    ]
    return of(pl.concat([frame, *parts]), np.concatenate([surprise, np.full(busy_hours * flows, 4.0)]))


def test_a_flood_is_cut_where_a_server_that_is_always_as_busy_is_not() -> None:
    """Many sources at one destination are cut in an hour or two, and are a habit in three of five."""
    assert [at_one_server(200, hours).flows for hours in (1, 2, 3)] == [200, 400, 0]


def test_a_flood_is_told_by_its_port_and_its_time() -> None:
    """With a flood goes what else was odd at its target within the hour, and hides neither its port nor its minute."""
    frame, surprise = calm()
    begins = [3_700.0, *np.linspace(4_000.0, 4_060.0, 400).tolist(), 7_100.0]
    flood = pl.DataFrame(
        {
            "ts": begins,
            "src_ip": [f"198.51.{n // 200}.{n % 200}" for n in range(402)],
            "dst_ip": ["203.0.113.250"] * 402,
            "dst_port": [5060, *[80] * 400, 23],
            "proto": ["udp", *["tcp"] * 401],
        },
        schema=frame.schema,
    )
    cut = of(pl.concat([frame, flood]), np.concatenate([surprise, np.full(402, 4.0)]))
    assert (
        "402 hosts to 203.0.113.250, mostly port 80/tcp, and 2 more: 402 flows, nearly all until 1970-01-01T01:07:3"
        in as_text(cut)
    )
    (row,) = as_rows(cut)
    assert (row["proto"], row["dst_port"], row["main_port"], row["main_proto"], row["first"], row["last"]) == (
        *(None, None, 80, "tcp"),
        "1970-01-01T01:01:40+00:00",
        "1970-01-01T01:58:20+00:00",
    )
    assert as_text(cut).splitlines()[1].startswith("  1970-01-01T01:06:4")


def test_an_incident_of_a_busy_host_is_cut_and_its_habit_stays() -> None:
    """A host that does odd things each hour is cut where one hour is many times as odd, but for its usual targets."""
    frame, surprise = calm()
    habit = pl.DataFrame(
        {
            "ts": np.linspace(0.0, STRETCHES * 3_600.0 - 1.0, 150),
            "src_ip": [ATTACKER] * 150,
            "dst_ip": [f"192.0.2.{n % 3}" for n in range(150)],
            "dst_port": [443] * 150,
            "proto": ["tcp"] * 150,
        },
        schema=frame.schema,
    )
    scan = pl.DataFrame(
        {
            "ts": np.linspace(4_000.0, 4_600.0, 400),
            "src_ip": [ATTACKER] * 400,
            "dst_ip": [f"10.1.{n // 200}.{n % 200}" for n in range(400)],
            "dst_port": [22] * 400,
            "proto": ["tcp"] * 400,
        },
        schema=frame.schema,
    )
    nats = np.concatenate([surprise, np.full(150, 3.0), np.full(400, 5.0)])
    cut = of(pl.concat([frame, habit, scan]), nats)
    assert cut.flows == 400
    assert cut.incidents["dst_port"].to_list() == [22]


def test_a_habit_stays() -> None:
    """A source that is odd in most stretches of the time is not cut for what it does each hour: that comes again."""
    assert with_attack(90, 9.0).flows == 90
    assert with_attack(270, 9.0, begins=0.0, lasts=3 * 3_600.0 - 1.0).flows == 0


def test_most_of_a_network_is_told_and_not_cut() -> None:
    """Where what stands out is more than the share that may be cut, it is told, and nothing is cut."""
    cut = with_attack(round(2 * MOST_SHARE * ROWS), 4.0)
    assert cut.too_much
    assert cut.flows == 0
    assert "20% of the flows stand out as 1 incident, so that they were trained on" in as_text(cut)


def test_what_people_called_harmless_stays() -> None:
    """Flows that may not be cut are not, though they would stand out."""
    frame, surprise = calm()
    of_one = np.arange(ROWS) < 200
    frame = frame.with_columns(pl.when(~pl.Series(of_one)).then("src_ip").otherwise(pl.lit(ATTACKER)).alias("src_ip"))
    surprise[of_one] = 9.0
    stretches = (frame["ts"].to_numpy() // 3600.0).astype(np.intp)
    assert standing_out(frame, surprise, stretches, np.ones(ROWS, np.bool_)).rows[of_one].all()
    assert standing_out(frame, surprise, stretches, ~of_one).flows == 0


def lasting(
    sources: int, schema: pl.Schema, until: float = STRETCHES * 3_600.0, network: str = "10.1.0"
) -> pl.DataFrame:
    """Flows of so many sources, 40 each, from beginning to end."""
    flows = 40 * sources
    return pl.DataFrame(
        {
            "ts": np.linspace(0.0, until - 1.0, flows),
            "src_ip": [f"198.51.100.{n % sources}" for n in range(flows)],
            "dst_ip": [f"{network}.{n % 7}" for n in range(flows)],
            "dst_port": [80] * flows,
            "proto": ["tcp"] * flows,
        },
        schema=schema,
    )


def with_lasting(sources: int, nats: float, *, until: float = STRETCHES * 3_600.0, network: str = "10.1.0") -> Cut:
    """What stands out where so many sources besides are odd from beginning to end."""
    frame, surprise = calm()
    attack = lasting(sources, frame.schema, until, network)
    return of(pl.concat([frame, attack]), np.concatenate([surprise, np.full(len(attack), nats)]))


def test_an_attack_that_lasts_is_cut_where_it_is_no_rare_habit() -> None:
    """Sources all of whose flows are plainly odd to the end are cut where they are many flows, else kept."""
    assert with_lasting(6, 3.5).flows == 240
    assert with_lasting(2, 3.5).flows == 0


@pytest.mark.parametrize(
    ("nats", "until"), [(2.5, STRETCHES * 3_600.0), (3.5, 4 * 3_600.0)], ids=["hardly odd", "for a while"]
)
def test_what_is_hardly_odd_or_soon_over_does_not_last(nats: float, until: float) -> None:
    """Flows as odd as one in twelve stay, and so do those of four stretches of five."""
    assert with_lasting(6, nats, until=until).flows == 0


def test_what_is_sent_to_many_at_once_stays() -> None:
    """Names asked for by multicast are odd all along in a short time, and are not cut."""
    assert with_lasting(6, 3.5, network="224.0.0").flows == 0


@pytest.mark.parametrize(("network", "cut"), [("10.1.0", 243), ("10.2.0", 240)], ids=["the same", "others"])
def test_who_goes_where_attackers_that_last_do_is_cut_with_them(network: str, cut: int) -> None:
    """A source of three odd flows is cut where these are to hosts that others attack to the end, else kept."""
    frame, surprise = calm()
    few = pl.DataFrame(
        {
            "ts": [100.0, 5_000.0, 9_000.0],
            "src_ip": ["198.51.100.77"] * 3,
            "dst_ip": [f"{network}.{n}" for n in range(3)],
            "dst_port": [80] * 3,
            "proto": ["tcp"] * 3,
        },
        schema=frame.schema,
    )
    many = lasting(6, frame.schema)
    assert of(pl.concat([frame, many, few]), np.concatenate([surprise, np.full(243, 3.5)])).flows == cut
