"""The text of a mapped value: its source column or columns, what counts as missing, the part taken, the value map."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import polars as pl

from morningline.sources.mapping import ITEMS

if TYPE_CHECKING:
    from collections.abc import Collection

    from morningline.sources.mapping import Column


def raw_text(column: Column) -> pl.Expr:
    """The text as the source has it; null where it is missing.

    A template is missing where any of its columns is; a pattern that fits without its group says that there is
    no value.
    """
    if column.column is not None:
        text = pl.col(column.column)
    elif column.first_of is not None:
        text = pl.coalesce(column.first_of)
    elif column.all_of is not None:
        text = _items(column.all_of)
    elif column.template is not None:
        text = _template(column.template)
    else:
        constant = column.constant
        text = pl.lit(str(constant).lower() if isinstance(constant, bool) else str(constant))
    if column.missing:
        text = pl.when(~text.is_in(column.missing)).then(text)
    if column.extract is not None:
        nothing = text.str.contains(column.extract) & (text.str.extract(column.extract).fill_null("") == "")
        text = pl.when(~nothing).then(text)
    return text


def source_text(column: Column) -> pl.Expr:
    """The text that is left to read: the part taken, mapped by the value map; null where either fails."""
    text = raw_text(column)
    if column.extract is not None:
        text = text.str.extract(column.extract).str.strip_chars()
    if column.values is not None:
        folded = {key.lower(): value for key, value in column.values.items()}
        text = text.str.to_lowercase().replace_strict(
            list(folded), list(folded.values()), default=None, return_dtype=pl.String
        )
    return text


def present(column: Column, columns: Collection[str]) -> Column | None:
    """The column as a file with these columns can give it: None where it is optional and the file cannot."""
    if not column.optional:
        return column
    here = [name for name in column.sources() if name in columns]
    if column.first_of is not None and here:
        return msgspec.structs.replace(column, first_of=here)
    return column if len(here) == len(column.sources()) else None


def fold(text: pl.Expr) -> pl.Expr:
    """Text as a word of a vocabulary: lower case, everything else than letters and digits an underscore."""
    return text.str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]+", "_").str.strip_chars("_")


def _items(columns: list[str]) -> pl.Expr:
    """The texts of several columns in their order: an empty item for a gap, nothing for those missing at the end."""
    texts = pl.concat_str([pl.col(name).fill_null("") for name in columns], separator=ITEMS)
    items = texts.str.replace(r"[; ]+$", "")
    return pl.when(items != "").then(items)


def _template(template: str) -> pl.Expr:
    parts = re.split(r"\{([^{}]+)\}", template)
    pieces = [pl.col(part) if index % 2 else pl.lit(part) for index, part in enumerate(parts) if index % 2 or part]
    return pl.concat_str(pieces)
