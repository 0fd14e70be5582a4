"""The Helm chart: rendered by Helm, held to Kubernetes' schemas, and to oddflow's own commands and settings."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from detector.settings.load import SECRETS, load_settings
from detector.settings.tree import Settings
from tests.charts import CHART, KUBERNETES, helm, one, rendered
from tests.commands import understood
from tests.programs import needed

ROOT = CHART.parents[2]

ALL: dict[str, Any] = {
    "image": {"daemon": {"digest": f"sha256:{'a' * 64}"}},
    "imagePullSecrets": [{"name": "pull"}],
    "kafka": {"existingSecret": "kafka"},
    "secretFiles": [
        {"setting": "slack.url_file", "secret": "oddflow.notify", "key": "slack-url", "parts": ["daemon"]},
        {"secret": "kafka", "key": "ca.crt"},
    ],
    "extraEnv": [{"name": "AWS_REGION", "value": "eu-central-1"}],
    "daemon": {
        "createTopics": True,
        "podAnnotations": {"example.org/team": "network"},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "flows", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"},
        ],
    },
    "autoscaling": {"kind": "hpa"},
    "retrain": {"enabled": True, "args": ["--no-incidents"]},
    "triage": {
        "enabled": True,
        "firstUser": {"existingSecret": "analyst"},
        "database": {"url": "postgresql://oddflow@db/triage", "existingSecret": "triage"},
        "publicUrl": "https://triage.example.org",
        "ingress": {"enabled": True, "className": "nginx", "host": "triage.example.org", "tlsSecret": "tls"},
    },
    "networkPolicy": {"metricsFrom": [{"namespaceSelector": {}}]},
    "monitoring": {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}},
}
"""Everything that can be switched on."""

URLS: dict[str, Any] = {
    "registry": {"url": "s3://oddflow/models"},
    "state": {"url": "s3://oddflow/state"},
    "datasets": {"url": "s3://oddflow/datasets"},
    "retrain": {"enabled": True, "every": "24h"},
    "triage": {"enabled": True},
    "secretFiles": [{"setting": "kafka.sasl_password_file", "secret": "kafka", "key": "password"}],
    "autoscaling": {"kind": "keda"},
    "podDisruptionBudget": {"enabled": False},
    "networkPolicy": {"enabled": False},
    "serviceAccount": {"create": False},
}

WAYS: dict[str, dict[str, Any]] = {"as it is": {}, "everything": ALL, "object stores": URLS}

OF_OPERATORS = {"ServiceMonitor", "PrometheusRule", "ScaledObject"}
"""Kinds that others' operators define; no package here carries their schemas."""


@pytest.fixture(scope="module", params=WAYS)
def resources(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """What the chart gives, in one of the ways to set it."""
    return rendered(WAYS[request.param])


def pods(resources: list[dict[str, Any]]) -> Iterator[Any]:
    """The specification of each pod."""
    for each in resources:
        if each["kind"] == "Deployment":
            yield each["spec"]["template"]["spec"]
        if each["kind"] == "CronJob":
            yield each["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def written_out() -> list[dict[str, Any]]:
    """The secret files that the chart's values show in a comment."""
    shown = re.findall(r"^#  (- \{setting: .*\})$", (CHART / "values.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    return list(yaml.safe_load("\n".join(shown)))


def lay_secrets(pod: Any, folder: Path) -> dict[str, str]:
    """Write the secrets that a pod mounts, each file with a text of its own; the texts by path, as the pod sees it."""
    texts = {}
    for volume in pod["volumes"]:
        for source in volume.get("projected", {"sources": []})["sources"]:
            for item in source["secret"]["items"]:
                path = f"/secrets/{item['path']}"
                texts[path] = f"https://example.org/{source['secret']['name']}/{item['key']}"
                (folder / path[1:]).parent.mkdir(parents=True, exist_ok=True)
                (folder / path[1:]).write_text(f"{texts[path]}\n", encoding="utf-8")
    return texts


def settings_of(resources: list[dict[str, Any]], pod: Any, folder: Path, patch: Any) -> Settings:
    """The settings that a pod's container has, by its file, its variables and its secrets, all in a folder here."""
    config = folder / "oddflow.toml"
    config.write_text(one(resources, "ConfigMap")["data"]["oddflow.toml"], encoding="utf-8")
    lay_secrets(pod, folder)
    (container,) = pod["containers"]
    given = {each["name"]: each.get("value", "secret") for each in container["env"]}
    assert given["ODDFLOW_CONFIG"] == "/etc/oddflow/oddflow.toml"
    for name, value in (given | {"ODDFLOW_CONFIG": str(config)}).items():
        patch.setenv(name, value.replace("/secrets/", f"{folder}/secrets/"))
    return load_settings()


@pytest.mark.parametrize("values", WAYS.values(), ids=WAYS)
def test_helm_has_nothing_to_say(values: dict[str, Any]) -> None:
    """Helm's own linter finds neither error nor warning."""
    told = helm("lint", "--strict", "--quiet", CHART, given=values)
    assert (told.returncode, told.stdout.strip()) == (0, "")


def test_kubernetes_understands_every_resource(resources: list[dict[str, Any]]) -> None:
    """Each resource is valid by the schema that Kubernetes publishes for its kind, and has no key that it lacks."""
    release = KUBERNETES.rpartition(".")[0]
    for each in resources:
        if each["kind"] not in OF_OPERATORS:
            kubernetes_validate.validate(each, release, strict=True)


def test_a_key_that_kubernetes_lacks_would_be_found() -> None:
    """The schemas are not empty: a misspelt key is refused."""
    service = one(rendered(), "Service")
    service["spec"]["portz"] = []
    with pytest.raises(kubernetes_validate.ValidationError, match="portz"):
        kubernetes_validate.validate(service, KUBERNETES.rpartition(".")[0], strict=True)


def test_names_are_of_what_there_is(resources: list[dict[str, Any]]) -> None:
    """Every selector finds pods, and every claim, account and ConfigMap that a pod names is made, as no URL is."""
    labels = [
        each["spec"].get("jobTemplate", each)["spec"]["template"]["metadata"]["labels"].items()
        for each in resources
        if each["kind"] in {"Deployment", "CronJob"}
    ]
    for each in resources:
        spec = each.get("spec", {})
        chosen = spec.get("podSelector", spec.get("selector", {}))
        chosen = chosen.get("matchLabels", chosen)
        if chosen and each["kind"] != "CronJob":
            assert any(chosen.items() <= found for found in labels), each["kind"]
    made = {(each["kind"], each["metadata"]["name"]) for each in resources}
    for pod in pods(resources):
        for volume in pod["volumes"]:
            if "persistentVolumeClaim" in volume:
                assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in made
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in made
        assert pod["serviceAccountName"] == "default" or ("ServiceAccount", pod["serviceAccountName"]) in made
        for container in pod["containers"]:
            assert {each["name"] for each in container["volumeMounts"]} == {each["name"] for each in pod["volumes"]}


def test_pods_run_with_least_rights(resources: list[dict[str, Any]]) -> None:
    """Each pod runs without root, without writing to its file system, and without a service account's token."""
    user = re.search(r"^USER (\d+):", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert user is not None
    for pod in pods(resources):
        assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, int(user[1]))
        assert pod["automountServiceAccountToken"] is False
        for container in (*pod["containers"], *pod.get("initContainers", [])):
            rights = container["securityContext"]
            assert (rights["readOnlyRootFilesystem"], rights["allowPrivilegeEscalation"]) == (True, False)
            assert rights["capabilities"] == {"drop": ["ALL"]}


def test_the_daemon_is_called_and_asked_as_it_is(
    resources: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The daemon's settings are valid, its probes ask pages that exist at its port, and it has time to stop."""
    pod = one(resources, "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    settings = settings_of(resources, pod, tmp_path, monkeypatch)
    assert (
        settings.web.port
        == container["ports"][0]["containerPort"]
        == one(resources, "Service")["spec"]["ports"][0]["port"]
    )
    assert pod["terminationGracePeriodSeconds"] > settings.shutdown.deadline_s
    probes = {container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")}
    assert probes == {"/healthz", "/readyz"}
    understood(container["args"])
    mounted = {each["mountPath"]: each["readOnly"] for each in container["volumeMounts"]}
    assert mounted.get(settings.model.registry, True) is True
    assert mounted.get(settings.state.url, False) is False


@pytest.mark.parametrize("values", [ALL, URLS], ids=["PostgreSQL", "SQLite"])
def test_triage_is_called_and_asked_as_it_is(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Triage's settings are valid, its probes ask its port, and a database in a file is where something is mounted."""
    resources = rendered(values)
    pod = one(resources, "Deployment", "oddflow-triage")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    settings = settings_of(resources, pod, tmp_path, monkeypatch)
    service = one(resources, "Service", "oddflow-triage")
    assert settings.triage.port == container["ports"][0]["containerPort"] == service["spec"]["ports"][0]["port"]
    assert settings.triage.host_names == ("oddflow-triage",)
    understood(container["args"])
    mounted = [each["mountPath"] for each in container["volumeMounts"]]
    assert settings.triage.database.startswith("sqlite:///") == ("/database" in mounted)
    for first in pod.get("initContainers", []):
        assert [
            each for each in container["env"] if "TRIAGE__DATABASE" in each["name"] and each not in first["env"]
        ] == []


def test_retraining_is_called_as_it_is() -> None:
    """The CronJob calls the command with flags that it has, and may write where it must."""
    job = one(rendered(ALL), "CronJob", "oddflow-retrain")["spec"]["jobTemplate"]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert understood(container["args"])["once"] is True
    mounted = {each["mountPath"]: each.get("readOnly", False) for each in container["volumeMounts"]}
    assert (mounted["/registry"], mounted["/datasets"]) == (False, False)


def test_retraining_for_ever_is_a_pod_that_shows_metrics() -> None:
    """With a span a pod that stays takes the CronJob's place, and its service leads to the port of its metrics."""
    resources = rendered({"retrain": {"enabled": True, "every": "12h", "args": ["--no-labels"]}})
    pod = one(resources, "Deployment", "oddflow-retrain")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    called = understood(container["args"])
    assert (called["every"], called["once"], called["topic"], called["no_labels"]) == ("12h", False, "flows", True)
    (port,) = container["ports"]
    service = one(resources, "Service", "oddflow-retrain")
    assert called["metrics_port"] == port["containerPort"] == service["spec"]["ports"][0]["port"]
    assert {"name": "ODDFLOW_WEB__HOST", "value": "0.0.0.0"} in container["env"]  # noqa: S104 - the pod's own
    assert (pod["restartPolicy"], [each for each in resources if each["kind"] == "CronJob"]) == ("Always", [])


SCRAPED: dict[str, Any] = {"triage": {"enabled": True}, "retrain": {"enabled": True, "every": "24h"}}
"""All that shows metrics."""


def test_the_operator_s_prometheus_has_the_jobs_that_rules_ask_for() -> None:
    """The monitor finds each part's service, and gives it the job that config/prometheus and its rules call it by."""
    resources = rendered({**SCRAPED, "monitoring": {"serviceMonitor": {"enabled": True}}})
    spec = one(resources, "ServiceMonitor")["spec"]
    (endpoint,) = spec["endpoints"]
    (rule,) = endpoint["relabelings"]
    source = rule["sourceLabels"][0].removeprefix("__meta_kubernetes_service_label_").replace("_", "-")
    found = {}
    for service in (each for each in resources if each["kind"] == "Service"):
        labels = service["metadata"]["labels"]
        assert spec["selector"]["matchLabels"].items() <= labels.items()
        (port,) = [each["port"] for each in service["spec"]["ports"] if each["name"] == endpoint["port"]]
        (component,) = [value for name, value in labels.items() if re.sub(r"[./]", "-", name) == source]
        new = re.fullmatch(rule["regex"], component)
        job = labels[spec["jobLabel"]] if new is None else new.expand(rule["replacement"].replace("$", "\\"))
        found[job] = port
    prometheus = yaml.safe_load((ROOT / "config" / "prometheus" / "prometheus.yaml").read_text(encoding="utf-8"))
    asked = {job["job_name"]: job["static_configs"][0]["targets"][0] for job in prometheus["scrape_configs"]}
    assert found == {job: int(target.rpartition(":")[2]) for job, target in asked.items()}


@pytest.mark.parametrize("by_operator", [False, True], ids=["annotations", "operator"])
def test_pods_are_marked_where_no_operator_finds_them(by_operator: bool) -> None:
    """Each pod that listens says so with its port, unless the operator's monitor is there: it would be asked twice."""
    marked = {}
    resources = rendered({**SCRAPED, "monitoring": {"serviceMonitor": {"enabled": by_operator}}})
    for each in (each for each in resources if each["kind"] == "Deployment"):
        template = each["spec"]["template"]
        told = template["metadata"]["annotations"]
        port = template["spec"]["containers"][0]["ports"][0]["containerPort"]
        marked[port] = (told.get("prometheus.io/scrape"), told.get("prometheus.io/port"))
    assert marked == {port: (None, None) if by_operator else ("true", str(port)) for port in (9464, 9465, 9466)}


def test_whoever_may_ask_for_metrics_reaches_each_port() -> None:
    """A peer of metricsFrom reaches all ports, one of triageFrom triage's alone; without them the namespace does."""
    monitoring, people = {"namespaceSelector": {"matchLabels": {"a": "m"}}}, {"ipBlock": {"cidr": "198.51.100.0/24"}}
    asked = {"metricsFrom": [monitoring], "triageFrom": [people]}
    for policy, expected in (
        (asked, [[monitoring], [monitoring], [people, monitoring]]),
        ({}, [[{"podSelector": {}}]] * 3),
    ):
        resources = rendered({**SCRAPED, "networkPolicy": policy})
        rules = [
            one(resources, "NetworkPolicy", f"oddflow-{part}")["spec"]["ingress"]
            for part in ("daemon", "retrain", "triage")
        ]
        assert [rule["from"] for (rule,) in rules] == expected
        assert [rule["ports"][0]["port"] for (rule,) in rules] == [9464, 9466, 9465]


NOTES = """kind: Notes
metadata: {name: oddflow}
text: {{ include (print .Template.BasePath "/NOTES.txt") . | quote }}
"""


def notes(values: dict[str, Any], folder: Path) -> str:
    """What Helm says after an installation, rendered as one more resource: an installation needs a cluster."""
    chart = Path(shutil.copytree(CHART, folder / "chart", dirs_exist_ok=True))
    (chart / "templates" / "notes.yaml").write_text(NOTES, encoding="utf-8")
    return str(one(rendered(values, chart), "Notes")["text"])


def test_notes_make_a_first_model_before_there_are_incidents(tmp_path: Path) -> None:
    """The command that Helm prints makes a job of the CronJob, with flags by which it trains before any incident."""
    values = {"retrain": {"enabled": True}}
    told = notes(values, tmp_path)
    (change,) = re.findall(r"sed '([^']+)'", told)
    job = one(rendered(values), "CronJob", "oddflow-retrain")["spec"]["jobTemplate"]
    given = json.dumps(job["spec"]["template"]["spec"]["containers"][0]["args"], indent=4)
    sed = needed("sed", "sed is not installed")
    done = subprocess.run([sed, change], input=given, capture_output=True, text=True, timeout=60, check=True)
    called = understood(json.loads(done.stdout))
    assert (called["once"], called["no_incidents"]) == (True, True)
    assert 'retrain.args to ["--no-incidents"]' in notes({"retrain": {"enabled": True, "every": "24h"}}, tmp_path)
    assert "oddflow train --topic flows" in notes({}, tmp_path)


def test_the_secrets_that_values_show_reach_the_daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the example in values.yaml the daemon's settings have each secret of each way, and no other pod has one."""
    resources = rendered({"secretFiles": written_out(), "triage": {"enabled": True}, "retrain": {"enabled": True}})
    daemon, *others = pods(resources)
    settings = settings_of(resources, daemon, tmp_path, monkeypatch)
    texts = lay_secrets(daemon, tmp_path)
    for section, key in SECRETS:
        if section in {"webhook", "slack"}:
            way = getattr(settings, section)
            path = str(getattr(way, f"{key}_file")).removeprefix(str(tmp_path))
            assert getattr(way, key).get_secret_value() == texts.pop(path)
    syslog = settings.syslog
    certificates = {
        str(path).removeprefix(str(tmp_path)) for path in (syslog.ca_file, syslog.cert_file, syslog.key_file)
    }
    assert texts.keys() == certificates
    assert [lay_secrets(pod, tmp_path) for pod in others] == [{}, {}]


def test_a_secret_s_file_is_laid_once_for_all_its_settings() -> None:
    """A file that two settings name is one file, and a part that is not named has none of it."""
    file = {"secret": "kafka", "key": "tls.key"}
    twice = [{"setting": "kafka.ssl_key_password_file", **file}, {**file, "parts": ["triage"]}]
    resources = rendered({"secretFiles": twice, "triage": {"enabled": True}})
    for pod in pods(resources):
        (volume,) = [each["projected"]["sources"] for each in pod["volumes"] if each["name"] == "secrets"]
        assert volume == [{"secret": {"name": "kafka", "items": [{"key": "tls.key", "path": "kafka/tls.key"}]}}]


def test_images_are_of_this_version() -> None:
    """Chart and images have the sources' version; a digest wins over it."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert (chart["version"], chart["appVersion"]) == (version, version)
    images = [container["image"] for pod in pods(rendered()) for container in pod["containers"]]
    assert images == [f"oddflow:{version}"]
    pinned = [container["image"] for pod in pods(rendered(ALL)) for container in pod["containers"]]
    assert pinned[0] == f"oddflow@sha256:{'a' * 64}"


def test_the_alert_rules_are_prometheus_own() -> None:
    """The operator's rules are those of ``config/prometheus``, unchanged; the figures that boards show among them."""
    groups = [
        group
        for name in ("recording", "alerts")
        for group in yaml.safe_load((ROOT / "config" / "prometheus" / f"{name}.yaml").read_text(encoding="utf-8"))[
            "groups"
        ]
    ]
    assert one(rendered(ALL), "PrometheusRule")["spec"] == {"groups": groups}


@pytest.mark.parametrize("kind", ["hpa", "keda"])
def test_whoever_scales_decides_how_many(kind: str) -> None:
    """With a scaler the deployment names no number of replicas, so that an upgrade does not undo the scaler's."""
    resources = rendered({"autoscaling": {"kind": kind}})
    (scaler,) = [each for each in resources if each["kind"] in {"HorizontalPodAutoscaler", "ScaledObject"}]
    assert scaler["spec"]["scaleTargetRef"]["name"] == one(resources, "Deployment")["metadata"]["name"]
    assert "replicas" not in one(resources, "Deployment")["spec"]
    assert "replicas" in one(rendered(), "Deployment")["spec"]


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"kafka": {"servers": "kafka:9092"}}, "/kafka"),
        ({"kafka": {"bootstrapServers": "kafka"}}, "/kafka/bootstrapServers"),
        ({"autoscaling": {"kind": "vpa"}}, "/autoscaling/kind"),
        ({"networkPolicy": {"egressPorts": []}}, "/networkPolicy/egressPorts"),
        ({"secretFiles": [{"setting": "slack.url", "secret": "a", "key": "b"}]}, "/secretFiles/0/setting"),
        ({"image": {"daemon": {"digest": "latest"}}}, "/image/daemon/digest"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_value_is_refused_by_its_place(values: dict[str, Any], place: str) -> None:
    """A value that the chart does not know, or that cannot be, is an error that names it."""
    told = helm("template", "oddflow", CHART, given=values)
    assert told.returncode != 0
    assert f"at '{place}'" in told.stderr


def test_every_value_has_a_schema() -> None:
    """The schema lets through the chart's own values and nothing beside them, at any depth."""
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    schema = yaml.safe_load((CHART / "values.schema.json").read_text(encoding="utf-8"))
    assert schema["properties"].keys() - {"global"} == values.keys()
    assert helm("template", "oddflow", CHART, given=values).returncode == 0
