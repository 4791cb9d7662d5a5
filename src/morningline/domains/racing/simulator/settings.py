"""How a simulator is set up: its world, its accounts, its clock, its limits and its faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

from morningline.domains.racing.simulator.odds import BOOKMAKERS
from morningline.kit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PLANS = ("free", "basic", "standard", "pro")
LIMIT_CLASSES = ("free", "racecards", "other", "all")
FAULT_PROFILES = ("none", "flaky", "dirty", "storm", "thin")
_EARLIEST, _LATEST = date(2012, 1, 1), date(2030, 1, 1)


@dataclass(frozen=True, kw_only=True)
class Account:
    """Who may ask.

    Args:
        username: For basic authentication.
        password: The same.
        plan: One of `PLANS`; each includes those before it.
    """

    username: str = "user"
    password: str = "password"  # noqa: S105 - of a simulator on loopback
    plan: str = "pro"


def _one_of(given: str, allowed: tuple[str, ...], what: str) -> None:
    if given not in allowed:
        raise InputError(f"{what} is {given!r}.", allowed=", ".join(allowed))


@dataclass(frozen=True, kw_only=True)
class SimulatorSettings:
    """What a simulator is like; the same settings and clock always give the same bytes.

    Args:
        seed: The world.
        accounts: Who may ask.
        first_day: There are no cards and no results before it.
        today: A day (noon UTC of it) or an instant at which the clock stands; None for the real clock.
        limits: Calls an account may make in any second, by class: "free", "racecards" and "other" as in the feed's
            documents, "all" over all of them. Zero or absent is no limit.
        retry_after: Whether refusals for the rate say when to come again.
        faults: One of `FAULT_PROFILES`.
        bookmakers: How many quote each runner, up to 28.
        hold_seconds: How long a call that is never answered is held before the connection is closed.
        log_path: A file to which the log is written too, as JSON lines.

    Raises:
        InputError: If something is not of the allowed.

    Example:
        >>> SimulatorSettings(today=date(2026, 3, 1), limits={"all": 40.0}).faults
        'none'
    """

    seed: int = 20
    accounts: tuple[Account, ...] = (Account(),)
    first_day: date = date(2015, 1, 1)
    today: date | datetime | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    retry_after: bool = True
    faults: str = "none"
    bookmakers: int = 8
    hold_seconds: float = 30.0
    log_path: Path | None = None

    def __post_init__(self) -> None:
        _one_of(self.faults, FAULT_PROFILES, "The profile of faults")
        for account in self.accounts:
            _one_of(account.plan, PLANS, f"The plan of {account.username}")
        for name, limit in self.limits.items():
            _one_of(name, LIMIT_CLASSES, "A class of limits")
            if limit < 0:
                raise InputError(f"The limit of {name} is {limit}.", allowed="zero for none, or calls a second")
        if not 0 <= self.bookmakers <= len(BOOKMAKERS):
            raise InputError(f"{self.bookmakers} bookmakers are asked for.", allowed=f"0 to {len(BOOKMAKERS)}")
        if not _EARLIEST <= self.first_day <= _LATEST:
            raise InputError(f"The first day is {self.first_day}.", allowed=f"{_EARLIEST} to {_LATEST}")
        if self.seed < 0:
            raise InputError(f"The seed is {self.seed}.", allowed="zero or more")


class Clock:
    """The simulator's time: the real one, or one that stands until it is set again.

    Args:
        now: A day, an instant with a zone, or None for the real time.

    Raises:
        InputError: If an instant has no zone or lies outside the years of the world.
    """

    def __init__(self, now: date | datetime | None) -> None:
        self._standing: datetime | None = None
        self.set(now)

    def set(self, now: date | datetime | None) -> None:
        """Let the clock stand at a time, or follow the real one again.

        Args:
            now: A day (noon UTC of it), an instant with a zone, or None.

        Raises:
            InputError: If an instant has no zone or lies outside the years of the world.
        """
        if now is None:
            self._standing = None
            return
        if not isinstance(now, datetime):
            now = datetime.combine(now, time(12), UTC)
        if now.tzinfo is None:
            raise InputError(f"The time {now} has no zone.", allowed="an instant such as 2026-03-01T12:00:00Z")
        if not _EARLIEST <= now.astimezone(UTC).date() <= _LATEST:
            raise InputError(f"The time is {now}.", allowed=f"{_EARLIEST} to {_LATEST}")
        self._standing = now.astimezone(UTC)

    def now(self) -> datetime:
        """The time, UTC."""
        return self._standing or datetime.now(UTC)

    def minute(self) -> int:
        """Minutes from ordinal 0 to now, UTC."""
        now = self.now()
        return now.toordinal() * 1440 + now.hour * 60 + now.minute
