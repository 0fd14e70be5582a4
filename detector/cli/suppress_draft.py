"""What ``oddflow suppress`` is asked for: the rule that the flags describe, and what it would have hidden."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

from detector.cli.feedback import login
from detector.cli.suppress_found import Evidence, Named
from detector.errors import ConfigurationError

if TYPE_CHECKING:
    from detector.suppression.preview import Foreseen, Preview
    from detector.suppression.rule import Suppression

Scope = Literal["source", "pair", "service", "pattern"]


class Draft(NamedTuple):
    """A rule as the flags describe it."""

    scope: Scope
    named: Named
    lasts: timedelta
    reason: str | None = None
    """None: a label's comment."""
    owner: str | None = None
    """None: who is logged in."""
    src_ip: str | None = None
    dst_ip: str | None = None
    dst_port: int | None = None
    proto: str | None = None
    bounds: list[str] | None = None
    any_source: bool = False

    def rule(self, evidence: Evidence, *, forced: bool) -> Suppression:
        """The rule itself. Raises ConfigurationError, InputError where the flags and what is there make none."""
        from detector.suppression.make import make_rule, narrowed, parse_bound  # noqa: PLC0415 - --help needs none of these

        owner = self.owner or login("--owner")
        subject, label = evidence.subject(self.named, forced=forced)
        comment = label.comment if label is not None and isinstance(label.comment, str) else ""
        reason = self.reason or " ".join(comment.split())
        if not reason:
            raise ConfigurationError("--reason is missing: say why it is harmless")
        return make_rule(
            narrowed(subject, self.src_ip, self.dst_ip, self.dst_port, self.proto),
            self.scope,
            owner=owner,
            reason=reason,
            now=datetime.now(UTC).replace(microsecond=0),
            lasts=self.lasts,
            pattern=[parse_bound(each) for each in self.bounds or ()],
            any_source=self.any_source,
            label=None if label is None else label.id,
        )


def foreseen(rule: Suppression, evidence: Evidence, days: float) -> Foreseen:
    """What it would have hidden."""
    from detector.suppression.preview import foresee  # noqa: PLC0415 - --help needs none of these

    return foresee(rule, evidence.incidents().values(), evidence.labels()[0], time.time(), days)


def figures(found: Preview, days: float) -> dict[str, object]:
    """A preview for programs."""
    return {
        "days": days,
        "incidents": found.incidents,
        "hidden": found.hidden,
        "thinned": found.thinned,
        "judged_true": (*found.judged_true, *found.true_thinned),
        "judged_false": found.judged_false,
        "at_most": found.at_most,
    }
