"""Spending: usage charged in groups, budgets, subaccounts with their credentials, holds."""

from alembic import op

revision = "0003_spending"
down_revision = "0002_records"
branch_labels = None
depends_on = None

RECORDS = """
ALTER TABLE account ADD COLUMN sender_ids text[];
ALTER TABLE account ADD COLUMN status_changed_at timestamptz;
COMMENT ON COLUMN account.sender_ids IS 'Senders that the account''s own usage may name; null: any, empty: none';

CREATE TABLE subaccount (
  account_id text COLLATE "C" NOT NULL REFERENCES account,
  id text COLLATE "C" NOT NULL CHECK (id ~ '^SA[0-9A-Z]{18}$'),
  name text NOT NULL,
  enabled boolean NOT NULL DEFAULT false,
  disabled_at timestamptz,
  deleted_at timestamptz,
  sender_ids text[],
  details jsonb NOT NULL DEFAULT '{}',
  modified_at timestamptz,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, id),
  CHECK (enabled OR disabled_at IS NOT NULL),
  CHECK (deleted_at IS NULL OR NOT enabled)
);
CREATE UNIQUE INDEX subaccount_id ON subaccount (id);
COMMENT ON COLUMN subaccount.disabled_at IS 'Since when it is disabled: settled usage is taken for 30 days more (B4)';

CREATE TABLE subaccount_token (
  account_id text COLLATE "C" NOT NULL,
  subaccount_id text COLLATE "C" NOT NULL,
  digest text NOT NULL,
  sealed bytea NOT NULL,
  expires_at timestamptz,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, subaccount_id, digest),
  FOREIGN KEY (account_id, subaccount_id) REFERENCES subaccount
);

CREATE TABLE hold (
  account_id text COLLATE "C" NOT NULL REFERENCES account,
  id text COLLATE "C" NOT NULL,
  subaccount_id text COLLATE "C",
  reference text NOT NULL,
  amount_micros bigint NOT NULL CHECK (amount_micros > 0),
  expires_in integer NOT NULL CHECK (expires_in BETWEEN 1 AND 86400),
  sender_id text,
  description text,
  status text NOT NULL CHECK (status IN ('open', 'captured', 'released', 'expired')),
  captured_micros bigint,
  capture_settled boolean NOT NULL DEFAULT false,
  expires_at timestamptz NOT NULL,
  ended_at timestamptz,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account_id, id),
  CHECK ((status = 'open') = (ended_at IS NULL)),
  CHECK ((status = 'captured') = (captured_micros IS NOT NULL))
);
CREATE INDEX hold_due ON hold (expires_at) WHERE status = 'open';
CREATE INDEX hold_open ON hold (account_id, expires_at) WHERE status = 'open';
CREATE INDEX hold_of_subaccount ON hold (account_id, subaccount_id, id) WHERE subaccount_id IS NOT NULL;
"""

LEDGER = """
ALTER TABLE ledger_transfer ADD COLUMN settled boolean NOT NULL DEFAULT false;
ALTER TABLE ledger_transfer ADD COLUMN sender_id text COLLATE "C";
COMMENT ON COLUMN ledger_transfer.settled IS 'Usage that had already happened: the only one that may take spendable below zero (B4)';
COMMENT ON COLUMN ledger_transfer.sender_id IS 'The sender that usage named';

ALTER TABLE ledger_balance ADD COLUMN epoch bigint NOT NULL DEFAULT 0;
ALTER TABLE ledger_balance ADD COLUMN posted_at timestamptz;
COMMENT ON COLUMN ledger_balance.posted_at IS 'Time of the latest transfer. A caller whose clock is behind posts at this time: along seq, time never runs back, and a moment is found by bisection';
UPDATE ledger_balance b SET posted_at = (SELECT max(t.posted_at) FROM ledger_transfer t WHERE t.account_id = b.account_id);
COMMENT ON COLUMN ledger_transfer.posted_at IS 'The caller''s now, never the database''s; that of the transfer before if it is later';
COMMENT ON COLUMN ledger_balance.epoch IS 'Counts the changes of what decides who may spend: status, lists, credentials, subaccounts, budgets';

CREATE TABLE ledger_budget (
    account_id text COLLATE "C" NOT NULL,
    subaccount_id text COLLATE "C" NOT NULL,
    most bigint NOT NULL CHECK (most >= 0),
    month date NOT NULL,
    since bigint NOT NULL CHECK (since > 0),
    spent bigint NOT NULL CONSTRAINT ledger_budget_spent CHECK (spent >= 0),
    PRIMARY KEY (account_id, subaccount_id)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01);
COMMENT ON TABLE ledger_budget IS 'Monthly budgets of subaccounts, under the lock of their account''s balance row';
COMMENT ON COLUMN ledger_budget.month IS 'First day of the month, in the account''s time zone, that spent counts; a later charge begins its own';
COMMENT ON COLUMN ledger_budget.since IS 'The first seq of that month: spent is what the journal says from there on, whatever clocks say. What ends a hold counts if its opening does';
COMMENT ON COLUMN ledger_budget.spent IS 'Usage and holds of that month, in millionths of a dollar; settled usage may take it above most';

-- Whatever decides about spending and is kept outside of the book moves the epoch of its account, in the same transaction.
-- A door that judged by what it had read is told so under the lock: its charge is stale.
CREATE FUNCTION ledger_epoch_moves() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS
$body$
DECLARE
    v_row record := coalesce(NEW, OLD);
BEGIN
    UPDATE ledger_balance SET epoch = epoch + 1
    WHERE account_id = CASE TG_TABLE_NAME WHEN 'account' THEN to_jsonb(v_row) ->> 'id' ELSE to_jsonb(v_row) ->> 'account_id' END;
    RETURN NULL;
END $body$;
CREATE TRIGGER account_moves_epoch AFTER UPDATE OF status, status_changed_at, timezone, sender_ids ON account
    FOR EACH ROW EXECUTE FUNCTION ledger_epoch_moves();
CREATE TRIGGER account_token_moves_epoch AFTER INSERT OR UPDATE OR DELETE ON account_token
    FOR EACH ROW EXECUTE FUNCTION ledger_epoch_moves();
CREATE TRIGGER subaccount_moves_epoch AFTER INSERT OR UPDATE OR DELETE ON subaccount
    FOR EACH ROW EXECUTE FUNCTION ledger_epoch_moves();
CREATE TRIGGER subaccount_token_moves_epoch AFTER INSERT OR UPDATE OR DELETE ON subaccount_token
    FOR EACH ROW EXECUTE FUNCTION ledger_epoch_moves();
"""

BUDGETS = """
CREATE FUNCTION ledger_spent(
    p_account text, p_subaccount text, p_month_from bigint, p_from bigint, p_before bigint
) RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp SET enable_seqscan = off AS $body$
    SELECT coalesce(sum(CASE WHEN debit = 1 THEN amount ELSE -amount END), 0)::bigint
    FROM ledger_transfer t
    WHERE account_id = p_account AND seq >= p_from AND seq < p_before AND subaccount_id = p_subaccount
        AND ((debit = 1 AND credit IN (4, 10)) OR (debit = 4 AND credit = 1))
        -- What ends a hold counts where the hold does: in the month of its opening.
        AND (kind < 10 OR EXISTS (
            SELECT FROM ledger_transfer h WHERE h.account_id = p_account AND h.source = t.source
                AND h.leg = 0 AND h.kind = 9 AND h.seq >= p_month_from));
$body$;
COMMENT ON FUNCTION ledger_spent IS 'What a stretch of the journal says of a subaccount''s month, which begins at seq p_month_from: usage and holds, less what these freed';

CREATE FUNCTION ledger_set_budget(
    p_account text, p_subaccount text, p_most bigint, p_month date, p_month_from bigint, p_counted bigint, p_from bigint
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$
DECLARE
    v_seq bigint;
BEGIN
    UPDATE ledger_balance SET epoch = epoch + 1 WHERE account_id = p_account RETURNING seq INTO v_seq;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'account % has no balance row', p_account USING ERRCODE = 'LG001';
    END IF;
    IF p_most IS NULL THEN
        DELETE FROM ledger_budget WHERE account_id = p_account AND subaccount_id = p_subaccount;
        RETURN;
    END IF;
    UPDATE ledger_budget SET most = p_most WHERE account_id = p_account AND subaccount_id = p_subaccount;
    IF NOT FOUND THEN
        INSERT INTO ledger_budget (account_id, subaccount_id, most, month, since, spent) VALUES (p_account, p_subaccount, p_most,
            p_month, p_month_from, p_counted + ledger_spent(p_account, p_subaccount, p_month_from, p_from, v_seq + 1));
    END IF;
END $body$;
COMMENT ON FUNCTION ledger_set_budget IS 'Sets, or with null removes, the monthly budget of a subaccount; a new one has spent p_counted and what the journal adds from p_from on';
"""

# A plan that was kept while the journal was small must not read it whole later: keys are looked up by their index, always.

# Three statements for any number of charges: nothing is looked up, nothing is looped over. What cannot be charged as it
# stands (too little money, another epoch, a threshold to be crossed) is left out, account by account, for ledger_charge_each;
# a reference used before is a unique violation, and nothing is posted. Columns that say nothing (kind usage, not settled) may be null.
CHARGE_ALL = """
CREATE FUNCTION ledger_charge_all(
    p_now timestamptz,
    p_accounts text[], p_epochs bigint[], p_totals bigint[], p_counts integer[],
    p_places integer[], p_owners text[], p_nths integer[], p_runnings bigint[], p_keys text[], p_amounts bigint[],
    p_kinds smallint[], p_settled boolean[], p_subaccounts text[], p_senders text[], p_descriptions text[],
    OUT spendables bigint[], OUT seqs bigint[], OUT posted_ats timestamptz[]
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan
    SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $body$
DECLARE
    v_places integer[];
    v_rests bigint[];
BEGIN
    -- A nested loop over the accounts in the order given, which is that of their ids: nobody waits in a circle.
    WITH moved AS (
        UPDATE ledger_balance b SET spendable = b.spendable - w.total, seq = b.seq + w.charges,
            posted_at = greatest(b.posted_at, p_now)
        FROM unnest(p_accounts, p_epochs, p_totals, p_counts) WITH ORDINALITY AS w (account, epoch, total, charges, place)
        WHERE b.account_id = w.account AND b.epoch = w.epoch AND b.spendable >= w.total
            AND (b.next_below IS NULL OR b.spendable - w.total >= b.next_below)
        RETURNING w.place, b.spendable + w.total AS spendable, b.seq - w.charges AS seq,
            b.provisional + b.held + b.refund_due AS rest, b.posted_at
    )
    SELECT array_agg(place), array_agg(spendable), array_agg(seq), array_agg(rest), array_agg(posted_at)
    INTO v_places, spendables, seqs, v_rests, posted_ats FROM moved;

    IF v_places IS DISTINCT FROM (SELECT array_agg(p) FROM generate_series(1, cardinality(p_accounts)) AS p) THEN
        -- Every account in its place, with seq -1 for those left out.
        SELECT array_agg(coalesce(spendable, 0) ORDER BY p), array_agg(coalesce(seq, -1) ORDER BY p),
            array_agg(coalesce(rest, 0) ORDER BY p), array_agg(coalesce(posted_at, p_now) ORDER BY p)
        INTO spendables, seqs, v_rests, posted_ats
        FROM (
            SELECT p, max(spendable) AS spendable, max(seq) AS seq, max(rest) AS rest, max(posted_at) AS posted_at
            FROM (
                SELECT p, NULL::bigint AS spendable, NULL::bigint AS seq, NULL::bigint AS rest, NULL::timestamptz AS posted_at
                FROM generate_series(1, cardinality(p_accounts)) AS p
                UNION ALL
                SELECT * FROM unnest(v_places, spendables, seqs, v_rests, posted_ats)
            ) every GROUP BY p
        ) once;
    END IF;

    INSERT INTO ledger_transfer (account_id, seq, posted_at, amount, spendable_after, posted_after, leg, kind, debit, credit,
        settled, key, subaccount_id, sender_id, description)
    SELECT i.account, seqs[i.place] + i.nth, posted_ats[i.place], i.amount, spendables[i.place] - i.running,
        spendables[i.place] + v_rests[i.place] - i.running, 0, coalesce(i.kind, 1), 1, 10, coalesce(i.settled, false), i.key, i.subaccount, i.sender, i.description
    FROM unnest(p_places, p_owners, p_nths, p_runnings, p_keys, p_amounts, p_kinds, p_settled, p_subaccounts, p_senders,
        p_descriptions) AS i (place, account, nth, running, key, amount, kind, settled, subaccount, sender, description)
    WHERE seqs[i.place] >= 0;
END $body$;
COMMENT ON FUNCTION ledger_charge_all IS 'Charges usage on many accounts at once, all of an account''s or none; per account: spendable and seq before, seq -1 when left out, and the time of posting';
"""

# The same for a lone caller, who waits for each statement. Its connection looks keys up by their index as well.
CHARGE_LONE = """
CREATE FUNCTION ledger_charge_lone(
    p_now timestamptz, p_account text, p_epoch bigint, p_key text, p_amount bigint, p_kind smallint, p_settled boolean,
    p_subaccount text, p_sender text, p_description text, OUT seq bigint, OUT spendable bigint, OUT posted_at timestamptz
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$
DECLARE
    v_posted bigint;
BEGIN
    UPDATE ledger_balance b SET spendable = b.spendable - p_amount, seq = b.seq + 1, posted_at = greatest(b.posted_at, p_now)
    WHERE b.account_id = p_account AND b.epoch = p_epoch AND b.spendable >= p_amount
        AND (b.next_below IS NULL OR b.spendable - p_amount >= b.next_below)
    RETURNING b.seq, b.spendable, b.posted_at, b.spendable + b.provisional + b.held + b.refund_due
    INTO seq, spendable, posted_at, v_posted;
    IF seq IS NOT NULL THEN
        INSERT INTO ledger_transfer (account_id, seq, posted_at, amount, spendable_after, posted_after, leg, kind, debit, credit,
            settled, key, subaccount_id, sender_id, description)
        VALUES (p_account, ledger_charge_lone.seq, ledger_charge_lone.posted_at, p_amount, ledger_charge_lone.spendable, v_posted,
            0, p_kind, 1, 10, p_settled, p_key, p_subaccount, p_sender, p_description);
    END IF;
END $body$;
COMMENT ON FUNCTION ledger_charge_lone IS 'Charges usage that passes as it stands; seq is null when it does not, and a reference used before is a unique violation';
"""

CHARGE_EACH = """
CREATE TYPE ledger_charged AS (outcome text, seq bigint, spendable bigint, posted_at timestamptz, source text);

CREATE FUNCTION ledger_charge_one(
    p_now timestamptz, p_account text, p_epoch bigint, p_key text, p_amount bigint, p_kind smallint, p_settled boolean,
    p_subaccount text, p_sender text, p_description text, p_source text, p_refusal text, p_month date
) RETURNS ledger_charged LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $body$
DECLARE
    v_credit constant smallint := CASE p_kind WHEN 9 THEN 4 ELSE 10 END;
    v_row ledger_balance;
    v_stored ledger_transfer;
    v_budget ledger_budget;
    v_charged ledger_charged;
BEGIN
    IF p_now IS NULL OR p_key IS NULL OR p_settled IS NULL OR coalesce(p_amount, 0) <= 0 OR p_kind NOT IN (1, 2, 3, 4, 9)
        OR (p_kind = 9) <> (p_source IS NOT NULL) OR (p_subaccount IS NOT NULL AND p_month IS NULL) THEN
        RAISE EXCEPTION 'malformed charge' USING ERRCODE = 'LG003';
    END IF;
    SELECT * INTO v_row FROM ledger_balance b WHERE b.account_id = p_account FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'account % has no balance row', p_account USING ERRCODE = 'LG001';
    END IF;
    v_charged.spendable := v_row.spendable;
    v_charged.seq := v_row.seq;

    SELECT * INTO v_stored FROM ledger_transfer t
    WHERE t.account_id = p_account AND md5(t.key)::uuid = md5(p_key)::uuid AND t.key IS NOT NULL AND t.kind < 10;
    IF FOUND THEN
        v_charged.outcome := CASE WHEN
            (v_stored.key, v_stored.amount, v_stored.kind, v_stored.settled) = (p_key, p_amount, p_kind, p_settled)
            AND (v_stored.subaccount_id, v_stored.sender_id, v_stored.description)
                IS NOT DISTINCT FROM (p_subaccount, p_sender, p_description)
            THEN 'replayed' ELSE 'conflict' END;
        v_charged.seq := v_stored.seq;
        v_charged.spendable := v_stored.spendable_after;
        v_charged.posted_at := v_stored.posted_at;
        v_charged.source := v_stored.source;
        RETURN v_charged;
    END IF;
    IF p_epoch IS NOT NULL AND v_row.epoch <> p_epoch THEN
        v_charged.outcome := 'stale';
        RETURN v_charged;
    END IF;
    IF p_refusal IS NOT NULL THEN
        v_charged.outcome := p_refusal;
        RETURN v_charged;
    END IF;

    IF p_subaccount IS NOT NULL THEN
        SELECT * INTO v_budget FROM ledger_budget u WHERE u.account_id = p_account AND u.subaccount_id = p_subaccount;
        IF v_budget.month < p_month THEN
            v_budget.month := p_month;
            v_budget.since := v_row.seq + 1;
            v_budget.spent := 0;
        END IF;
        IF NOT p_settled AND v_budget.spent + p_amount > v_budget.most THEN
            v_charged.outcome := 'budget_exhausted';
            RETURN v_charged;
        END IF;
    END IF;
    IF NOT p_settled AND v_row.spendable < p_amount THEN
        v_charged.outcome := 'balance_exhausted';
        RETURN v_charged;
    END IF;

    v_charged.outcome := 'posted';
    v_charged.seq := v_row.seq + 1;
    v_charged.spendable := v_row.spendable - p_amount;
    v_charged.posted_at := greatest(p_now, v_row.posted_at);
    v_charged.source := p_source;
    INSERT INTO ledger_transfer (account_id, seq, posted_at, amount, spendable_after, posted_after, leg, kind, debit, credit,
        settled, key, source, subaccount_id, sender_id, description)
    VALUES (p_account, v_charged.seq, v_charged.posted_at, p_amount, v_charged.spendable,
        v_charged.spendable + v_row.provisional + v_row.held + v_row.refund_due + CASE v_credit WHEN 4 THEN p_amount ELSE 0 END,
        0, p_kind, 1, v_credit, p_settled, p_key, p_source, p_subaccount, p_sender, p_description);
    UPDATE ledger_balance b SET spendable = v_charged.spendable, seq = v_charged.seq, posted_at = v_charged.posted_at,
        held = b.held + CASE v_credit WHEN 4 THEN p_amount ELSE 0 END
    WHERE b.account_id = p_account;
    IF v_budget.account_id IS NOT NULL THEN
        UPDATE ledger_budget u SET month = v_budget.month, since = v_budget.since, spent = v_budget.spent + p_amount
        WHERE u.account_id = p_account AND u.subaccount_id = p_subaccount;
    END IF;
    RETURN v_charged;
END $body$;
COMMENT ON FUNCTION ledger_charge_one IS 'Charges usage, or (kind 9) holds it. outcome: posted, replayed, conflict, stale, p_refusal, budget_exhausted, balance_exhausted; seq of what was posted, now or before, else the account''s latest';

CREATE FUNCTION ledger_charge_each(
    p_now timestamptz, p_accounts text[], p_epochs bigint[], p_keys text[], p_amounts bigint[], p_kinds smallint[],
    p_settled boolean[], p_subaccounts text[], p_senders text[], p_descriptions text[], p_refusals text[], p_months date[]
) RETURNS SETOF ledger_charged LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $body$
DECLARE
    v_item record;
BEGIN
    PERFORM FROM ledger_balance WHERE account_id = ANY (p_accounts) ORDER BY account_id FOR NO KEY UPDATE;
    FOR v_item IN
        SELECT * FROM unnest(p_accounts, p_epochs, p_keys, p_amounts, p_kinds, p_settled, p_subaccounts, p_senders, p_descriptions,
            p_refusals, p_months) WITH ORDINALITY AS i (account, epoch, key, amount, kind, settled, subaccount, sender,
            description, refusal, month, n) ORDER BY n
    LOOP
        RETURN NEXT ledger_charge_one(p_now, v_item.account, v_item.epoch, v_item.key, v_item.amount, v_item.kind, v_item.settled,
            v_item.subaccount, v_item.sender, v_item.description, NULL, v_item.refusal, v_item.month);
    END LOOP;
END $body$;
COMMENT ON FUNCTION ledger_charge_each IS 'ledger_charge_one for each, in the order given, under the locks of all their accounts';
"""

# As in 0001_ledger, but that the time of posting is never before that of the account's latest transfer, that captures say
# whether they were settled, and that usage and holds are opened by ledger_charge_one and its like alone. What ends a hold
# is of the same subaccount and moves its budget.
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
        SELECT array_agg(debit ORDER BY seq) = p_debits AND array_agg(credit ORDER BY seq) = p_credits
            AND array_agg(amount ORDER BY seq) = p_amounts INTO v_same
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
END $body$;
"""


def upgrade() -> None:
    for script in (RECORDS, LEDGER, BUDGETS, CHARGE_ALL, CHARGE_LONE, CHARGE_EACH, POST):
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
