"""The Helm chart of ``config/helm``, rendered by Helm."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.programs import needed

CHART = Path(__file__).parent.parent / "config" / "helm" / "oddflow"

KUBERNETES = "1.34.0"
"""The release that the chart is rendered for; one that Helm's own default is not older than."""


def helm(*arguments: str | Path, given: Any = None) -> subprocess.CompletedProcess[str]:
    """Run Helm, with values on standard input; without it the test fails in CI and is skipped elsewhere."""
    program = needed("helm", "helm is not installed: `make helm` compiles it where Go is")
    command = [program, *(str(each) for each in arguments), "--kube-version", KUBERNETES, "--values", "-"]
    text = json.dumps(given or {})
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)


def rendered(values: Any = None, chart: Path = CHART) -> list[dict[str, Any]]:
    """The resources that the chart gives with these values over its own."""
    told = helm("template", "oddflow", chart, "--namespace", "watch", given=values)
    assert told.returncode == 0, told.stderr
    return [each for each in yaml.safe_load_all(told.stdout) if each]


def one(resources: list[dict[str, Any]], kind: str, name: str = "oddflow") -> Any:
    """The one resource of a kind and name."""
    (found,) = [each for each in resources if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found
