"""The Java archives of Apache Kafka: exactly those that ``kafka-jars.lock`` names, byte for byte, in the user's cache.

``ensure_jars`` gives their paths, and fetches from Maven Central (with jgo's resolver) whatever is not there yet; once
they are there it needs no network. Several processes may ask at once: one fetches, the others wait for it.

``python -m training.demo.jars`` resolves the coordinates anew and rewrites the lock file.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jgo.env import EnvironmentBuilder
from jgo.maven import MavenContext

from detector.errors import BrokerError

LOCK_FILE = Path(__file__).with_name("kafka-jars.lock")

# Each line is resolved by itself: in one call with the logging binding, the binding's parent would choose
# kafka-clients 3.9.1, and the broker would die with NoSuchMethodError. Without the binding it would log nothing.
COORDINATES = (
    "org.apache.kafka:kafka_2.13:4.3.1+org.apache.kafka:kafka-tools:4.3.1",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",
)
_PARALLEL_FETCHES = 8


@dataclass(frozen=True, slots=True)
class Jar:
    """One archive: its Maven coordinate, and the digest that it must have."""

    sha256: str
    group: str
    artifact: str
    version: str

    @property
    def coordinate(self) -> str:
        """``group:artifact:version``."""
        return f"{self.group}:{self.artifact}:{self.version}"

    def path(self, folder: Path) -> Path:
        """Where it lies in a Maven repository at ``folder``."""
        return folder.joinpath(
            *self.group.split("."), self.artifact, self.version, f"{self.artifact}-{self.version}.jar"
        )


def default_cache() -> Path:
    """``oddflow`` in the user's cache folder (``XDG_CACHE_HOME``, by default ``~/.cache``)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "oddflow"


def read_lock(path: Path = LOCK_FILE) -> list[Jar]:
    """Read the lock file: one ``sha256  group:artifact:version`` a line, in class path order."""
    rows = (line.split() for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return [Jar(digest, *coordinate.split(":")) for digest, coordinate in rows]


def ensure_jars(cache: Path | None = None, lock: Path = LOCK_FILE) -> list[Path]:
    """Give the paths of all archives that ``lock`` names, fetched where needed and checked.

    Raises BrokerError where one cannot be fetched, or is not the one named.
    """
    cache = cache or default_cache()
    folder = cache / "jars"
    jars = read_lock(lock)
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    checked = cache / f"jars-{digest[:16]}.checked"
    if not _is_checked(checked, jars, folder):
        folder.mkdir(parents=True, exist_ok=True)
        with _exclusive(cache / "jars.lock"):
            if not _is_checked(checked, jars, folder):
                _fetch_missing(jars, folder)
                checked.write_text(_sizes(jars, folder))
    return [jar.path(folder) for jar in jars]


def _sizes(jars: Sequence[Jar], folder: Path) -> str:
    return "".join(f"{jar.path(folder).stat().st_size} {jar.coordinate}\n" for jar in jars)


def _is_checked(checked: Path, jars: Sequence[Jar], folder: Path) -> bool:
    """Whether all were checked before and have kept their sizes: 50 MB need not be read at every start."""
    try:
        return checked.read_text() == _sizes(jars, folder)
    except OSError:
        return False


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    """Hold ``path`` locked against other processes; the lock ends with the process, however it ends."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch_missing(jars: Sequence[Jar], folder: Path) -> None:
    wanted = [jar for jar in jars if _sha256(jar.path(folder)) != jar.sha256]
    if wanted:
        sys.stderr.write(f"fetching Apache Kafka once: {len(wanted)} archives from Maven Central into {folder}\n")
    with (
        tempfile.TemporaryDirectory(prefix="fetch-", dir=folder.parent) as aside,
        ThreadPoolExecutor(_PARALLEL_FETCHES) as pool,
    ):
        for jar, path in zip(wanted, pool.map(lambda jar: _fetch(jar, Path(aside)), wanted), strict=True):
            target = jar.path(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)


def _fetch(jar: Jar, aside: Path) -> Path:
    """Fetch one archive beside the cache, so that nothing half-fetched is ever in it."""
    try:
        component = MavenContext(repo_cache=aside).project(jar.group, jar.artifact).at_version(jar.version)
        path = Path(component.artifact().resolve())
    except Exception as error:
        raise BrokerError(
            f"fetching {jar.coordinate} for the embedded Kafka: {error}; it needs Maven Central once, "
            "or name a running Kafka instead"
        ) from error
    if (found := _sha256(path)) != jar.sha256:
        raise BrokerError(
            f"fetching {jar.coordinate} for the embedded Kafka: its sha256 is {found}, "
            f"{LOCK_FILE.name} says {jar.sha256}"
        )
    return path


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def resolve() -> list[Jar]:
    """Resolve :data:`COORDINATES` anew; of an artifact met twice, the first stays."""
    found: dict[tuple[str, str], Jar] = {}
    with tempfile.TemporaryDirectory() as scratch:
        context = MavenContext(repo_cache=Path(scratch) / "jars")
        builder = EnvironmentBuilder(context=context, cache_dir=Path(scratch) / "environments")
        for coordinates in COORDINATES:
            lock = builder.from_endpoint(coordinates).lockfile
            for entry in lock.dependencies if lock else ():
                # slf4j comes with Kafka; the binding adds log4j's own archives only.
                if coordinates == COORDINATES[0] or entry.groupId == "org.apache.logging.log4j":
                    jar = Jar(str(entry.sha256), entry.groupId, entry.artifactId, entry.version)
                    found.setdefault((jar.group, jar.artifact), jar)
    return list(found.values())


def main() -> None:
    """Rewrite the lock file."""
    lines = [f"{jar.sha256}  {jar.coordinate}" for jar in resolve()]
    LOCK_FILE.write_text(
        "\n".join(["# The archives of the embedded Kafka. Made by: python -m training.demo.jars", *lines, ""])
    )


if __name__ == "__main__":
    main()
