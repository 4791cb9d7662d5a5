"""Days that a schedule's parameters name from the day on which it is due: `{day}`, `{day-1}`, `{day+1}`."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

from morningline.kit.errors import InputError
from morningline.kit.nul import NUL

MARK = re.compile(r"\{day(?:([+-])(\d{1,5}))?\}", re.ASCII)
DEEPEST = 20


def with_days(value: Any, day: date, *, depth: int = 0) -> Any:  # noqa: ANN401 - any JSON
    """Parameters with every relative day as a date, such as 2026-03-01; names of parameters stay as they are.

    Args:
        value: Plain values, as JSON has them.
        day: What `{day}` stands for.
        depth: How deep within the whole the value stands.

    Raises:
        InputError: Braces hold something else, a text holds what the database cannot keep, or lists lie in lists too
            deep.

    Example:
        >>> with_days({"domain": "a", "day": "{day+1}"}, date(2026, 2, 28))
        {'domain': 'a', 'day': '2026-03-01'}
    """
    if depth > DEEPEST:
        raise InputError(f"The parameters are more than {DEEPEST} lists or objects deep.", do="Make them flatter.")
    if isinstance(value, dict):
        return {name: with_days(inner, day, depth=depth + 1) for name, inner in value.items()}
    if isinstance(value, list):
        return [with_days(inner, day, depth=depth + 1) for inner in value]
    return _dated(value, day) if isinstance(value, str) else value


def _dated(text: str, day: date) -> str:
    if NUL in text or re.search(r"[{}]", MARK.sub("", text)):
        raise InputError(
            f"The parameters hold {text[:100]!r}.",
            allowed="texts with {day}, {day-1}, {day+7} and the like, and no other braces",
            do="{day} is the local day on which the schedule is due.",
        )
    return MARK.sub(lambda mark: str(day + timedelta(days=int(f"{mark[1] or '+'}{mark[2] or 0}"))), text)
