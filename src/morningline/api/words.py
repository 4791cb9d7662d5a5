"""Parameters that many routes take, with the words that describe them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import BeforeValidator, StrictBool, StringConstraints
from starlette.convertors import Convertor, register_url_convertor

Word = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]
"""A name or an id: the database keeps no NUL."""
Flag = StrictBool
"""True or false as JSON has them, and no number."""


class HexConvertor(Convertor[str]):
    """The id of a run or a token within a path, so that no word beside it is taken for one."""

    regex = "[0-9a-f]{12}"

    def convert(self, value: str) -> str:
        """Take it as it is."""
        return value

    def to_string(self, value: str) -> str:
        """Give it as it is."""
        return value


class FileConvertor(HexConvertor):
    """The name of a file within a path: it has an ending, and leads nowhere else."""

    regex = r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}\.[a-z]{3,7}"


register_url_convertor("hex", HexConvertor())
register_url_convertor("file", FileConvertor())
HexId = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$", description="Its id.")]


def _dated(value: object) -> object:
    """Refuse a number: Pydantic would take it for seconds since 1970."""
    if isinstance(value, bool | int | float) or (isinstance(value, str) and value[4:5] != "-"):
        raise ValueError("a date begins with YYYY-MM-DD")
    return value


Day = Annotated[date, BeforeValidator(_dated)]
Instant = Annotated[datetime, BeforeValidator(_dated)]

Domain = Annotated[Word, Query(description="Which domain.")]
TaskName = Annotated[
    Word | None, Query(description="Which task; that of the model's id, or the domain's usual one, if not given.")
]
SetName = Annotated[Word | None, Query(description="Which feature set; the task's own if not given.")]
First = Annotated[Day | None, Query(description="First local day.")]
Last = Annotated[Day | None, Query(description="Last local day.")]
Since = Annotated[Instant | None, Query(description="Only at this instant or later; UTC where no offset is given.")]
Until = Annotated[Instant | None, Query(description="Only before this instant.")]

RACING = "racing"
