"""A lone charge pays for no CHECK: the rules of a column are its type's, a sum of two is looked at when one is changed."""

from alembic import op

revision = "0011_rules_in_types"
down_revision = "0010_crossing_put_off_once"
branch_labels = None
depends_on = None

# PostgreSQL reads a table's CHECKs from the catalog and plans them anew for each statement, whichever columns it names:
# a third of what a lone charge adds to a bare INSERT. The rules of a type are planned once in a session, and looked at
# when a value is assigned. A type that gets its rule after the column has got the type is no reason to write the table
# anew, though the indexes on `key` are built again.
DOMAINS = {
    "ledger_account_id": ('text COLLATE "C"', "VALUE ~ '^MA[A-Z0-9]{18}$'"),
    "ledger_seq": ("bigint", "VALUE >= 0"),
    "ledger_owed": ("bigint", "VALUE >= 0"),
    "ledger_lent": ("bigint", "VALUE <= 0"),
    "ledger_amount": ("bigint", "VALUE > 0"),
    "ledger_leg": ("smallint", "VALUE BETWEEN 0 AND 7"),
    "ledger_side": ("smallint", "VALUE BETWEEN 1 AND 28"),
    "ledger_key": ('text COLLATE "C"', "length(VALUE) BETWEEN 1 AND 255"),
}
COMMENTS = {
    "ledger_owed": "Balance of a code that is never below zero",
    "ledger_lent": "Balance of a contra code, never above zero",
    "ledger_amount": "Millionths of a dollar that one transfer moves",
    "ledger_side": "Code of the chart that a transfer debits or credits",
    "ledger_key": "Idempotency key of an operation",
}
BALANCE = {
    "account_id": "ledger_account_id",
    "pending": "ledger_owed",
    "provisional": "ledger_lent",
    "held": "ledger_owed",
    "at_risk": "ledger_owed",
    "refund_due": "ledger_owed",
    "seq": "ledger_seq",
}
TRANSFER = {
    "amount": "ledger_amount",
    "leg": "ledger_leg",
    "debit": "ledger_side",
    "credit": "ledger_side",
    "key": "ledger_key",
}
#: All that these tables have. That a transfer goes somewhere, and that its key is on leg 0, is seen to by the functions
#: that alone write it: ledger_post refuses the one and cannot do the other, the others have constants there.
CHECKS = {
    "ledger_balance": (
        *("ledger_balance_account_id_check", "ledger_balance_seq_check", "ledger_balance_pending"),
        *("ledger_balance_provisional", "ledger_balance_held", "ledger_balance_at_risk", "ledger_balance_refund_due"),
    ),
    "ledger_transfer": (
        *("ledger_transfer_amount_check", "ledger_transfer_leg_check", "ledger_transfer_debit_check"),
        *("ledger_transfer_credit_check", "ledger_transfer_sides", "ledger_transfer_key"),
    ),
}
# The views read the columns, the trigger names one: they stand aside. As in 0001_ledger.
ENTRY = """
CREATE VIEW ledger_entry AS
    SELECT account_id, seq, posted_at, kind, debit::smallint AS code, -amount AS amount FROM ledger_transfer
    UNION ALL
    SELECT account_id, seq, posted_at, kind, credit::smallint, amount::bigint FROM ledger_transfer
"""
TOTAL = """
CREATE VIEW ledger_total AS
    SELECT c.code, c.name, c.side, coalesce(sum(e.amount), 0)::numeric AS amount
    FROM ledger_code c LEFT JOIN ledger_entry e USING (code) GROUP BY c.code, c.name, c.side
"""
VIEW_COMMENTS = {
    "ledger_entry": "The journal with two signed lines per transfer (credit positive): what a bookkeeper expects to read",
    "ledger_total": "Balance of every code over all accounts: the platform''s side of the book, summed instead of kept hot",
}
# As in 0004_crossings.
CROSSES = """
CREATE TRIGGER ledger_balance_crosses AFTER UPDATE OF held ON ledger_balance FOR EACH ROW
    WHEN (NEW.spendable < OLD.next_below OR NEW.spendable >= OLD.next_above) EXECUTE FUNCTION ledger_crosses()
"""
LENT = """
CREATE FUNCTION ledger_lent_too_much() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION 'account %: provisional % is more than pending %', NEW.account_id, NEW.provisional, NEW.pending
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
END $body$
"""
LENT_TRIGGER = """
CREATE TRIGGER ledger_balance_provisional AFTER INSERT OR UPDATE OF pending, provisional ON ledger_balance FOR EACH ROW
    WHEN (NEW.pending + NEW.provisional < 0) EXECUTE FUNCTION ledger_lent_too_much()
"""

# One statement in place of two, and bound to its tables here, where no caller's search_path reaches: a fixed one would
# be set and set back at each call.
CHARGE_LONE = """
CREATE FUNCTION ledger_charge_lone(
    p_now timestamptz, p_account text, p_epoch bigint, p_key text, p_amount bigint, p_kind smallint, p_settled boolean,
    p_subaccount text, p_sender text, p_description text, OUT seq bigint, OUT spendable bigint, OUT posted_at timestamptz
) LANGUAGE sql SECURITY DEFINER
BEGIN ATOMIC
    WITH moved AS (
        UPDATE ledger_balance b SET spendable = b.spendable - p_amount, seq = b.seq + 1,
            posted_at = greatest(b.posted_at, p_now)
        WHERE b.account_id = p_account AND b.epoch = p_epoch AND b.spendable >= p_amount
            AND (b.next_below IS NULL OR b.spendable - p_amount >= b.next_below)
        RETURNING b.seq, b.spendable, b.posted_at, b.spendable + b.provisional + b.held + b.refund_due AS posted
    )
    INSERT INTO ledger_transfer (account_id, seq, posted_at, amount, spendable_after, posted_after, leg, kind, debit, credit,
        settled, key, subaccount_id, sender_id, description)
    SELECT p_account, m.seq, m.posted_at, p_amount, m.spendable, m.posted, 0, p_kind, 1, 10,
        p_settled, p_key, p_subaccount, p_sender, p_description
    FROM moved m
    RETURNING ledger_transfer.seq, ledger_transfer.spendable_after, ledger_transfer.posted_at;
END
"""
CHARGE_LONE_COMMENT = """
COMMENT ON FUNCTION ledger_charge_lone IS 'Charges usage that passes as it stands; seq is null when it does not, and a reference used before is a unique violation'
"""

# As in 0003_spending, but that the sides of a leg are compared, and read as the numbers that they are.
POST = """
CREATE OR REPLACE FUNCTION ledger_post(
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
    v_posted_at timestamptz;
    v_stored ledger_transfer;
    v_opening ledger_transfer;
    v_same boolean;
    v_carried bigint[];
    v_ended bigint := 0;
    v_spendable bigint[];
    v_posted bigint[];
BEGIN
    IF v_legs NOT BETWEEN 1 AND 8 OR v_legs <> cardinality(p_debits) OR v_legs <> cardinality(p_credits)
        OR p_now IS NULL OR p_kind IS NULL OR p_kind < 10 OR p_may_overdraw IS NULL OR v_legs IS NULL THEN
        RAISE EXCEPTION 'malformed operation' USING ERRCODE = 'LG003';
    END IF;

    SELECT * INTO v_row FROM ledger_balance WHERE account_id = p_account FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'account % has no balance row', p_account USING ERRCODE = 'LG001';
    END IF;
    v_posted_at := greatest(p_now, v_row.posted_at);
    v_carried := ARRAY[v_row.spendable, v_row.pending, v_row.provisional, v_row.held, v_row.at_risk, v_row.refund_due];

    IF p_key IS NOT NULL THEN
        SELECT * INTO v_stored FROM ledger_transfer
        WHERE account_id = p_account AND kind = p_kind AND key = p_key AND kind >= 10;
    END IF;
    IF v_stored.seq IS NOT NULL THEN
        first_seq := v_stored.seq;
        SELECT array_agg(debit::smallint ORDER BY seq) = p_debits AND array_agg(credit::smallint ORDER BY seq) = p_credits
            AND array_agg(amount::bigint ORDER BY seq) = p_amounts INTO v_same
        FROM ledger_transfer WHERE account_id = p_account AND seq BETWEEN first_seq AND first_seq + 7 AND seq - leg = first_seq;
        outcome := CASE WHEN v_same AND (v_stored.source, v_stored.subaccount_id, v_stored.description)
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
        IF p_subaccount IS DISTINCT FROM v_opening.subaccount_id THEN
            RAISE EXCEPTION '% was opened by another', p_source USING ERRCODE = 'LG003';
        END IF;
        SELECT seq INTO first_seq FROM ledger_transfer
        WHERE account_id = p_account AND source = p_source AND leg = 0 AND kind IN (21, 22, 41, 42, 50, 51);
        IF FOUND THEN
            outcome := 'ended';
        END IF;
    ELSIF p_kind IN (20, 40) AND (p_source IS NULL OR v_legs <> 1) THEN
        RAISE EXCEPTION 'an opening has one leg and a source' USING ERRCODE = 'LG003';
    END IF;

    IF outcome IS NULL THEN
        FOR i IN 1 .. v_legs LOOP
            IF p_debits[i] = p_credits[i] THEN
                RAISE EXCEPTION 'leg % goes nowhere', i USING ERRCODE = 'LG003';
            END IF;
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
                    debit, credit, settled, key, source, subaccount_id, description)
                VALUES (p_account, v_row.seq + i, v_posted_at, p_amounts[i], v_spendable[i], v_posted[i], i - 1, p_kind,
                    p_debits[i], p_credits[i], p_may_overdraw AND p_kind = 50, CASE i WHEN 1 THEN p_key END,
                    p_source, p_subaccount, p_description);
            END LOOP;
            UPDATE ledger_balance SET spendable = v_carried[1], pending = v_carried[2], provisional = v_carried[3],
                held = v_carried[4], at_risk = v_carried[5], refund_due = v_carried[6], seq = v_row.seq + v_legs,
                posted_at = v_posted_at
            WHERE account_id = p_account;
            IF p_kind IN (50, 51) AND p_subaccount IS NOT NULL THEN
                UPDATE ledger_budget u SET spent = u.spent + v_row.spendable - v_carried[1]
                WHERE u.account_id = p_account AND u.subaccount_id = p_subaccount AND u.since <= v_opening.seq;
            END IF;
            v_row.seq := v_row.seq + v_legs;
        END IF;
    END IF;

    spendable := v_carried[1]; pending := v_carried[2]; provisional := v_carried[3];
    held := v_carried[4]; at_risk := v_carried[5]; refund_due := v_carried[6]; seq := v_row.seq;
END $body$
"""


def upgrade() -> None:
    for name, (base, _) in DOMAINS.items():
        op.execute(f"CREATE DOMAIN {name} AS {base}")
    for name, comment in COMMENTS.items():
        op.execute(f"COMMENT ON DOMAIN {name} IS '{comment}'")
    for view in ("ledger_total", "ledger_entry"):
        op.execute(f"DROP VIEW {view}")
    op.execute("DROP TRIGGER ledger_balance_crosses ON ledger_balance")
    op.execute("DROP FUNCTION ledger_charge_lone")
    for table, columns in (("ledger_balance", BALANCE), ("ledger_transfer", TRANSFER)):
        changes = [f"DROP CONSTRAINT {name}" for name in CHECKS[table]]
        changes += [f"ALTER COLUMN {column} TYPE {domain}" for column, domain in columns.items()]
        op.execute(f"ALTER TABLE {table} {', '.join(changes)}")
    for name, (_, rule) in DOMAINS.items():
        op.execute(f"ALTER DOMAIN {name} ADD CONSTRAINT {name} CHECK ({rule})")
    for statement in (ENTRY, TOTAL, CROSSES, LENT, LENT_TRIGGER, CHARGE_LONE, CHARGE_LONE_COMMENT):
        op.get_bind().exec_driver_sql(statement)
    op.get_bind().exec_driver_sql(POST)
    for view, comment in VIEW_COMMENTS.items():
        op.execute(f"COMMENT ON VIEW {view} IS '{comment}'")


def downgrade() -> None:
    raise RuntimeError("The book only grows: restore a backup instead")
