"""How the command line shows things: tables, numbers, progress, JSON."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


def line(text: str = "") -> None:
    """One line on standard output."""
    sys.stdout.write(f"{text}\n")


def as_json(value: object) -> None:
    """A value as indented JSON on standard output."""
    import msgspec

    line(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "", numbers: Sequence[str] = ()
) -> None:
    """A table as wide as it needs to be; columns named in `numbers` are set to the right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(
        title=title or None, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False
    )
    for column in columns:
        shown.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(text(cell)) for cell in row))
    Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(shown)


def text(value: object) -> str:
    """A cell: nothing for None, thousands with commas, floats to four places, zero without a sign."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:z,.4f}"
    return str(value)


@contextmanager
def progress(title: str) -> Iterator[Callable[[str, float], None]]:
    """A progress bar on standard error while it is a terminal; silent otherwise.

    Yields:
        What an act calls with what it is doing and the share that is done.
    """
    if not sys.stderr.isatty():
        yield lambda _doing, _done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.fields[title]}"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0, title=title)
        yield lambda doing, done: bar.update(task, description=doing, completed=done)
