"""The first start on a machine, where no kernel is compiled yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector.cli.healthcheck import ask
from tests.kafka.fixtures import MakeDaemon
from tests.kafka.world import wait_for

PATIENCE_S = 900.0
"""All is compiled by one thread: half a minute on a core of its own, many times that where others work there too."""

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(PATIENCE_S + 60.0)]


def test_a_start_with_cold_kernels(make_daemon: MakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no kernel compiled, the port answers first and says that it compiles; then the daemon becomes ready."""
    daemon = make_daemon()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kernels"))
    daemon.launch()
    said: list[tuple[int, str]] = []

    def is_ready() -> bool:
        said.append(ask("127.0.0.1", daemon.port, "/readyz"))
        return said[-1][0] == 200 or not daemon.running

    wait_for(is_ready, PATIENCE_S)
    assert said[-1] == (200, "ready"), daemon.log[-2_000:]
    assert any(status == 503 and text.startswith("starting: compiling") for status, text in said)
    assert list((tmp_path / "kernels").rglob("*.nbi")), "it was cold"
    assert daemon.stop() == 0
