"""What programs send: the fields of requests, as FastAPI checks and documents them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from detector.casebook.told import LEVELS
from detector.feedback.label import LONGEST_COMMENT
from detector.suppression.rule import Scope
from triage.store.filters import MOST_ROWS, Filter, LabelState, Order, Paging
from triage.store.searching import LONGEST_TEXT

Verdict = Literal["true", "false", "unsure"]

Severity = Literal["low", "medium", "high", "critical"]


Number = Annotated[int, Field(ge=0, lt=2**63)]
"""Of a row, as databases have it."""


class Given(BaseModel):
    """A request's fields: one that is not known is refused."""

    model_config = ConfigDict(extra="forbid")


class Asked(Given):
    """Which incidents; what is not given holds for each."""

    since: Annotated[float | None, Field(description="Its last flow is not before it, in seconds since 1970 …")] = None
    until: Annotated[float | None, Field(description="… and before this.")] = None
    severity: Annotated[Severity, Field(description="At least so severe.")] = "low"
    kind: Annotated[list[str], Field(description="One of these.", max_length=50)] = []
    host: Annotated[str, Field(description="An address that it lists.", max_length=64)] = ""
    model_version: Annotated[str, Field(max_length=200)] = ""
    label: Annotated[list[LabelState], Field(description="One of these.", max_length=5)] = []
    status: Annotated[Literal["open", "closed", ""], Field(description="Empty: both.")] = ""
    suppressed: bool | None = None
    text: Annotated[str, Field(description="In its headline, hosts or kind.", max_length=LONGEST_TEXT)] = ""

    def filter(self) -> Filter:
        """The same for the database."""
        return Filter(
            since=self.since,
            until=self.until,
            severity=LEVELS.index(self.severity),
            kinds=tuple(self.kind),
            host=self.host,
            model_version=self.model_version,
            labels=tuple(self.label),
            status=self.status,
            suppressed=self.suppressed,
            text=self.text,
        )


class AskedPage(Asked):
    """Which incidents, and which page of them."""

    limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 50
    after: Annotated[str, Field(description="What the page before gave as `after`.", max_length=200)] = ""
    order: Order = "time"

    def paging(self) -> Paging:
        """The page."""
        return Paging(self.limit, self.after, self.order)


PageQuery = Annotated[AskedPage, Query()]


class Word(Given):
    """What is said."""

    verdict: Verdict
    comment: Annotated[str, Field(max_length=LONGEST_COMMENT)] = ""


class WordOf(Word):
    """What is said of anything that a label may be of."""

    of: Annotated[
        dict[str, Any],
        Field(
            description="One of `incident` (an id), `alert` (an id), `flows`: see the published schema of labels.",
            examples=[
                {"flows": {"src_ip": "10.0.0.7", "since": "2026-11-24T09:00:00Z", "until": "2026-11-24T10:00:00Z"}}
            ],
        ),
    ]


class BulkWord(Word):
    """What is said of many, as previewed."""

    filter: Asked
    token: Annotated[str, Field(description="What the preview gave.", max_length=64)]


class BulkAsked(Given):
    """What one word would be on."""

    filter: Asked


class RuleAsked(Given):
    """A suppression of what an incident is of."""

    incident: Annotated[str, Field(max_length=64)]
    scope: Scope
    reason: Annotated[str, Field(min_length=1, max_length=LONGEST_COMMENT)]
    days: Annotated[float, Field(gt=0, le=90, description="From now on.")] = 7.0
    src_ip: Annotated[str, Field(max_length=64, description="Where the incident has several sources: which.")] = ""
    dst_ip: Annotated[str, Field(max_length=64, description="Likewise.")] = ""
    dst_port: Annotated[int | None, Field(ge=0, le=65_535, description="Likewise.")] = None
    proto: Annotated[str, Field(max_length=16, description="Likewise.")] = ""
    bounds: Annotated[
        list[str], Field(max_length=16, description="Of a pattern, each `FEATURE=LOW..HIGH`.", examples=[["x=0..4"]])
    ] = []
    label: Annotated[str, Field(max_length=200, description="The label that it is made from, if any.")] = ""


class RuleGiven(RuleAsked):
    """The same, to be saved."""

    forced: Annotated[bool, Field(description="Though it would have hidden what was called true.")] = False
    confirmed: Annotated[bool, Field(description="Though it is broad.")] = False
