"""Plug-ins: what installed packages offer under a name, found by entry point and imported when asked for."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

from morningline.kit.errors import NotFoundError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def plugin_names(group: str) -> list[str]:
    """List the names installed under an entry-point group, sorted, importing none of them."""
    return sorted(_found(group))


def load_plugin(group: str, name: str) -> object:
    """Import one plug-in.

    Args:
        group: The entry-point group, such as `morningline.domains`.
        name: The name it is registered under.

    Returns:
        The object the entry point names.

    Raises:
        NotFoundError: Nothing is installed under that name; the message lists what is.
    """
    found = _found(group)
    if name not in found:
        from difflib import get_close_matches

        close = get_close_matches(name, found, n=1)
        raise NotFoundError(
            f"No plug-in named {name!r} is installed in the group {group!r}.",
            allowed=", ".join(sorted(found)) or "nothing is installed in this group",
            do=f"Did you mean {close[0]!r}?" if close else "Install the package that provides it.",
        )
    plugin: object = found[name].load()
    return plugin


def load_plugins(group: str) -> dict[str, object]:
    """Import every plug-in of a group, by name, in the order of the names."""
    return {name: entry.load() for name, entry in sorted(_found(group).items())}


def _found(group: str) -> dict[str, EntryPoint]:
    return _read(group, tuple(sys.path))


@cache
def _read(group: str, _path: tuple[str, ...]) -> dict[str, EntryPoint]:
    """Read what every package on the path says of itself, which takes milliseconds: once for each path."""
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in entry_points(group=group)}
