"""The daemon with the mounts and settings that ``config/`` deploys it with: the registry can only be read."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.charts import one, rendered
from tests.kafka.fixtures import MakeDaemon
from tests.kafka.world import MODEL, Daemon, publish, send, simulated, wait_for
from tests.programs import needed

pytestmark = pytest.mark.kafka

CONFIG = Path(__file__).parents[2] / "config"
PLACES = ("ODDFLOW_MODEL__REGISTRY", "ODDFLOW_STATE__URL")


@dataclass(frozen=True)
class Deployed:
    """What a deployment gives the daemon: environment, settings, and which folder is mounted how."""

    environment: dict[str, str]
    settings: dict[str, Any]
    writable: dict[str, bool]
    """By the folder's place in the container."""


def by_compose() -> Deployed:
    """As ``config/compose.yaml`` has it."""
    (compose,) = yaml.safe_load_all((CONFIG / "compose.yaml").read_text(encoding="utf-8"))
    service = compose["services"]["oddflow"]
    assert service["read_only"] is True  # so that nothing but a mount can be written
    mounts = [volume.split(":") for volume in service["volumes"]]
    return Deployed(service["environment"], {}, {place: how != ["ro"] for _, place, *how in mounts})


def by_chart() -> Deployed:
    """As the Helm chart has it."""
    resources = rendered()
    pod = one(resources, "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    settings = one(resources, "ConfigMap")["data"]["oddflow.toml"]
    given = {each["name"]: each["value"] for each in container["env"] if "value" in each}
    mounts = {each["mountPath"]: not each.get("readOnly", False) for each in container["volumeMounts"]}
    return Deployed(given, tomllib.loads(settings), mounts)


@pytest.fixture
def bound() -> list[str]:
    """A command's beginning that holds it to what files' permissions say, root too."""
    if os.geteuid() != 0:
        return []
    setpriv = needed("setpriv", "root may write anywhere without setpriv: Debian's package util-linux has it")
    return [setpriv, "--bounding-set=-dac_override", "--inh-caps=-dac_override"]


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A folder under which a deployment's mounts are; they can be removed after."""
    yield tmp_path / "mounts"
    for folder in (tmp_path / "mounts").glob("*"):
        folder.chmod(0o755)


def mount(deployed: Deployed, under: Path, daemon: Daemon) -> None:
    """Make the mounts, the daemon's registry among them, and give the daemon the deployment's settings on them."""
    for place in deployed.writable:
        (under / place.strip("/")).mkdir(parents=True)
    publish(under / "registry")
    places = {name: value for name, value in deployed.environment.items() if name in PLACES}
    assert places.keys() == set(PLACES)
    daemon.settings["model"] = {"registry": str(under / places["ODDFLOW_MODEL__REGISTRY"].strip("/")), "name": MODEL}
    daemon.settings["state"] = {"url": str(under / places["ODDFLOW_STATE__URL"].strip("/")), "snapshot_interval_s": 0.2}
    for place, writable in deployed.writable.items():
        if not writable:
            (under / place.strip("/")).chmod(0o555)


@pytest.mark.parametrize("deployment", [by_compose, by_chart])
def test_state_is_kept(make_daemon: MakeDaemon, kafka: str, mounted: Path, bound: list[str], deployment: Any) -> None:
    """With the mounts as deployed a snapshot is written, outside the registry, and found again after a kill."""
    deployed: Deployed = deployment()
    assert deployed.writable["/registry"] is False
    daemon = make_daemon()
    mount(deployed, mounted, daemon)
    send(kafka, daemon.topics.flows, simulated(1_000))
    daemon.start(bound)
    wait_for(lambda: daemon.committed() == 1_000)
    assert daemon.committed() == 1_000
    wait_for(lambda: daemon.total("oddflow_state_saves_total", result="ok") >= 1)  # whole, not still being written
    assert [path.suffix for path in (mounted / "state").rglob("*.state")]
    daemon.kill()
    daemon.start(bound)
    wait_for(lambda: daemon.total("oddflow_state_restores_total", result="ok") == 1)
    assert daemon.total("oddflow_state_restores_total", result="ok") == 1
    assert daemon.total("oddflow_state_saves_total", result="failed") == 0
    assert daemon.stop() == 0


def test_state_that_cannot_be_written_is_an_error_at_start(
    make_daemon: MakeDaemon, mounted: Path, bound: list[str]
) -> None:
    """Where state would lie in a registry that can only be read, the daemon ends at once, naming place and setting."""
    daemon = make_daemon()
    mount(by_compose(), mounted, daemon)
    del daemon.settings["state"]["url"]
    process = daemon.launch(bound)
    assert process.wait(90) == 7
    (told,) = [line for line in daemon.log.splitlines() if "state:" in line]
    assert f"state: cannot write snapshots to {mounted / 'registry'}/.state: Permission denied; set state.url" in told
