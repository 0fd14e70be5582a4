"""Rows that are put in place of those with the same key: the one thing that the two databases write differently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session


def upsert(
    session: Session, table: Table, rows: Sequence[Mapping[str, Any]], *, later: str = "", key: str = ""
) -> None:
    """Put rows, all of the same columns; a row that is there is changed in these columns.

    With ``later`` only where the row's value of that column is at least as high as the one that is there. ``key`` is
    what is the same of both, if not the primary key.
    """
    if not rows:
        return
    keys = [key] if key else [column.name for column in table.primary_key]
    changed = [name for name in rows[0] if name not in keys]
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(table)
    where = statement.excluded[later] >= table.c[later] if later else None
    if changed:
        values = {name: statement.excluded[name] for name in changed}
        statement = statement.on_conflict_do_update(index_elements=keys, set_=values, where=where)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=keys)
    session.connection().execute(statement, list(rows))
