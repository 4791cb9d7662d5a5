"""What a plug-in must keep, as tests a third party can run on its own: inherit, give the samples, run pytest."""

from morningline.testing.feed_conformance import Exchange, FeedConformance
from morningline.testing.learner_conformance import LearnerConformance

__all__ = ["Exchange", "FeedConformance", "LearnerConformance"]
