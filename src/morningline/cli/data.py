"""Commands of the data: import, mappings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from morningline.cli import reconcile, show
from morningline.cli.following import Detach, Priority, follow
from morningline.cli.workspace import AsJson, open_program

if TYPE_CHECKING:
    from morningline.sources.report import ImportReport

Domain = Annotated[str, typer.Option("--domain", help="Which domain.")]
TaskName = Annotated[
    str | None,
    typer.Option("--task", help="Which task; that of the model's id, or the domain's usual one, if not given."),
]
Set = Annotated[str | None, typer.Option("--set", help="Which feature set; the task's own if not given.")]
AcceptQuality = Annotated[
    bool, typer.Option("--accept-quality", help="Accept days whose facts fall short; it is written down.")
]

FILES_SHOWN = 50
"""Files of an import that are listed one by one."""


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("import")(import_)
    app.command()(mappings)


def import_(
    mapping: Annotated[str, typer.Argument(help="A mapping file, or the name of one that ships.")],
    folder: Annotated[Path, typer.Argument(help="The folder that holds the files.")],
    *,
    detach: Detach = False,
    priority: Priority = 0,
    json: AsJson = False,
) -> None:
    """Import files of any shape through a mapping. The same files again change nothing."""
    import msgspec

    from morningline.sources.report import ImportReport

    with open_program() as program:
        # A worker has a current folder of its own; a mapping that ships goes by its name.
        named = str(Path(mapping).absolute()) if Path(mapping).suffix or Path(mapping).exists() else mapping
        asked = {"mapping": named, "folder": str(folder.absolute())}
        given = follow(program, "import", asked, title="Importing", detach=detach, priority=priority, json=json)
    report = msgspec.convert(given, ImportReport)
    if json:
        show.as_json({"complete": report.complete, **msgspec.to_builtins(report)})
    else:
        show_import(report)
    if not report.complete:
        raise typer.Exit(3)


def show_import(report: ImportReport) -> None:
    """The report of an import, as a person reads it."""
    shown, more = report.files[:FILES_SHOWN], report.files[FILES_SHOWN:]
    show.table(("file", "rows"), [(f.file, f.rows) for f in shown], numbers=("rows",))
    if more:
        show.line(f"and {len(more):,} files more with {sum(f.rows for f in more):,} rows")
    numbers = ("read", "accepted", "merged", "quarantined", "new", "changed")
    rows = [(t.table, t.read, t.accepted, t.merged, t.quarantined, t.inserted, t.changed) for t in report.tables]
    show.line()
    show.table(("table", *numbers), rows, numbers=numbers)
    thin = [(f"{t.table}.{name}", f"{share:.1%}") for t in report.tables for name, share in t.fill.items() if share < 1]
    if thin:
        show.line()
        show.table(("column not always filled", "filled"), thin, numbers=("filled",))
    if report.left_out:
        show.line()
        show.table(("left out by the mapping", "rows"), report.left_out.items(), numbers=("rows",))
    if report.quarantined:
        show.line()
        turned = [(q.table, q.scope, q.count, q.reason, "; ".join(q.examples[:2])) for q in report.quarantined]
        show.table(("quarantined for", "scope", "count", "reason", "examples"), turned, numbers=("count",))
    if report.findings:
        show.line()
        found = [(f.name, f.count, f.of, f.meaning, ", ".join(f.examples[:3])) for f in report.findings]
        show.table(("finding", "count", "of", "meaning", "examples"), found, numbers=("count", "of"))
    if report.reconciliation:
        show.line()
        reconcile.show_reconciliation(report.reconciliation)
    show.line()
    show.line(conclusion(report))


def conclusion(report: ImportReport) -> str:
    """How an import ended, in one or two sentences."""
    accepted = sum(t.accepted for t in report.tables)
    lost = f"{report.rows_quarantined:,} rows and {report.values_quarantined:,} values are in quarantine"
    if report.complete:
        known = f" {lost}, as the mapping accepts." if report.rows_quarantined or report.values_quarantined else ""
        return f"Imported {accepted:,} rows in {report.seconds:.1f} s.{known}"
    return (
        f"Imported {accepted:,} rows in {report.seconds:.1f} s, NOT all: {lost}. They are in the table `quarantine` "
        "with reason and payload. Correct the files or the mapping and import again, or accept them in [accept]."
    )


def mappings() -> None:
    """List the mappings that ship with the program."""
    from morningline.wiring.program import shipped_mappings

    show.table(("mapping", "file"), [(name, str(path)) for name, path in shipped_mappings().items()])
