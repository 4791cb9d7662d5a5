"""Commands of the data: import, mappings, features."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from morningline.cli import show
from morningline.cli.following import Detach, Priority, follow
from morningline.cli.workspace import AsJson, open_program

if TYPE_CHECKING:
    from morningline.sources.report import ImportReport

features = typer.Typer(help="Compute, list and export point-in-time features.", no_args_is_help=True)
Domain = Annotated[str, typer.Option("--domain", help="Which domain.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("import")(import_)
    app.command()(mappings)
    app.add_typer(features, name="features")


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
    show.table(("file", "rows"), [(f.file, f.rows) for f in report.files], numbers=("rows",))
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


@features.command()
def compute(domain: Domain = "racing", *, detach: Detach = False, priority: Priority = 0, json: AsJson = False) -> None:
    """Compute every feature of every entrant at its cut-off, and keep them as a Delta table."""
    import msgspec

    from morningline.features.computing import ComputeReport

    with open_program() as program:
        asked = {"domain": domain}
        given = follow(program, "features", asked, title="Computing", detach=detach, priority=priority, json=json)
    report = msgspec.convert(given, ComputeReport)
    if json:
        show.as_json(report)
        return
    show.line(
        f"{report.features} features of {report.rows:,} entrants in {report.events:,} events, {report.first_day} to "
        f"{report.last_day}, in {report.seconds:.1f} s."
    )
    show.line(
        f"Feature set {report.feature_set}, version {report.feature_version}, Delta version {report.delta_version}."
    )


@features.command("list")
def list_(domain: Domain = "racing", *, json: AsJson = False) -> None:
    """List the features with unit, window and description."""
    from morningline.wiring import acts

    rows = acts.list_features(domain)
    if json:
        show.as_json(rows)
        return
    show.table(("feature", "unit", "from", "description"), [(r.name, r.unit, r.window, r.description) for r in rows])
    show.line(f"{len(rows)} features")


@features.command()
def status(domain: Domain = "racing", *, json: AsJson = False) -> None:
    """Say what is stored, and whether the facts are still those it was computed from; exit code 1 where not."""
    from morningline.wiring import acts

    with open_program() as program:
        state = acts.features_status(program, domain)
    if json:
        show.as_json(state)
    else:
        show.line(
            f"Feature set {state['feature_set']}, version {state['feature_version']}, Delta version "
            f"{state['delta_version']}: {state['months']} months, {state['first_month']} to {state['last_month']}, "
            f"computed {state['computed_at']:%Y-%m-%d %H:%M} UTC."
        )
        if state["stale_from"] is None:
            show.line("Up to date.")
        else:
            show.line(
                f"Facts from {state['stale_from']} on were added or changed since; it concerns "
                f"{state['stale_months']} of these months."
            )
            show.line("What to do: morningline features compute")
    if state["stale_from"] is not None:
        raise typer.Exit(1)


@features.command()
def export(
    out: Annotated[Path, typer.Option("--out", help="A .parquet or .csv file.")],
    *,
    domain: Domain = "racing",
    version: Annotated[int | None, typer.Option(help="Delta version; the newest if not given.")] = None,
) -> None:
    """Write the stored features to a file: one row an entrant."""
    from morningline.wiring import acts

    with open_program() as program:
        rows = acts.export_features(program, domain, out, version)
    show.line(f"{rows:,} rows in {out}")
