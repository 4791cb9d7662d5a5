"""The command that shows how a second source and what is stored agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from morningline.cli import show
from morningline.cli.workspace import AsJson, open_program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from morningline.sources.reconciliation import MatchCount, OnlyIn, Reconciliation

SHOWN = 3
"""Examples of each kind that are shown; the table `differences` has them all."""


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(reconcile)


def reconcile(
    mapping: Annotated[
        str | None, typer.Option(help="Name of the second source's mapping; the newest if not given.")
    ] = None,
    *,
    json: AsJson = False,
) -> None:
    """Show the newest report of a second source: match rates, conflicts, what only one has, suggestions."""
    from morningline.wiring import acts

    with open_program() as program:
        report, at = acts.reconciliation(program, mapping)
    if json:
        import msgspec

        show.as_json({"reconciled_at": at, "conflicts": report.conflicts, **msgspec.to_builtins(report)})
        return
    show.line(f"The second source {report.mapping}, held against what was stored on {at:%Y-%m-%d %H:%M} UTC.")
    show.line()
    show_reconciliation(report)


def show_reconciliation(report: Reconciliation) -> None:
    """A report as a person reads it."""
    counts = ("first", "second", "matched", "of the first", "of the second")
    show.table(("", *counts), [_matched(count) for count in (report.events, report.entrants)], numbers=counts)
    if report.repeated_rows:
        show.line()
        events = _many(report.repeated_events, report.events.noun)
        show.line(
            f"Left out because they say exactly what another says: {_many(report.repeated_rows, 'row')} of {events}."
        )
    if report.only:
        show.line()
        show.table(("only in the", "what", "count", "reason", "examples"), _only(report.only), numbers=("count",))
    numbers = ("agree", "differ", "only first", "only second")
    rows = [
        (f"{c.table}.{c.column}", c.agree, c.differ, c.only_first, c.only_second, "; ".join(_examples(report, n)))
        for n, c in enumerate(report.columns)
    ]
    show.line()
    show.table(("compared", *numbers, "first / second"), rows, numbers=numbers)
    show.line()
    for suggestion in report.suggestions:
        show.line(f"- {suggestion}")
    show.line(conclusion(report))


def conclusion(report: Reconciliation) -> str:
    """How well the two agree, in a sentence."""
    compared = sum(column.agree + column.differ for column in report.columns)
    differ, noun = sum(column.differ for column in report.columns), report.entrants.noun
    told = [
        f"{differ:,} of {_many(compared, 'value')} that both have {'differs' if differ == 1 else 'differ'}",
        f"{_many(report.contradicted, noun)} under the number of another" if report.contradicted else "",
        f"{_many(report.doubtful, noun)} in doubt" if report.doubtful else "",
    ]
    return f"{', '.join(part for part in told if part)}: rows of the table `differences`. Nothing was merged."


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _matched(count: MatchCount) -> tuple[object, ...]:
    rates = ("" if rate is None else f"{rate:.2%}" for rate in (count.first_rate, count.second_rate))
    return (f"{count.noun}s", count.first, count.second, count.matched, *rates)


def _only(rows: list[OnlyIn]) -> Iterator[tuple[object, ...]]:
    for row in rows:
        yield row.source, f"{row.noun}s", row.count, row.reason, "; ".join(row.examples[:SHOWN])


def _examples(report: Reconciliation, number: int) -> Iterator[str]:
    for example in report.columns[number].examples[:SHOWN]:
        where = example.event if example.entrant is None else f"{example.event}, {example.entrant}"
        yield f"{where}: {example.first} / {example.second}"
