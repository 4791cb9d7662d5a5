"""The house's pages: one look, and nothing on them that is not in them - no script, no font, no host."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from morningline.monitoring.charts import bar, fixed, percent

if TYPE_CHECKING:
    from collections.abc import Mapping


def render_page(template: str, context: Mapping[str, object]) -> str:
    """Write a page as one HTML document.

    Args:
        template: A template of this package.
        context: What it shows.

    Returns:
        The document.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"fixed": fixed, "percent": percent, "bar": bar, "day": _day}
    folder = files("morningline.monitoring")
    # The style is a file of the package, not anybody's text.
    css = Markup(folder.joinpath("page.css").read_text(encoding="utf-8").rstrip())  # noqa: S704
    source = folder.joinpath(template).read_text(encoding="utf-8")
    return environment.from_string(source).render({**context, "css": css})


def _day(value: object) -> str:
    return "not known" if value is None else str(value)
