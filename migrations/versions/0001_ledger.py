"""The book: chart, wide balance row, journal, and the functions that alone write them."""

from alembic import op

revision = "0001_ledger"
down_revision = None
branch_labels = None
depends_on = None

# Names for people and views. The functions below work with the numbers; rules/chart.py holds the same lists for Python.
CHART = """
CREATE TABLE ledger_code (
    code smallint PRIMARY KEY,
    name text NOT NULL UNIQUE,
    side text NOT NULL CHECK (side IN ('customer', 'house')),
    carried boolean NOT NULL
);
COMMENT ON TABLE ledger_code IS 'Chart of accounts. A ledger account is (account_id, code); "carried" codes have a column in ledger_balance';
INSERT INTO ledger_code (code, name, side, carried) VALUES
    (1, 'spendable', 'customer', true), (2, 'pending', 'customer', true), (3, 'provisional', 'customer', true),
    (4, 'held', 'customer', true), (5, 'at_risk', 'customer', true), (6, 'refund_due', 'customer', true),
    (10, 'usage', 'customer', false),
    (20, 'expected', 'house', false), (21, 'clearing', 'house', false), (22, 'disputed', 'house', false),
    (23, 'fees', 'house', false), (24, 'write_off', 'house', false), (25, 'equity_promotional', 'house', false),
    (26, 'equity_goodwill', 'house', false), (27, 'equity_correction', 'house', false),
    (28, 'equity_opening_balance', 'house', false);
CREATE TABLE ledger_kind (
    kind smallint PRIMARY KEY,
    name text NOT NULL UNIQUE
);
COMMENT ON TABLE ledger_kind IS 'Kinds of operation. 1-9 share one space of keys: the references that usage and holds are posted under';
INSERT INTO ledger_kind (kind, name) VALUES
    (1, 'usage'), (2, 'fee'), (3, 'tax'), (4, 'rental'), (9, 'hold'),
    (10, 'adjustment'),
    (20, 'recharge_expected'), (21, 'recharge_settled'), (22, 'recharge_voided'), (23, 'provisional_granted'),
    (30, 'withdrawn'), (31, 'reinstated'), (32, 'dispute_lost'), (33, 'processor_fee'),
    (40, 'refund_asked'), (41, 'refund_done'), (42, 'refund_failed'), (43, 'refund_mirrored'), (44, 'refund_reversed'),
    (50, 'hold_captured'), (51, 'hold_released');
"""

TABLES = """
CREATE TABLE ledger_balance (
    account_id text COLLATE "C" PRIMARY KEY CHECK (account_id ~ '^MA[A-Z0-9]{18}$'),
    spendable bigint NOT NULL DEFAULT 0,
    pending bigint NOT NULL DEFAULT 0,
    provisional bigint NOT NULL DEFAULT 0,
    held bigint NOT NULL DEFAULT 0,
    at_risk bigint NOT NULL DEFAULT 0,
    refund_due bigint NOT NULL DEFAULT 0,
    seq bigint NOT NULL DEFAULT 0 CHECK (seq >= 0),
    next_below bigint,
    next_above bigint,
    CONSTRAINT ledger_balance_pending CHECK (pending >= 0),
    CONSTRAINT ledger_balance_provisional CHECK (provisional <= 0 AND pending + provisional >= 0),
    CONSTRAINT ledger_balance_held CHECK (held >= 0),
    CONSTRAINT ledger_balance_at_risk CHECK (at_risk >= 0),
    CONSTRAINT ledger_balance_refund_due CHECK (refund_due >= 0)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01);
COMMENT ON TABLE ledger_balance IS 'One wide row per account: its lock, and credits minus debits of each carried code in millionths of a dollar';
COMMENT ON COLUMN ledger_balance.spendable IS 'The only one that may go below zero: settled usage (B4), returns (E11), adjustments (H7)';
COMMENT ON COLUMN ledger_balance.provisional IS 'Contra, never above zero: minus the credit lent against pending (E12)';
COMMENT ON COLUMN ledger_balance.next_below IS 'Nearest threshold at or below spendable; null: none is watched';
COMMENT ON COLUMN ledger_balance.next_above IS 'Nearest threshold above spendable, for re-arming; null: none is watched';

CREATE TABLE ledger_transfer (
    seq bigint NOT NULL,
    posted_at timestamptz NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    spendable_after bigint NOT NULL,
    posted_after bigint NOT NULL,
    leg smallint NOT NULL CHECK (leg BETWEEN 0 AND 7),
    kind smallint NOT NULL,
    debit smallint NOT NULL CHECK (debit BETWEEN 1 AND 28),
    credit smallint NOT NULL CHECK (credit BETWEEN 1 AND 28),
    account_id text COLLATE "C" NOT NULL,
    key text COLLATE "C",
    source text COLLATE "C",
    subaccount_id text COLLATE "C",
    description text,
    PRIMARY KEY (account_id, seq),
    CONSTRAINT ledger_transfer_sides CHECK (debit <> credit),
    CONSTRAINT ledger_transfer_key CHECK (key IS NULL OR (leg = 0 AND length(key) BETWEEN 1 AND 255))
);
COMMENT ON TABLE ledger_transfer IS 'The journal. One row moves one amount between two codes of one account; rows of one operation have leg 0, 1, … and consecutive seq';
COMMENT ON COLUMN ledger_transfer.posted_at IS 'The caller''s now, never the database''s';
COMMENT ON COLUMN ledger_transfer.posted_after IS 'spendable + provisional + held + refund_due after this leg';
COMMENT ON COLUMN ledger_transfer.key IS 'Idempotency key, on leg 0 only';
COMMENT ON COLUMN ledger_transfer.source IS 'Id of the record that caused the operation';

-- The references of usage and holds are one space per account; every other key belongs to its kind.
-- References stand in the index as 16 bytes, however long they are; ledger_post compares the text.
CREATE UNIQUE INDEX ledger_transfer_reference ON ledger_transfer (account_id, (md5(key)::uuid))
    WHERE key IS NOT NULL AND kind < 10;
CREATE UNIQUE INDEX ledger_transfer_key ON ledger_transfer (account_id, kind, key) WHERE key IS NOT NULL AND kind >= 10;
-- What opens money under a record's id (hold, recharge, refund) does so once, and one operation alone ends it.
CREATE UNIQUE INDEX ledger_transfer_opening ON ledger_transfer (account_id, source) WHERE leg = 0 AND kind IN (9, 20, 40);
CREATE UNIQUE INDEX ledger_transfer_ending ON ledger_transfer (account_id, source)
    WHERE leg = 0 AND kind IN (21, 22, 41, 42, 50, 51);

CREATE FUNCTION ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'LG002';
END $body$;
CREATE TRIGGER ledger_transfer_append_only BEFORE UPDATE OR DELETE ON ledger_transfer
    FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_transfer_never_emptied BEFORE TRUNCATE ON ledger_transfer
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_balance_kept BEFORE DELETE ON ledger_balance
    FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER ledger_balance_never_emptied BEFORE TRUNCATE ON ledger_balance
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
"""

VIEWS = """
CREATE VIEW ledger_entry AS
    SELECT account_id, seq, posted_at, kind, debit AS code, -amount AS amount FROM ledger_transfer
    UNION ALL
    SELECT account_id, seq, posted_at, kind, credit, amount FROM ledger_transfer;
COMMENT ON VIEW ledger_entry IS 'The journal with two signed lines per transfer (credit positive): what a bookkeeper expects to read';
CREATE VIEW ledger_total AS
    SELECT c.code, c.name, c.side, coalesce(sum(e.amount), 0)::numeric AS amount
    FROM ledger_code c LEFT JOIN ledger_entry e USING (code) GROUP BY c.code, c.name, c.side;
COMMENT ON VIEW ledger_total IS 'Balance of every code over all accounts: the platform''s side of the book, summed instead of kept hot';
"""

OPEN_AND_LOCK = """
CREATE FUNCTION ledger_open(p_account text) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS
$body$
    INSERT INTO ledger_balance (account_id) VALUES (p_account) ON CONFLICT DO NOTHING
$body$;
COMMENT ON FUNCTION ledger_open IS 'Makes the balance row of an account; again is no error';

CREATE FUNCTION ledger_lock(p_accounts text[]) RETURNS SETOF ledger_balance
    LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS
$body$
    SELECT * FROM ledger_balance WHERE account_id = ANY (p_accounts) ORDER BY account_id FOR NO KEY UPDATE
$body$;
COMMENT ON FUNCTION ledger_lock IS 'Locks the balance rows in id order, so that two callers never wait for each other, and returns them';
"""

# Every decision is made under the lock of the balance row; statements after it see what was committed while it waited.
# Outcomes are values, so that the caller's transaction lives on; only misuse raises (LG001 no such account, LG003 malformed).
POST = """
CREATE FUNCTION ledger_post(
    p_account text, p_now timestamptz, p_kind smallint, p_key text, p_source text, p_subaccount text, p_description text,
    p_debits smallint[], p_credits smallint[], p_amounts bigint[], p_may_overdraw boolean,
    OUT outcome text, OUT first_seq bigint,
    OUT spendable bigint, OUT pending bigint, OUT provisional bigint, OUT held bigint, OUT at_risk bigint,
    OUT refund_due bigint, OUT seq bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$
#variable_conflict use_column
DECLARE
    v_legs integer := cardinality(p_amounts);
    v_row ledger_balance;
    v_stored ledger_transfer;
    v_opening ledger_transfer;
    v_same boolean;
    v_carried bigint[];
    v_ended bigint := 0;
    v_spendable bigint[];
    v_posted bigint[];
BEGIN
    IF v_legs NOT BETWEEN 1 AND 8 OR v_legs <> cardinality(p_debits) OR v_legs <> cardinality(p_credits)
        OR p_now IS NULL OR p_kind IS NULL OR p_may_overdraw IS NULL OR v_legs IS NULL THEN
        RAISE EXCEPTION 'malformed operation' USING ERRCODE = 'LG003';
    END IF;

    SELECT * INTO v_row FROM ledger_balance WHERE account_id = p_account FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'account % has no balance row', p_account USING ERRCODE = 'LG001';
    END IF;
    v_carried := ARRAY[v_row.spendable, v_row.pending, v_row.provisional, v_row.held, v_row.at_risk, v_row.refund_due];

    IF p_key IS NOT NULL AND p_kind < 10 THEN
        SELECT * INTO v_stored FROM ledger_transfer
        WHERE account_id = p_account AND md5(key)::uuid = md5(p_key)::uuid AND key IS NOT NULL AND kind < 10;
    ELSIF p_key IS NOT NULL THEN
        SELECT * INTO v_stored FROM ledger_transfer
        WHERE account_id = p_account AND kind = p_kind AND key = p_key AND kind >= 10;
    END IF;
    IF v_stored.seq IS NOT NULL THEN
        first_seq := v_stored.seq;
        SELECT array_agg(debit ORDER BY seq) = p_debits AND array_agg(credit ORDER BY seq) = p_credits
            AND array_agg(amount ORDER BY seq) = p_amounts INTO v_same
        FROM ledger_transfer WHERE account_id = p_account AND seq BETWEEN first_seq AND first_seq + 7 AND seq - leg = first_seq;
        outcome := CASE WHEN v_same AND v_stored.kind = p_kind AND v_stored.key = p_key
            AND (v_stored.source, v_stored.subaccount_id, v_stored.description)
                IS NOT DISTINCT FROM (p_source, p_subaccount, p_description)
            THEN 'replayed' ELSE 'conflict' END;
    ELSIF p_kind IN (21, 22, 41, 42, 50, 51) THEN
        -- An ending takes out exactly what its opening put in: no record can use up another's money.
        SELECT * INTO v_opening FROM ledger_transfer
        WHERE account_id = p_account AND source = p_source AND leg = 0 AND kind IN (9, 20, 40);
        SELECT coalesce(sum(a), 0) INTO v_ended FROM unnest(p_debits, p_amounts) AS t (d, a) WHERE d = v_opening.credit;
        IF v_opening.seq IS NULL OR v_ended <> v_opening.amount THEN
            RAISE EXCEPTION '% does not end what was opened: % of %', p_source, v_ended, v_opening.amount USING ERRCODE = 'LG003';
        END IF;
        SELECT seq INTO first_seq FROM ledger_transfer
        WHERE account_id = p_account AND source = p_source AND leg = 0 AND kind IN (21, 22, 41, 42, 50, 51);
        IF FOUND THEN
            outcome := 'ended';
        END IF;
    ELSIF p_kind IN (9, 20, 40) AND (p_source IS NULL OR v_legs <> 1) THEN
        RAISE EXCEPTION 'an opening has one leg and a source' USING ERRCODE = 'LG003';
    END IF;

    IF outcome IS NULL THEN
        FOR i IN 1 .. v_legs LOOP
            IF p_debits[i] <= 6 THEN
                v_carried[p_debits[i]] := v_carried[p_debits[i]] - p_amounts[i];
            END IF;
            IF p_credits[i] <= 6 THEN
                v_carried[p_credits[i]] := v_carried[p_credits[i]] + p_amounts[i];
            END IF;
            v_spendable[i] := v_carried[1];
            v_posted[i] := v_carried[1] + v_carried[3] + v_carried[4] + v_carried[6];
        END LOOP;
        IF v_carried[1] < 0 AND v_carried[1] < v_row.spendable AND NOT p_may_overdraw THEN
            outcome := 'refused';
            v_carried[1:6] := ARRAY[v_row.spendable, v_row.pending, v_row.provisional, v_row.held, v_row.at_risk, v_row.refund_due];
        ELSE
            outcome := 'posted';
            first_seq := v_row.seq + 1;
            -- One plain INSERT a leg: its plan is kept, where INSERT ... SELECT would be planned anew on each call.
            FOR i IN 1 .. v_legs LOOP
                INSERT INTO ledger_transfer (account_id, seq, posted_at, amount, spendable_after, posted_after, leg, kind,
                    debit, credit, key, source, subaccount_id, description)
                VALUES (p_account, v_row.seq + i, p_now, p_amounts[i], v_spendable[i], v_posted[i], i - 1, p_kind,
                    p_debits[i], p_credits[i], CASE i WHEN 1 THEN p_key END, p_source, p_subaccount, p_description);
            END LOOP;
            UPDATE ledger_balance SET spendable = v_carried[1], pending = v_carried[2], provisional = v_carried[3],
                held = v_carried[4], at_risk = v_carried[5], refund_due = v_carried[6], seq = v_row.seq + v_legs
            WHERE account_id = p_account;
            v_row.seq := v_row.seq + v_legs;
        END IF;
    END IF;

    spendable := v_carried[1]; pending := v_carried[2]; provisional := v_carried[3];
    held := v_carried[4]; at_risk := v_carried[5]; refund_due := v_carried[6]; seq := v_row.seq;
END $body$;
COMMENT ON FUNCTION ledger_post IS 'Posts one operation. outcome: posted, replayed, refused (spendable is too small), conflict (key used for other content), ended (source has ended)';
"""


def upgrade() -> None:
    for script in (CHART, TABLES, VIEWS, OPEN_AND_LOCK, POST):
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
