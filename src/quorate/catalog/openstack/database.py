"""A service's databases: how it reaches them, and the migrations that make their tables."""

from quorate.catalog import program
from quorate.model.component import Database
from quorate.model.design import Design
from quorate.model.item import Command


def connection(design: Design, database: Database) -> dict[str, str]:
    """The section `database` (`api_database`, `placement_database`): through the proxy, by name (ADR 2)."""
    timers = design.cloud.timers
    proxy = design.address(design.listener("galera"))
    patience = f"connect_timeout={timers.database_connect_s}&read_timeout={timers.database_read_s}"
    return {
        "connection": f"mysql+pymysql://{database.user}:{database.secret.reference}@{proxy}/{database.name}"
        f"?charset=utf8mb4&{patience}",
        # A read sees all that was acknowledged before it, also after the writer has changed (docs/adr/0015).
        "mysql_wsrep_sync_wait": "1",
        # Below HAProxy's idle timeout, so that the pool never holds a session that the proxy closed.
        "connection_recycle_time": "600",
        "max_retries": "-1",
        "retry_interval": "1",
    }


def migration(design: Design, database: Database, revisions: str, argv: tuple[str, ...], user: str) -> Command:
    """Bring a database's tables to what the package wants: `argv` as `user`, unless they are there already.

    `revisions` is the directory of Alembic's revisions in Python's packages (`glance/db/.../versions`).
    """
    proxy = design.address(design.listener("galera"))
    return Command(
        f"tables of database {database.name}",
        ("runuser", "-u", user, "--", *argv),
        unless=(*program("tables"), revisions),
        unless_stdin=f"{proxy} {database.user} {database.secret.reference} {database.name}\n",
        # of a large cloud; an empty database takes seconds
        timeout_s=1800,
    )
