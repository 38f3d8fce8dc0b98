"""The records at rest: accounts, methods, payments, hand-offs, notices."""

from alembic import op

revision = "0002_records"
down_revision = "0001_ledger"
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE deployment (
  "only" boolean PRIMARY KEY DEFAULT true CHECK ("only"),
  processor_account text NOT NULL,
  livemode boolean NOT NULL,
  created_at timestamptz NOT NULL
);

CREATE TABLE account (
  id text COLLATE "C" PRIMARY KEY CHECK (id ~ '^MA[0-9A-Z]{18}$'),
  external_id text UNIQUE,
  name text NOT NULL,
  email text NOT NULL,
  timezone text NOT NULL,
  address text NOT NULL DEFAULT '',
  city text NOT NULL DEFAULT '',
  state text NOT NULL DEFAULT '',
  currency text NOT NULL DEFAULT 'usd' CHECK (currency = 'usd'),
  status text NOT NULL CHECK (status IN ('active', 'suspended', 'closed')),
  status_reason text,
  customer text UNIQUE,
  details jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL
);

CREATE TABLE account_token (
  account_id text COLLATE "C" NOT NULL REFERENCES account,
  digest text NOT NULL UNIQUE,
  expires_at timestamptz,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, digest)
);

CREATE TABLE operator_key (
  id text COLLATE "C" PRIMARY KEY,
  name text NOT NULL,
  digest text NOT NULL UNIQUE,
  scope text NOT NULL CHECK (scope IN ('read', 'usage', 'money', 'admin')),
  expires_at timestamptz,
  revoked_at timestamptz,
  created_at timestamptz NOT NULL
);

CREATE TABLE audit_entry (
  id text COLLATE "C" PRIMARY KEY,
  actor text NOT NULL,
  action text NOT NULL,
  account_id text COLLATE "C",
  object_id text,
  request_id text,
  details jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL
);

CREATE TABLE card (
  account_id text COLLATE "C" NOT NULL REFERENCES account,
  id text COLLATE "C" NOT NULL,
  token text NOT NULL,
  payment_method text,
  brand text,
  last4 text,
  exp_month integer,
  exp_year integer,
  fingerprint text,
  is_default boolean NOT NULL DEFAULT false,
  status text NOT NULL CHECK (status IN ('attaching', 'active', 'failed', 'removed')),
  failure jsonb,
  removal_requested_at timestamptz,
  removed_at timestamptz,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, id)
);
CREATE UNIQUE INDEX card_one_row_a_token ON card (account_id, token) WHERE status IN ('attaching', 'active');
CREATE UNIQUE INDEX card_one_default ON card (account_id) WHERE is_default;
CREATE INDEX card_payment_method ON card (payment_method);

CREATE TABLE bank_account (
  account_id text COLLATE "C" NOT NULL REFERENCES account,
  id text COLLATE "C" NOT NULL,
  token text NOT NULL,
  payment_method text,
  setup_intent text,
  bank_name text,
  last4 text,
  routing_last4 text,
  holder_name text,
  fingerprint text,
  status text NOT NULL CHECK (status IN
    ('verification_pending', 'verified', 'verification_failed', 'expired', 'blocked', 'removed')),
  status_reason text,
  failure jsonb,
  microdeposit_type text CHECK (microdeposit_type IN ('descriptor_code', 'amounts')),
  attempts_allowed integer NOT NULL CHECK (attempts_allowed BETWEEN 1 AND 10),
  attempts_failed integer NOT NULL DEFAULT 0 CHECK (attempts_failed BETWEEN 0 AND 10),
  deposit_expected_on date,
  expires_at timestamptz,
  verified_at timestamptz,
  removal_requested_at timestamptz,
  removed_at timestamptz,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, id)
);
CREATE UNIQUE INDEX bank_account_one_at_a_time ON bank_account (account_id)
  WHERE status IN ('verification_pending', 'verified', 'blocked');
CREATE INDEX bank_account_payment_method ON bank_account (payment_method);
CREATE INDEX bank_account_setup_intent ON bank_account (setup_intent);

CREATE TABLE bank_attempt (
  account_id text COLLATE "C" NOT NULL,
  bank_account_id text COLLATE "C" NOT NULL,
  number integer NOT NULL CHECK (number > 0),
  sealed bytea,
  digest text NOT NULL,
  answer text,
  answered_at timestamptz,
  told_at timestamptz,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, bank_account_id, number),
  FOREIGN KEY (account_id, bank_account_id) REFERENCES bank_account,
  CHECK ((answer IS NULL) = (answered_at IS NULL)),
  CHECK (answer IS NULL OR sealed IS NULL)
);

CREATE TABLE mandate (
  account_id text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  bank_account_id text COLLATE "C" NOT NULL,
  processor_mandate text,
  status text NOT NULL CHECK (status IN ('pending', 'active', 'inactive')),
  accepted_at timestamptz NOT NULL,
  ip_address text NOT NULL,
  user_agent text NOT NULL,
  text_version text NOT NULL,
  amount_rule text NOT NULL,
  ended_at timestamptz,
  ended_reason text,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, id),
  FOREIGN KEY (account_id, bank_account_id) REFERENCES bank_account
);
CREATE INDEX mandate_processor ON mandate (processor_mandate);

CREATE TABLE recharge (
  account_id text COLLATE "C" NOT NULL REFERENCES account,
  id text COLLATE "C" NOT NULL,
  kind text NOT NULL CHECK (kind IN ('manual', 'auto', 'scheduled')),
  amount_cents bigint NOT NULL CHECK (amount_cents BETWEEN 50 AND 99999999),
  currency text NOT NULL DEFAULT 'usd' CHECK (currency = 'usd'),
  status text NOT NULL CHECK (status IN
    ('processing', 'requires_action', 'succeeded', 'failed', 'canceled', 'returned')),
  method_kind text NOT NULL CHECK (method_kind IN ('card', 'bank')),
  method_id text NOT NULL,
  payment_intent text UNIQUE,
  charge text,
  idempotency_key text NOT NULL,
  request_digest text NOT NULL,
  return_url text,
  action_digest text UNIQUE,
  action_url text,
  action_expires_at timestamptz,
  expected_on date,
  expected_why text,
  failure jsonb,
  finished_at timestamptz,
  details jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, id),
  UNIQUE (account_id, idempotency_key),
  CHECK ((status IN ('processing', 'requires_action')) = (finished_at IS NULL))
);
CREATE UNIQUE INDEX recharge_id ON recharge (id);
CREATE UNIQUE INDEX recharge_one_auto_in_flight ON recharge (account_id)
  WHERE kind = 'auto' AND status IN ('processing', 'requires_action');

CREATE TABLE charge_attempt (
  account_id text COLLATE "C" NOT NULL,
  recharge_id text COLLATE "C" NOT NULL,
  number integer NOT NULL CHECK (number > 0),
  method_id text NOT NULL,
  off_session boolean NOT NULL,
  outcome text,
  charge text,
  failure jsonb,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, recharge_id, number),
  FOREIGN KEY (account_id, recharge_id) REFERENCES recharge
);

CREATE TABLE timeline_entry (
  account_id text COLLATE "C" NOT NULL,
  recharge_id text COLLATE "C" NOT NULL,
  key text NOT NULL,
  what text NOT NULL,
  detail text,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, recharge_id, key),
  FOREIGN KEY (account_id, recharge_id) REFERENCES recharge
);

CREATE TABLE adjustment (
  account_id text COLLATE "C" NOT NULL REFERENCES account,
  id text COLLATE "C" NOT NULL,
  amount_micros bigint NOT NULL CHECK (amount_micros <> 0),
  currency text NOT NULL DEFAULT 'usd' CHECK (currency = 'usd'),
  kind text NOT NULL CHECK (kind IN ('promotional', 'goodwill', 'correction', 'opening_balance', 'write_off')),
  reason text NOT NULL,
  actor text NOT NULL,
  idempotency_key text NOT NULL,
  request_digest text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, id),
  UNIQUE (account_id, idempotency_key)
);

CREATE TABLE idempotent_answer (
  account_id text COLLATE "C" NOT NULL,
  route text NOT NULL,
  key text NOT NULL,
  request_digest text NOT NULL,
  status integer NOT NULL,
  body json,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, route, key)
);
CREATE INDEX idempotent_answer_age ON idempotent_answer (created_at);

CREATE TABLE outbox (
  id text COLLATE "C" PRIMARY KEY,
  account_id text COLLATE "C",
  kind text NOT NULL,
  workflow_id text NOT NULL,
  arguments jsonb NOT NULL DEFAULT '{}',
  tries integer NOT NULL DEFAULT 0,
  next_try_at timestamptz NOT NULL,
  handed_at timestamptz,
  last_error text,
  created_at timestamptz NOT NULL
);
CREATE INDEX outbox_due ON outbox (next_try_at) WHERE handed_at IS NULL;

CREATE TABLE inbox (
  id text COLLATE "C" PRIMARY KEY,
  type text NOT NULL,
  occurred_at timestamptz NOT NULL,
  object_id text NOT NULL,
  payload jsonb NOT NULL,
  state text NOT NULL CHECK (state IN ('new', 'done', 'kept', 'unmatched')),
  tries integer NOT NULL DEFAULT 0,
  next_try_at timestamptz NOT NULL,
  handed_at timestamptz,
  created_at timestamptz NOT NULL
);
CREATE INDEX inbox_due ON inbox (next_try_at) WHERE state = 'new';

CREATE TABLE poll_cursor (
  name text PRIMARY KEY,
  event_id text NOT NULL,
  reads bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL
);

CREATE TABLE notice (
  id text COLLATE "C" PRIMARY KEY,
  account_id text COLLATE "C" REFERENCES account,
  audience text NOT NULL CHECK (audience IN ('owner', 'operators')),
  kind text NOT NULL,
  cause text NOT NULL,
  facts jsonb NOT NULL DEFAULT '{}',
  state text NOT NULL CHECK (state IN ('pending', 'sent', 'failed', 'superseded')),
  superseded_reason text,
  created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX notice_once ON notice (coalesce(account_id, ''), audience, kind, cause);
CREATE INDEX notice_account ON notice (account_id, id);

CREATE TABLE notice_recipient (
  notice_id text COLLATE "C" NOT NULL REFERENCES notice,
  email text NOT NULL,
  state text NOT NULL CHECK (state IN ('pending', 'sent', 'failed', 'superseded')),
  sent_at timestamptz,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (notice_id, email)
);

-- Waiting for a row is listening, not asking: the payload is the id of what changed.
CREATE FUNCTION notify_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('prepay_' || TG_TABLE_NAME, NEW.id);
  RETURN NULL;
END $$;
CREATE TRIGGER notify_recharge AFTER UPDATE OF status, action_url ON recharge FOR EACH ROW EXECUTE FUNCTION notify_record();
CREATE TRIGGER notify_card AFTER UPDATE OF status ON card FOR EACH ROW EXECUTE FUNCTION notify_record();
CREATE TRIGGER notify_bank_account AFTER UPDATE ON bank_account FOR EACH ROW EXECUTE FUNCTION notify_record();
CREATE TRIGGER notify_outbox AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION notify_record();
CREATE TRIGGER notify_inbox AFTER INSERT ON inbox FOR EACH ROW EXECUTE FUNCTION notify_record();

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the % is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_entry FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit_entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""


def upgrade() -> None:
    """Create every record's table."""
    for statement in _statements(STATEMENTS):
        op.execute(statement)


def _statements(script: str) -> list[str]:
    """Split ``script`` at the semicolons that end a line outside of ``$$`` bodies: asyncpg prepares one at a time."""
    found: list[str] = []
    gathered: list[str] = []
    inside = False
    for line in script.splitlines():
        gathered.append(line)
        inside ^= line.count("$$") % 2 == 1
        if line.rstrip().endswith(";") and not inside:
            found.append("\n".join(gathered))
            gathered = []
    return found
