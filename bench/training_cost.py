"""What a training takes on a million flows, and what its budgets are worth on ten days that it has not seen.

Both go through what users have: the command, with windows and the default kind, and the scorer of the daemon.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.budget import raised, simulated
from bench.size import run
from training.detection_at_budget import BUDGETS

FLOWS = 1_000_000
GIBIBYTE = 1 << 30

HOSTS, SEEDS = 25, (301, 302, 303)
TRAINED_DAYS, UNSEEN_DAYS = 7, 10


def million(folder: Path) -> dict[str, float]:
    """Train on a million simulated flows: alone, then measured, judged beside that first model, and with a card."""
    data = ["--hosts", "200", "--count", str(FLOWS), "--attacks", "none", "--output", "million.json", "--quiet"]
    run("simulate", *data, folder=folder)
    words = ("train", "--data", "million.json", "--format", "zeek-json", "--registry", "life", "--model", "million")
    alone = run(*words, "--folds", "0", folder=folder)
    whole = run(*words, folder=folder, ends_with=(0, 9))
    return {
        "train_1m_s": alone.seconds,
        "train_1m_gib": alone.peak_bytes / GIBIBYTE,
        "train_gate_card_1m_s": whole.seconds,
        "train_gate_card_1m_gib": whole.peak_bytes / GIBIBYTE,
    }


def budgets() -> dict[str, dict[str, list[float]] | list[float]]:
    """False incidents a day: asked for, and raised on the days after those trained on, a figure for each network."""
    obtained = []
    for seed in SEEDS:
        train, tried = simulated(seed, HOSTS, TRAINED_DAYS, UNSEEN_DAYS)
        obtained.append(raised(train, tried, seed))
        print(
            f"  seed {seed}, {len(train) + len(tried):,} flows: {np.round(obtained[-1], 2).tolist()} a day", flush=True
        )
    each = np.round(np.array(obtained).T, 2).tolist()
    return {"budget_asked": list(BUDGETS), "budget_obtained": dict(zip(map(str, BUDGETS), each, strict=True))}
