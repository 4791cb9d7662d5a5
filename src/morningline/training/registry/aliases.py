"""Who is champion, challenger and previous champion of a task; whoever asks is told as it stands now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from morningline.kit.clock import utc_now

if TYPE_CHECKING:
    import psycopg

SET = """
    INSERT INTO model_aliases (task, alias, model_id, since) VALUES (%(task)s, %(alias)s, %(model)s, %(now)s)
    ON CONFLICT (task, alias) DO UPDATE SET model_id = excluded.model_id, since = excluded.since
    WHERE model_aliases.model_id <> excluded.model_id
"""


def lock_task(connection: psycopg.Connection[Any], task: str) -> None:
    """Have nobody else change the models or aliases of a task until the caller's transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('models of ' || %s, 0))", (task,))


def aliases(connection: psycopg.Connection[Any], task: str) -> dict[str, str]:
    """Alias to the id of the model that bears it; an alias nobody bears is not there."""
    rows = connection.execute(
        "SELECT alias, model_id FROM model_aliases WHERE task = %s ORDER BY alias", (task,)
    ).fetchall()
    return dict(rows)


def set_alias(connection: psycopg.Connection[Any], task: str, alias: str, model_id: str | None) -> None:
    """Give an alias to a model, or to none, in the caller's transaction."""
    if model_id is None:
        connection.execute("DELETE FROM model_aliases WHERE task = %s AND alias = %s", (task, alias))
        return
    connection.execute(SET, {"task": task, "alias": alias, "model": model_id, "now": utc_now()})
