"""Trying again: stamina's retries, without a word on a user's terminal."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import stamina


def attempts(on: Callable[[Exception], bool], **options: Any) -> Iterable[stamina.Attempt]:  # noqa: ANN401 - as stamina's
    """The attempts of a block of work.

    Args:
        on: Whether another attempt may help after an error.
        options: As `stamina.retry_context` takes them; times in seconds.
    """
    import stamina

    # Without a handler of its own a library's warnings go to standard error.
    logger = logging.getLogger("stamina")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return stamina.retry_context(on=on, **options)
