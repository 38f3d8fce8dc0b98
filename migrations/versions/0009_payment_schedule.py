"""Payment schedules: a bank debit on a day of each month (requirements E7, E8)."""

from alembic import op

revision = "0009_payment_schedule"
down_revision = "0008_auto_recharge"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
CREATE TABLE payment_schedule (
  account_id text COLLATE "C" PRIMARY KEY REFERENCES account,
  enabled boolean NOT NULL,
  bank_account_id text COLLATE "C" NOT NULL,
  day_of_month smallint NOT NULL CHECK (day_of_month BETWEEN 1 AND 31),
  amount_cents bigint NOT NULL CHECK (amount_cents > 0),
  starts_at timestamptz NOT NULL,
  new_day_of_month smallint CHECK (new_day_of_month BETWEEN 1 AND 31),
  new_amount_cents bigint CHECK (new_amount_cents > 0),
  new_from timestamptz,
  next_nominal_on date,
  next_debit_on date,
  next_amount_cents bigint CHECK (next_amount_cents > 0),
  skipped_month date CHECK (extract(day FROM skipped_month) = 1),
  skipped_reason text,
  updated_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  FOREIGN KEY (account_id, bank_account_id) REFERENCES bank_account,
  CHECK (num_nulls(new_day_of_month, new_amount_cents, new_from) IN (0, 3)),
  CHECK (num_nulls(next_nominal_on, next_debit_on, next_amount_cents) IN (0, 3)),
  CHECK (num_nulls(skipped_month, skipped_reason) IN (0, 2)),
  CHECK (enabled = (next_debit_on IS NOT NULL)),
  CHECK (next_debit_on >= next_nominal_on)
)""",
    "CREATE INDEX payment_schedule_due ON payment_schedule (next_debit_on, account_id) WHERE next_debit_on IS NOT NULL",
    """
ALTER TABLE recharge
  ADD COLUMN schedule_month date CHECK (extract(day FROM schedule_month) = 1),
  ADD CONSTRAINT recharge_of_a_month CHECK ((kind = 'scheduled') = (schedule_month IS NOT NULL))""",
    """
CREATE UNIQUE INDEX recharge_one_for_a_month ON recharge (account_id, schedule_month) WHERE kind = 'scheduled'""",
)
COMMENTS = {
    "payment_schedule.starts_at": "Nominal days before it are never debited: the first set-up, or a resumption",
    "payment_schedule.new_from": "From then on the new terms stand; nominal days before it are debited by the old ones",
    "payment_schedule.next_nominal_on": "The day of the month that is debited next; its month is the key",
    "payment_schedule.next_debit_on": "The same, or the next business day; the debit is made at 09:00 Eastern",
    "payment_schedule.skipped_month": "The latest month in which nothing was debited, until one is",
    "recharge.schedule_month": "First day of the nominal month of a scheduled recharge: one for each account and month",
}


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
    for column, comment in COMMENTS.items():
        op.execute(f"COMMENT ON COLUMN {column} IS '{comment}'")


def downgrade() -> None:
    raise RuntimeError("The book only grows: restore a backup instead")
