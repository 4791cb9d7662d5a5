"""The Racing API: what to ask of it, and how its answers become facts."""

from morningline.domains.racing.feeds.racing_api.feed import Options, RacingApi

feed = RacingApi()
"""The plug-in."""

__all__ = ["Options", "RacingApi", "feed"]
