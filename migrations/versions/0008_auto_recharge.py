"""Auto-recharge: its settings and their state, the story of its decisions, and why each confirm was made."""

from alembic import op

revision = "0008_auto_recharge"
down_revision = "0007_retention"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
CREATE TABLE auto_recharge (
  account_id text COLLATE "C" PRIMARY KEY REFERENCES account,
  enabled boolean NOT NULL,
  minimum_micros bigint NOT NULL CHECK (minimum_micros >= 0),
  amount_cents bigint NOT NULL CHECK (amount_cents > 0),
  method_id text COLLATE "C",
  backup_method_id text COLLATE "C",
  daily_cents bigint,
  weekly_cents bigint,
  monthly_cents bigint,
  version integer NOT NULL DEFAULT 1 CHECK (version > 0),
  charged_version integer,
  episode_from timestamptz NOT NULL,
  refusals_from timestamptz NOT NULL,
  paused_at timestamptz,
  paused_reason text,
  next_attempt_at timestamptz,
  limited_until timestamptz,
  limited_by text CHECK (limited_by IN ('daily', 'weekly', 'monthly')),
  why text,
  updated_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  CHECK (daily_cents >= amount_cents),
  CHECK (weekly_cents >= amount_cents),
  CHECK (monthly_cents >= amount_cents),
  CHECK (method_id <> backup_method_id),
  CHECK ((paused_at IS NULL) = (paused_reason IS NULL)),
  CHECK ((limited_until IS NULL) = (limited_by IS NULL))
)""",
    """
CREATE TABLE auto_recharge_decision (
  account_id text COLLATE "C" NOT NULL REFERENCES auto_recharge,
  number integer NOT NULL CHECK (number > 0),
  what text NOT NULL,
  why text NOT NULL,
  recharge_id text COLLATE "C",
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, number)
)""",
    """
ALTER TABLE charge_attempt
  ADD COLUMN trigger text NOT NULL DEFAULT 'first'
    CHECK (trigger IN ('first', 'rung', 'step', 'backup', 'customer')),
  ADD COLUMN step_percent smallint CHECK (step_percent IN (75, 50, 25, 0)),
  ADD COLUMN ended_at timestamptz""",
    "CREATE INDEX recharge_open ON recharge (account_id) WHERE status IN ('processing', 'requires_action')",
    "CREATE INDEX recharge_of_account_by_time ON recharge (account_id, created_at)",
)
COMMENTS = {
    "auto_recharge.method_id": "Null: the default card of the account, whichever that is when it is charged",
    "auto_recharge.version": "Counts the changes of what is charged and when",
    "auto_recharge.charged_version": "The version by which the open automatic recharge was made",
    "auto_recharge.refusals_from": "A method that was refused for good before it may be asked again",
    "auto_recharge.episode_from": "Tries before it belong to an episode that is over",
    "auto_recharge.next_attempt_at": "Of the open automatic recharge, while it waits to be tried again",
    "auto_recharge.limited_until": "When the limit in limited_by opens its next window",
    "auto_recharge.why": "The latest decision, in words",
    "charge_attempt.trigger": "What led to this confirm",
    "charge_attempt.step_percent": "The balance step, in percent of the minimum, down to which available had fallen",
    "charge_attempt.ended_at": "When its outcome was known: a wait is counted from here",
}


def upgrade() -> None:
    """Nobody has auto-recharge until they choose it."""
    for statement in STATEMENTS:
        op.execute(statement)
    for column, comment in COMMENTS.items():
        op.execute(f"COMMENT ON COLUMN {column} IS '{comment}'")


def downgrade() -> None:
    raise RuntimeError("The book only grows: restore a backup instead")
