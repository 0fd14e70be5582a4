"""What a running daemon's ``/metrics`` show over time, and which of the alert rules they make fire.

The rules are those of ``config/``, as they are; a scrape stands for a minute, so that an hour passes in seconds.
"""

from __future__ import annotations

import json
import math
import re
from functools import cached_property
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Self

from prometheus_client.samples import Sample

from tests.promtool import promtool
from training.demo.scrape import scrape

RULES = Path(__file__).parents[2] / "config" / "prometheus" / "alerts.yaml"

ABSENT = "_"


def rule_names() -> list[str]:
    """The names of all rules."""
    return re.findall(r"alert: (\w+)", RULES.read_text(encoding="utf-8"))


class Recorder:
    """Scrapes one daemon, or several, every ``period_s`` while its block runs."""

    def __init__(self, *ports: int, period_s: float = 0.2) -> None:
        self._ports = ports
        self._period_s = period_s
        self._wanted = set(re.findall(r"\boddflow_\w+", RULES.read_text(encoding="utf-8")))
        self._series: dict[str, dict[int, float]] = {}
        self._stopping = Flag()
        self._thread = Thread(target=self._run, name="recorder", daemon=True)
        self.minutes = 0
        """How many scrapes there were."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(30)

    def wait(self, minutes: int) -> None:
        """Wait for so many scrapes more."""
        until = self.minutes + minutes
        while self.minutes < until:
            assert self._thread.is_alive()
            self._stopping.wait(0.05)

    def _run(self) -> None:
        while not self._stopping.wait(self._period_s):
            for port in self._ports:
                seen = scrape(port)
                self._note("up", {}, port, float(seen is not None))
                for sample in seen.samples if seen else ():
                    self._note_sample(sample, port)
            self.minutes += 1

    def _note_sample(self, sample: Sample, port: int) -> None:
        if sample.name in self._wanted and not math.isnan(sample.value):  # promtool has no word for what is no number
            self._note(sample.name, sample.labels, port, sample.value)

    def _note(self, name: str, labels: dict[str, str], port: int, value: float) -> None:
        pairs = {**labels, "instance": f"daemon-{self._ports.index(port)}", "job": "oddflow"}
        text = ", ".join(f"{key}={json.dumps(each)}" for key, each in pairs.items())
        self._series.setdefault(f"{name}{{{text}}}", {})[self.minutes] = value

    def fired(self, folder: Path) -> set[str]:
        """The names of the rules that fired at some minute: promtool denies, for each, the claim that it never did."""
        test = {"interval": "1m", "input_series": self._input, "promql_expr_test": list(map(self._never, rule_names()))}
        path = folder / "recorded.test.yaml"
        path.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}))
        told = promtool("test", "rules", path)
        denied = set(re.findall(r'expr: ".*alertname=\\"(\w+)', told.stdout + told.stderr))
        assert bool(denied) == (told.returncode != 0), told.stdout + told.stderr
        return denied

    def _never(self, name: str) -> dict[str, object]:
        ever = f'sum(count_over_time(ALERTS{{alertname="{name}", alertstate="firing"}}[{self.minutes}m:1m]))'
        return {"expr": f"{ever} or vector(0)", "eval_time": f"{self.minutes}m", "exp_samples": [{"value": 0}]}

    @cached_property
    def _input(self) -> list[dict[str, str]]:
        minutes = range(self.minutes)
        return [
            {"series": name, "values": " ".join(repr(seen[at]) if at in seen else ABSENT for at in minutes)}
            for name, seen in self._series.items()
        ]
