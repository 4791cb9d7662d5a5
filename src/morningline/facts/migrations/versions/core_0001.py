"""The program's own books: imports, quarantine, models, predictions, scores."""

from pathlib import Path

from morningline.facts.migrate import run_sql

revision = "core_0001"
down_revision = None
branch_labels = ("core",)
depends_on = None

FOLDER = Path(__file__).parents[1]


def upgrade() -> None:
    """Make the tables."""
    run_sql("core_0001.up", FOLDER)


def downgrade() -> None:
    """Drop the tables and all they hold."""
    run_sql("core_0001.down", FOLDER)
