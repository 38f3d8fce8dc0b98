"""Events for the platform, the endpoints that hear of them, and how each delivery fares."""

from alembic import op

revision = "0005_webhooks"
down_revision = "0004_crossings"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
CREATE TABLE event (
  id text COLLATE "C" PRIMARY KEY,
  account_id text COLLATE "C" REFERENCES account,
  type text NOT NULL,
  data jsonb NOT NULL,
  created_at timestamptz NOT NULL
)""",
    "CREATE INDEX event_account ON event (account_id, id)",
    "CREATE INDEX event_type ON event (type, id)",
    """
CREATE TABLE webhook_endpoint (
  id text COLLATE "C" PRIMARY KEY,
  url text NOT NULL,
  events text[] NOT NULL CHECK (cardinality(events) > 0),
  description text,
  status text NOT NULL CHECK (status IN ('enabled', 'disabled')),
  disabled_reason text,
  secret_sealed bytea NOT NULL,
  previous_secret_sealed bytea,
  previous_until timestamptz,
  deleted_at timestamptz,
  created_at timestamptz NOT NULL,
  CHECK ((status = 'disabled') = (disabled_reason IS NOT NULL)),
  CHECK ((previous_secret_sealed IS NULL) = (previous_until IS NULL)),
  CHECK (deleted_at IS NULL OR status = 'disabled')
)""",
    """
CREATE TABLE webhook_delivery (
  event_id text COLLATE "C" NOT NULL REFERENCES event,
  endpoint_id text COLLATE "C" NOT NULL REFERENCES webhook_endpoint,
  state text NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
  round integer NOT NULL DEFAULT 1 CHECK (round > 0),
  attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  last_status integer,
  last_error text,
  next_try_at timestamptz,
  delivered_at timestamptz,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (event_id, endpoint_id),
  CHECK ((state = 'delivered') = (delivered_at IS NOT NULL))
)""",
    "COMMENT ON COLUMN webhook_delivery.round IS 'Counts the times that it was asked for: 1, and one more for each resend'",
    "CREATE INDEX webhook_delivery_pending ON webhook_delivery (next_try_at) WHERE state = 'pending'",
    "CREATE INDEX webhook_delivery_endpoint ON webhook_delivery (endpoint_id, event_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("The book only grows: restore a backup instead")
