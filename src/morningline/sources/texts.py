"""The text of a mapped value: its source column or columns, what counts as missing, the part taken, the value map."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from morningline.sources.mapping import Column


def raw_text(column: Column) -> pl.Expr:
    """The text as the source has it; null where it is missing.

    A template is missing where any of its columns is.
    """
    if column.column is not None:
        text = pl.col(column.column)
    elif column.first_of is not None:
        text = pl.coalesce(column.first_of)
    elif column.template is not None:
        text = _template(column.template)
    else:
        constant = column.constant
        text = pl.lit(str(constant).lower() if isinstance(constant, bool) else str(constant))
    if column.missing:
        text = pl.when(~text.is_in(column.missing)).then(text)
    return text


def source_text(column: Column) -> pl.Expr:
    """The text that is left to read: the part taken, mapped by the value map; null where either fails."""
    text = raw_text(column)
    if column.extract is not None:
        text = text.str.extract(column.extract).str.strip_chars()
    if column.values is not None:
        folded = {key.casefold(): value for key, value in column.values.items()}
        text = text.str.to_lowercase().replace_strict(
            list(folded), list(folded.values()), default=None, return_dtype=pl.String
        )
    return text


def fold(text: pl.Expr) -> pl.Expr:
    """Text as a word of a vocabulary: lower case, everything else than letters and digits an underscore."""
    return text.str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]+", "_").str.strip_chars("_")


def _template(template: str) -> pl.Expr:
    parts = re.split(r"\{([^{}]+)\}", template)
    pieces = [pl.col(part) if index % 2 else pl.lit(part) for index, part in enumerate(parts) if index % 2 or part]
    return pl.concat_str(pieces)
