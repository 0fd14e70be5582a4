"""The demo's false alarm: a file server's new backup to a place outside, which looks just like an exfiltration.

It is benign, and nobody told the models of it. It comes in the live hour, and again whenever it is due.
"""

from __future__ import annotations

import numpy as np

from detector.records.flow import BENIGN
from training.simulator import flows as states
from training.simulator.attacks import Attack
from training.simulator.flows import Intents
from training.simulator.hosts import Role
from training.simulator.internet import fresh_addresses
from training.simulator.scenario import Scenario
from training.simulator.services import INDEX

BACKUP = "backup"
"""What its flows carry where those of attacks carry theirs."""

PIECES = 24
GAP_S = 12.0
"""From one piece to the next, in the mean: large ones take longer, so that nothing comes by the clock."""

PORT = 443


def add_backup(scenario: Scenario, after_s: float) -> None:
    """Have the file server copy its files, from ``after_s`` seconds of the scenario on, always to the same place."""
    rng = np.random.default_rng([scenario.seed, 77])
    source, target = int(scenario.network.addresses(Role.FILES)[0]), int(fresh_addresses(1, rng)[0])
    ts = scenario.start + after_s + np.cumsum(rng.exponential(GAP_S, PIECES))
    intents = Intents.of(ts, source, target, INDEX["upload"], PORT, 0, states.SF)
    intents.attack = np.full(PIECES, len(scenario.attack_list), dtype=np.int32)
    backup = Attack(BACKUP, BENIGN, float(ts[0]), float(ts[-1]), PIECES, (source,), (target,))
    scenario.extra.append((backup, intents))
