"""What became of a training, as text for people and JSON for programs."""

from __future__ import annotations

import json

import msgspec

from detector.errors import GateError
from detector.printable import printable
from detector.registry.names import CHALLENGER, CHAMPION
from training.calibration_audit import as_rows
from training.calibration_audit import as_text as audit_text
from training.cut_incidents import as_rows as cut_rows
from training.cut_incidents import as_text as cut_text
from training.workflow import Outcome

_MARKS = {True: "passed", False: "FAILED", None: "not asked"}


def as_json(outcome: Outcome) -> str:
    """All of it, for a program."""
    manifest, stand_out = outcome.model.manifest, outcome.trained.oddest
    quality = {
        name: {"mean": each.value, "low": each.low, "high": each.high} for name, each in manifest.quality.items()
    }
    told = {
        "model": manifest.name,
        "version": manifest.version,
        "digest": manifest.digest,
        "kind": manifest.kind,
        "rows": manifest.training.rows,
        "rows_read": manifest.training.rows_read,
        "rejected": outcome.read.rejects,
        "rejected_by_reason": dict(outcome.read.rejected),
        "calibration_rows": manifest.calibration.rows,
        "calibration_s": manifest.calibration.seconds,
        "alias": outcome.alias,
        "promoted": outcome.alias == CHAMPION,
        "passed": outcome.verdict.passed,
        "reasons": outcome.reasons,
        "rules": [
            {"rule": each.rule, "passed": each.passed, "measured": each.measured, "bound": each.bound}
            for each in outcome.verdict.rules
        ],
        "previous": outcome.previous,
        "taught": msgspec.to_builtins(outcome.taught),
        "quality": quality,
        "left_out": {
            "flows": outcome.trained.cut.flows,
            "too_much": outcome.trained.cut.too_much,
            "incidents": cut_rows(outcome.trained.cut),
        },
        "oddest_of_calibration": [] if stand_out is None else as_rows(stand_out),
    }
    return json.dumps(told, indent=2)


def as_text(outcome: Outcome) -> str:
    """Figures, the gate's rules, the alias, and what calibration found oddest."""
    manifest, stand_out = outcome.model.manifest, outcome.trained.oddest
    lines: list[str] = []
    for name, each in manifest.quality.items():
        lines.append(f"{name}: {each.value:.4f} ({each.low:.4f} to {each.high:.4f})")
    was = f", in place of {outcome.previous}" if outcome.previous else ""
    asked = [rule for rule in outcome.verdict.rules if rule.passed is not None]
    lines += [
        f"gate {_MARKS[rule.passed]} {rule.rule}: {printable(rule.why)}"
        for rule in outcome.verdict.rules
        if rule.bound is not None
    ]
    kept = sum(rule.passed is True for rule in asked)
    lines.append(
        f"{manifest.name} {manifest.version}: published as {outcome.alias}{was}; {kept} of {len(asked)} rules of the"
        " gate passed"
    )
    if outcome.alias == CHALLENGER:
        lines.append(f"put it in charge by: oddflow models promote {manifest.version} --model {manifest.name}")
    if len(outcome.trained.cut.incidents):
        lines.append(cut_text(outcome.trained.cut))
    if stand_out is not None and len(stand_out):
        lines.append(audit_text(stand_out))
    return "\n".join(lines)


def check_passed(outcome: Outcome) -> None:
    """Raise GateError where the gate refused the model."""
    if outcome.reasons:
        stays = outcome.verdict.champion
        nothing = (
            "nothing is in charge: to use it all the same, oddflow models promote rejected"
            f" --model {outcome.model.name} --anyway --reason TEXT"
        )
        raise GateError(
            f"training: the gate refused {outcome.model.name} {outcome.model.version}: {'; '.join(outcome.reasons)}; it"
            f" is kept as rejected, and {f'{stays} stays in charge' if stays else nothing}"
        )
