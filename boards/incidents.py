"""What was found, of triage's PostgreSQL: a table that leads into triage, hosts by risk, and what people said."""

from __future__ import annotations

from boards.declared import Ask, Board, Choice, Column, Panel, Row, Sql

LEVEL = "(ARRAY['low', 'medium', 'high', 'critical'])[severity + 1]"

CHOSEN = f"""shown AND $__unixEpochFilter(last_seen)
  AND {LEVEL} IN (${{severity:sqlstring}}) AND kind IN (${{kind:sqlstring}})
  AND (${{host:sqlstring}} = '' OR id IN (SELECT incident FROM incident_hosts WHERE host = ${{host:sqlstring}}))"""
"""Rows of incidents by time and by what is chosen at the board's top."""


def of_host(name: str) -> Column:
    """A column of hosts, each of which leads to its incidents."""
    return Column(
        name=name,
        title="This host's incidents",
        link="/d/oddflow-incidents?var-host=${__value.raw:percentencode}&${__url_time_range}",
    )


COUNTS = (
    Panel("Incidents", (Sql(f"SELECT count(*) AS incidents FROM incidents WHERE {CHOSEN}"),), kind="stat"),
    Panel(
        "Not labelled yet",
        (Sql(f"SELECT count(*) AS waiting FROM incidents WHERE {CHOSEN} AND verdict IS NULL"),),
        kind="stat",
        about="Triage's queue has those first whose label would teach most.",
    ),
    Panel(
        "Kept quiet by suppressions",
        (Sql(f"SELECT count(*) AS quiet FROM incidents WHERE {CHOSEN} AND suppressed"),),
        kind="stat",
    ),
    Panel("Open now, as daemons tell it", (Ask("sum(oddflow_incidents_open)"),), kind="stat"),
)

TABLE = Panel(
    "Incidents",
    (
        Sql(f"""SELECT to_timestamp(last_seen) AS last, {LEVEL} AS level, nullif(risk, -1) AS risk, kind, headline,
  source, destination, port, alerts, coalesce(verdict, '') AS label, state, model_version AS model, id
FROM incidents WHERE {CHOSEN}
ORDER BY severity DESC, last_seen DESC LIMIT 500"""),
    ),
    kind="table",
    about="A headline leads into triage, a source to its incidents alone.",
    columns=(
        Column(name="headline", title="Open in triage", link="${triage}/incidents/${__data.fields.id}"),
        of_host("source"),
        Column(name="id", hidden=True),
    ),
    empty="none in this time",
)


def by(column: str, title: str) -> Panel:
    """How many incidents there are of each value."""
    return Panel(
        title,
        (
            Sql(
                f"SELECT {column} AS what, count(*) AS incidents FROM incidents WHERE {CHOSEN}"
                " GROUP BY 1 ORDER BY 2 DESC LIMIT 15"
            ),
        ),
        kind="barchart",
    )


TIMES = (
    Panel(
        "Incidents an hour, by severity",
        (
            Sql(
                f"SELECT $__unixEpochGroup(last_seen, '1h') AS time, {LEVEL} AS metric, count(*) AS value"
                f" FROM incidents WHERE {CHOSEN} GROUP BY 1, 2 ORDER BY 1",
                "time_series",
            ),
        ),
        stacked=True,
    ),
    Panel(
        "What people said a day",
        (
            Sql(
                "SELECT $__unixEpochGroup(said_at, '1d') AS time, verdict AS metric, count(*) AS value FROM incidents"
                " WHERE shown AND verdict IS NOT NULL AND $__unixEpochFilter(said_at) GROUP BY 1, 2 ORDER BY 1",
                "time_series",
            ),
        ),
        stacked=True,
    ),
)

HOSTS = (
    Panel(
        "Hosts by risk",
        (
            Sql("""SELECT risks.host, max(risks.risk) AS risk, to_timestamp(max(risks.as_of)) AS "as of",
  count(DISTINCT incidents.id) FILTER (WHERE incidents.verdict = 'true') AS "labelled true",
  count(DISTINCT incidents.id) FILTER (WHERE incidents.verdict = 'false') AS "labelled false",
  count(DISTINCT incidents.id) FILTER (WHERE incidents.verdict IS NULL) AS "not labelled"
FROM risks
  LEFT JOIN incident_hosts ON incident_hosts.host = risks.host
  LEFT JOIN incidents ON incidents.id = incident_hosts.incident AND incidents.shown
GROUP BY risks.host ORDER BY max(risks.rank) DESC LIMIT 50"""),
        ),
        kind="table",
        about="Risk as of when it was last told: it fades. A host leads to its incidents.",
        columns=(of_host("host"),),
        width=16,
        empty="no host has a risk",
    ),
    Panel(
        "Risk of the ten highest, as daemons tell it",
        (Ask("max by (rank) (oddflow_host_risk)", "rank {{rank}}"),),
        width=8,
    ),
)

INCIDENTS = Board(
    uid="oddflow-incidents",
    title="oddflow: incidents",
    about="Incidents of triage's database, by severity, kind and host; hosts by risk. A headline leads into triage.",
    choices=(
        Choice(
            name="severity",
            label="Severity",
            ask=Sql("SELECT unnest(ARRAY['critical', 'high', 'medium', 'low'])"),
        ),
        Choice(name="kind", label="Kind", ask=Sql("SELECT kind FROM incidents UNION SELECT 'other' ORDER BY 1")),
        Choice(name="host", label="Host"),
        Choice(name="triage", label="Triage's address", default="http://localhost:9465"),
    ),
    rows=(
        Row("In this time", COUNTS, height=4),
        Row("Incidents", (TABLE,), height=12),
        Row("By what", (by(LEVEL, "By severity"), by("kind", "By kind"), by("source", "By source"))),
        Row("Over time", TIMES),
        Row("Hosts", HOSTS, height=10),
    ),
    span="now-7d",
    refresh="1m",
)
