"""The versions of the tables, by Alembic: brought up to date at the start; what a newer oddflow made is refused."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from triage.errors import NewerError

FOLDER = Path(__file__).parent / "migrations"


def migrate(connection: Connection, name: str) -> None:
    """Bring it up to date, in the transaction that is open. Raises NewerError, and changes nothing of such a one."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = [script.revision for script in ScriptDirectory(str(FOLDER)).walk_revisions()]
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in known:
        raise NewerError(
            f"opening database {name}: it is of version {current}, and this oddflow knows {known[0]} and older; upgrade"
            " oddflow, or choose another database"
        )
    if current != known[0]:
        command.upgrade(config, "head")
