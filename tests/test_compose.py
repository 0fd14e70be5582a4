"""``config/compose.yaml``: pinned, ordered, closed to other machines, and true of what there is."""

from __future__ import annotations

import json
import re
import subprocess
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
import yaml

from detector.cli import COMMANDS
from detector.settings.load import SECRETS, load_settings
from tests.composed import COMPOSE, composed
from tests.programs import needed

ROOT = Path(__file__).parent.parent
CONFIG = ROOT / "config"
SERVICES: dict[str, Any] = composed()["services"]
ONCE = {"secrets", "first-model", "analyst", "reader"}

each_service = pytest.mark.parametrize("name", SERVICES)


def test_everything_is_there() -> None:
    """All parts of a whole are services of it."""
    foreign = {"kafka", "postgres", "prometheus", "alertmanager", "grafana"}
    assert SERVICES.keys() == foreign | ONCE | {"oddflow", "simulator", "triage", "retrain"}


@each_service
def test_an_image_is_pinned_or_built(name: str) -> None:
    """An image of others has a whole version for its tag; ours is built from a stage that the Dockerfile has."""
    service = SERVICES[name]
    if "build" in service:
        stages = re.findall(r"^FROM \S+ AS (\S+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
        assert service["build"]["target"] in stages
        assert (CONFIG / service["build"]["context"] / "Dockerfile").is_file()
    else:
        assert re.search(r":v?\d+\.\d+[\w.-]*$", service["image"])


@each_service
def test_services_wait_for_what_they_need(name: str) -> None:
    """What is waited for until it is healthy has a health check, and what until it is done ends by itself."""
    for other, how in SERVICES[name].get("depends_on", {}).items():
        if how["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other], other
        else:
            assert (how["condition"], other in ONCE) == ("service_completed_successfully", True)
    assert (name in ONCE) == ("restart" not in SERVICES[name])


def test_there_is_an_order() -> None:
    """No service waits for itself, whatever the way round."""
    order = [*TopologicalSorter({name: each.get("depends_on", {}) for name, each in SERVICES.items()}).static_order()]
    assert order.index("first-model") < order.index("oddflow") < order.index("simulator")
    assert order.index("analyst") < order.index("triage")


@each_service
def test_only_this_machine_reaches_it(name: str) -> None:
    """Every port that is published is bound to the loopback address."""
    assert [port for port in SERVICES[name].get("ports", []) if not port.startswith("127.0.0.1:")] == []


@each_service
def test_it_has_bounds_and_few_rights(name: str) -> None:
    """Each has bounds, and gains no rights; only Kafka's root can be written to: its start does so."""
    service = SERVICES[name]
    assert {"mem_limit", "logging", "security_opt"} <= service.keys()
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert (service.get("read_only"), service.get("cap_drop")) == ((None, None) if name == "kafka" else (True, ["ALL"]))


def test_no_secret_stands_in_it() -> None:
    """A password is only ever named by the file that holds it."""
    for service in SERVICES.values():
        for variable in service.get("environment", {}):
            assert not re.search(r"PASSWORD$|SECRET$|TOKEN$", variable)


@each_service
def test_mounts_are_there(name: str) -> None:
    """Each file that is mounted exists, and each volume is declared."""
    for mount in SERVICES[name].get("volumes", []):
        source = mount.split(":")[0]
        assert (CONFIG / source).exists() if source.startswith(".") else source in composed()["volumes"]


@pytest.mark.parametrize("name", [name for name, each in SERVICES.items() if "build" in each])
def test_our_services_are_called_as_they_are(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each calls commands that exist, and its variables are settings that are valid."""
    service = SERVICES[name]
    text = " ".join(service["command"])
    called = re.findall(r"\boddflow ([\w-]+)", text) if "entrypoint" in service else [service["command"][0]]
    assert called
    assert {*called} <= COMMANDS.keys()
    for variable, value in service.get("environment", {}).items():
        if not variable.endswith("_FILE"):
            monkeypatch.setenv(variable, str(value))
    settings = load_settings()
    if name in {"oddflow", "triage", "retrain"}:
        assert settings.kafka.bootstrap_servers == "kafka:29092"
        assert int(service["stop_grace_period"].removesuffix("s")) > settings.shutdown.deadline_s


def provisioned(kind: str) -> list[dict[str, Any]]:
    """What Grafana is given at its start: ``datasources``, or ``providers`` of boards."""
    folder = CONFIG / "grafana" / "provisioning" / {"providers": "dashboards"}.get(kind, kind)
    return [each for path in folder.iterdir() for each in yaml.safe_load(path.read_text(encoding="utf-8"))[kind]]


def test_grafana_finds_boards_where_they_are_mounted() -> None:
    """What provisions is mounted where Grafana's image looks for it, and the folder that it names holds our boards."""
    mounts = {mount.split(":")[1]: CONFIG / mount.split(":")[0] for mount in SERVICES["grafana"]["volumes"]}
    assert mounts["/etc/grafana/provisioning"] == CONFIG / "grafana" / "provisioning"
    (provider,) = provisioned("providers")
    assert provider["type"] == "file"
    assert {*mounts[provider["options"]["path"]].glob("*.json")} == {*(CONFIG / "grafana" / "boards").iterdir()}


def test_grafana_s_sources_are_services() -> None:
    """Each data source is a service at its port, and there is one of every type that a board asks for."""
    sources = {each["type"]: each for each in provisioned("datasources")}
    ports = {"prometheus": 9090, "alertmanager": 9093, "postgres": 5432}
    for each in sources.values():
        host, _, port = each["url"].removeprefix("http://").partition(":")
        assert ports.get(host) == int(port)
        assert host in SERVICES
    boards = [json.loads(path.read_text(encoding="utf-8")) for path in (CONFIG / "grafana" / "boards").iterdir()]
    choices = [choice for board in boards for choice in board["templating"]["list"] if choice["type"] == "datasource"]
    assert {choice["query"] for choice in choices} == sources.keys() - {"alertmanager"}


def test_grafana_signs_in_at_the_database_as_the_reader() -> None:
    """Its user is the role that `reader` makes, its database triage's, its password a variable that its start sets."""
    (source,) = [each for each in provisioned("datasources") if "user" in each]
    assert f"CREATE ROLE {source['user']} LOGIN" in (CONFIG / "grafana" / "reader.sql").read_text(encoding="utf-8")
    assert source["jsonData"]["database"] == SERVICES["postgres"]["environment"]["POSTGRES_DB"]
    variable = source["secureJsonData"]["password"].removeprefix("$")
    (command,) = SERVICES["grafana"]["command"]
    assert f'{variable}="$$(cat /secrets/reader)"' in command
    assert f"ALTER ROLE {source['user']} PASSWORD" in SERVICES["reader"]["command"][0]


def test_compose_itself_reads_the_same() -> None:
    """The reference implementation of Compose accepts the file, and reads the services that the tests go by."""
    reader = needed("compose-go", "compose-go is not installed: `make compose-go` compiles it where Go is")
    command = [reader, "-format", "json", COMPOSE.name]
    told = subprocess.run(
        command, cwd=CONFIG, env={"HOME": "/"}, capture_output=True, text=True, timeout=60, check=False
    )
    assert told.returncode == 0, told.stderr
    read, ours = json.loads(told.stdout), composed()
    for key in ("services", "volumes"):
        assert read[key].keys() == ours[key].keys()
    for name, service in SERVICES.items():
        found = read["services"][name]
        assert found.get("environment", {}) == service.get("environment", {})
        for key in ("command", "entrypoint"):
            assert [*(found.get(key) or ())] == [str(text).replace("$$", "$") for text in service.get(key, ())]
        mounts = [mount.split(":")[:2] for mount in service.get("volumes", [])]
        assert [
            [each["source"].replace(f"{CONFIG}/", "./"), each["target"]] for each in found.get("volumes", [])
        ] == mounts
        waits = {other: how["condition"] for other, how in service.get("depends_on", {}).items()}
        assert {other: how["condition"] for other, how in found.get("depends_on", {}).items()} == waits


def test_a_dot_env_file_gives_the_secrets_of_messages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the `.env` file of the guide the daemon has each secret of each way, read from the folder there."""
    page = (ROOT / "docs" / "guides" / "notify.md").read_text(encoding="utf-8")
    given = dict(re.findall(r"^(ODDFLOW_\w+)=(\S+)$", page, re.MULTILINE))
    daemon = composed(given)["services"]["oddflow"]
    assert f"{given['ODDFLOW_SECRETS']}:/given:ro" in daemon["volumes"]
    texts = {}
    for variable, value in daemon["environment"].items():
        here = str(value).replace("/given/", f"{tmp_path}/")
        if here != str(value):
            texts[variable] = f"https://example.org/{variable}"
            Path(here).write_text(texts[variable], encoding="utf-8")
        monkeypatch.setenv(variable, here)
    settings = load_settings()
    for section, key in SECRETS:
        if section in {"webhook", "slack"}:
            secret = getattr(getattr(settings, section), key).get_secret_value()
            assert secret == texts[f"ODDFLOW_{section}__{key}_file".upper()]
    assert (settings.syslog.address, settings.syslog.ca_file) == ("siem.example:6514", tmp_path / "siem-ca.pem")


def test_prometheus_asks_who_is_there() -> None:
    """Each address that Prometheus scrapes or alerts is a service that has such a port."""
    prometheus = yaml.safe_load((CONFIG / "prometheus" / "prometheus.yaml").read_text(encoding="utf-8"))
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in prometheus["scrape_configs"]}
    assert {target.split(":")[0] for targets in jobs.values() for target in targets} == {"oddflow", "triage", "retrain"}
    text = (CONFIG / "compose.yaml").read_text(encoding="utf-8") + "alertmanager:9093"
    for targets in jobs.values():
        assert targets[0].split(":")[1] in text
