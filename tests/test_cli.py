"""The command line's shell: what is imported when, exit codes, and errors as one line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

from detector import cli
from detector.cli import COMMANDS, EXIT_CODES, app
from detector.cli.data import FORMAT_NAMES
from detector.deadline import Deadline
from detector.errors import OddflowError
from detector.records.every_format import FORMATS
from detector.web.server import WebServer
from detector.web.status import Status


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.stdout, result.stderr


def python(code: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run ``code`` in a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False, **options
    )


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[typer.Typer], None]], None]:
    """Make a function the one plugin that brings commands."""

    def install(register: Callable[[typer.Typer], None]) -> None:
        module = ModuleType("a_plugin")
        module.register = register  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "a_plugin", module)
        entry = EntryPoint("a_plugin", "a_plugin:register", cli.PLUGINS)
        monkeypatch.setattr(cli, "entry_points", lambda *, group: EntryPoints([entry]).select(group=group))

    return install


def test_help_names_every_command_and_exit_code() -> None:
    """``--help`` lists every command and what each exit code means."""
    code, out, _ = run("--help")
    assert code == 0
    assert [name for name in COMMANDS if f"│ {name} " not in out] == []
    words = " ".join(out.split())
    assert [code for code, meaning in EXIT_CODES.items() if f"{code} {meaning}" not in words] == []


def test_every_error_has_its_exit_code_documented() -> None:
    """The table of exit codes has that of every error that oddflow raises on purpose."""
    errors: list[type[OddflowError]] = [OddflowError, *OddflowError.__subclasses__()]
    assert [error.__name__ for error in errors if error.exit_code not in EXIT_CODES] == []


def test_help_imports_nothing_heavy() -> None:
    """``oddflow --help`` imports no numerical library, no Kafka client and no training code."""
    heavy = ("numpy", "polars", "numba", "pydantic", "confluent_kafka", "kafka", "pandas", "sklearn", "training")
    done = python(
        "import sys; from detector.cli import app\n"
        "try: app(['--help'])\n"
        f"finally: print([m for m in {heavy} if m in sys.modules], file=sys.stderr)"
    )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "[]")


def test_help_names_every_format() -> None:
    """The formats that ``--help`` lists are those that there are."""
    assert set(FORMAT_NAMES) == set(FORMATS)


def test_version_is_the_distribution_s() -> None:
    """``--version`` prints name and version."""
    code, out, _ = run("--version")
    assert (code, out.split()[0]) == (0, "oddflow")


def test_a_wrong_name_is_a_usage_error() -> None:
    """A command that nobody has ends with exit code 2 and the nearest one."""
    code, _, err = run("healthchek")
    assert (code, "Did you mean 'healthcheck'?" in err) == (2, True)


def test_a_bad_setting_is_one_line_and_exit_code_two(tmp_path: Path) -> None:
    """An error raised on purpose is one line on standard error, and nothing on standard output."""
    path = tmp_path / "bad.toml"
    path.write_text("[kafka]\ngruop = 1\n", encoding="utf-8")
    expected = f"oddflow: settings file {path}: kafka.gruop: unknown key; the nearest known one is kafka.group\n"
    assert run("config", "check", "--config", str(path)) == (2, "", expected)


def test_check_accepts_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """``config check`` says that valid settings are valid, to people and programs."""
    monkeypatch.delenv("ODDFLOW_CONFIG", raising=False)
    assert run("config", "check") == (0, "settings are valid\n", "")
    code, out, _ = run("config", "check", "--json")
    assert (code, json.loads(out)) == (0, {"valid": True, "notes": []})


def test_check_notes_rules_that_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``config check`` notes rules of the allow-list that have ended or soon will; none is an error."""
    assets, settings = tmp_path / "assets.toml", tmp_path / "oddflow.toml"
    today = datetime.now(UTC).date()
    rules = [("10.0.9.6", -1), ("10.0.9.7", 5), ("10.0.9.8", 400)]
    assets.write_text(
        "".join(
            f'[[allowed]]\naddress = "{who}"\nuntil = {today + timedelta(days=days)}\nreason = "the scan"\n'
            for who, days in rules
        ),
        encoding="utf-8",
    )
    settings.write_text(f'[assets]\nfile = "{assets}"\n', encoding="utf-8")
    monkeypatch.setenv("ODDFLOW_CONFIG", str(settings))
    code, out, _ = run("config", "check")
    lines = out.splitlines()
    assert (code, len(lines), lines[0]) == (0, 3, "settings are valid")
    assert f"note: assets file {assets}: allowed: 10.0.9.6 (the scan) ended on " in lines[1]
    assert "allowed: 10.0.9.7 (the scan) ends on " in lines[2]
    assert len(json.loads(run("config", "check", "--json")[1])["notes"]) == 2


def test_check_knows_the_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    """``config check`` refuses a format that the daemon would refuse, and names the nearest."""
    monkeypatch.setenv("ODDFLOW_INPUT__FORMAT", "zeeek")
    code, _, err = run("config", "check")
    assert (code, "zeek" in err, err.count("\n")) == (2, True, 1)


def test_dump_and_schema_are_for_programs_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """``config dump --json`` and ``config schema`` are JSON."""
    monkeypatch.setenv("ODDFLOW_KAFKA__SASL_PASSWORD", "hush")
    code, out, _ = run("config", "dump", "--json")
    assert (code, json.loads(out)["kafka"]["sasl_password"]) == (0, "(hidden)")
    assert "hush" not in run("config", "dump")[1]
    code, out, _ = run("config", "schema")
    assert (code, json.loads(out)["title"]) == (0, "Settings")


@pytest.mark.parametrize("name", ["alert", "incident"])
def test_schemas_of_outputs_are_given(name: str) -> None:
    """``config schema alert`` and ``incident`` give the published schemas."""
    code, out, _ = run("config", "schema", name)
    assert (code, json.loads(out)["title"]) == (0, f"{name.capitalize()}, OCSF 1.8.0")


@pytest.mark.parametrize("name", ["label", "suppression"])
def test_schemas_of_what_people_say_are_given(name: str) -> None:
    """``config schema label`` and ``suppression`` give the published schemas."""
    code, out, _ = run("config", "schema", name)
    assert (code, json.loads(out)["title"]) == (0, name.capitalize())


def test_plugins_bring_commands(plugin: Callable[[Callable[[typer.Typer], None]], None]) -> None:
    """A command that an entry point registers runs as if it were one of ours."""

    def register(theirs: typer.Typer) -> None:
        @theirs.command()
        def train(rows: int) -> None:
            typer.echo(f"trained on {rows}")

    plugin(register)
    assert run("train", "5") == (0, "trained on 5\n", "")


@pytest.mark.parametrize("when", ["loaded", "called"])
def test_a_missing_extra_names_what_to_install(
    plugin: Callable[[Callable[[typer.Typer], None]], None], when: str
) -> None:
    """A command whose libraries are not installed says which extra has them, whenever it looks for them."""

    def lacking() -> None:
        raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")

    def register(theirs: typer.Typer) -> None:
        if when == "loaded":
            lacking()
        theirs.command("train")(lacking)

    plugin(register)
    expected = "oddflow: train: not installed (no Python package sklearn); pip install 'oddflow[train]'\n"
    assert run("train") == (2, "", expected)


def test_the_reader_may_go_away() -> None:
    """A reader that closes the pipe ends the command with exit code 141 and no traceback."""
    command = [sys.executable, "-m", "detector", "config", "schema"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert (process.wait(60), process.stderr.read()) == (141, b"")


def test_an_interrupt_is_exit_code_130(plugin: Callable[[Callable[[typer.Typer], None]], None]) -> None:
    """Ctrl-C ends a command with exit code 130 and no traceback."""

    def register(theirs: typer.Typer) -> None:
        @theirs.command()
        def train() -> None:
            raise KeyboardInterrupt

    plugin(register)
    assert run("train") == (130, "", "")


@pytest.mark.parametrize(
    ("status", "arguments", "expected"),
    [
        (Status(ticked_s_ago=0.0, model={}, partitions=(0,)), [], (0, "ok\n", "")),
        (Status(ticked_s_ago=99.0, model={}, partitions=(0,)), [], (1, "", "the loop has not turned for 99.0 s\n")),
        (Status(ticked_s_ago=0.0, model={}, partitions=(0,)), ["--ready"], (0, "ready\n", "")),
        (Status(ticked_s_ago=0.0, model=None), ["--ready"], (1, "", "no model is loaded\n")),
    ],
)
def test_healthcheck_asks_the_daemon(status: Status, arguments: list[str], expected: tuple[int, str, str]) -> None:
    """``healthcheck`` ends with 0 where the daemon answers that it is well, else with 1 and the reason."""
    server = WebServer("127.0.0.1", 0, CollectorRegistry(), lambda: status)
    server.start()
    try:
        assert run("healthcheck", "--port", str(server.port), "--host", "0.0.0.0", *arguments) == expected  # noqa: S104
    finally:
        server.stop(Deadline.after(5))


def test_healthcheck_without_a_daemon_is_no() -> None:
    """``healthcheck`` ends with 1 and one line where nobody listens."""
    server = WebServer("127.0.0.1", 0, CollectorRegistry(), lambda: Status(ticked_s_ago=0.0, model=None))
    server.start()
    port = server.port
    server.stop(Deadline.after(5))
    code, out, err = run("healthcheck", "--host", "127.0.0.1", "--port", str(port))
    assert (code, out) == (1, "")
    assert err.startswith(f"no answer at 127.0.0.1:{port}: ")


def test_a_closed_standard_error_ends_nothing() -> None:
    """Where a shell closed it, what is logged goes nowhere, and the command does what it does."""
    code = "import sys; sys.stderr = None; sys.argv = ['oddflow', '--version']; from detector.cli import main\n"
    code += "try: main()\nfinally: print('x', file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout.startswith("oddflow "), done.stdout.count("\n"), done.stderr) == (True, 1, "")


def test_a_crash_in_a_library_is_told() -> None:
    """Where code in C reads what is not there, standard error says so, and what the threads did."""
    code = "import faulthandler, detector.cli\ndetector.cli.app = faulthandler._sigsegv\ndetector.cli.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGSEGV
    assert done.stderr.startswith("Fatal Python error: Segmentation fault")
    assert "in main" in done.stderr
