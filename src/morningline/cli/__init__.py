"""The command line: turns words into one act each, and shows what it gave."""

from morningline.cli.main import main

__all__ = ["main"]
