"""Reading what a user chose about a feed: the table `[feeds.<name>]` of the settings file."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar
from urllib.parse import urlsplit

import msgspec

from morningline.kit.errors import SettingsError
from morningline.sources.feed_settings import FeedSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from morningline.sources.feed import Feed

T = TypeVar("T")

Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
Attempts = Annotated[int, msgspec.Meta(ge=1, le=5)]
Rate = Annotated[float, msgspec.Meta(ge=0, le=10_000)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3_600)]


@dataclass(frozen=True, kw_only=True)
class _Table:
    """What every feed's table may say, as it is written."""

    url: str | None = None
    account: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] = "main"
    username_env: str | None = None
    password_env: str | None = None
    username_file: str | None = None
    password_file: str | None = None
    limits: dict[str, Rate] = field(default_factory=dict)
    quota: Count = 0
    reserve: Count = 0
    attempts: Attempts = 5
    connect_seconds: Seconds = 10.0
    read_seconds: Seconds = 30.0
    total_seconds: Seconds = 120.0
    failures: Positive = 10
    pause_seconds: Seconds = 2.0


COMMON = tuple(f.name for f in fields(_Table))
"""The keys every feed's table may have."""


def read_feed_settings(feed: Feed, table: Mapping[str, object], home: Path) -> FeedSettings:
    """Read what is in force for a feed.

    Args:
        feed: Gives the defaults, and says what else its table may hold.
        table: `[feeds.<name>]` of the settings file, empty where there is none.
        home: The workspace, where relative files start.

    Raises:
        SettingsError: A key is unknown, or a value is not of its type or contradicts another.
    """
    common = _convert(feed.name, _Table, {k: v for k, v in table.items() if k in COMMON})
    rest = {k: v for k, v in table.items() if k not in COMMON}
    kind = feed.options
    further = [f.name for f in fields(kind)] if kind is not None else []
    for key in rest:
        if key not in further:
            close = get_close_matches(key, [*COMMON, *further], n=1)
            raise SettingsError(
                f"{key!r} in [feeds.{feed.name}] is not a setting.",
                allowed=", ".join([*COMMON, *further]),
                do=f"Did you mean {close[0]}?" if close else "Remove it, or correct its name.",
            )
    _check(feed, common)
    return FeedSettings(
        name=feed.name,
        url=_address(feed, feed.url if common.url is None else common.url),
        account=common.account,
        username_env=_either(common.username_env, feed.username_env),
        password_env=_either(common.password_env, feed.password_env),
        username_file=_file(home, common.username_file),
        password_file=_file(home, common.password_file),
        limits={**feed.limits, **common.limits},
        options=None if kind is None else _convert(feed.name, kind, rest),
        **{name: getattr(common, name) for name in COMMON[COMMON.index("quota") :]},
    )


def _check(feed: Feed, table: _Table) -> None:
    unknown = sorted(set(table.limits) - set(feed.limits))
    if unknown:
        raise SettingsError(
            f"{unknown[0]!r} in limits of [feeds.{feed.name}] is no limit class of this feed.",
            allowed=", ".join(sorted(feed.limits)),
        )
    if table.reserve > table.quota:
        raise SettingsError(
            f"The reserve of [feeds.{feed.name}] is {table.reserve}, the quota {table.quota}.",
            allowed="a reserve no larger than the quota",
        )


def _address(feed: Feed, url: str) -> str:
    parts = urlsplit(url)
    if (
        "@" in parts.netloc
        or parts.query
        or parts.fragment
        or parts.scheme not in ("http", "https")
        or not parts.netloc
    ):
        # The address is not shown: it may hold the credentials that do not belong there.
        raise SettingsError(
            f"The url of [feeds.{feed.name}] is not one.",
            allowed="https://host or https://host/path, without username, password, query or fragment",
            do="Give credentials by name: username_env and password_env, or username_file and password_file.",
        )
    return url.rstrip("/")


def _convert(name: str, kind: type[T], values: Mapping[str, object]) -> T:
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        # The message names the type and the place, not the value.
        raise SettingsError(
            f"[feeds.{name}] cannot be read: {error}.", do="Correct the value in the settings file."
        ) from None


def _either(given: str | None, default: str) -> str:
    return default if given is None else given


def _file(home: Path, name: str | None) -> Path | None:
    return None if name is None else home / Path(name).expanduser()
