"""Makes a rule from what was found: an incident, an alert, or the flows of a label, and a scope. Pure.

With :mod:`~detector.suppression.preview`, :mod:`~detector.suppression.objections` and
:mod:`~detector.suppression.topic` this is all that a page or a command needs: make a rule, show what it would have
hidden, check it, write it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from msgspec import UNSET, to_builtins

from detector.alerts.read_alert import ReadAlert
from detector.casebook.told import Ours
from detector.errors import ConfigurationError, InputError
from detector.feedback.label import Flows, iso, made_id
from detector.suppression.rule import ENTITY, LONGEST, Bound, Scope, Suppression, convert_rule

Value = TypeVar("Value")

PLURALS = {"src_ip": "sources", "dst_ip": "destinations", "dst_port": "destination ports", "proto": "protocols"}

NAMED = 5
"""Of several, so many are named."""


class Subject(NamedTuple):
    """What a rule is made from: the ends of its flows, each once."""

    words: str
    """What it is, such as ``incident 3bc9…``."""
    src_ip: tuple[str, ...] = ()
    dst_ip: tuple[str, ...] = ()
    dst_port: tuple[int, ...] = ()
    proto: tuple[str, ...] = ()


def of_incident(incident: Ours) -> Subject:
    """What an incident's document tells of the ends of its flows."""
    return Subject(
        f"incident {incident.id}",
        _each(incident.sources),
        _each(incident.destinations),
        _each(incident.ports),
        _each(each.proto for each in incident.strongest if each.proto),
    )


def of_alert(alert: ReadAlert) -> Subject:
    """The ends of an alert's flow."""
    port = () if alert.dst_port is None else (alert.dst_port,)
    return Subject(f"alert {alert.id}", (alert.src_ip,), (alert.dst_ip,), port, (alert.proto,))


def of_flows(flows: Flows) -> Subject:
    """The ends that a label names."""
    given = {
        name: () if (value := getattr(flows, name)) is UNSET else (value,)
        for name in ("src_ip", "dst_ip", "dst_port", "proto")
    }
    return Subject("the label's flows", **given)


def narrowed(
    subject: Subject,
    src_ip: str | None = None,
    dst_ip: str | None = None,
    dst_port: int | None = None,
    proto: str | None = None,
) -> Subject:
    """The same with these ends, as far as they are given, in place of its own."""
    given = {"src_ip": src_ip, "dst_ip": dst_ip, "dst_port": dst_port, "proto": proto}
    changed: dict[str, Any] = {name: (value,) for name, value in given.items() if value is not None}
    return subject._replace(**changed)


def make_rule(
    subject: Subject,
    scope: Scope,
    *,
    owner: str,
    reason: str,
    now: datetime,
    lasts: timedelta,
    pattern: Sequence[Bound] = (),
    any_source: bool = False,
    label: str | None = None,
) -> Suppression:
    """Make the rule of this scope that covers ``subject``, from ``now`` on.

    Of one entity there is one rule: made again, it has the same id and takes the place of the one before. A pattern is
    of the subject's source, or with ``any_source`` of every host. Raises ConfigurationError where the subject has none
    or several of what the scope needs, InputError for what is no rule.
    """
    if pattern and scope != "pattern":
        raise ConfigurationError(f"bounds of features are of scope pattern, and it is {scope}; leave one of them out")
    if lasts > LONGEST or lasts <= timedelta(0):
        raise ConfigurationError(
            f"it lasts {lasts / timedelta(days=1):g} days; give more than 0 and at most {LONGEST.days}, and make it"
            " anew then if it is still needed"
        )
    entity = _entity(subject, scope, any_source=any_source)
    if scope == "pattern":
        entity["pattern"] = to_builtins(tuple(pattern))
    given = {
        "suppression_version": 1,
        "id": made_id("suppression", scope, *(f"{name}={entity[name]}" for name in sorted(entity))),
        "scope": scope,
        **entity,
        "owner": owner,
        "reason": reason,
        "created": iso(now),
        "expires": iso(now + lasts),
    }
    return convert_rule(given if label is None else given | {"label": label})


def parse_bound(text: str) -> Bound:
    """Read ``FEATURE=LOW..HIGH``, either end of which may be left out. Raises InputError."""
    name, equals, ends = text.partition("=")
    low, dots, high = ends.partition("..")
    wrong = InputError(f"bound {text!r}: give FEATURE=LOW..HIGH, such as pair_ports_1m=0..40; one end may be left out")
    if not (name.strip() and equals and dots):
        raise wrong
    try:
        return Bound(
            feature=name.strip(),
            at_least=float(low) if low.strip() else UNSET,
            at_most=float(high) if high.strip() else UNSET,
        )
    except ValueError:
        raise wrong from None


def _entity(subject: Subject, scope: Scope, *, any_source: bool) -> dict[str, Any]:
    wanted = [name for name in ENTITY[scope] if name != "pattern"]
    if scope == "pattern" and not any_source:
        wanted.append("src_ip")
    return {name: _sole(subject, name, scope) for name in wanted}


def _sole(subject: Subject, name: str, scope: Scope) -> Any:
    values: tuple[Any, ...] = getattr(subject, name)
    if len(values) == 1:
        return values[0]
    flag = f"--{name.replace('_', '-')}"
    if not values:
        raise ConfigurationError(
            f"{subject.words} tells no {name}, which scope {scope} needs; choose another scope, or give {flag}"
        )
    told = ", ".join(map(str, values[:NAMED])) + (", …" if len(values) > NAMED else "")
    raise ConfigurationError(
        f"{subject.words} has several {PLURALS[name]} ({told}), and a rule of scope {scope} is of one; choose one with"
        f" {flag}, or another scope"
    )


def _each(values: Iterable[Value]) -> tuple[Value, ...]:
    return tuple(dict.fromkeys(values))
