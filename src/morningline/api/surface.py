"""The door to this surface for the others, which do not import it: they find it as a plug-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from morningline.wiring.program import Program


class HttpSurface:
    """The HTTP service: serve a workspace, or say what is served."""

    def serve(self, program: Program, *, host: str, port: int, slots: int, proxy: str | None) -> None:
        """Serve until told to stop; see `morningline.api.serving.serve`."""
        from morningline.api.serving import serve

        serve(program, host=host, port=port, slots=slots, proxy=proxy)

    def document(self) -> dict[str, Any]:
        """The OpenAPI document."""
        from morningline.api.app import bare_app

        return bare_app(seconds=60, most_bytes=1 << 20).openapi()

    def page(self) -> str:
        """The same as a page of documentation, in Markdown."""
        from morningline.api.reference import as_markdown

        return as_markdown(self.document())


http = HttpSurface()
