"""Fixtures that more than one folder of tests needs: a real Kafka, fresh topics on it, and the shared data."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings

from detector.errors import BrokerError
from detector.transport.kafka.topics import Topic, ensure_topics
from tests.postgres import Server, running
from tests.programs import unavailable

MakeTopic = Callable[..., str]

settings.register_profile("untimed", deadline=None)  # kernels compile within an example, and machines are busy
settings.load_profile("untimed")


def _docker_answers() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        return subprocess.run([docker, "info"], capture_output=True, timeout=10, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _in_docker(stack: ExitStack) -> str | None:
    if not _docker_answers():
        return None
    from testcontainers.community.kafka import KafkaContainer  # noqa: PLC0415 - only where Docker is

    try:
        container = stack.enter_context(KafkaContainer("confluentinc/cp-kafka:8.1.0").with_kraft())
    except Exception:  # noqa: BLE001 - such as an engine that cannot fetch the image: the embedded one is next
        return None
    return str(container.get_bootstrap_server())


def _embedded(stack: ExitStack, folder: Path) -> str:
    try:
        from training.demo.broker import EmbeddedKafka  # noqa: PLC0415 - an extra, and the last resort

        return stack.enter_context(EmbeddedKafka(folder)).bootstrap_servers
    except (ImportError, BrokerError) as error:
        unavailable(f"no Kafka for the tests: {error}")


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Addresses of a real Kafka: ODDFLOW_TEST_BOOTSTRAP's, else one in Docker, else the embedded one."""
    with ExitStack() as stack:
        given = os.environ.get("ODDFLOW_TEST_BOOTSTRAP")
        servers = given or _in_docker(stack) or _embedded(stack, tmp_path_factory.mktemp("kafka"))
        for filtered in _left_by_kafka_python(servers):
            request.config.addinivalue_line("filterwarnings", filtered)
        yield servers


def _left_by_kafka_python(servers: str) -> list[str]:
    """Warnings to ignore: kafka-python may leave a socket to a broker to the garbage collector when it closes.

    Ours open none there, and librdkafka's are not Python's.
    """
    ports = [server.strip().rpartition(":")[2] for server in servers.split(",")]
    return [rf"ignore:unclosed <socket.*raddr=.*, {port}\D:ResourceWarning" for port in ports]


@pytest.fixture
def topic(kafka: str) -> MakeTopic:
    """Make a fresh topic: ``topic(partitions=1)`` gives its name, which no other test has."""
    stem = f"test-{uuid.uuid4().hex[:12]}"
    count = itertools.count()

    def make(partitions: int = 1, **settings: str) -> str:
        name = f"{stem}-{next(count)}"
        dotted = {key.replace("_", "."): value for key, value in settings.items()}
        ensure_topics({"bootstrap.servers": kafka}, [Topic(name, partitions, settings=dotted)])
        return name

    return make


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the shared real data (ODDFLOW_DATA, else ../shared/data); the test is skipped where it is absent."""
    given = os.environ.get("ODDFLOW_DATA")
    folder = Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no shared data in {folder}: set ODDFLOW_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A real PostgreSQL; ``postgres.database()`` makes an empty database on it, and gives its URL."""
    with running() as server:
        yield server
