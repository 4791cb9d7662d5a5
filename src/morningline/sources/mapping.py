"""The declarative mapping: what a user writes to bring files of any shape into the tables.

The page `docs/reference/mapping.md` is the reference of this module; a test holds the two together.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import polars as pl

from morningline.kit.clock import local_day_bounds
from morningline.kit.errors import InputError
from morningline.kit.nul import NUL
from morningline.sources.clocks import Rule

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1
"""Version of the mapping format this program reads."""

Words = str | list[str]

RESERVED = re.compile(r"#(file|row|order|matched|nearest|source|rule|mentioned|k\d+|(raw|taken|stored|said) .*)")
"""Names that the program gives to columns of its own on the way."""

EVENT_ID, ENTRANT_ID = "event_id", "entrant_id"
"""Columns that a match adds to the rows of a second source: whom of the stored they are about."""

ITEMS = "; "
"""What stands between the texts of several columns that are read as one list."""


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which rows to keep: all the conditions given must hold for the column's text."""

    column: str
    equals: str | None = None
    one_of: list[str] | None = None
    none_of: list[str] | None = None
    matches: str | None = None
    present: bool | None = None


class Column(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    r"""Where a value comes from and how its text is read.

    The steps are taken in this order: source, missing, extract, values, read, scale, round.
    Exactly one source: `column`, `first_of`, `all_of`, `template` or `constant`. With `optional`, a file without the
    source column has no such value (of `first_of`, the columns that are there count); a table of which the value
    is a required one then gets no rows from that file. A pattern of `extract` that fits without its group,
    such as `^[^(]*(?:\((\w+)\))?$` on a name without brackets, says that there is no value.
    """

    column: str | None = None
    first_of: list[str] | None = None
    all_of: list[str] | None = None
    template: str | None = None
    constant: str | int | float | bool | None = None
    missing: list[str] = []
    extract: str | None = None
    values: dict[str, str] | None = None
    read: str | None = None
    format: Words | None = None
    time_zone: str | None = None
    scale: float | None = None
    round: Annotated[int, msgspec.Meta(ge=0, le=12)] | None = None
    optional: bool = False

    def sources(self) -> list[str]:
        """The names of the source columns it needs."""
        if self.column is not None:
            return [self.column]
        if self.first_of is not None or self.all_of is not None:
            return self.first_of or self.all_of or []
        return re.findall(r"\{([^{}]+)\}", self.template) if self.template is not None else []


class Join(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another file whose columns are added to each row, matched on `on`.

    With `nearest`, a column of days (YYYY-MM-DD) in both files, the row whose day is nearest is taken (of two
    equally near, the later). Without, rows of the other file that share a key must agree. A row without a partner
    is turned away, or kept without the columns where `required` is false.
    """

    file: str
    on: Words | dict[str, str]
    columns: Words | dict[str, str]
    required: bool = True
    nearest: str | None = None

    def keys(self) -> dict[str, str]:
        """Column here to column there."""
        return _pairs(self.on)

    def taken(self) -> dict[str, str]:
        """New name here to column there."""
        return _pairs(self.columns)


class Fill(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another file whose values fill this file's gaps, and never replace a value.

    A column that this file does not have at all is one gap. Rows of the other file that share a key and differ
    fill nothing and are reported.
    """

    file: str
    on: Words | dict[str, str]
    columns: Words | dict[str, str]

    def keys(self) -> dict[str, str]:
        """Column here to column there."""
        return _pairs(self.on)

    def taken(self) -> dict[str, str]:
        """Column here to column there."""
        return _pairs(self.columns)


class File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of file in the folder."""

    path: Words
    format: str | None = None
    encoding: str = "utf-8"
    decimal: Literal[".", ","] = "."
    separator: Annotated[str, msgspec.Meta(min_length=1, max_length=1)] = ","
    quote: Annotated[str, msgspec.Meta(max_length=1)] = '"'
    missing: list[str] = []
    optional: bool = False
    derive: dict[str, Column | str] = {}
    fill: list[Fill] = []
    join: list[Join] = []
    where: list[Condition] = []


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"source": "from"}):
    """Rows of one file that become rows of one table, or with `compare` are only held against its rows."""

    to: str
    source: str
    columns: dict[str, Column | str]
    where: list[Condition] = []
    known_at: str | None = None
    compare: bool = False


class Match(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of a second source: by what its rows are recognised as about stored events and entrants.

    `event` and `entrant` give columns of the files and the columns of the tables that must be equal to them, as text.
    `confirm` gives columns of the files and how the same is read from the stored entrant: where both say something and
    it differs, the two are not the same. `absent` is the column that says why an entrant may be in one source alone.
    """

    event: dict[str, str]
    entrants: str
    entrant: dict[str, str]
    confirm: dict[str, Column | str] = {}
    absent: str | None = None


class Clocks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The provider's publication rule: when each kind of fact could first have been known.

    Each is `day_start`, `day_end` or `off`, with an optional `+` or `-` and a number of m, h or d.
    """

    pre: str = "day_start"
    post: str = "day_end"
    price: str = "day_end"


class Accept(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Losses that a person has looked at: up to these counts an import still ends well."""

    quarantined_rows: Annotated[int, msgspec.Meta(ge=0)] = 0
    quarantined_values: Annotated[int, msgspec.Meta(ge=0)] = 0


class Mapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole mapping file."""

    mapping: int
    name: str
    domain: str
    time_zone: str
    files: dict[str, File]
    tables: list[Target]
    clocks: Clocks = Clocks()
    accept: Accept = Accept()
    match: Match | None = None

    def targets(self, *, compare: bool) -> Mapping:
        """The mapping with the tables only that are compared, or only those that are written."""
        return msgspec.structs.replace(self, tables=[target for target in self.tables if target.compare == compare])


def read_mapping(path: Path) -> Mapping:
    """Read and check a mapping file.

    Args:
        path: A TOML file.

    Raises:
        InputError: The file is missing, not TOML, or says something that no mapping can say.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"The mapping {str(path)!r} cannot be read: {error.strerror}.",
            do="Give the path of a mapping file, or the name of one that ships (`morningline mappings`).",
        ) from error
    try:
        mapping = msgspec.toml.decode(text, type=Mapping)
    except msgspec.ValidationError as error:
        raise InputError(
            f"The mapping {path.name} says something a mapping cannot say: {error}.",
            allowed="the keys of the mapping reference",
            do="Correct the place named after `at`; `$` is the whole file.",
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The mapping {path.name} is not TOML: {error}.", do="Correct the line it names.") from error
    if _holds_nul(msgspec.to_builtins(mapping)):
        raise InputError(
            f"The mapping {path.name} holds a NUL character, which no text of the database can.",
            allowed="text",
            do="Remove the escape that stands for it, such as \\u0000.",
        )
    _check(mapping, path.name)
    return mapping


def _holds_nul(value: object) -> bool:
    if isinstance(value, dict):
        return _holds_nul([*value, *value.values()])
    if isinstance(value, list):
        return any(map(_holds_nul, value))
    return isinstance(value, str) and NUL in value


def _check(mapping: Mapping, name: str) -> None:
    if mapping.mapping != FORMAT:
        raise InputError(
            f"The mapping {name} is of format {mapping.mapping}.",
            allowed=f"mapping = {FORMAT}",
            do="Rewrite its first line.",
        )
    local_day_bounds(pl.Series([], dtype=pl.Date), mapping.time_zone)
    for rule in (mapping.clocks.pre, mapping.clocks.post, mapping.clocks.price):
        Rule.parse(rule)
    for file_name, file in mapping.files.items():
        _check_file(file, f"files.{file_name}")
        for other in [*(join.file for join in file.join), *(fill.file for fill in file.fill)]:
            _known_file(other, mapping, f"files.{file_name}")
        for column_name, column in file.derive.items():
            _check_column(column, f"files.{file_name}.derive.{column_name}")
            if RESERVED.fullmatch(column_name):
                raise InputError(
                    f"files.{file_name}.derive names a column {column_name!r}, a name this program needs for itself.",
                    allowed="any other name",
                    do="Rename it.",
                )
        _check_conditions(file.where, f"files.{file_name}.where")
    for target in mapping.tables:
        _known_file(target.source, mapping, f"the table {target.to}")
        for column_name, column in target.columns.items():
            _check_column(column, f"{target.to}.{column_name}")
        _check_conditions(target.where, f"{target.to}.where")
        if target.known_at is not None:
            Rule.parse(target.known_at)
    _check_match(mapping)


def _check_match(mapping: Mapping) -> None:
    for column_name, column in (mapping.match.confirm if mapping.match else {}).items():
        _check_column(column, f"match.confirm.{column_name}")
    compared = [target.to for target in mapping.tables if target.compare]
    if compared and mapping.match is None:
        raise InputError(
            f"The table {compared[0]} is to be compared, and the mapping has no section [match].",
            allowed="`compare` in the mapping of a second source",
            do="Say in [match] by what its rows are recognised, or leave `compare` out.",
        )


def _check_file(file: File, where: str) -> None:
    for sign in ("separator", "quote"):
        character = getattr(file, sign)
        if character and (not character.isascii() or character.isalnum() or character in "\r\n\0"):
            raise InputError(
                f"{where} has the {sign} {character!r}.",
                allowed="one ASCII character that is no letter, digit or line end: ',' ';' '|' '\\t'",
                do=f"Correct `{sign}`.",
            )
    if file.separator == file.quote:
        raise InputError(
            f"{where} has {file.quote!r} as separator and as quote.",
            allowed="two different characters, or an empty quote",
            do="Correct one of them.",
        )
    for path in [file.path] if isinstance(file.path, str) else file.path:
        parts = PurePosixPath(path.replace("\\", "/"))
        if not parts.parts or parts.is_absolute() or ".." in parts.parts or "\0" in path:
            raise InputError(
                f"{where} has the path {path!r}.",
                allowed="a name or pattern within the folder, such as 'races.csv' or 'races_*.csv'",
                do="Give the folder to the import and the path within it here.",
            )


def _known_file(file: str, mapping: Mapping, where: str) -> None:
    if file not in mapping.files:
        raise InputError(
            f"In {where} the mapping reads from the file {file!r}, which it does not describe.",
            allowed=", ".join(mapping.files),
            do=f"Add a section [files.{file}] or correct the name.",
        )


def _check_column(column: Column | str, where: str) -> None:
    if isinstance(column, str):
        return
    sources = ("column", "first_of", "all_of", "template", "constant")
    given = [name for name in sources if getattr(column, name) not in (None, [])]
    if len(given) != 1:
        raise InputError(
            f"{where} has {len(given)} sources ({', '.join(given) or 'none'}).",
            allowed="exactly one of column, first_of, all_of, template, constant",
            do="Say once where the value comes from.",
        )
    if column.extract is not None:
        _check_pattern(column.extract, where)
        # Brackets that are escaped or marked (?:...) take nothing.
        groups = pl.select(pl.lit("").str.extract_groups(column.extract)).to_series().dtype
        if not isinstance(groups, pl.Struct) or not groups.fields:
            raise InputError(
                f"The pattern {column.extract!r} of {where} has no group.",
                allowed="a regular expression whose first (...) group is the value",
                do="Put brackets around the part to take.",
            )
    _check_values(column, where)


def _check_conditions(conditions: list[Condition], where: str) -> None:
    for condition in conditions:
        if condition.matches is not None:
            _check_pattern(condition.matches, where)
        tests = (condition.equals, condition.one_of, condition.none_of, condition.matches, condition.present)
        if all(test is None for test in tests):
            raise InputError(
                f"The condition of {where} on {condition.column!r} says nothing.",
                allowed="equals, one_of, none_of, matches, present",
                do="Say what must hold for the column.",
            )


def _check_values(column: Column, where: str) -> None:
    folded: dict[str, str] = {}
    for key, value in (column.values or {}).items():
        if folded.setdefault(key.lower(), value) != value:
            raise InputError(
                f"The value map of {where} has {key!r} twice, in different cases of its letters.",
                allowed="each word once; capital and small letters count as the same",
                do="Leave one of them out.",
            )


def _check_pattern(pattern: str, where: str) -> None:
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        raise InputError(
            f"The pattern {pattern!r} of {where} is not a regular expression: {error}",
            allowed="a regular expression without look-around and back-references",
            do="Correct it.",
        ) from error


def _pairs(names: Words | dict[str, str]) -> dict[str, str]:
    if isinstance(names, str):
        return {names: names}
    return names if isinstance(names, dict) else {name: name for name in names}
