"""Options that several commands have, each declared once; and the recipe that they make together."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from detector.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from detector.settings.tree import Settings
    from training.train import Recipe

KIND_NAMES = ("ensemble", "isolation-forest", "kmeans", "kmeans-spread", "hbos", "ecod", "pca")
"""Those of ``detector.models.every_kind``, for ``--help``, which imports nothing slow."""

KindOption = Annotated[
    str | None,
    typer.Option(help=f"Kind of model: {', '.join(KIND_NAMES)}; the settings' training.kind if not given."),
]
ParamOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE...",
        help="Parameters of the kind, by its library's names; the settings' training.parameters if not given.",
    ),
]
LeaveOutOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME...",
        help="Features to do without: families, names or patterns of names, such as outcome or 'pair_*'; the settings'"
        " training.leave_out if not given.",
    ),
]
WindowsOption = Annotated[
    bool,
    typer.Option("--windows/--no-windows", help="Features of how hosts behave over time, too."),
]
CutOption = Annotated[
    bool | None,
    typer.Option(
        "--cut/--no-cut",
        help="Leave out of training what stands out as an incident of one source, destination or pair, and show it; the"
        " settings' training.cut if not given.",
    ),
]
PartitionsOption = Annotated[
    int | None,
    typer.Option(min=1, help="Partitions of the topic that the daemon will read. Default: those read, or 1."),
]
InsideOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NETWORK...",
        help="Networks with public addresses that are inside, as private ones are, in CIDR.",
    ),
]
MaxRejectedOption = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Share of the records that may be unusable; the settings' training.max_rejected_share if not given.",
    ),
]


def recipe_of(
    settings: Settings,
    *,
    kind: str | None,
    param: Sequence[str] | None,
    seed: int,
    folds: int,
    windows: bool,
    partitions: int | None,
    inside: Sequence[str] | None,
    train_on: str = "all",
    cut: bool | None = None,
) -> Recipe:
    """How to train, by flags laid over the settings. Raises ConfigurationError for what cannot be."""
    from detector.features.windows import default_windows  # noqa: PLC0415 - --help needs none of these
    from training.labels import TrainOn  # noqa: PLC0415
    from training.parameters import parameters_for  # noqa: PLC0415
    from training.train import Recipe  # noqa: PLC0415

    chosen, params = parameters_for(settings.training, kind, parameters(param or ()))
    return Recipe(
        kind=chosen,
        train_on=TrainOn.parse(train_on),
        seed=seed,
        params=params,
        folds=folds,
        windows=default_windows(half_lives_s=settings.training.half_lives_s) if windows else None,
        partitions=partitions or 1,
        inside=networks(inside or ()),
        leave_out=settings.training.leave_out,
        learns=settings.feedback.learn,
        cut=settings.training.cut if cut is None else cut,
    )


def check_format(settings: Settings, recipe: Recipe, attacker: Sequence[str]) -> None:
    """Raise ConfigurationError for a format that cannot be, or that has no labels where the recipe needs them."""
    from detector.pipeline.decoding import open_format  # noqa: PLC0415 - --help needs none of these
    from training.labels import check_labels_possible  # noqa: PLC0415

    open_format(settings)
    if recipe.train_on.needs_labels:
        what = f"training on {recipe.train_on.text}"
        check_labels_possible(what, settings.input.format, settings.input.mapping, attacker)


def parameters(given: Sequence[str]) -> dict[str, Any]:
    """Read ``NAME=VALUE`` flags; a value is JSON where it can be, else text. Raises ConfigurationError."""
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise ConfigurationError(f"--param {text}: give NAME=VALUE, such as n_estimators=200")
        try:
            found[name] = json.loads(value)
        except json.JSONDecodeError:
            found[name] = value
    return found


def networks(given: Sequence[str]) -> tuple[str, ...]:
    """Read ``--inside`` flags. Raises ConfigurationError for text that is no network."""
    from detector.net.networks import canonical  # noqa: PLC0415 - --help needs none of it

    try:
        return canonical(given)
    except ValueError as error:
        raise ConfigurationError(f"--inside: {error}") from error
