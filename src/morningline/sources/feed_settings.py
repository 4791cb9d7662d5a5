"""What is in force for a feed: its own defaults, and what the user chose otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class FeedSettings:
    """What is in force for one feed: the user's table over the feed's own defaults.

    Attributes:
        name: The feed.
        url: Address the paths are appended to; carries no credentials.
        account: Name of the account; workers that give the same name share its limits and its quota.
        username_env: Name of the variable that holds the username; empty: none needed.
        password_env: Name of the variable that holds the password; empty: none needed.
        username_file: File that holds the username; wins over the variable.
        password_file: File that holds the password; wins over the variable.
        limits: Calls a second by limit class; 0 means no limit.
        quota: Calls a day, of the feed's local days; 0 means no quota.
        reserve: Calls of the quota kept for urgent asks.
        attempts: Most attempts of one call.
        connect_seconds: Longest wait for a connection.
        read_seconds: Longest wait for the next bytes.
        total_seconds: Longest time one attempt may take in all.
        failures: Failures in a row after which the breaker opens.
        pause_seconds: First pause of an open breaker; each further one is twice as long, up to ten minutes.
        options: What only this feed may be told: an object of the feed's `options`, None where it has none.
    """

    name: str
    url: str
    account: str = "main"
    username_env: str = ""
    password_env: str = ""
    username_file: Path | None = None
    password_file: Path | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    quota: int = 0
    reserve: int = 0
    attempts: int = 5
    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    total_seconds: float = 120.0
    failures: int = 10
    pause_seconds: float = 2.0
    options: Any = None
