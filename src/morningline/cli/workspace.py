"""Commands of the workspace: init, settings, doctor."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from morningline.cli import show
from morningline.cli.auditing import audited

if TYPE_CHECKING:
    from collections.abc import Iterator

    from morningline.wiring.program import Program

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def open_program() -> Iterator[Program]:
    """The program in the current folder, or in MORNINGLINE_HOME; its audit has an entry of what is changed in it."""
    from morningline.wiring.program import Program

    with Program.at(Path.cwd(), os.environ) as program, audited(program):
        yield program


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(init)
    app.command()(settings)
    app.command()(doctor)


def init(folder: Annotated[Path, typer.Argument(help="Where; the current folder if not given.")] = Path()) -> None:
    """Make a folder a workspace: everything the program writes stays in it."""
    from morningline.kit.workspace import Workspace

    workspace = Workspace.create(folder)
    show.line(
        f"{workspace.root} is a workspace. Its settings are in {workspace.config.name}; all of them have defaults."
    )
    show.line("Next: morningline import MAPPING FOLDER, or morningline demo to see the whole loop on a made-up world.")


def settings(*, json: AsJson = False) -> None:
    """Show every setting with its value, where it comes from, its unit and what it is for."""
    from morningline.kit.settings import describe

    with open_program() as program:
        rows = describe(program.settings)
    if json:
        show.as_json([row._asdict() for row in rows])
    else:
        show.table(("setting", "value", "from", "unit", "what it is for"), rows)


def doctor(*, json: AsJson = False) -> None:
    """Say what is right and wrong with this installation; exit code 1 if anything is wrong."""
    from morningline.wiring.doctor import examine

    findings = examine(Path.cwd(), os.environ)
    if json:
        show.as_json(findings)
    else:
        show.table(
            ("", "what", "found", "what to do"),
            [("ok" if f.right else "WRONG", f.name, f.says, "" if f.right else f.do) for f in findings],
        )
    if not all(f.right for f in findings):
        raise typer.Exit(1)
