"""The house's pages: one look, and nothing on them that is not in them - no script, no font, no host."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from morningline.monitoring.charts import bar, fixed, percent

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGE = "morningline.monitoring"


def render_page(template: str, context: Mapping[str, object]) -> str:
    """Write a page as one HTML document.

    Args:
        template: A template of this package.
        context: What it shows.

    Returns:
        The document.
    """
    # The style is a file of the package, not anybody's text.
    css = Markup(files(PACKAGE).joinpath("page.css").read_text(encoding="utf-8").rstrip())  # noqa: S704
    return _environment().get_template(template).render({**context, "css": css})


@cache
def _environment() -> Environment:
    """Where templates are found, each read once; one may extend another."""
    environment = Environment(
        loader=PackageLoader(PACKAGE, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"fixed": fixed, "percent": percent, "bar": bar, "day": _day}
    return environment


def _day(value: object) -> str:
    return "not known" if value is None else str(value)
