"""A Debian in a folder, booted: systemd is its first process, in systemd-nspawn, on this machine's network."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.kafka.world import wait_for
from tests.programs import needed

JOIN = 'for each in $GROUPS_OF_IT; do echo $$ > "$each/cgroup.procs"; done; exec "$@"'

BOOT_S = 120.0


class Machine:
    """Asked from outside, by programs that run inside."""

    def __init__(self, first: int) -> None:
        self._enter = [needed("nsenter", "nsenter is not installed: Debian's package util-linux has it")]
        self._enter += ["--target", str(first), "--all", "--root", "--wd", "env", "-i"]
        self._enter += ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]

    def run(self, *command: str) -> str:
        """What a program says in there."""
        done = subprocess.run([*self._enter, *command], capture_output=True, text=True, timeout=300, check=False)
        return (done.stdout + done.stderr).strip()

    def shows(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "--property", name, "--value", unit)

    def log(self, unit: str) -> str:
        """What a unit said."""
        return self.run("journalctl", "--no-pager", "--output", "cat", "--unit", unit)


@contextmanager
def booted(root: Path, log: Path) -> Iterator[Machine]:
    """Boot what is installed in a folder, and power it off at the end; its console is written to a file."""
    nspawn = needed("systemd-nspawn", "systemd-nspawn is not installed: Debian's package systemd-container has it")
    groups = _groups(f"oddflow-{uuid.uuid4().hex}")
    command = ["sh", "-c", JOIN, "sh", nspawn, "--quiet", "--register=no", "--keep-unit", "--settings=no"]
    command += ["--console=read-only", "--boot", f"--directory={root}", f"--machine=oddflow-{uuid.uuid4().hex[:12]}"]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "GROUPS_OF_IT": " ".join(map(str, groups))}
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment, start_new_session=True
        )
    try:
        wait_for(lambda: bool(_children(process.pid)) or process.poll() is not None, BOOT_S)
        assert process.poll() is None, log.read_text(errors="replace")
        machine = Machine(_children(process.pid)[0])
        wait_for(lambda: machine.run("systemctl", "is-system-running") in {"running", "degraded"}, BOOT_S)
        assert machine.run("systemctl", "is-system-running") == "running", log.read_text(errors="replace")
        yield machine
        machine.run("systemctl", "poweroff")
        with suppress(subprocess.TimeoutExpired):
            process.wait(BOOT_S)
    finally:
        process.kill()
        process.wait()
        for group in groups:
            for each in sorted((group, *group.rglob("*/")), reverse=True):
                with suppress(OSError):
                    each.rmdir()


def _groups(name: str) -> list[Path]:
    """A control group of its own, where systemd keeps its processes: in the unified hierarchy, and in the older one."""
    made = []
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, place, kind, options, *_ = line.split()
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options):
            made.append(Path(place) / name)
            made[-1].mkdir()
    return made


def _children(pid: int) -> list[int]:
    """The processes that a process has started, and that run."""
    with suppress(OSError):
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()]
    return []
