"""The units of ``config/systemd`` and the packages of ``debian``: checked by systemd's and Debian's own, and run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
import uuid
from collections.abc import Iterator
from configparser import RawConfigParser
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

import pytest

from detector.cli.healthcheck import ask
from detector.settings.load import load_settings
from tests.commands import understood
from tests.kafka.world import publish, wait_for
from tests.machines import booted
from tests.programs import needed, unavailable
from training.demo.ports import free_port

ROOT = Path(__file__).parent.parent
UNITS = ROOT / "config" / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))

MOST_EXPOSED = 1.5
"""Of systemd's scale from 0 to 10; below 2 it says «OK». What is left is the network, and compiled kernels."""

PACKAGES = ("oddflow", "oddflow-train", "oddflow-triage")


class _Unit(RawConfigParser):
    """A unit; of a key that stands more than once the last value counts, which is enough here."""

    def __init__(self, path: Path) -> None:
        super().__init__(strict=False)
        self.read(path, encoding="utf-8")

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def version() -> str:
    """The sources' version."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def ran(*command: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """A program's output."""
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True, timeout=800, check=False)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def systemd_analyze(*arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run systemd's checker; without it the test fails in CI and is skipped elsewhere."""
    analyze = needed("systemd-analyze", "systemd-analyze is not installed: Debian's package systemd has it")
    return ran(analyze, *arguments, check=check)


def hardening(path: Path) -> list[str]:
    """The lines of a unit that take rights away."""
    text = path.read_text(encoding="utf-8")
    return text[text.index("# Nothing but its own folders") :].partition("\n\n")[0].strip().splitlines()


@pytest.mark.parametrize("path", sorted(UNITS.glob("oddflow*.[st][ei]*")), ids=lambda path: path.name)
def test_systemd_understands_every_unit(path: Path, tmp_path: Path) -> None:
    """systemd's own checker has nothing to say of a unit, where its program is there."""
    for each in (*SERVICES, *UNITS.glob("*.timer")):
        text = each.read_text(encoding="utf-8").replace("/usr/bin/oddflow", sys.executable)
        (tmp_path / each.name).write_text(text, encoding="utf-8")
    told = systemd_analyze("verify", "--man=no", tmp_path / path.name)
    assert told.stderr + told.stdout == ""


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_a_service_is_exposed_little(path: Path) -> None:
    """By systemd's own measure a service has few rights; it would say so of one without hardening."""
    told = systemd_analyze(
        "security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED * 10:.0f}", path, check=False
    )
    (exposed,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", told.stdout)
    assert float(exposed) <= MOST_EXPOSED
    assert hardening(path) == hardening(UNITS / "oddflow.service")


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_a_service_calls_what_exists(path: Path) -> None:
    """Each service calls a command that is there, as the user that the package makes, with settings that are valid."""
    service = _Unit(path)["Service"]
    program, *call = shlex.split(service["ExecStart"])
    assert program == "/usr/bin/oddflow"
    understood(call)
    user = re.search(r"^u\s+(\S+)", (ROOT / "debian" / "oddflow.sysusers").read_text(encoding="utf-8"), re.MULTILINE)
    assert user is not None
    assert service["User"] == service["Group"] == user[1]
    settings = load_settings(UNITS / "oddflow.toml")
    if "TimeoutStopSec" in service:
        assert float(service["TimeoutStopSec"].removesuffix("s")) > settings.shutdown.deadline_s or call[0] != "detect"
    mine = [settings.model.registry, settings.state.url, settings.archive.url, settings.training.datasets]
    assert [place for place in mine if not str(place).startswith("/var/lib/oddflow/")] == []
    assert settings.triage.database.startswith("sqlite:////var/lib/oddflow/")


def test_the_package_has_the_sources_version() -> None:
    """Debian's changelog names the version that the sources have, and each package has what it needs from the next."""
    first = (ROOT / "debian" / "changelog").read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith(f"oddflow ({version()}) ")
    control = (ROOT / "debian" / "control").read_text(encoding="utf-8")
    assert tuple(re.findall(r"^Package: (\S+)$", control, re.MULTILINE)) == PACKAGES
    lists = [path.read_text(encoding="utf-8") for path in (ROOT / "debian").glob("*.install")]
    laid = [line.split()[0] for text in lists for line in text.splitlines()]
    assert sorted(laid) == sorted(str(path.relative_to(ROOT)) for path in UNITS.iterdir())


@pytest.mark.slow
def test_lintian_finds_no_error(tmp_path: Path) -> None:
    """Debian's checker finds no error in the packages, their environment of published Python packages left out."""
    lintian = needed("lintian", "lintian is not installed: Debian's package lintian has it")
    built = make_packages(tmp_path, DEB_BUILD_PROFILES="pkg.oddflow.bare")
    told = ran(lintian, "--allow-root", "--fail-on=error", *built)
    assert "E: " not in told.stdout + told.stderr


# --- built, and installed into an empty root -------------------------------------------------------------------------


def make_packages(folder: Path, **environment: str) -> list[Path]:
    """Build the packages into a folder as `make deb` does."""
    for program, of in (("dpkg-buildpackage", "dpkg-dev"), ("dh", "debhelper"), ("make", "make")):
        needed(program, f"{program} is not installed: Debian's package {of} has it")
    settings = [f"{name}={value}" for name, value in environment.items()]
    ran("env", *settings, "make", "-C", ROOT, "deb", f"DEB_OUT={folder}", f"DEB_BUILD={folder / 'build'}")
    return sorted(folder.glob("*.deb"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest Debian that boots, with the packages in it, installed by apt and dpkg."""
    if os.geteuid() != 0:
        unavailable("only root installs into a root of its own")
    bootstrap = needed("mmdebstrap", "mmdebstrap is not installed: Debian's package mmdebstrap has it")
    root = tmp_path_factory.mktemp("root") / "debian"
    wanted = [f"--include={path}" for path in make_packages(tmp_path_factory.mktemp("deb"))]
    hooks = "/usr/share/mmdebstrap/hooks/file-mirror-automount"
    suite = ran("sh", "-c", ". /etc/os-release && echo $VERSION_CODENAME").stdout.strip()
    ran(
        bootstrap,
        "--quiet",
        "--mode=root",
        "--variant=essential",
        f"--hook-directory={hooks}",
        *wanted,
        "--include=systemd,dbus",
        suite,
        root,
    )
    return root


@pytest.fixture
def debian(installed: Path, tmp_path: Path) -> Iterator[Path]:
    """It again, for one test to change: what is changed is laid over it."""
    upper, work, root = (tmp_path / name for name in ("upper", "work", "root"))
    for folder in (upper, work, root):
        folder.mkdir()
    ran("mount", "-t", "overlay", "-o", f"lowerdir={installed},upperdir={upper},workdir={work}", "overlay", root)
    yield root
    ran("umount", root)


def inside(root: Path, *command: str, user: str = "root") -> str:
    """What a program says in there, without anything of this environment."""
    clean = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/var/lib/oddflow")
    done = ran("chroot", root, "runuser", "-u", user, "--", *clean, *command)
    return done.stdout + done.stderr


IMPORTS = "import numba, polars, sklearn, sqlalchemy, psycopg, detector.daemon, training.train"
"""One of the packages of each lock file."""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_packages_work_and_go_in_an_empty_root(debian: Path) -> None:
    """In a Debian with nothing else all commands find what they need; only a purge removes what was learned."""
    assert inside(debian, "oddflow", "--version", user="oddflow") == f"oddflow {version()}\n"
    assert inside(debian, "oddflow", "config", "check", user="oddflow") == "settings are valid\n"
    assert "--every" in inside(debian, "oddflow", "retrain", "--help", user="nobody")
    python = ("/usr/lib/oddflow/bin/python", "-I", "-W", "ignore", "-c")  # joblib warns that no /dev/shm is there
    assert inside(debian, *python, IMPORTS, user="oddflow") == ""
    files = inside(debian, "dpkg", "--listfiles", "oddflow").splitlines()
    assert {"/etc/oddflow/oddflow.toml", "/lib/systemd/system/oddflow.service", "/usr/bin/oddflow"} <= {*files}
    assert not [path for path in files if "/sklearn/" in path or "/sqlalchemy/" in path]
    assert inside(debian, "dpkg-query", "-W", "-f", "${Conffiles}", "oddflow").split()[0] == "/etc/oddflow/oddflow.toml"
    assert not [path for path in (debian / "etc/systemd/system").rglob("oddflow*") if path.is_symlink()]
    model = debian / "var/lib/oddflow/registry/model"
    inside(debian, "mkdir", "/var/lib/oddflow/registry", user="oddflow")
    model.touch()
    inside(debian, "dpkg", "--remove", *PACKAGES)
    assert (model.exists(), (debian / "etc/oddflow/oddflow.toml").exists()) == (True, True)
    assert not (debian / "usr/lib/oddflow").exists()
    inside(debian, "dpkg", "--purge", *PACKAGES)
    left = [path for top in ("etc", "usr", "var") for path in (debian / top).rglob("*oddflow*")]
    assert [str(path) for path in left] == []


# --- booted -----------------------------------------------------------------------------------------------------------


SETTINGS = """
[input]
topic = "{stem}-flows"
format = "zeek"
[output]
alerts_topic = "{stem}-alerts"
dead_letters_topic = "{stem}-dead-letters"
incidents_topic = "{stem}-incidents"
risk_topic = "{stem}-risk"
[feedback]
topic = "{stem}-feedback"
[suppression]
topic = "{stem}-suppressions"
[kafka]
bootstrap_servers = "{kafka}"
group = "{stem}"
[model]
registry = "/var/lib/oddflow/registry"
[state]
url = "/var/lib/oddflow/state"
[web]
port = {port}
"""


COMPILED_S = 600.0
"""For a first start, which compiles; it is not stopped before: systemd's patience is shorter on a busy machine."""


def is_ready(port: int) -> bool:
    """Whether a daemon reads records."""
    with suppress(OSError):
        return ask("127.0.0.1", port, "/readyz")[0] == HTTPStatus.OK
    return False


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_systemd_runs_the_daemon(debian: Path, kafka: str, tmp_path: Path) -> None:
    """Booted, systemd starts the daemon without rights, again after a kill, and stops it; not with wrong settings."""
    port, config = free_port(), debian / "etc/oddflow/oddflow.toml"
    good = SETTINGS.format(stem=uuid.uuid4().hex, kafka=kafka, port=port)
    config.write_text(good, encoding="utf-8")
    publish(debian / "var/lib/oddflow/registry")
    ran("chroot", debian, "chown", "-R", "oddflow:oddflow", "/var/lib/oddflow")
    with booted(debian, tmp_path / "console") as machine:
        machine.run("systemctl", "start", "oddflow.service")
        wait_for(lambda: is_ready(port), COMPILED_S)
        assert is_ready(port), machine.log("oddflow")
        first = machine.shows("oddflow", "MainPID")
        rights = dict(line.split(":", 1) for line in machine.run("cat", f"/proc/{first}/status").splitlines())
        assert (int(rights["CapEff"], 16), int(rights["NoNewPrivs"]), int(rights["Seccomp"])) == (0, 1, 2)
        assert int(rights["Uid"].split()[0]) == int(machine.run("id", "--user", "oddflow"))

        machine.run("systemctl", "kill", "--signal=KILL", "oddflow.service")
        wait_for(lambda: machine.shows("oddflow", "NRestarts") == "1" and is_ready(port), COMPILED_S)
        assert (machine.shows("oddflow", "NRestarts"), is_ready(port)) == ("1", True), machine.log("oddflow")
        assert machine.shows("oddflow", "MainPID") not in {first, "0"}

        machine.run("systemctl", "stop", "oddflow.service")
        assert (machine.shows("oddflow", "ActiveState"), machine.shows("oddflow", "Result")) == ("inactive", "success")

        config.write_text(f"{good}\nprot = 1\n", encoding="utf-8")
        machine.run("systemctl", "start", "oddflow.service")
        wait_for(lambda: machine.shows("oddflow", "SubState") in {"failed", "auto-restart"})
        assert (machine.shows("oddflow", "SubState"), machine.shows("oddflow", "ExecMainStatus")) == ("failed", "2")
        assert "web.prot" in machine.log("oddflow")
