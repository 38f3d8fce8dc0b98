"""Crossings: the thresholds of an account's spendable and of budgets, and what was crossed, told once each."""

from alembic import op

revision = "0004_crossings"
down_revision = "0003_spending"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE ledger_threshold (
    account_id text COLLATE "C" NOT NULL,
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 4),
    below bigint NOT NULL,
    since bigint NOT NULL CHECK (since >= 0),
    PRIMARY KEY (account_id, kind, below)
);
COMMENT ON TABLE ledger_threshold IS 'What is watched of an account''s spendable. Kinds: 1 alert, 2 zero, 3 minimum, 4 balance step';
COMMENT ON COLUMN ledger_threshold.below IS 'Crossed when spendable was at or above it and is below it, in millionths of a dollar; what is reached at v is crossed at v + 1';
COMMENT ON COLUMN ledger_threshold.since IS 'The account''s latest transfer when it came to be watched: what was before is not crossed';

CREATE TABLE ledger_crossing (
    account_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL CHECK (seq > 0),
    kind smallint NOT NULL CHECK (kind BETWEEN 1 AND 5),
    below bigint NOT NULL,
    rising boolean NOT NULL,
    subaccount_id text COLLATE "C",
    spendable_after bigint NOT NULL,
    crossed_at timestamptz NOT NULL,
    handed_at timestamptz,
    tries integer NOT NULL DEFAULT 0,
    next_try_at timestamptz,
    last_error text,
    PRIMARY KEY (account_id, seq, kind, below),
    CONSTRAINT ledger_crossing_payer CHECK ((kind = 5) = (subaccount_id IS NOT NULL)),
    CONSTRAINT ledger_crossing_rising CHECK (NOT rising OR kind = 2)
);
COMMENT ON TABLE ledger_crossing IS 'A threshold that an operation crossed, written in its transaction (H4). Kind 5: a subaccount''s budget was used up';
COMMENT ON COLUMN ledger_crossing.seq IS 'First transfer of the operation';
COMMENT ON COLUMN ledger_crossing.below IS 'The threshold; of a budget its amount';
COMMENT ON COLUMN ledger_crossing.rising IS 'Zero alone is also told on the way up: it ends the retention clock (B2)';
COMMENT ON COLUMN ledger_crossing.handed_at IS 'When it had its effect, in the transaction of that effect';
CREATE INDEX ledger_crossing_waiting ON ledger_crossing (crossed_at, account_id, seq) WHERE handed_at IS NULL;
CREATE INDEX ledger_crossing_waiting_of_account ON ledger_crossing (account_id, seq) WHERE handed_at IS NULL;

CREATE TRIGGER ledger_crossing_stays BEFORE UPDATE OF account_id, seq, kind, below, rising, subaccount_id, spendable_after,
    crossed_at OR DELETE ON ledger_crossing FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_crossing_never_emptied BEFORE TRUNCATE ON ledger_crossing
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
"""

# ledger_charge_all and ledger_charge_lone leave out what would fall below next_below; it is charged one by one, so that
# each crossing names the charge that made it. The trigger is on `held`, which every statement that may cross names and
# those two do not: PostgreSQL makes a WHEN clause ready anew for each statement, 5 % of a lone charge. An AFTER trigger,
# for a BEFORE trigger would lock the row once more.
DETECTION = """
CREATE FUNCTION ledger_crosses() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS
$body$
BEGIN
    IF NEW.spendable < OLD.spendable THEN
        INSERT INTO ledger_crossing (account_id, seq, kind, below, rising, spendable_after, crossed_at)
        SELECT NEW.account_id, OLD.seq + 1, t.kind, t.below, false, NEW.spendable, NEW.posted_at
        FROM ledger_threshold t
        WHERE t.account_id = NEW.account_id AND t.below > NEW.spendable AND t.below <= OLD.spendable;
    ELSE
        INSERT INTO ledger_crossing (account_id, seq, kind, below, rising, spendable_after, crossed_at)
        SELECT NEW.account_id, OLD.seq + 1, t.kind, t.below, true, NEW.spendable, NEW.posted_at
        FROM ledger_threshold t
        WHERE t.account_id = NEW.account_id AND t.kind = 2 AND t.below > OLD.spendable AND t.below <= NEW.spendable;
    END IF;
    IF FOUND THEN
        PERFORM pg_notify('prepay_crossings', '');
    END IF;
    PERFORM ledger_arm(NEW.account_id);
    RETURN NULL;
END $body$;

CREATE FUNCTION ledger_arm(p_account text) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS
$body$
    UPDATE ledger_balance b SET
        next_below = (SELECT max(t.below) FROM ledger_threshold t WHERE t.account_id = p_account AND t.below <= b.spendable),
        next_above = (SELECT min(t.below) FROM ledger_threshold t WHERE t.account_id = p_account AND t.below > b.spendable)
    WHERE b.account_id = p_account
$body$;
COMMENT ON FUNCTION ledger_arm IS 'Finds the nearest thresholds on both sides of spendable anew; the caller has locked the row';

CREATE TRIGGER ledger_balance_crosses AFTER UPDATE OF held ON ledger_balance FOR EACH ROW
    WHEN (NEW.spendable < OLD.next_below OR NEW.spendable >= OLD.next_above) EXECUTE FUNCTION ledger_crosses();

CREATE FUNCTION ledger_budget_crosses() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS
$body$
BEGIN
    INSERT INTO ledger_crossing (account_id, seq, kind, below, rising, subaccount_id, spendable_after, crossed_at)
    SELECT b.account_id, t.seq - t.leg, 5, NEW.most, false, NEW.subaccount_id, b.spendable, b.posted_at
    FROM ledger_balance b JOIN ledger_transfer t ON t.account_id = b.account_id AND t.seq = b.seq
    WHERE b.account_id = NEW.account_id;
    PERFORM pg_notify('prepay_crossings', '');
    RETURN NULL;
END $body$;
CREATE TRIGGER ledger_budget_crosses AFTER UPDATE OF spent ON ledger_budget FOR EACH ROW
    WHEN (NEW.spent >= NEW.most AND CASE WHEN NEW.month > OLD.month THEN 0 ELSE OLD.spent END < NEW.most)
    EXECUTE FUNCTION ledger_budget_crosses();
"""

WATCHING = """
CREATE FUNCTION ledger_watch(p_account text, p_kind smallint, p_below bigint[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS
$body$
DECLARE
    v_seq bigint;
BEGIN
    IF p_kind IS NULL OR p_below IS NULL OR array_position(p_below, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'malformed thresholds' USING ERRCODE = 'LG003';
    END IF;
    SELECT seq INTO v_seq FROM ledger_balance WHERE account_id = p_account FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'account % has no balance row', p_account USING ERRCODE = 'LG001';
    END IF;
    DELETE FROM ledger_threshold WHERE account_id = p_account AND kind = p_kind AND NOT below = ANY (p_below);
    INSERT INTO ledger_threshold (account_id, kind, below, since)
    SELECT p_account, p_kind, below, v_seq FROM unnest(p_below) AS below ON CONFLICT DO NOTHING;
    PERFORM ledger_arm(p_account);
END $body$;
COMMENT ON FUNCTION ledger_watch IS 'Replaces the thresholds of one kind. Those that are new begin now: one above spendable is crossed when spendable has risen to it and falls again';

-- Each account begins with the alerts that need no set-up (A1) and with zero. It opens at nothing: none of them is crossed.
CREATE OR REPLACE FUNCTION ledger_open(p_account text) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS
$body$
    WITH opened AS (
        INSERT INTO ledger_balance (account_id, next_above) VALUES (p_account, 1) ON CONFLICT DO NOTHING RETURNING account_id
    )
    INSERT INTO ledger_threshold (account_id, kind, below, since)
    SELECT account_id, kind, below, 0
    FROM opened, (VALUES (1, 250000000), (1, 100000000), (1, 10000000), (2, 1)) AS v (kind, below)
$body$;
INSERT INTO ledger_threshold (account_id, kind, below, since)
    SELECT account_id, kind, below, seq
    FROM ledger_balance, (VALUES (1, 250000000), (1, 100000000), (1, 10000000), (2, 1)) AS v (kind, below);
SELECT ledger_arm(account_id) FROM ledger_balance;
"""

HANDING_ON = """
CREATE FUNCTION ledger_take_crossings(p_now timestamptz, p_limit integer) RETURNS SETOF ledger_crossing
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS
$body$
    SELECT c.* FROM ledger_crossing c
    WHERE c.handed_at IS NULL AND (c.next_try_at IS NULL OR c.next_try_at <= p_now) AND NOT EXISTS (
        SELECT FROM ledger_crossing o
        WHERE o.account_id = c.account_id AND o.handed_at IS NULL AND (o.next_try_at IS NULL OR o.next_try_at <= p_now)
            AND (o.seq, -o.below, o.kind) < (c.seq, -c.below, c.kind))
    ORDER BY c.crossed_at, c.account_id, c.seq LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED
$body$;
COMMENT ON FUNCTION ledger_take_crossings IS 'Crossings that wait, each account''s first alone, oldest first, locked; those that another has locked are left to it';

CREATE FUNCTION ledger_crossing_handed(p_account text, p_seq bigint, p_kind smallint, p_below bigint, p_now timestamptz)
    RETURNS boolean LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS
$body$
    UPDATE ledger_crossing SET handed_at = p_now, tries = tries + 1
    WHERE account_id = p_account AND seq = p_seq AND kind = p_kind AND below = p_below AND handed_at IS NULL
    RETURNING true
$body$;

CREATE FUNCTION ledger_crossing_put_off(
    p_account text, p_seq bigint, p_kind smallint, p_below bigint, p_until timestamptz, p_error text
) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS
$body$
    UPDATE ledger_crossing SET tries = tries + 1, next_try_at = p_until, last_error = left(p_error, 500)
    WHERE account_id = p_account AND seq = p_seq AND kind = p_kind AND below = p_below AND handed_at IS NULL
$body$;
"""


def upgrade() -> None:
    for script in (TABLES, DETECTION, WATCHING, HANDING_ON):
        for statement in statements(script):
            op.get_bind().exec_driver_sql(statement)


def statements(script: str) -> list[str]:
    """The script's statements, split at the semicolons that end a line outside of a function's body."""
    found, current, in_body = [], [], False
    for line in script.strip().splitlines():
        current.append(line)
        in_body ^= line.count("$body$") % 2 == 1
        if line.rstrip().endswith(";") and not in_body:
            found.append("\n".join(current))
            current = []
    return found


def downgrade() -> None:
    raise RuntimeError("The book only grows: restore a backup instead")
