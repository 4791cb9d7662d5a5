"""Commands of the database: db url, query, fingerprint, upgrade, downgrade."""

from __future__ import annotations

import csv
import sys
from typing import Annotated

import typer

from morningline.cli import show
from morningline.cli.workspace import AsJson, open_program

app = typer.Typer(help="Look into the database.", no_args_is_help=True)


@app.command()
def url(
    *,
    hold: Annotated[int, typer.Option(min=0, help="Seconds the embedded server stays up without a connection.")] = 60,
) -> None:
    """Print the address of the database, for psql "$(morningline db url)"; the embedded server stays up meanwhile."""
    from morningline.wiring import acts

    with open_program() as program:
        show.line(acts.database_url(program, hold))


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="One query that only reads.")],
    *,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    json: AsJson = False,
) -> None:
    """Run a query in a read-only session."""
    from morningline.kit.errors import InputError
    from morningline.wiring import acts

    if as_csv and json:
        raise InputError("Both --csv and --json were given.", allowed="one of them")
    with open_program() as program:
        names, rows = acts.query(program, sql)
    if json:
        show.as_json([dict(zip(names, row, strict=True)) for row in rows])
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)
    else:
        numbers = [n for i, n in enumerate(names) if rows and isinstance(rows[0][i], int | float)]
        # A year or an id is no quantity, so cells are shown as the database writes them, without commas.
        shown = [["" if cell is None else str(cell) for cell in row] for row in rows]
        show.table(names, shown, numbers=numbers)
        show.line(f"{len(rows):,} row{'' if len(rows) == 1 else 's'}")


@app.command()
def fingerprint(*, json: AsJson = False) -> None:
    """Print rows and a content hash of every fact table: equal facts, equal hashes, on any machine."""
    from morningline.wiring import acts

    with open_program() as program:
        prints = acts.fingerprints(program)
    if json:
        show.as_json(prints)
        return
    rows = [(name, p["rows"], p["content"][:16]) for name, p in prints["tables"].items()]
    show.table(("table", "rows", "content"), rows, numbers=("rows",))
    show.line(f"all {prints['fingerprint']}")


@app.command()
def upgrade(revision: Annotated[str, typer.Argument(help="Up to which revision.")] = "heads") -> None:
    """Bring the tables to this version of the program."""
    from morningline.facts import migrate
    from morningline.runs.install import install
    from morningline.wiring.program import migration_folders

    with open_program() as program:
        migrate.upgrade(program.bare_database, migration_folders(), revision)
        install(program.bare_database)
        with program.bare_database.connect() as connection:
            show.line(f"The database stands at {', '.join(sorted(migrate.applied(connection)))}.")


@app.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="Down to which revision, such as racing@base.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: the tables above that revision are dropped.")] = False,
) -> None:
    """Undo migrations; what their tables hold is lost."""
    from morningline.facts import migrate
    from morningline.wiring.program import migration_folders

    if not yes:
        typer.confirm("The tables above that revision are dropped with all they hold. Go on?", abort=True)
    with open_program() as program:
        migrate.downgrade(program.bare_database, migration_folders(), revision)
        with program.bare_database.connect() as connection:
            show.line(f"The database stands at {', '.join(sorted(migrate.applied(connection))) or 'nothing'}.")
