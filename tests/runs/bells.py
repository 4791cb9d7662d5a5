"""A scheduler in a process of its own, and kinds that it may ask for."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

from morningline.kit.database import Database
from morningline.kit.errors import InputError
from morningline.runs.kinds import Kind
from morningline.runs.scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psycopg


def refuse_wrong(parameters: Mapping[str, Any]) -> None:
    if "wrong" in parameters:
        raise InputError("There is no parameter 'wrong'.", allowed="any other")


RUNG = {kind.name: kind for kind in (Kind("ring", lambda _: None, check=refuse_wrong), Kind("inner", lambda _: None))}


class NamedDatabase(Database):
    """A database that can tell which process asks."""

    def connect(self, **how: Any) -> psycopg.Connection[Any]:
        connection = super().connect(**how)
        connection.execute("SELECT set_config('application_name', %s, false)", [sys.argv[2]])
        connection.commit()
        return connection


def main() -> None:
    scheduler = Scheduler(NamedDatabase(sys.argv[1]), RUNG.values(), look_seconds=0.02)
    scheduler.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main()
