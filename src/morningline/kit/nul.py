"""The character that no text of the database can hold, and the symbol that stands for it where it is shown.

A record or value that holds one is turned away where it comes in. Whatever tells of it, a reason, a payload in
quarantine, a message or a line of a log, shows the symbol in its place.
"""

from __future__ import annotations

import re

NUL, NUL_SHOWN = "\0", "␀"
_ESCAPED = "\\u0000"
_ESCAPE = re.compile(r"\\(?:u0000|.)")


def show_nul(text: str) -> str:
    r"""A text with the symbol for every NUL.

    Example:
        >>> show_nul("a\0b")
        'a␀b'
    """
    return text.replace(NUL, NUL_SHOWN)


def show_nul_in_json(json: str) -> str:
    r"""A JSON document with the symbol for every escaped NUL, and otherwise as it is written.

    A backslash that is escaped itself begins no escape: `"\\u0000"` is a text of six characters without a NUL.

    Example:
        >>> show_nul_in_json('["a\\u0000", "b\\\\u0000"]')
        '["a␀", "b\\\\u0000"]'
    """
    if _ESCAPED not in json:
        return json
    return _ESCAPE.sub(lambda escape: NUL_SHOWN if escape[0] == _ESCAPED else escape[0], json)
