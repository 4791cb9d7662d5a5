"""Username and password of a feed: found by the name of a variable or file, shown nowhere."""

from __future__ import annotations

import os
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from morningline.kit.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from morningline.sources.feed_settings import FeedSettings

HIDDEN = "***"


@dataclass(frozen=True)
class Credentials:
    """What a feed knows an account by.

    Example:
        >>> Credentials("ann", "secret")
        Credentials(***)
    """

    username: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({HIDDEN})"

    def hide(self, text: str) -> str:
        """Replace password, username and the header made of them by `***`, should a feed have sent them back."""
        return self.hide_bytes(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def hide_bytes(self, body: bytes) -> bytes:
        """The same in a body."""
        username, password = self.username.encode(), self.password.encode()
        header = b64encode(username + b":" + password)
        for secret in (header, password, quote(self.password, safe="").encode(), username):
            if secret:
                body = body.replace(secret, HIDDEN.encode())
        return body


def read_credentials(settings: FeedSettings, environ: Mapping[str, str] | None = None) -> Credentials | None:
    """Find the credentials of a feed.

    Args:
        settings: Name the variables or files; files win.
        environ: The environment, by default the process's own.

    Returns:
        The credentials, or None where the feed needs none.

    Raises:
        CredentialsError: A variable is not set, or a file cannot be read or is empty; names it, shows nothing of it.
    """
    given = os.environ if environ is None else environ
    needs = (settings.username_env, settings.password_env, settings.username_file, settings.password_file)
    if not any(needs):
        return None
    return Credentials(
        _find(settings.name, "username", settings.username_file, settings.username_env, given),
        _find(settings.name, "password", settings.password_file, settings.password_env, given),
    )


def _find(feed: str, what: str, file: Path | None, variable: str, environ: Mapping[str, str]) -> str:
    if file is not None:
        try:
            value = file.expanduser().read_text(encoding="utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise CredentialsError(
                f"The {what} of the feed {feed} cannot be read from {file}: {type(error).__name__}.",
                allowed=f"a readable text file that holds the {what} and nothing else",
                do=f"Correct {what}_file in [feeds.{feed}].",
            ) from None
        origin = str(file)
    else:
        value, origin = environ.get(variable, ""), f"the variable {variable}"
    if not value:
        raise CredentialsError(
            f"The {what} of the feed {feed} is not in {origin}.",
            do=f"Set it, or name another place: {what}_env or {what}_file in [feeds.{feed}].",
        )
    return value
