"""Boards as Grafana reads them, of the types of its own schema: grafana-foundation-sdk has them for Python."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import barchart, common, dashboard, prometheus, stat, table, timeseries

from boards.declared import WIDTH, Ask, Board, Choice, Column, Kind, Note, Panel, Sql

SOURCES = {"datasource": "prometheus", "database": "grafana-postgresql-datasource"}
"""Grafana's plugin, by the variable that chooses one of its data sources."""

PROMETHEUS = common.DataSourceRef(type_val=SOURCES["datasource"], uid="${datasource}")
POSTGRESQL = common.DataSourceRef(type_val=SOURCES["database"], uid="${database}")


class SqlQuery(Dataquery):
    """A question to PostgreSQL: Grafana's published schema has none, so these are the fields of its own editor."""

    def __init__(self, ref_id: str, asked: Sql) -> None:
        self.ref_id = ref_id
        self.asked = asked

    def to_json(self) -> dict[str, object]:
        """The fields."""
        return {
            "refId": self.ref_id,
            "datasource": POSTGRESQL,
            "format": self.asked.shape,
            "editorMode": "code",
            "rawQuery": True,
            "rawSql": self.asked.text.strip(),
        }


def text_of(board: Board) -> str:
    """The file of a board."""
    return json.dumps(dashboard_of(board), cls=JSONEncoder, indent=1, ensure_ascii=False) + "\n"


def dashboard_of(board: Board) -> dashboard.Dashboard:
    """A board in Grafana's words."""
    return dashboard.Dashboard(
        uid=board.uid,
        title=board.title,
        description=board.about,
        tags=["oddflow"],
        refresh=board.refresh,
        graph_tooltip=dashboard.DashboardCursorSync.CROSSHAIR,
        time=dashboard.DashboardDashboardTime(from_val=board.span, to="now"),
        templating=dashboard.DashboardDashboardTemplating(list_val=list(_variables(board))),
        annotations=dashboard.AnnotationContainer(list_val=[_annotation(note) for note in board.notes]),
        links=[_other_boards()],
        panels=list(_placed(board)),
    )


def _other_boards() -> dashboard.DashboardLink:
    kind = dashboard.DashboardLinkType.DASHBOARDS
    return dashboard.DashboardLink("oddflow", kind, tags=["oddflow"], include_vars=True, keep_time=True)


def _placed(board: Board) -> Iterator[dashboard.Panel | dashboard.RowPanel]:
    numbers, y = count(1), 0
    for row in board.rows:
        place = dashboard.GridPos(h=1, w=WIDTH, x=0, y=y)
        yield dashboard.RowPanel(title=row.title, grid_pos=place, id_val=next(numbers))
        x, y = 0, y + 1
        for panel in row.panels:
            width = panel.width or row.width
            if x + width > WIDTH:
                x, y = 0, y + row.height
            yield _panel(panel, next(numbers), dashboard.GridPos(h=row.height, w=width, x=x, y=y))
            x += width
        y += row.height


def _panel(panel: Panel, number: int, place: dashboard.GridPos) -> dashboard.Panel:
    of_sql = isinstance(panel.asks[0], Sql)
    fields = dashboard.FieldConfig(
        unit=None if panel.kind == "table" else panel.unit,
        min_val=None if panel.kind == "table" else panel.least,
        max_val=panel.most,
        no_value=panel.empty or None,
        thresholds=_thresholds(panel.warn),
        custom=_custom(panel),
    )
    return dashboard.Panel(
        type_val=panel.kind,
        id_val=number,
        title=panel.title,
        description=panel.about or None,
        datasource=POSTGRESQL if of_sql else PROMETHEUS,
        grid_pos=place,
        targets=[_target(asked, chr(ord("A") + at), panel.kind) for at, asked in enumerate(panel.asks)],
        options=_options(panel),
        field_config=dashboard.FieldConfigSource(fields, [_override(column) for column in panel.columns]),
    )


def _target(asked: Ask | Sql, ref_id: str, kind: Kind) -> Dataquery:
    if isinstance(asked, Sql):
        return SqlQuery(ref_id, asked)
    query = prometheus.Dataquery(
        expr=asked.full,
        legend_format=asked.legend or None,
        ref_id=ref_id,
        datasource=PROMETHEUS,
        editor_mode=prometheus.QueryEditorMode.CODE,
    )
    if kind == "table":
        query.format_val, query.instant, query.range_val = prometheus.PromQueryFormat.TABLE, True, False
    return query


def _options(panel: Panel) -> object:
    match panel.kind:
        case "timeseries":
            tooltip = common.VizTooltipOptions(common.TooltipDisplayMode.MULTI, common.SortOrder.DESCENDING)
            return timeseries.Options(legend=_legend(shown=True), tooltip=tooltip)
        case "stat":
            shown = common.BigValueTextMode.NAME if panel.names else common.BigValueTextMode.AUTO
            latest = common.ReduceDataOptions(values=isinstance(panel.asks[0], Sql), calcs=["lastNotNull"], fields="")
            return stat.Options(
                common.BigValueGraphMode.NONE,
                common.BigValueColorMode.VALUE,
                common.BigValueJustifyMode.AUTO,
                shown,
                reduce_options=latest,
                percent_change_color_mode=common.PercentChangeColorMode.STANDARD,
                orientation=common.VizOrientation.AUTO,
            )
        case "table":
            return table.Options()
        case "barchart":
            return barchart.Options(
                orientation=common.VizOrientation.HORIZONTAL,
                stacking=common.StackingMode.NONE,
                show_value=common.VisibilityMode.ALWAYS,
                legend=_legend(shown=False),
                tooltip=common.VizTooltipOptions(common.TooltipDisplayMode.SINGLE, common.SortOrder.NONE),
            )


def _legend(*, shown: bool) -> common.VizLegendOptions:
    place = common.LegendPlacement.BOTTOM
    return common.VizLegendOptions(common.LegendDisplayMode.LIST, place, show_legend=shown, calcs=[])


def _custom(panel: Panel) -> object:
    if panel.kind == "table":
        return common.TableFieldOptions()
    if panel.kind == "barchart":
        return barchart.FieldConfig()
    if panel.kind == "stat":
        return None
    lines = common.GraphFieldConfig(line_width=1, fill_opacity=10, show_points=common.VisibilityMode.NEVER)
    if panel.stacked:
        lines.fill_opacity, lines.stacking = 40, common.StackingConfig(common.StackingMode.NORMAL, "A")
    return lines


def _thresholds(warn: float | None) -> dashboard.ThresholdsConfig:
    steps = [dashboard.Threshold(None, "green")]
    if warn is not None:
        steps.append(dashboard.Threshold(warn, "red"))
    return dashboard.ThresholdsConfig(dashboard.ThresholdsMode.ABSOLUTE, steps)


def _override(column: Column) -> dashboard.DashboardFieldConfigSourceOverrides:
    chosen: dict[str, object] = {}
    if column.unit:
        chosen["unit"] = column.unit
    if column.link:
        chosen["links"] = [{"title": column.title, "url": column.link, "targetBlank": True}]
    if column.hidden:
        chosen["custom.hidden"] = True
    return dashboard.DashboardFieldConfigSourceOverrides(
        matcher=dashboard.MatcherConfig("byName", column.name),
        properties=[dashboard.DynamicConfigValue(name, value) for name, value in chosen.items()],
    )


def _annotation(note: Note) -> dashboard.AnnotationQuery:
    return dashboard.AnnotationQuery(
        name=note.name,
        datasource=PROMETHEUS,
        icon_color=note.colour,
        expr=note.ask.full,
        title_format=note.title,
        text_format=note.text,
        step="60s",
        use_value_for_time=note.value_is_time,
    )


def _variables(board: Board) -> Iterator[dashboard.VariableModel]:
    asked = [ask for panel in board.panels for ask in panel.asks]
    asked += [choice.ask for choice in board.choices if choice.ask is not None]
    yield _source("datasource", "Prometheus")
    if any(isinstance(ask, Sql) for ask in asked):
        yield _source("database", "Triage's database")
    yield from map(_variable, board.choices)


def _source(name: str, label: str) -> dashboard.VariableModel:
    return dashboard.VariableModel(dashboard.VariableType.DATASOURCE, name, label, query=SOURCES[name])


def _variable(choice: Choice) -> dashboard.VariableModel:
    if choice.ask is None:
        current = dashboard.VariableOption(text=choice.default, value=choice.default)
        return dashboard.VariableModel(
            dashboard.VariableType.TEXTBOX, choice.name, choice.label, query=choice.default, current=current
        )
    of_sql = isinstance(choice.ask, Sql)
    text = choice.ask.text.strip() if isinstance(choice.ask, Sql) else choice.ask.full
    return dashboard.VariableModel(
        dashboard.VariableType.QUERY,
        choice.name,
        choice.label,
        query=text if of_sql else {"query": text, "refId": choice.name},
        definition=text,
        datasource=POSTGRESQL if of_sql else PROMETHEUS,
        include_all=True,
        multi=True,
        all_value=None if of_sql else ".*",
        current=dashboard.VariableOption(text="All", value="$__all"),
        refresh=dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED,
    )
