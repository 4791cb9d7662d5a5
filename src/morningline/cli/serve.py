"""The commands of the HTTP service: serve, and openapi, which says what is served."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from morningline.cli import show
from morningline.cli.workspace import open_program

if TYPE_CHECKING:
    from morningline.wiring.program import Program

SURFACES = "morningline.surfaces"
"""Entry-point group of the surfaces: no surface imports another."""


class HttpService(Protocol):
    """What the surface `http` can do."""

    def serve(self, program: Program, *, host: str, port: int, slots: int, proxy: str | None) -> None:
        """Serve until told to stop."""

    def document(self) -> dict[str, Any]:
        """Give the OpenAPI document."""

    def page(self) -> str:
        """Give the same as a page of documentation."""


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(serve)
    app.command()(openapi)


def serve(
    *,
    host: Annotated[str, typer.Option(help="The address to listen on; another than this machine's needs a token.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 for any free one.")] = 8800,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Leave runs to workers elsewhere.")] = False,
    slots: Annotated[int, typer.Option(min=1, help="How many runs its worker does at once.")] = 2,
    proxy: Annotated[
        str | None, typer.Option(help="Address of a proxy whose X-Forwarded-For says where requests come from.")
    ] = None,
) -> None:
    """Serve everything over HTTP, with a worker in the same process, until told to stop (Ctrl-C or SIGTERM)."""
    with open_program() as program:
        _service().serve(program, host=host, port=port, slots=0 if no_worker else slots, proxy=proxy)


def openapi(
    *, markdown: Annotated[bool, typer.Option("--markdown", help="As a page of documentation.")] = False
) -> None:
    """Print what the service offers, as an OpenAPI document."""
    service = _service()
    if markdown:
        show.line(service.page())
    else:
        show.as_json(service.document())


def _service() -> HttpService:
    from morningline.kit.plugins import load_plugin

    found: HttpService = load_plugin(SURFACES, "http")  # type: ignore[assignment]
    return found
