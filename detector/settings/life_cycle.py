"""The settings of a model's life: where it is kept, how it is made, judged, made anew, and compared while others score.

And of the archive of flows that it may be made of.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from detector.settings.section import Scalar, Section, Words


class Model(Section):
    """Which model scores, and where it is published."""

    registry: str = Field(default="registry", min_length=1, description="Folder or fsspec URL of the model registry.")
    name: str = Field(default="flows", min_length=1, description="Name of the model.")
    alias: str = Field(
        default="champion", min_length=1, description="Alias to follow; whatever it points to is scored with."
    )
    poll_interval_s: float = Field(default=10.0, gt=0, le=86_400, description="Seconds between looks at the alias.")
    of_elsewhere: Words = Field(
        default=(),
        examples=[("20261124T034500Z-09b214",)],
        description="Versions that were trained on another device or network, as the log says by `model.hosts_unknown`:"
        " they judge by single flows alone, until a version of this network takes over.",
    )
    trusted_keys: tuple[str, ...] = Field(
        default=(),
        description="Files with public keys (PEM). Where any is named, only versions that one of them signed are taken:"
        " see `oddflow models sign`. Needs the extra `signing`.",
    )


MOST_HALF_LIVES, SHORTEST_S, LONGEST_S = 8, 1.0, 1e7


def _half_lives(values: tuple[float, ...]) -> tuple[float, ...]:
    """In ascending order; no more of them than windows can have, and within their bounds."""
    if not 0 < len(set(values)) == len(values) <= MOST_HALF_LIVES:
        raise ValueError(f"give one half-life or up to {MOST_HALF_LIVES}, each once")
    if not all(SHORTEST_S <= value <= LONGEST_S for value in values):
        raise ValueError(f"a half-life has {SHORTEST_S:g} to {LONGEST_S:,.0f} seconds")
    return tuple(sorted(values))


class Training(Section):
    """What `oddflow train` makes, and of what; the daemon does not look at it. `oddflow search` writes such a table."""

    kind: str = Field(default="ensemble", min_length=1, description="Kind of model, where no `--kind` is given.")
    parameters: dict[str, Scalar] = Field(
        default={},
        examples=[{"forest_n_estimators": 200, "single_weight": 0.5}],
        description="Parameters of that kind, as `--param` has them, which wins over these.",
    )
    leave_out: Words = Field(
        default=(),
        examples=[("outcome", "pair_*", "*_10s")],
        description="Features that models are trained without: families (`volumes`, `outcome`, `ports`, `protocol`,"
        " `addresses`, `windows`), names, or patterns of names.",
    )
    half_lives_s: Annotated[tuple[float, ...], AfterValidator(_half_lives)] = Field(
        default=(60.0, 600.0),
        examples=[(10.0, 60.0, 600.0, 3600.0)],
        description="Half-lives of the windows, in seconds: up to eight. More of them cost each record more.",
    )
    max_rejected_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Of the records, the share that may be unusable: above it nothing is trained.",
    )
    cut: bool = Field(
        default=True,
        description="Whether flows are left out that stand out as an incident of one source, destination or pair.",
    )
    datasets: str = Field(
        default="datasets", min_length=1, description="Folder or fsspec URL of the data sets of `oddflow dataset`."
    )
    sign_key: str = Field(
        default="",
        description="File with a private key (PEM) that signs what is trained. Empty: it is not signed."
        " Needs the extra `signing`.",
    )


def _bound(value: object) -> object:
    """A rule's bound, or None where it is switched off, which from the environment comes as text."""
    if value is False or (isinstance(value, str) and value.strip().lower() in {"false", "none", "off", ""}):
        return None
    if value is True:
        raise ValueError("true is no bound: give a number, or false to switch the rule off")
    return value


Share = Annotated[
    Annotated[float, Field(ge=0, le=1)] | None,
    BeforeValidator(_bound),
    WithJsonSchema({"anyOf": [{"const": False}, {"type": "number", "minimum": 0, "maximum": 1}]}),
]
"""What a rule of the gate asks for; None, written ``false``: the rule is not asked."""

Positive = Annotated[
    Annotated[float, Field(gt=0)] | None,
    BeforeValidator(_bound),
    WithJsonSchema({"anyOf": [{"const": False}, {"type": "number", "exclusiveMinimum": 0}]}),
]


class Gate(Section):
    """What a model must reach before it may score: each key is a rule, and `false` switches it off.

    A rule that cannot be asked, such as one of attacks where there are none, refuses nothing.
    """

    least_roc_auc: Share = Field(
        default=0.6,
        description="Chance that an attack scores above a benign flow, by the lower end of its 95 % interval.",
    )
    least_recall: Share = Field(
        default=0.05,
        description="Share of the attack flows that the alert budget raises, likewise, on later flows.",
    )
    least_attacks_found: Share = Field(
        default=0.1,
        description="Share of the attacks of which a flow is raised, likewise.",
    )
    most_false_incidents: Positive = Field(
        default=2.0,
        description="False incidents a day on days not trained on, as a multiple of `alerts.false_incidents_per_day`:"
        " it refuses where even the lower end of their interval is more.",
    )
    largest_loss: Share = Field(
        default=0.1,
        description="Share of the attacks' flows that the champion raises and the new model does not, both on the same"
        " later flows: it refuses where the loss is more, and is not chance by its interval.",
    )
    most_known_false_raised: Share = Field(
        default=0.0, description="Of the flows judged false (`--judged`), the share that may be raised again."
    )
    most_known_true_lost: Share = Field(
        default=0.0, description="Of the flows judged true (`--judged`), the share that may not be raised any more."
    )
    most_labels_held_back: Share = Field(
        default=0.5,
        description="Of the labels false, the share that the guards of `[feedback]` may hold back: more is a flood. Not"
        " asked of fewer than 20.",
    )
    most_feature_auc: Share = Field(
        default=0.99,
        description="How well one feature of your own (`input.extra`) may tell labelled attacks from other flows by"
        " itself: one that does so nearly always is the label in disguise.",
    )
    most_drifted_features: Share = Field(
        default=0.75,
        description="Share of the features whose values differ from those of the champion's training: population"
        " stability index above 0.25.",
    )
    most_unusable_share: Share = Field(default=0.2, description="Share of the records that could not be used.")
    most_time_apart_share: Share = Field(
        default=0.01,
        description="Share of the records whose time cannot be: far from all others', or days from the records beside"
        " it in the same source.",
    )
    least_records_per_s: Positive = Field(
        default=5_000.0, description="Records a second of processor time that the model scores, features included."
    )
    most_bundle_bytes: Positive = Field(
        default=268_435_456.0, description="Size of the published bundle, all files together. Bytes."
    )


class Retrain(Section):
    """When `oddflow retrain` makes a new model, and of what; the daemon does not look at it."""

    interval_s: float = Field(
        default=86_400.0, ge=1, description="Seconds from the beginning of one retraining to that of the next."
    )
    days: float = Field(default=7.0, gt=0, le=3_650, description="Days of a topic or an archive that it trains on.")
    incident_margin_s: float = Field(
        default=900.0,
        ge=0,
        description="Seconds before and after an incident in which flows between its hosts are left out, too: an attack"
        " begins before it is raised.",
    )
    keep_sets: int = Field(
        default=7,
        ge=1,
        description="How many of its data sets are kept, the latest ones; any that a model in the registry was trained"
        " on is kept besides.",
    )
    metrics_port: int | None = Field(
        default=None,
        examples=[9466],
        ge=0,
        le=65_535,
        description="Port of its own metrics, on `web.host`, while it runs for ever. Unset: none.",
    )
    drift_hold_s: float = Field(
        default=3_600.0, ge=0, description="Seconds that a reason of drift must hold to bring a retraining forward."
    )
    drift_least_interval_s: float = Field(
        default=21_600.0, ge=0, description="Seconds from one retraining to one that drift brings forward, at least."
    )


class Shadow(Section):
    """The challenger that is scored beside the model in charge, and promotion and rollback by themselves."""

    share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Share of sources whose flows the challenger, where there is one, is scored on. 0: of none, and"
        " nothing below happens either. Files are never compared.",
    )
    alias: str = Field(default="challenger", min_length=1, description="Alias of the challenger.")
    figures_interval_s: float = Field(
        default=30.0,
        gt=0,
        le=3_600,
        description="Seconds between writing figures to the registry and deciding by them.",
    )
    promote: bool = Field(
        default=False, description="Whether a challenger is promoted by itself once it has kept all rules below."
    )
    hold_s: float = Field(
        default=86_400.0,
        ge=0,
        description="Seconds of the flows' own time for which the rules must have held without a break.",
    )
    least_flows: int = Field(default=100_000, ge=1, description="Rule: flows compared, over all daemons.")
    least_sources: int = Field(default=20, ge=1, description="Rule: distinct sources compared.")
    least_agreement: float = Field(default=0.99, ge=0, le=1, description="Rule: share of flows decided alike.")
    most_gained_per_day: float = Field(
        default=10.0,
        ge=0,
        description="Rule: incidents that the challenger alone finds, a day, estimated for all sources.",
    )
    most_lost_per_day: float = Field(
        default=10.0, ge=0, description="Rule: incidents that the champion alone finds, likewise."
    )
    largest_latency_ratio: float = Field(
        default=5.0, gt=0, description="Rule: the challenger's time a record over the champion's."
    )
    most_dropped_share: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Rule: share of flows that were not compared since the challenger was late.",
    )
    rollback: bool = Field(
        default=False,
        description="Whether a champion is rolled back by itself when its incidents a day leave their bound.",
    )
    rollback_within_s: float = Field(
        default=259_200.0, gt=0, description="Seconds after its promotion during which it may be rolled back by itself."
    )
    rollback_above_per_day: float | None = Field(
        default=None,
        examples=[50.0],
        ge=0,
        description="Incidents a day above which it is. Unset: five times `alerts.false_incidents_per_day`.",
    )
    rollback_below_per_day: float | None = Field(
        default=None, examples=[0.5], ge=0, description="Incidents a day below which it is. Unset: never."
    )


class Archive(Section):
    """Decoded flows that the daemon keeps in Parquet, by day of arrival, for `oddflow dataset build --archive`."""

    enabled: bool = Field(default=False, description="Whether they are kept. Not where files are read.")
    url: str = Field(default="archive", min_length=1, description="Folder or fsspec URL; several daemons may share it.")
    rows_per_day: int = Field(
        default=5_000_000,
        ge=1_000,
        description="Flows of a topic that are kept a day, of all daemons. Beyond, half of the sources are left out,"
        " and half again: all flows of a source are kept, or none.",
    )
    rows_per_second: int = Field(
        default=4_000,
        ge=1,
        description="Flows a second, over ten seconds, that a daemon archives at most. Beyond,"
        " half of the day's sources are left out, and half again.",
    )
    days: int = Field(default=30, ge=1, le=3_650, description="Days that are kept; the oldest go first.")
    max_bytes: int = Field(
        default=10_737_418_240, ge=1_048_576, description="Bytes of a topic's days; the oldest go first."
    )
    interval_s: float = Field(
        default=300.0, gt=0, le=86_400, description="Seconds between files: so much is lost in a kill."
    )
