"""What tests of the import and of the feed client share: databases, folders, a server on loopback."""

from feed_server import feed_database, rig, server
from folder_imports import facts, racing_template

__all__ = ["facts", "feed_database", "racing_template", "rig", "server"]
