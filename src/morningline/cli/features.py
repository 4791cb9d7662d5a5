"""Commands of features: compute them, look at them, compare, verify and tidy them."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from morningline.cli import show
from morningline.cli.data import AcceptQuality, Domain, Set
from morningline.cli.following import Detach, Priority, follow
from morningline.cli.workspace import AsJson, open_program

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from morningline.features.comparing import Difference
    from morningline.wiring.program import Program

app = typer.Typer(help="Compute, look at, compare and verify point-in-time features.", no_args_is_help=True)

SHOWN = 20
"""Lines of a comparison that are shown; `--json` has all."""


@app.command()
def compute(
    domain: Domain = "racing",
    *,
    set_name: Set = None,
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="Compute from this day on, even where nothing changed."),
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Compute up to this day only.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Compute every day, even where nothing changed.")] = False,
    engine: Annotated[str, typer.Option(help="here, or ray for a cluster.")] = "here",
    accept_quality: AcceptQuality = False,
    detach: Detach = False,
    priority: Priority = 0,
    json: AsJson = False,
) -> None:
    """Compute what is missing or stale, from the first day whose facts changed, and keep it in Delta tables."""
    import msgspec

    from morningline.features.computing import ComputeReport

    asked = {
        "domain": domain,
        "set_name": set_name,
        "first": first and f"{first:%Y-%m-%d}",
        "last": last and f"{last:%Y-%m-%d}",
        "force": force,
        "engine": engine,
        "accept_quality": accept_quality,
    }
    with open_program() as program:
        given = follow(program, "features", asked, title="Computing", detach=detach, priority=priority, json=json)
    report = msgspec.convert(given, ComputeReport)
    if json:
        show.as_json(report)
        return
    if report.rows:
        show.line(
            f"{report.features} features of {report.rows:,} entrants in {report.events:,} events, {report.first_day} "
            f"to {report.last_day}, in {report.seconds:.1f} s."
        )
    else:
        show.line("Nothing changed since: the stored features are up to date.")
    show.line(
        f"Feature set {report.feature_set}, version {report.feature_version}, Delta version {report.delta_version}."
    )


@app.command("list")
def list_(
    domain: Domain = "racing",
    *,
    set_name: Set = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="As a page of documentation.")] = False,
    json: AsJson = False,
) -> None:
    """List the features with unit, window and description."""
    from morningline.wiring import featuring

    with _program_of(set_name) as program:
        rows = featuring.list_features(program, domain, set_name)
    if json:
        show.as_json(rows)
        return
    if markdown:
        from morningline.features.set_catalog import as_markdown

        show.line(as_markdown(rows))
        return
    show.table(("feature", "unit", "from", "description"), [(r.name, r.unit, r.window, r.description) for r in rows])
    show.line(f"{len(rows)} features")


@app.command("show")
def show_(
    feature: Annotated[str, typer.Argument(help="Its name.")],
    domain: Domain = "racing",
    *,
    set_name: Set = None,
    json: AsJson = False,
) -> None:
    """Say all there is to say of one feature."""
    from dataclasses import asdict

    from morningline.wiring import featuring

    with _program_of(set_name) as program:
        row = featuring.show_feature(program, domain, feature, set_name)
    if json:
        show.as_json(row)
    else:
        show.table(("what", "is"), [(key, value) for key, value in asdict(row).items() if value not in {None, ""}])


@app.command()
def status(domain: Domain = "racing", *, set_name: Set = None, json: AsJson = False) -> None:
    """Say what is stored, and whether the facts are still those it was computed from; exit code 1 where not."""
    from morningline.wiring import featuring

    with open_program() as program:
        state = featuring.features_status(program, domain, set_name)
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


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", help="A .parquet or .csv file.")],
    *,
    domain: Domain = "racing",
    set_name: Set = None,
    version: Annotated[int | None, typer.Option(help="Delta version; the newest if not given.")] = None,
) -> None:
    """Write the stored features to a file: one row an entrant."""
    from morningline.wiring import featuring

    with open_program() as program:
        rows = featuring.export_features(program, domain, out, version, set_name)
    show.line(f"{rows:,} rows in {out}")


@app.command()
def diff(
    before: Annotated[int, typer.Argument(help="A Delta version.")],
    after: Annotated[int, typer.Argument(help="Another one.")],
    *,
    domain: Domain = "racing",
    set_name: Set = None,
    json: AsJson = False,
) -> None:
    """Compare two Delta versions: rows that are in one only, and features whose values changed."""
    from morningline.wiring import featuring

    with open_program() as program:
        found = featuring.diff_features(program, domain, before, after, set_name)
    _show_difference(found, json=json)


@app.command()
def verify(
    events: Annotated[int, typer.Option(min=1, help="How many events, drawn at random.")] = 100,
    *,
    domain: Domain = "racing",
    set_name: Set = None,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 20,
    json: AsJson = False,
) -> None:
    """Compute some events again from facts alone and compare every bit; exit code 1 where one differs."""
    from morningline.wiring import featuring

    with open_program() as program:
        found = featuring.verify_features(program, domain, events=events, seed=seed, set_name=set_name)
    _show_difference(found, json=json)
    if not found.equal:
        raise typer.Exit(1)


@app.command()
def quality(domain: Domain = "racing", *, set_name: Set = None, json: AsJson = False) -> None:
    """Judge each stored month against what its features declare and usually have; exit code 1 where one falls short."""
    from morningline.wiring import featuring

    with open_program() as program:
        least = program.settings.quality_train
        months = featuring.features_quality(program, domain, set_name)
    rows = featuring.plain_quality(months)
    if json:
        show.as_json(rows)
    else:
        numbers = ("rows", "completeness", "validity", "uniqueness", "score")
        show.table(("month", *numbers, "worst day"), [tuple(row.values()) for row in rows], numbers=numbers)
    if any(part.score is not None and part.score < least for part in months):
        raise typer.Exit(1)


@app.command()
def vacuum(
    *,
    domain: Domain = "racing",
    set_name: Set = None,
    keep_days: Annotated[int, typer.Option(min=0, help="Keep what versions younger than this need.")] = 30,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    json: AsJson = False,
) -> None:
    """Remove files that only old versions need; never the newest version, nor one that a model points to."""
    from morningline.wiring import featuring

    with open_program() as program:
        found = featuring.vacuum_features(program, domain, keep_days=keep_days, dry_run=dry_run, set_name=set_name)
    if json:
        show.as_json(found)
        return
    kept = ", ".join(map(str, found["kept_versions"]))
    would = "would be removed" if dry_run else "removed"
    show.line(f"{found['files']:,} files {would}; Delta versions {kept} and those of {keep_days} days stay whole.")


def _program_of(set_name: str | None) -> AbstractContextManager[Program | None]:
    """The workspace where a set of its own may be meant; what the program brings can be looked at without one."""
    return open_program() if set_name else nullcontext()


def _show_difference(found: Difference, *, json: bool) -> None:
    from morningline.wiring import acts

    if json:
        show.as_json({"equal": found.equal, **acts.as_plain(found)})
        return
    if found.features:
        numbers = ("rows", "became null", "largest")
        rows = [(f.name, f.rows, f.became_null, f.largest, " ".join(f.example)) for f in found.features[:SHOWN]]
        show.table(("feature", *numbers, "example"), rows, numbers=numbers)
    show.line(
        f"{found.rows:,} rows in both, {found.only_before:,} in the first only, {found.only_after:,} in the second "
        f"only; {len(found.features)} features differ."
    )
    if found.equal:
        show.line("Equal to the last bit.")
