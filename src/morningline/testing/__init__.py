"""What a plug-in must keep, as tests a third party can run on its own: inherit, give the samples, run pytest."""

from morningline.testing.feed_conformance import Exchange, FeedConformance

__all__ = ["Exchange", "FeedConformance"]
