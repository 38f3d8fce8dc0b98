"""Balance alerts: the owner's settings, the recommendation, and how each copy of a notice fares."""

from alembic import op

revision = "0006_alerts"
down_revision = "0005_webhooks"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
CREATE TABLE balance_alerts (
  account_id text COLLATE "C" PRIMARY KEY REFERENCES account,
  configured_by text NOT NULL CHECK (configured_by IN ('system', 'owner')),
  thresholds bigint[] NOT NULL DEFAULT '{}' CHECK (cardinality(thresholds) <= 3 AND 0 < ALL (thresholds)),
  emails text[] NOT NULL DEFAULT '{}' CHECK (cardinality(emails) <= 20),
  recommended_micros bigint CHECK (recommended_micros > 0),
  recommended_on date,
  updated_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  CHECK (configured_by = 'owner' OR cardinality(thresholds) = 0),
  CHECK (recommended_micros IS NULL OR recommended_on IS NOT NULL)
)""",
    """
ALTER TABLE notice_recipient
  ADD COLUMN tries integer NOT NULL DEFAULT 0,
  ADD COLUMN last_tried_at timestamptz,
  ADD COLUMN last_error text""",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("The book only grows: restore a backup instead")
