"""Events: exact samples in the metrics, and few lines in the log."""

from __future__ import annotations

import io
import json
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from detector.daemon_events import DaemonStarted, DaemonStopped, DaemonStopping
from detector.every_metric import open_metrics
from detector.incidents.events import BudgetSet, IncidentsTold
from detector.pipeline.events import AlertsRaised, BatchDecoded, InFlight, RecordsRead
from detector.records.events import MAX_KINDS, OTHER, RecordsPassedOver, RecordsRejected
from detector.registry.events import ModelRefused, ModelWatchFailed, ModelWatchWorks
from detector.scoring.events import BatchDecided, BatchFeatured, BatchScored, ModelSwapped, ViewsForgot
from detector.telemetry.collectors import BulkHistogram
from detector.telemetry.events import Telemetry
from detector.telemetry.logs import SAMPLE_LINES, Once, Sampling, open_log
from detector.telemetry.metrics import Stage
from detector.transport.events import (
    BrokerLost,
    BrokerReached,
    BrokerRestored,
    CommitFailed,
    FetchFailed,
    LagSeen,
    OffsetsCommitted,
    OutputAcknowledged,
    OutputFailed,
    PartitionsAssigned,
    PartitionsLost,
    PartitionsRevoked,
)


class Told:
    """Telemetry with fresh state, and what came of it."""

    def __init__(self, level: Any = "info") -> None:
        self._stream = io.StringIO()
        self.registry = CollectorRegistry()
        self.tell = Telemetry(open_metrics(self.registry), open_log(self._stream, level)).tell

    def sample(self, name: str, /, **labels: str) -> float | None:
        """One sample's value, by full name without the prefix."""
        return self.registry.get_sample_value(f"oddflow_{name}", labels)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The log, a line each."""
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]


def test_stages_count_in_out_and_failed() -> None:
    """A batch shows at each stage as records in, out and failed, with the time of the last success."""
    told = Told()
    told.tell(RecordsRead(count=5, bytes=900))
    told.tell(BatchDecoded(records=5, seconds=0.002, flows=3))
    told.tell(RecordsRejected({"not_json": 2}, sample="row 1: not JSON"))
    told.tell(BatchFeatured(rows=3, seconds=0.001))
    assert told.sample("stage_records_out_total", stage="poll") == 5.0
    assert told.sample("read_bytes_total") == 900.0
    assert told.sample("stage_records_in_total", stage="decode") == 5.0
    assert told.sample("stage_records_out_total", stage="decode") == 3.0
    assert told.sample("stage_records_failed_total", stage="decode") == 2.0
    assert told.sample("records_rejected_total", reason="not_json") == 2.0
    assert told.sample("stage_records_in_total", stage="features") == 3.0
    assert told.sample("stage_batch_duration_seconds_count", stage="decode") == 1.0
    assert (told.sample("stage_last_success_timestamp_seconds", stage="decode") or 0) > 1.6e9
    assert told.sample("stage_records_out_total", stage="score") == 0.0


def test_scores_are_counted_exactly() -> None:
    """Each score falls into the first bucket whose bound is not below it, as in a histogram fed one by one."""
    told = Told()
    told.tell(BatchScored(4, 0.001, np.array([0.5, 0.51, 2.0, 5_000.0]), "v1"))
    assert told.sample("score_bucket", le="0.5") == 1.0
    assert told.sample("score_bucket", le="0.52") == 2.0
    assert told.sample("score_bucket", le="1000.0") == 3.0
    assert told.sample("score_bucket", le="+Inf") == told.sample("score_count") == 4.0
    assert told.sample("score_sum") == pytest.approx(5_003.01)


@given(st.lists(st.floats(0, 1e6), max_size=50), st.lists(st.floats(0, 1e6), max_size=50))
def test_bulk_equals_one_by_one(first: list[float], second: list[float]) -> None:
    """Arrays observed in bulk give the buckets, count and sum that counting by hand gives."""
    bounds = (0.0, 1.0, 10.0, 1e5)
    registry = CollectorRegistry()
    histogram = BulkHistogram("x", "X.", bounds, registry)
    histogram.observe(first)
    histogram.observe(np.array(second))
    for bound in bounds:
        assert registry.get_sample_value("x_bucket", {"le": repr(bound)}) == sum(v <= bound for v in first + second)
    assert registry.get_sample_value("x_count") == len(first + second)
    assert registry.get_sample_value("x_sum") == pytest.approx(sum(first + second))


def test_alert_delay_is_never_negative() -> None:
    """A broker's clock ahead of ours counts as no delay."""
    told = Told()
    told.tell(AlertsRaised({"high": 2, "low": 1}, [0.2, -3.0, 0.0]))
    assert told.sample("alerts_total", severity="high") == 2.0
    assert told.sample("event_to_alert_seconds_sum") == pytest.approx(0.2)
    assert told.sample("event_to_alert_seconds_bucket", le="0.005") == 2.0


def test_running_normally_logs_nothing() -> None:
    """What happens for every batch leaves no line in the log."""
    told = Told()
    for _ in range(100):
        told.tell(RecordsRead(5, 900))
        told.tell(BatchDecoded(5, 0.001))
        told.tell(RecordsPassedOver({"header": 1}))
        told.tell(BatchScored(5, 0.001, np.full(5, 0.5), "v1"))
        told.tell(OutputAcknowledged("alerts", 1, 0.001))
        told.tell(OffsetsCommitted({0: 5}))
        told.tell(LagSeen({0: 1}))
        told.tell(InFlight(0))
    assert told.lines == []


def test_hot_errors_are_sampled_and_counted() -> None:
    """A thousand rejects are a thousand in the metric and a few lines in the log."""
    told = Told()
    for row in range(1_000):
        told.tell(RecordsRejected({"empty": 1}, sample=f"row {row}"))
    assert told.sample("records_rejected_total", reason="empty") == 1_000.0
    assert [line["sample"] for line in told.lines] == [f"row {row}" for row in range(SAMPLE_LINES)]


def test_held_back_lines_are_told_of() -> None:
    """The first line of the next period tells how many of the last were held back."""
    now = [0.0]
    sampling = Sampling(lines=2, seconds=60, clock=lambda: now[0])
    let_through = [passes(sampling, sampled="key") for _ in range(5)]
    now[0] = 60.0
    assert let_through == [{}, {}, None, None, None]
    assert passes(sampling, sampled="key") == {"held_back": 3}
    assert passes(sampling, sampled="other") == {}


def test_a_state_is_told_once() -> None:
    """A line with ``once`` passes again only after one with ``again``."""
    once = Once()
    assert [passes(once, once="broker"), passes(once, once="broker"), passes(once, again="broker")] == [{}, None, {}]
    assert passes(once, once="broker") == {}


def passes(processor: Any, **fields: str) -> dict[str, Any] | None:
    """What a processor leaves of a line, None if it drops it."""
    import structlog  # noqa: PLC0415

    try:
        return dict(processor(None, "warning", dict(fields)))
    except structlog.DropEvent:
        return None


def test_lost_brokers_are_one_loss_and_one_line() -> None:
    """However often it is told before they are back, a loss counts once and is logged once."""
    told = Told()
    told.tell(BrokerReached())
    assert (told.sample("broker_up"), told.lines) == (1.0, [])
    for _ in range(10):
        told.tell(BrokerLost("connection refused"))
    assert told.sample("broker_up") == 0.0
    told.tell(BrokerRestored(12.0))
    assert told.sample("broker_up") == 1.0
    told.tell(BrokerLost("connection refused"))
    assert told.sample("broker_losses_total") == 2.0
    assert [line["event"] for line in told.lines] == ["broker.lost", "broker.restored", "broker.lost"]


def test_what_views_forgot_is_counted_by_what_it_was_kept_for() -> None:
    """Totals never fall, though a state was made anew and has forgotten less than the one before it."""
    told = Told()
    told.tell(ViewsForgot({"evidence": 3, "pairs": 5}))
    told.tell(ViewsForgot({"evidence": 0, "pairs": -5}))
    told.tell(ViewsForgot({"evidence": 0, "pairs": 2}))
    assert told.sample("view_evictions_total", state="evidence") == 3.0
    assert told.sample("view_evictions_total", state="pairs") == 7.0


def test_only_the_model_in_use_is_shown() -> None:
    """A swap leaves one ``model_info`` series, and counts as taken; a refusal counts by reason and is an error."""
    told = Told()
    told.tell(ModelSwapped("flows", None, "v1", 0.1, "aa"))
    told.tell(ModelSwapped("flows", "v1", "v2", 0.1, "bb"))
    told.tell(ModelRefused("flows", "v3", "digest", "model.json: another sha256"))
    assert told.sample("model_info", name="flows", version="v1", digest="aa") is None
    assert told.sample("model_info", name="flows", version="v2", digest="bb") == 1.0
    assert told.sample("model_swaps_total", result="taken") == 2.0
    assert told.sample("model_swaps_total", result="refused") == 1.0
    assert told.sample("model_refusals_total", reason="digest") == 1.0
    assert [line["level"] for line in told.lines] == ["info", "info", "error"]


def test_revoked_partitions_leave_no_series() -> None:
    """The lag of a partition that another process reads is not shown by this one."""
    told = Told()
    told.tell(PartitionsAssigned([0, 1]))
    told.tell(LagSeen({0: 10, 1: 20}))
    told.tell(OffsetsCommitted({0: 4}))
    told.tell(PartitionsRevoked([0]))
    assert (told.sample("lag_records", partition="0"), told.sample("lag_records", partition="1")) == (None, 20.0)
    assert told.sample("committed_offset", partition="0") is None
    assert told.sample("partitions_assigned") == 1.0


def test_kinds_from_the_input_are_bounded() -> None:
    """Names that come with the records cannot make series without end."""
    told = Told()
    for number in range(500):
        told.tell(RecordsPassedOver({f"type-{number}": 1}))
    kinds = {s.labels["kind"] for m in told.registry.collect() if "passed_over" in m.name for s in m.samples}
    assert len(kinds) <= MAX_KINDS + 1
    assert told.sample("records_passed_over_total", kind=OTHER) == 500.0 - MAX_KINDS


def test_threads_lose_no_count() -> None:
    """Events told from several threads at once are all counted."""
    told = Told()
    work = [
        threading.Thread(target=lambda: [told.tell(BatchScored(1, 0.1, np.array([0.5]), "v")) for _ in range(500)])
        for _ in range(4)
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert told.sample("score_count") == told.sample("stage_records_in_total", stage=Stage.SCORE) == 2_000.0


def test_every_event_records() -> None:
    """Every event can be told with its fields, at the most talkative level, and none raises."""
    told = Told("debug")
    for event in (
        OutputFailed("alerts", 3, "timed out"),
        CommitFailed("rebalance"),
        OffsetsCommitted({0: 1}),
        PartitionsLost([]),
        FetchFailed("offset out of range"),
        ModelWatchFailed("no such bucket"),
        BatchDecided(3, 1, 0.1),
        DaemonStarted(topic="flows"),
        DaemonStopping("SIGTERM", 30.0),
        DaemonStopped(1.0, in_flight=2),
    ):
        told.tell(event)
    assert told.sample("outputs_failed_total", channel="alerts") == 3.0
    assert told.sample("commits_total", result="failed") == 1.0
    assert told.lines[-1]["level"] == "warning"


def test_partitions_that_were_never_seen_can_go() -> None:
    """A partition that goes before it had any lag or commit leaves no series, raises nothing, and takes none along."""
    told = Told()
    told.tell(PartitionsAssigned([0, 1]))
    told.tell(LagSeen({0: 5}))
    told.tell(PartitionsLost([1]))
    told.tell(PartitionsRevoked([0]))
    assert told.sample("lag_records", partition="0") is None
    assert told.sample("partitions_assigned") == 0.0


def test_series_are_there_from_the_start() -> None:
    """What an alert rule watches starts at 0, so that its first step up is seen."""
    told = Told()
    assert told.sample("model_refusals_total", reason="bundle") == 0.0
    assert told.sample("outputs_failed_total", channel="alerts") == 0.0
    assert told.sample("commits_total", result="failed") == 0.0
    assert told.sample("records_rejected_total", reason="not_json") == 0.0
    assert told.sample("alerts_total", severity="critical") == 0.0


def test_a_log_for_people_acts_on_no_terminal() -> None:
    """What a record or a broker brings into a line is shown by its numbers where a terminal would act on it."""
    stream = io.StringIO()
    open_log(stream, style="console").warning(
        "records.rejected", sample="\x1b[2J\u202e", counts={"a\x9b": 1}, why=["\x07"]
    )
    (line,) = stream.getvalue().splitlines()
    assert line.isprintable()
    assert r"\x1b[2J\u202e" in line


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@pytest.mark.parametrize(
    ("stream", "style", "people"),
    [
        (io.StringIO, "auto", False),
        (Terminal, "auto", True),
        (Terminal, "json", False),
        (io.StringIO, "console", True),
    ],
)
def test_the_log_is_for_who_reads_it(stream: type[io.StringIO], style: Any, people: bool) -> None:
    """On a terminal lines are for people, elsewhere JSON, unless the setting says which."""
    written = stream()
    open_log(written, style=style).info("daemon.started", topic="flows")
    line = written.getvalue()
    assert line.startswith('{"') is not people
    assert ("flows" in line, "daemon.started" in line, line.count("\n")) == (True, True, 1)


def test_lines_for_people_say_nothing_empty() -> None:
    """For people, numbers have separators, counts are words, and what is empty is left out."""
    written = io.StringIO()
    log = open_log(written, style="console")
    log.warning("records.rejected", counts={"bad_port": 12_345, "empty": 1}, sample="", paths=["a", "b"], ready=True)
    _, _, rest = written.getvalue().partition("Z ")
    words = "[warning ] records.rejected counts='bad_port 12,345, empty 1' paths='a, b' ready=True"
    assert " ".join(rest.split()) == words


def test_the_start_names_the_address() -> None:
    """`daemon.started` says where the endpoints are, and what is read: a topic or files."""
    told = Told()
    told.tell(DaemonStarted("flows", "m", "v1", "http://127.0.0.1:9464"))
    told.tell(DaemonStarted("flows", "m", "v1", files=("conn.log",)))
    first, second = told.lines
    assert (first["listening"], first["topic"]) == ("http://127.0.0.1:9464", "flows")
    assert (second["files"], "topic" in second) == (["conn.log"], False)


def test_what_is_not_known_has_no_sample() -> None:
    """A gauge that nobody has set shows nothing, not a 0 that would reassure, and then what it is told."""
    told = Told()
    unknown = (
        *("broker_up", "topic_partitions", "model_partitions", "window_keys", "incidents_open", "model_registry_up"),
        *("drift_score_index", "drift_tail_ratio", "schema_registry_lost", "incidents_budget_per_day"),
        *("start_timestamp_seconds", "model_loaded_timestamp_seconds"),
    )
    assert {name: told.sample(name) for name in unknown} == dict.fromkeys(unknown)
    told.tell(BrokerReached())
    told.tell(BudgetSet(10.0))
    told.tell(ModelWatchWorks())
    known = ("broker_up", "incidents_budget_per_day", "model_registry_up")
    assert [told.sample(name) for name in known] == [1.0, 10.0, 1.0]
    told.tell(BudgetSet(None))
    assert told.sample("incidents_budget_per_day") is None


def test_looks_at_a_registry_that_is_away_are_all_counted_and_logged_once() -> None:
    """Each failed look counts, the outage is one line, and its end another."""
    told = Told()
    told.tell(ModelWatchFailed("refused"))
    for _ in range(4):
        told.tell(ModelWatchFailed("refused", known=True))
    assert (told.sample("model_watch_failures_total"), told.sample("model_registry_up")) == (5.0, 0.0)
    told.tell(ModelWatchWorks(5))
    assert told.sample("model_registry_up") == 1.0
    assert [line["event"] for line in told.lines] == ["model.watch_failed", "model.watch_restored"]


def test_label_values_have_no_blanks() -> None:
    """No label's value has a blank in it, those of incidents' final kinds among them."""
    told = Told()
    told.tell(IncidentsTold([], 0, {"brute force": 2}))
    values = {value for family in told.registry.collect() for each in family.samples for value in each.labels.values()}
    assert [value for value in values if " " in value] == []
    assert told.sample("incidents_ended_total", kind="brute_force") == 2.0
    assert told.sample("incidents_open") == 0.0
