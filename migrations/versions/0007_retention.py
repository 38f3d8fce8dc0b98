"""Retention clocks: what follows when an account's balance reaches zero (requirement B2)."""

from alembic import op

revision = "0007_retention"
down_revision = "0006_alerts"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE retention_clock (
  account_id text COLLATE "C" NOT NULL REFERENCES account,
  seq bigint NOT NULL CHECK (seq > 0),
  started_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  told integer[] NOT NULL DEFAULT '{}',
  outcome text CHECK (outcome IN ('canceled', 'closed', 'ended')),
  ended_at timestamptz,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, seq),
  CHECK (ends_at > started_at),
  CHECK ((outcome IS NULL) = (ended_at IS NULL))
)
"""
ONE_RUNS = "CREATE UNIQUE INDEX retention_clock_one_runs ON retention_clock (account_id) WHERE ended_at IS NULL"
COMMENTS = {
    "seq": "First transfer of the operation that reached zero: one clock for each, whoever hears of it how often",
    "told": "Reminders that were given, in days before the end",
    "outcome": "canceled: available rose above zero; closed: the account was closed; ended: it ran out",
}


def upgrade() -> None:
    """Accounts that are at zero already have no clock: it begins when they reach zero the next time."""
    op.execute(TABLE)
    op.execute(ONE_RUNS)
    for column, comment in COMMENTS.items():
        op.execute(f"COMMENT ON COLUMN retention_clock.{column} IS '{comment}'")


def downgrade() -> None:
    """Forget every clock."""
    op.execute("DROP TABLE retention_clock")
