"""A real PostgreSQL of the tests' own, as a program: in a temporary folder, on a socket there.

It refuses to run as root, so where the tests are root it is `nobody`'s.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from tests.programs import needed

PLACES = "/usr/lib/postgresql/*/bin"
"""Where Debian puts what its own commands call."""

PATIENCE_S = 60

OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",  # the machine does not fail, the server does
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
}


class Server:
    """One server; databases of it are made one by one."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder

    def start(self) -> None:
        """Start it, or start it again."""
        options = " ".join(f"-c {name}='{value}'" for name, value in OPTIONS.items())
        log = str(self._folder / "log")
        where = f"{options} -k {self._folder}"
        self._run("pg_ctl", "start", "-w", "-t", str(PATIENCE_S), "-s", "-l", log, "-D", self._data, "-o", where)

    def stop(self, *, mode: str = "immediate") -> None:
        """Stop it; ``immediate`` is as if it had crashed."""
        self._run("pg_ctl", "stop", "-w", "-t", str(PATIENCE_S), "-s", "-D", self._data, "-m", mode, check=False)

    def database(self) -> str:
        """Make an empty database; its URL, as `triage.database` wants it."""
        name = f"t{uuid4().hex}"
        self._run("createdb", "--host", str(self._folder), "--username", "postgres", name)
        return f"postgresql://postgres@/{name}?host={self._folder}"

    def make(self) -> None:
        """Lay its files out."""
        self._run(
            *("initdb", "--no-sync", "--username", "postgres", "--auth", "trust", "--encoding", "UTF8"),
            *("--locale", "C.UTF-8", "--pgdata", self._data),
        )

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _run(self, name: str, *arguments: str, check: bool = True) -> None:
        command = [*_as_nobody(), str(self._programs / name), *arguments]
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False, cwd=self._folder
        )
        if check and done.returncode:
            log = self._folder / "log"
            more = log.read_text(errors="replace")[-2000:] if log.is_file() else ""
            raise RuntimeError(f"{name}: {done.stderr} {more}")


@contextmanager
def running() -> Iterator[Server]:
    """Start a server; it ends with the block. Without PostgreSQL the test fails in CI, and is skipped elsewhere."""
    places = sorted(Path("/").glob(PLACES.lstrip("/")), key=lambda path: int("0" + re.sub(r"\D", "", path.parent.name)))
    path = os.pathsep.join([*map(str, reversed(places)), os.environ.get("PATH", "")])
    programs = Path(needed("initdb", "no PostgreSQL: Debian's package postgresql has it", path=path)).parent
    folder = Path(tempfile.mkdtemp(prefix="oddflow-postgres-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody")
        server = Server(programs, folder)
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_nobody() -> list[str]:
    if os.geteuid() != 0:
        return []
    setpriv = needed("setpriv", "root needs setpriv to start PostgreSQL: Debian's package util-linux has it")
    return [setpriv, "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]
