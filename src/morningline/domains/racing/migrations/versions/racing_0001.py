"""The racing tables: masters, races, runners, changes, results, odds, dividends."""

from pathlib import Path

from morningline.facts.migrate import run_sql

revision = "racing_0001"
down_revision = None
branch_labels = ("racing",)
depends_on = ("core_0001",)

FOLDER = Path(__file__).parents[1]


def upgrade() -> None:
    """Make the tables."""
    run_sql("racing_0001.up", FOLDER)


def downgrade() -> None:
    """Drop the tables and all they hold."""
    run_sql("racing_0001.down", FOLDER)
