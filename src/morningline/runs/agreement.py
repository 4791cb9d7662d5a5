"""What whoever asks for runs and whoever does them agree on."""

WORKFLOW = "run"
"""Every run is this one workflow of the engine."""

VERSION = "1"
"""The engine's application version. Not the release: a run begun by one release goes on under the next."""

SHARED_QUEUE = "runs"
"""Where the runs of every kind without a limit of its own wait, so that priorities hold between kinds."""

BEAT_SECONDS = 1.0
"""How often a worker tells that it lives."""

DEAD_SECONDS = 4.0
"""A worker that was not heard of for so long is dead, and its runs go on elsewhere."""
