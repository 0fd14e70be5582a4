"""``oddflow train``, ``evaluate`` and ``score``, from files of simulated flows to figures."""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, cast

import polars as pl
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from detector.bundle.files import read_bundle
from detector.bundle.signature import verify
from detector.decisions.views import VIEWS, told_within
from detector.models.every_kind import KINDS
from detector.registry.registry import Registry
from detector.sharing.onnx_model import to_onnx
from tests.commands import run
from tests.training.small_days import lines_of
from training.evaluation.report import decode_report
from training.member_weights import shares
from training.options import KIND_NAMES
from training.parameters import NAMES
from training.shared import shared_files
from training.simulator.scenario import DEFAULT_START, Scenario
from training.train import Trained

pytestmark = pytest.mark.slow

FORMAT = ("--format", "zeek-json")

FOREST = ("--kind", "isolation-forest", "--folds", "0", "--param", "n_estimators=10")
"""A small one."""

INPUTS = Path(__file__).parent.parent / "inputs"
"""Situations of people who run sensors, each with what it should give."""


@cache
def simulated(seed: int, attacks: tuple[str, ...], labels: bool) -> bytes:
    """Half an hour of flows, a line each."""
    scenario = Scenario(
        seed=seed, hosts=30, start=DEFAULT_START + 10 * 3600.0, duration_s=1800.0, attacks=attacks, attack_share=0.05
    )
    return b"\n".join(lines_of(scenario, labels=labels)) + b"\n"


def write(path: Path, seed: int, attacks: tuple[str, ...], labels: bool = True) -> Path:
    """Half an hour of simulated flows."""
    path.write_bytes(simulated(seed, attacks, labels))
    return path


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled flows with scans in them."""
    return write(tmp_path_factory.mktemp("flows") / "labelled.json", 5, ("vertical-scan", "horizontal-scan"))


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A third of such, with scans in both halves, for what needs a model and not a good one."""
    path = tmp_path_factory.mktemp("some") / "labelled.json"
    path.write_bytes(
        b"".join(simulated(4, ("vertical-scan", "horizontal-scan"), True).splitlines(keepends=True)[:2_200])
    )
    return path


@pytest.fixture(scope="module")
def registry(flows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with a model trained on those flows."""
    folder = tmp_path_factory.mktemp("registry")
    given = ("--data", str(flows), *FORMAT, "--registry", str(folder), "--train-on", "normal", "--folds", "2")
    small = ("clusters_n_clusters=32", "single_n_clusters=32", "n_estimators=50")
    code, out, err = run("train", *given, *(word for each in small for word in ("--param", each)), "--json")
    assert code == 0, err
    assert json.loads(out)["promoted"]
    return folder


def loaded(registry: Path) -> Any:
    """The champion."""
    shelf = Registry(str(registry))
    return read_bundle(shelf.fetch("flows", shelf.resolve("flows")))


def test_trained_model_tells_where_it_came_from(registry: Path, flows: Path) -> None:
    """The bundle is sound and says which data, rows and period it was trained on, and how good it is as a range."""
    manifest = loaded(registry).manifest
    rows = len(flows.read_bytes().splitlines())
    assert manifest.training.sources == (flows.name,)
    assert manifest.training.rows_read == rows > manifest.training.rows > manifest.calibration.rows
    assert manifest.training.start < manifest.training.end
    figure = manifest.quality["roc_auc"]
    assert 0.5 < figure.value <= 1.0
    assert 0.0 <= figure.low <= figure.value <= figure.high <= 1.0  # wide: few of so few flows' parts have attacks


def test_trained_model_can_be_shared(registry: Path) -> None:
    """The bundle holds the model's graph, of the same features."""
    shelf, model = Registry(str(registry)), loaded(registry)
    graph = shelf.fetch("flows", shelf.resolve("flows"))["model.onnx"]
    assert graph == to_onnx(model.model, model.calibration, model.extractor.spec.names)


def test_what_cannot_be_shared_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the extra is not installed, the bundle goes without the graph, and training says what to install."""
    monkeypatch.setitem(sys.modules, "detector.sharing.onnx_model", None)
    files, note = shared_files(cast("Trained", None))
    assert files == {}
    assert "pip install 'oddflow[onnx]'" in note


def test_training_signs_what_it_publishes(some: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --sign-key the bundle is signed, so that one who trusts the key takes it; without, it is not promoted."""
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    monkeypatch.setenv("ODDFLOW_MODEL__TRUSTED_KEYS", json.dumps([str(public)]))
    given = ("train", "--data", str(some), *FORMAT, *FOREST, "--json")
    code, out, err = run(*given, "--registry", str(tmp_path / "signed"), "--sign-key", str(private))
    assert code == 0, err
    told = json.loads(out)
    files = Registry(str(tmp_path / "signed")).fetch("flows", told["version"])
    assert verify(files, [key.public_key()])
    code, _, err = run(*given, "--registry", str(tmp_path / "unsigned"))
    assert (code, "it is not signed" in err) == (6, True)
    assert Registry(str(tmp_path / "unsigned")).aliases("flows") == {}


def test_card_is_plain(registry: Path) -> None:
    """The card tells the figures and weaknesses in HTML without scripts."""
    shelf = Registry(str(registry))
    page = shelf.fetch("flows", shelf.resolve("flows"))["card.html"].decode()
    assert [part for part in ("Trained on", "Calibration", "Where it is weak", "ROC AUC") if part not in page] == []
    assert "<script" not in page


def test_card_tells_what_counts(registry: Path) -> None:
    """The card tells how much each member counts, and for which directions thresholds are told apart."""
    champion, shelf = loaded(registry), Registry(str(registry))
    page = shelf.fetch("flows", shelf.resolve("flows"))["card.html"].decode()
    assert f"<dt>Members</dt><dd>{shares(champion.model)}</dd>" in page
    assert champion.incidents.apart
    assert f"({', '.join(champion.incidents.apart)})" in page


def test_evaluate_measures(registry: Path, flows: Path) -> None:
    """Every figure is told, and scans are found."""
    code, out, err = run("evaluate", "--data", str(flows), *FORMAT, "--registry", str(registry), "--json")
    assert code == 0, err
    found = json.loads(out)
    names = ("rows", "positives", "roc_auc", "average_precision", "tpr_at_fpr_0.01", "tpr_at_fpr_0.001")
    rarely = ("average_precision_at_prevalence_0.0001", "precision_at_prevalence_0.01")
    assert [name for name in (*names, *rarely) if name not in found] == []
    assert found["rows"] == len(flows.read_bytes().splitlines())
    assert found["tpr_at_fpr_0.01"] > 0.8


def test_report_of_a_published_model(registry: Path, flows: Path, tmp_path: Path) -> None:
    """It has the figures of evaluate with ranges, each kind of attack, the budgets, and that it knows these flows."""
    given = ("evaluate", "--data", str(flows), *FORMAT, "--registry", str(registry))
    code, out, err = run(*given, "--report", str(tmp_path / "report.json"), "--json", "--prevalence", "0.02")
    assert code == 0, err
    report = decode_report((tmp_path / "report.json").read_bytes())
    assert report == decode_report(out.encode())
    assert report.model == f"flows {loaded(registry).version}"
    plain = json.loads(run(*given, "--json")[1])
    auc = report.by_time["roc_auc"]
    assert auc.mean == pytest.approx(plain["roc_auc"])
    assert auc.least < auc.mean < auc.most
    assert {each.kind: each.attacks for each in report.attacks} == {"vertical-scan": 1, "horizontal-scan": 1}
    assert [each.asked for each in report.budget] == [3.0, 10.0, 30.0]
    assert (report.protocol.attacks, report.protocol.prevalence) == ("labelled", 0.02)
    assert "of what the model was trained on" in report.notes[0]
    assert {each.by for each in report.segments} == {"service", "subnet", "direction", "hour"}


def test_report_without_labels(registry: Path, tmp_path: Path) -> None:
    """The simulator's attacks are put on the flows' own hosts, and the page says so."""
    bare = write(tmp_path / "bare.json", 4, (), labels=False)
    given = ("evaluate", "--data", str(bare), *FORMAT, "--registry", str(registry), "--report")
    code, out, err = run(*given, str(tmp_path / "report.html"))
    assert code == 0, err
    assert "False incidents a day, on these flows" in out
    page = (tmp_path / "report.html").read_text()
    assert f"<h1>Evaluation of flows {loaded(registry).version}</h1>" in page
    assert "Attacks are the simulator&#x27;s, put on inside hosts of these flows" in page
    assert "dns-tunnel, 3 attacks" in page


def test_dry_run_reports_and_publishes_nothing(some: Path, tmp_path: Path) -> None:
    """The file is a report that reads back and is what is printed; no registry comes to be, and no version."""
    path, registry = tmp_path / "report.json", tmp_path / "registry"
    splits = ("--folds", "2", "--repeats", "1", "--time-splits", "1")
    given = ("--data", str(some), *FORMAT, *FOREST, *splits, "--registry", str(registry))
    code, out, err = run("train", *given, "--dry-run", "--report", str(path), "--json")
    assert code == 0, err
    report = decode_report(path.read_bytes())
    assert report == decode_report(out.encode())
    assert (report.kind, report.model, report.protocol.folds) == ("isolation-forest", None, 2)
    assert len(report.random["roc_auc"].runs) == 2
    assert not registry.exists()


def test_report_is_of_a_dry_run(some: Path, tmp_path: Path) -> None:
    """Without it, the flag is refused before any flow is read."""
    code, _, err = run("train", "--data", str(some), *FORMAT, "--report", str(tmp_path / "report.json"))
    assert (code, "--dry-run" in err) == (2, True)


def test_evaluation_on_the_training_s_flows_is_told(registry: Path, flows: Path, tmp_path: Path) -> None:
    """Flows that a model was trained on are told by their digest, or by file and time, and end --strict with 1."""
    renamed, longer, later = (tmp_path / name for name in ("other.json", flows.name, "later.json"))
    renamed.write_bytes(flows.read_bytes())
    whole = write(tmp_path / "new.json", 9, ("vertical-scan", "horizontal-scan")).read_bytes()
    later.write_bytes(b"\n".join(moved(line, 86_400.0) for line in whole.splitlines()) + b"\n")
    longer.write_bytes(flows.read_bytes() + later.read_bytes())
    rows = len(flows.read_bytes().splitlines())
    for path, expected in ((renamed, (rows, True)), (longer, (rows, True)), (later, None), (tmp_path / "new.json", ())):
        for strict in ((), ("--strict",)):
            code, out, err = run(
                "evaluate", "--data", str(path), *FORMAT, "--registry", str(registry), "--json", *strict
            )
            same = json.loads(out)["trained_on"]
            if expected:
                assert (same["flows"], same["certain"]) == expected
                assert (code, "are of what the model was trained on" in err) == (1 if strict else 0, True)
            else:
                assert (code, "trained on" in err, same is None) == (0, False, expected is None)
                assert same is None or not same["certain"]


def moved(line: bytes, seconds: float) -> bytes:
    """A record at another time."""
    record = json.loads(line)
    return json.dumps(record | {"ts": record["ts"] + seconds}).encode()


def another_network(line: bytes) -> bytes:
    """A record as no host of the training's network makes it: of addresses, ports, sizes and times of its own."""
    record = json.loads(line)
    for side in ("orig", "resp"):
        record[f"id.{side}_h"] = record[f"id.{side}_h"].replace("10.0.", "172.22.")
        record[f"{side}_bytes"] = record.get(f"{side}_bytes", 0) * 900 + 70_000_000
        record[f"{side}_pkts"] = record.get(f"{side}_pkts", 0) * 90 + 70_000
    extra = {"id.resp_p": 20_000 + int(record["ts"] * 7) % 9_000, "proto": "sctp", "conn_state": "RSTOS0"}
    return json.dumps(record | extra | {"duration": 40_000.0, "service": "odd"}).encode()


def test_another_network_is_told(registry: Path, flows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nearly all flows are raised, `detect` and `evaluate` say that the model does not know the network."""
    monkeypatch.setenv("ODDFLOW_ALERTS__FALSE_INCIDENTS_PER_DAY", "0")  # by score alone, so that nothing grows usual
    foreign, known = tmp_path / "foreign.json", tmp_path / "known.json"
    lines = flows.read_bytes().splitlines()
    known.write_bytes(b"\n".join(moved(line, 7_200.0) for line in lines) + b"\n")
    foreign.write_bytes(b"\n".join(another_network(moved(line, 7_200.0)) for line in lines) + b"\n")
    for path, unknown in ((foreign, True), (known, False)):
        given = (str(path), *FORMAT, "--registry", str(registry))
        code, _, err = run("detect", "--input", *given, "--output", str(tmp_path / "alerts"), "--log-level", "error")
        assert (code, "does not know this network; unless an attack floods it, train one" in err) == (0, unknown), err
        assert err.count('"event": "model.network_unknown"') == unknown
        assert f"read {len(lines):,}: scored {len(lines):,}, dead-lettered 0, passed over 0; " in err
        code, out, err = run("evaluate", "--data", *given, "--json", "--strict")
        assert (code, json.loads(out)["network_known"]) == (int(unknown), not unknown), err
        assert ("does not know this network" in err) is unknown


def test_evaluation_needs_labels(registry: Path, tmp_path: Path) -> None:
    """Flows without any label end with 3 before they are scored, and formats without labels before they are read."""
    data = write(tmp_path / "unlabelled", 4, (), labels=False)
    code, _, err = run("evaluate", "--data", str(data), *FORMAT, "--registry", str(registry))
    assert (code, "has a label; give labelled flows, or name attackers" in err.splitlines()[-1]) == (3, True)
    code, _, err = run("evaluate", "--data", str(data), "--format", "vpcflow", "--registry", str(tmp_path / "none"))
    assert (code, "records of the format vpcflow have no labels" in err.splitlines()[-1]) == (3, True)


def test_records_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    """`train` tells how many records it could not use, why, and one of them; the gate refuses so many."""
    given = ("train", "--data", str(INPUTS / "35-train-half-unusable.json.gz"), "--format", "zeek")
    small = ("--registry", str(tmp_path), "--kind", "isolation-forest", "--param", "n_estimators=10")
    code, out, err = run(*given, *small, "--json")
    assert (code, json.loads(out)["alias"]) == (9, "rejected"), err
    line, sample = err.splitlines()[:2]
    assert line == "2,000 of 4,000 records could not be used (bad_protocol), such as"
    assert "35-train-half-unusable.json.gz line 2001: proto: 'rtp'" in sample
    assert (json.loads(out)["rejected"], json.loads(out)["rejected_by_reason"]) == (2000, {"bad_protocol": 2000})
    code, _, err = run(*given, "--registry", str(tmp_path / "none"), "--max-rejected", "0.49")
    assert (code, "more than training.max_rejected_share 0.49 allows" in err.splitlines()[-1]) == (3, True)
    assert not (tmp_path / "none").exists()


def test_header_lines_are_no_records(registry: Path, tmp_path: Path) -> None:
    """What `detect` and `score` count as records are none of a file's header lines, which are told by themselves."""
    path, output = tmp_path / "conn.log", str(tmp_path / "out.jsonl")
    names = (
        b"ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state"
    ).replace(b" ", b"\t")
    row = b"%.6f C%d 10.0.1.2 50000 10.0.1.3 53 udp dns 0.1 40 90 SF".replace(b" ", b"\t")
    flows = [row % (DEFAULT_START + number, number) for number in range(20)]
    path.write_bytes(b"\n".join((b"#separator \\x09", b"#path\tconn", b"#fields\t" + names, *flows)) + b"\n")
    given = (str(path), "--format", "zeek-tsv", "--registry", str(registry), "--output", output)
    code, _, err = run("detect", "--input", *given)
    assert (code, "read 20 (and 3 header lines): scored 20, dead-lettered 0, passed over 0;" in err) == (0, True), err
    code, _, err = run("score", "--data", *given)
    assert (code, "reading flows: 20 records" in err) == (0, True), err


def test_warm_up_is_not_scored(registry: Path, flows: Path, tmp_path: Path) -> None:
    """Warmed up by the first part, the second scores as it does after the first in one piece."""
    lines = flows.read_bytes().splitlines(keepends=True)
    half = len(lines) // 2
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    first.write_bytes(b"".join(lines[:half]))
    second.write_bytes(b"".join(lines[half:]))
    outputs = [tmp_path / "whole.parquet", tmp_path / "second.parquet"]
    for given, output in (((flows,), outputs[0]), ((second, "--warm-up", first), outputs[1])):
        arguments = [str(each) for each in given]
        code, _, err = run("score", "--data", *arguments, *FORMAT, "--registry", str(registry), "--output", str(output))
        assert code == 0, err
    whole, part = map(pl.read_parquet, outputs)
    assert len(part) == len(lines) - half
    assert part["score"].to_list() == whole["score"][half:].to_list()


def test_score_lines(registry: Path, flows: Path) -> None:
    """Standard output has one JSON object per record, in order."""
    code, out, _ = run("score", "--data", str(flows), *FORMAT, "--registry", str(registry))
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [row["offset"] for row in rows] == list(range(len(flows.read_bytes().splitlines())))
    assert len({row["id"] for row in rows}) == len(rows)
    assert all(0.0 < row["p_value"] <= 1.0 for row in rows)


def test_a_data_set_is_scored_as_its_records(registry: Path, some: Path, tmp_path: Path) -> None:
    """``score --dataset`` gives for each record what it has for the file that the set was built of."""
    sets = ("--datasets", str(tmp_path / "sets"))
    assert run("dataset", "build", "--name", "office", "--data", str(some), *FORMAT, *sets)[0] == 0
    code, of_set, err = run("score", "--dataset", "office", *sets, "--registry", str(registry))
    assert code == 0, err
    of_file = run("score", "--data", str(some), *FORMAT, "--registry", str(registry))[1]
    told = [[json.loads(line) for line in each.splitlines()] for each in (of_set, of_file)]
    assert len(told[0]) == 2_200
    assert [(each["offset"], each["score"]) for each in told[0]] == [
        (each["offset"], each["score"]) for each in told[1]
    ]


def test_a_data_set_and_files_are_not_scored_together(some: Path) -> None:
    """Both flags at once are refused."""
    code, _, err = run("score", "--dataset", "office", "--data", str(some), *FORMAT)
    assert (code, "give one of them" in err) == (2, True)


def test_same_seed_same_model(some: Path, tmp_path: Path) -> None:
    """The same flows and seed give the same arrays; another seed gives others."""
    arrays = []
    for number, seed in enumerate(("7", "7", "8")):
        folder = str(tmp_path / str(number))
        given = ("--data", str(some), *FORMAT, "--registry", folder, "--seed", seed, "--folds", "0")
        small = ("n_estimators=10", "clusters_n_clusters=8", "single_n_clusters=8")
        assert run("train", *given, *(word for each in small for word in ("--param", each)))[0] == 0
        shelf = Registry(folder)
        arrays.append(shelf.fetch("flows", shelf.resolve("flows"))["arrays.safetensors"])
    assert arrays[0] == arrays[1] != arrays[2]


def test_public_addresses_can_be_inside(flows: Path, tmp_path: Path) -> None:
    """Where the inside has public addresses, directions are told apart if it is named, in the bundle and its card."""
    public = tmp_path / "public.json"
    public.write_bytes(flows.read_bytes().replace(b'"10.0.', b'"198.18.'))
    given = ("--data", str(public), *FORMAT, *FOREST)
    apart = {}
    for number, more in enumerate(((), ("--inside", "198.18.0.0/15"))):
        folder = tmp_path / str(number)
        assert run("train", *given, "--registry", str(folder), *more)[0] == 0
        apart[more] = set(loaded(folder).incidents.apart)
        shelf = Registry(str(folder))
        page = shelf.fetch("flows", shelf.resolve("flows"))["card.html"].decode()
        assert f"<dd>{', '.join(('private addresses', *more[1:]))}</dd>" in page
    assert "outbound" not in apart[()]
    assert {"outbound", "internal"} <= apart["--inside", "198.18.0.0/15"]


@pytest.mark.parametrize(("train_on", "told"), [("all", True), ("normal", False), ("normal+0.01", False)])
def test_labelled_attacks_among_the_rows_are_told(some: Path, tmp_path: Path, train_on: str, told: bool) -> None:
    """Who trains on attacks that are labelled, without having asked for them, is told how to leave them out."""
    given = ("--data", str(some), *FORMAT, "--registry", str(tmp_path), *FOREST)
    code, _, err = run("train", *given, "--train-on", train_on)
    words = " ".join(err.split())
    assert (code, "are labelled attacks: --train-on normal leaves these out" in words) == (0, told), err


def test_no_promote(some: Path, tmp_path: Path) -> None:
    """A model that is not to be promoted is the challenger, though it is the first, and nothing follows it."""
    given = ("--data", str(some), *FORMAT, "--registry", str(tmp_path), *FOREST)
    assert run("train", *given, "--no-promote")[0] == 0
    shelf = Registry(str(tmp_path))
    (version,) = shelf.versions("flows")
    assert shelf.aliases("flows") == {"challenger": version}


def test_a_format_that_fits_nothing_is_guessed(registry: Path, flows: Path, tmp_path: Path) -> None:
    """`detect` and `train` end with 3 and say what the records look like, also in an envelope, or beside good files."""
    packed = tmp_path / "packed.json"
    lines = flows.read_bytes().splitlines()[:200]
    packed.write_bytes(b"".join(json.dumps({"message": line.decode()}).encode() + b"\n" for line in lines))
    for path, looks in ((flows, "zeek: --format zeek"), (packed, "zeek in message: --format zeek --unpack message")):
        given = (str(path), "--format", "suricata", "--registry", str(registry))
        code, _, err = run("detect", "--input", *given, "--output", str(tmp_path / "alerts"))
        assert (code, err.splitlines()[-1].endswith(f"; this looks like {looks}")) == (3, True), err
        assert err.count("format_unfit") == 1
        code, _, err = run("train", "--data", *given)
        assert (code, err.splitlines()[-1].endswith(f"; this looks like {looks}")) == (3, True), err
    code, _, err = run("train", "--data", str(flows), str(packed), *FORMAT, "--registry", str(registry))
    assert (code, err.splitlines()[-1].endswith("this looks like zeek in message: --format zeek --unpack message")) == (
        3,
        True,
    ), err
    unpacked = (str(packed), "--format", "zeek", "--unpack", "message", "--registry", str(registry))
    code, _, err = run("detect", "--input", *unpacked, "--output", str(tmp_path / "alerts"))
    assert (code, "read 200: scored 200, dead-lettered 0" in err) == (0, True), err


@pytest.mark.parametrize("content", [b"\n\n \n", gzip.compress(b"\n\n"), b"\n"], ids=["plain", "gzip", "one"])
@pytest.mark.parametrize(
    "command", ["detect --output /dev/null --input", "score --data", "train --data", "evaluate --data"]
)
def test_blank_lines_alone_are_no_records(registry: Path, tmp_path: Path, command: str, content: bytes) -> None:
    """A file of blank lines alone ends each command as an empty file does, with what is in it."""
    blank, empty = tmp_path / "blank", tmp_path / "empty"
    blank.write_bytes(content)
    empty.touch()
    ended = []
    for path in (blank, empty):
        code, _, err = run(*command.split(), str(path), *FORMAT, "--registry", str(registry))
        ended.append((code, err.splitlines()[-1].removeprefix(f"oddflow: reading {path}: ")))
    fix = "give a file with flow records"
    assert ended == [(3, f"there are blank lines alone in it; {fix}"), (3, f"it is empty; {fix}")]


def test_a_log_without_connections_is_none_that_is_blank(registry: Path, tmp_path: Path) -> None:
    """Header lines, and a blank one at the end, are a quiet hour: `detect` ends with 0."""
    quiet = tmp_path / "conn.log"
    quiet.write_bytes(b"#separator \\x09\n#path\tconn\n#fields\tts\tuid\n#close\t2026-11-30-00-00-00\n\n")
    code, _, err = run(
        "detect", "--input", str(quiet), "--output", os.devnull, "--format", "zeek", "--registry", str(registry)
    )
    assert (code, err.splitlines()[-1].startswith("read 1 (and 4 header lines)")) == (0, True), err


def bad_file(folder: Path, flows: Path, name: str) -> Path:
    """A file that cannot be trained on."""
    make: dict[str, Callable[[], bytes]] = {
        "empty": bytes,
        "cut-off": lambda: gzip.compress(flows.read_bytes())[:20_000],
        "other": lambda: b"these are\nno flow records\n",
        "few": lambda: b"".join(flows.read_bytes().splitlines(keepends=True)[:30]),
        "unlabelled": lambda: simulated(4, (), labels=False),
    }
    if name in make:
        (folder / name).write_bytes(make[name]())
    return folder / name


@pytest.mark.parametrize(
    ("file", "more", "exit_code", "says"),
    [
        ("missing", (), 3, "there is no such file"),
        ("empty", (), 3, "it is empty"),
        ("cut-off", (), 3, "cut off"),
        ("other", (), 3, "none of 2 records can be used (2 not_json)"),
        ("few", (), 3, "give more data"),
        ("unlabelled", ("--train-on", "normal"), 3, "no flow is labelled benign"),
        ("few", ("--format", "zeek-jsno"), 2, "did you mean 'zeek-json'?"),
        ("few", ("--param", "trees"), 2, "NAME=VALUE"),
        ("few", ("--kind", "forest"), 2, "isolation-forest"),
        ("few", ("--topic", "flows"), 2, "give one of them"),
        ("few", ("--attacker", "10.99.0.1"), 3, "no flow has this address"),
        ("few", ("--inside", "198.51.100.7/24"), 2, "give a network such as 198.51.100.0/24"),
    ],
)
def test_bad_input(  # noqa: PLR0917 - a row of the table
    tmp_path: Path, flows: Path, file: str, more: tuple[str, ...], exit_code: int, says: str
) -> None:
    """Each is told in one line with what to do, by its exit code, and nothing is published."""
    data = str(bad_file(tmp_path, flows, file))
    folder = tmp_path / "registry"
    if "--kind" in more:
        data = str(flows)
    code, _, err = run("train", "--data", data, *FORMAT, "--registry", str(folder), *more)
    last = err.splitlines()[-1]
    assert (code, says in last) == (exit_code, True), err
    assert last.startswith("oddflow: ")
    assert not folder.exists() or not list(folder.rglob("model.json"))


@pytest.mark.parametrize(
    ("more", "exit_code", "says"),
    [
        (("--kind", "isolation-forrest"), 2, "did you mean 'isolation-forest'?"),
        (("--kind", "forest"), 2, "did you mean 'isolation-forest'?"),
        (("--kind", "isolation-forest", "--param", "n_estimator=5"), 2, "did you mean 'n_estimators'?"),
        (("--param", "clusters_n_cluster=5"), 2, "did you mean 'clusters_n_clusters'?"),
        (("--param", "n_estimators=abc"), 2, "must be an int"),
        (("--param", "n_estimators=10000000"), 2, "at most 10,000 trees"),
        (("--folds", "100000"), 2, "give 0 for no random splits, or 2 to 100"),
        (("--param", "n_estimators=10", "clusters_n_clusters=0"), 2, "must be an int in the range [1, inf)"),
        (("--kind", "ecod", "--param", "rows=5"), 2, "ecod has no such parameter; did you mean 'max_rows'?"),
        (("--max-rejected", "20"), 2, "--max-rejected (training.max_rejected_share)"),
        (("--attacker", "10.0.0.300", "--train-on", "normal"), 2, "not an IP address"),
        (("--format", "goflow2", "--train-on", "normal"), 3, "records of the format goflow2 have no labels"),
        (("--format", "vpcflow", "--train-on", "normal+0.1"), 3, "records of the format vpcflow have no labels"),
    ],
)
def test_what_needs_no_flow_is_checked_before_any_is_read(
    tmp_path: Path, more: tuple[str, ...], exit_code: int, says: str
) -> None:
    """A kind, parameter, share or label that cannot be is told at once, with the nearest name, whatever the data."""
    code, _, err = run("train", "--data", str(tmp_path / "missing"), "--registry", str(tmp_path / "registry"), *more)
    assert (code, says in err.splitlines()[-1], err.count("\n")) == (exit_code, True, 1), err


def test_a_registry_that_cannot_be_is_told_before_any_flow_is_read(tmp_path: Path) -> None:
    """A file where the registry should be, or below which it should be, ends with 5 at once."""
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "registry"):
        code, _, err = run("train", "--data", "-", *FORMAT, "--registry", str(place))
        assert (code, "is a file, not a folder" in err, err.count("\n")) == (5, True, 1), err


def test_a_short_training_raises_by_nothing_that_it_cannot_calibrate(registry: Path) -> None:
    """What is regular is told by days: of minutes of flows, no model is raised by it, then or later."""
    incidents = loaded(registry).incidents
    assert incidents is not None
    assert [view.name for view in incidents.views] == ["surprise", "evidence", "breadth"]
    assert told_within(VIEWS, 2 * 86_400.0) == VIEWS


def test_help_names_every_kind() -> None:
    """The kinds that ``--help`` lists are those that there are."""
    assert set(KIND_NAMES) == set(KINDS) == set(NAMES)


@pytest.mark.parametrize("command", ["evaluate", "score"])
def test_no_model_yet(command: str, flows: Path, tmp_path: Path) -> None:
    """A registry without the model says how to make one."""
    code, _, err = run(command, "--data", str(flows), *FORMAT, "--registry", str(tmp_path))
    assert (code, "oddflow train" in err.splitlines()[-1]) == (5, True)


def test_output_that_cannot_be_written(registry: Path, flows: Path, tmp_path: Path) -> None:
    """A folder that is not there is told, and nothing is written."""
    output = str(tmp_path / "nowhere" / "scores.jsonl")
    code, _, err = run("score", "--data", str(flows), *FORMAT, "--registry", str(registry), "--output", output)
    assert (code, "nothing was written" in err.splitlines()[-1]) == (7, True)


def test_incidents_of_a_file_are_closed_at_its_end(flows: Path, registry: Path, tmp_path: Path) -> None:
    """The daemon on a file leaves no incident of several alerts open: the latest document of each closes it."""
    alerts, incidents = tmp_path / "alerts.jsonl", tmp_path / "incidents.jsonl"
    code, _, err = run(
        *("detect", "--input", str(flows), *FORMAT, "--registry", str(registry)),
        *("--output", str(alerts), "--incidents", str(incidents), "--log-level", "error"),
    )
    assert code == 0, err
    latest: dict[str, dict[str, Any]] = {}
    for line in incidents.read_text().splitlines():
        told = json.loads(line)
        latest[told["metadata"]["correlation_uid"]] = told
    several = [told for told in latest.values() if told["count"] > 1]
    assert several
    assert {told["activity_name"] for told in several} == {"Close"}


@pytest.mark.slow
def test_files_are_told_to_be_one_partition(flows: Path, tmp_path: Path) -> None:
    """The daemon on a file warns where its model's windows were trained over several partitions, and reads it."""
    registry = str(tmp_path / "registry")
    given = ("--data", str(flows), *FORMAT, "--registry", registry)
    few = ("--kind", "isolation-forest", "--param", "n_estimators=10", "--folds", "0", "--partitions", "2")
    code, _, err = run("train", *given, *few)
    assert code == 0, err
    code, _, err = run(
        *("detect", "--input", str(flows), *FORMAT, "--registry", registry, "--output", str(tmp_path / "alerts")),
        *("--log-level", "warning"),
    )
    (differ,) = [line for line in err.splitlines() if "partitions.differ" in line]
    assert (code, json.loads(differ)["model_partitions"], "--partitions 1" in differ) == (0, 2, True)
