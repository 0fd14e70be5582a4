"""Flows made ready for random splits: attacks put among them, blocks cut, rows chosen for every run.

What :func:`training.evaluation.measure.measure` tests one recipe with, the search and the comparison test many with:
the same rows, the same splits, the same attacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import polars as pl

from detector.features.extra import extra_columns, has_addresses
from detector.net.networks import networks_of
from training.evaluation.blocks import Blocks
from training.evaluation.marked import Attacks, Marked
from training.evaluation.random_splits import Features, Split, block_rows, splits_of
from training.evaluation.report import Protocol
from training.evaluation.transplant import inside_addresses, transplanted
from training.labels import Truth
from training.train import Recipe, TellStep

EACH_RANDOM = 5
"""Transplanted attacks of each kind, among all flows."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What random splits are run on; each run is :func:`training.evaluation.random_splits.scored`."""

    marked: Marked
    """With the attacks among them."""
    blocks: Blocks
    splits: list[Split]

    def features(self, recipe: Recipe, tell: TellStep, others: Sequence[Split] = ()) -> Features:
        """Compute, over all flows, those of the rows of the splits, and of ``others`` of the same flows."""
        tell(f"computing features of {len(self.marked.frame):,} flows for {len(self.splits)} random splits")
        return Features(self.marked, [*self.splits, *others], recipe)


def prepared(whole: Marked, recipe: Recipe, protocol: Protocol, notes: list[str]) -> Prepared:
    """Make flows ready; ``notes`` gain what a reader of the figures should know.

    ``protocol.attacks`` says already where they come from (:func:`settled`). Raises InputError where a run has too few
    flows.
    """
    marked = _with_attacks(whole, recipe, protocol)
    blocks = block_rows(marked, protocol)
    splits = splits_of(marked, blocks, recipe, protocol)
    if not blocks.block_s:
        notes.append("flows tell neither who nor when: random splits are row by row, and neighbours may leak")
    elif blocks.block_s < protocol.block_s:
        notes.append(
            f"blocks are {blocks.block_s:g} s long, not {protocol.block_s:g}, so that each fold has some: what one"
            " fold has learnt may help it in another"
        )
    return Prepared(marked, blocks, splits)


def settled(whole: Marked, recipe: Recipe, protocol: Protocol, notes: list[str]) -> Protocol:
    """Have the protocol say where attacks come from: what is asked for, if it can be; ``notes`` gain why not."""
    return msgspec.structs.replace(protocol, attacks=_attacks_for(whole, recipe, protocol, notes))


def _attacks_for(whole: Marked, recipe: Recipe, protocol: Protocol, notes: list[str]) -> Attacks:
    if protocol.attacks == "none":
        return "none"
    if protocol.attacks == "labelled" and whole.attack.any():
        return "labelled"
    frame = whole.frame
    known = Truth.of(frame).known.any()
    why = "no flow is labelled an attack" if known else "no flow has a label"
    inside = has_addresses(frame) and bool(inside_addresses(frame["src_ip"], networks_of(recipe.inside)).any())
    if inside:
        notes.append(f"{why}: the simulator's attacks are put on hosts of these flows")
        if extra_columns(frame):
            notes.append("their numbers beyond the canonical ones are those of other flows, drawn at random")
        return "transplanted"
    notes.append(
        f"{why}, and no inside host begins one, on which the simulator's attacks could be put: nothing is known of what"
        " is found; name inside networks with --inside"
    )
    return "none"


def _with_attacks(whole: Marked, recipe: Recipe, protocol: Protocol) -> Marked:
    if protocol.attacks != "transplanted":
        return whole
    frame = whole.frame.filter(pl.Series(whole.benign))
    attacks = transplanted(
        frame,
        float(frame["ts"][0]),
        float(frame["ts"][-1]),
        each=EACH_RANDOM,
        seed=protocol.seed + 7919,
        networks=networks_of(recipe.inside),
    )
    return whole if attacks is None else whole.with_attacks(attacks)
