"""Attacks, each as a whole: whether it is found, by how many of its flows, and how soon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.evaluation.figures import over_resamples
from training.evaluation.report import AttackFound, Protocol, Spread


@dataclass(frozen=True, slots=True)
class Attempts:
    """The attacks of one run; shape (attacks,) each."""

    kinds: NDArray[np.str_]
    flows: NDArray[np.float64]
    raised: NDArray[np.float64]
    """Flows of each that are."""
    seconds: NDArray[np.float64]
    """To the first of them; infinite where none is."""

    @classmethod
    def of(
        cls, kinds: pl.Series, instances: NDArray[np.int64], raised: NDArray[np.bool_], ts: NDArray[np.float64]
    ) -> Self:
        """Gather rows (rows,) by attack; -1 is none."""
        rows = np.flatnonzero(instances >= 0)
        if not len(rows):
            none = np.empty(0)
            return cls(np.empty(0, np.str_), none, none, none)
        _, first, place = np.unique(instances[rows], return_index=True, return_inverse=True)
        begin, seen = np.full(len(first), np.inf), np.full(len(first), np.inf)
        np.minimum.at(begin, place, ts[rows])
        hits = raised[rows]
        np.minimum.at(seen, place[hits], ts[rows][hits])
        return cls(
            kinds.gather(rows[first]).to_numpy().astype(str),
            np.bincount(place).astype(np.float64),
            np.bincount(place, weights=hits).astype(np.float64),
            seen - begin,
        )


def attempts_found(runs: Sequence[Attempts], protocol: Protocol) -> tuple[tuple[AttackFound, ...], Spread | None]:
    """Share found of each kind, over runs; intervals by resampling whole attacks."""
    names = sorted({str(kind) for run in runs for kind in run.kinds})
    found = []
    for number, name in enumerate(names):
        few = [_only(run, run.kinds == name) for run in runs if (run.kinds == name).any()]
        seconds = np.concatenate([run.seconds for run in few])
        rng = np.random.default_rng([protocol.seed, 13, number])
        told = seconds[np.isfinite(seconds)]
        found.append(
            AttackFound(
                kind=name,
                attacks=len(seconds),
                flows=int(sum(run.flows.sum() for run in few)),
                found=_share([run.raised > 0 for run in few], [np.ones(len(run.flows)) for run in few], protocol, rng),
                flows_found=_share([run.raised for run in few], [run.flows for run in few], protocol, rng),
                seconds=float(np.median(told)) if len(told) else None,
            )
        )
    some = [run for run in runs if len(run.kinds)]
    rng = np.random.default_rng([protocol.seed, 13, len(names)])
    ones = [np.ones(len(run.flows)) for run in some]
    return tuple(found), _share([run.raised > 0 for run in some], ones, protocol, rng) if some else None


def _only(run: Attempts, rows: NDArray[np.bool_]) -> Attempts:
    return Attempts(run.kinds[rows], run.flows[rows], run.raised[rows], run.seconds[rows])


def _share(
    hits: Sequence[NDArray[np.generic]], of: Sequence[NDArray[np.float64]], protocol: Protocol, rng: np.random.Generator
) -> Spread:
    values = [float(np.sum(few) / np.sum(all_)) for few, all_ in zip(hits, of, strict=True)]
    every, total = np.concatenate(hits).astype(np.float64), np.concatenate(of)
    drawn = rng.integers(0, len(every), (protocol.resamples, len(every)))
    return over_resamples(values, every[drawn].sum(axis=1) / total[drawn].sum(axis=1))
