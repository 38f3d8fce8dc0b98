"""The checks of `verify`: name → one SELECT that returns (account_id, detail) for each thing that cannot be."""

from ledger.crossing_checks import CROSSING_CHECKS
from rules.chart import CARRIED, ENDINGS, POSTED, USAGE_KINDS, Code, Kind


def _moved(codes: frozenset[Code] | set[Code]) -> str:
    """SQL for what one transfer does to the sum of `codes`."""
    listed = ", ".join(str(code.value) for code in sorted(codes))
    return f"(amount * ((credit IN ({listed}))::int - (debit IN ({listed}))::int))"


_SUMS = ", ".join(f"sum({_moved({code})}) AS {code.name.lower()}" for code in CARRIED)
_STORED_AND_SUMMED = ", ".join(
    f"('{name}', b.{name}, coalesce(j.{name}, 0))" for name in (code.name.lower() for code in CARRIED)
)
_KINDS = ", ".join(str(kind.value) for kind in Kind)
_CODES = ", ".join(str(code.value) for code in Code)
_OPENINGS = ", ".join(str(kind.value) for kind in ENDINGS)
_ENDINGS = ", ".join(str(kind.value) for kinds in ENDINGS.values() for kind in sorted(kinds))
_OPENING_OF = " ".join(
    f"WHEN {kind.value} THEN {opening.value}" for opening, kinds in ENDINGS.items() for kind in kinds
)

_SPENDING = ", ".join(str(kind.value) for kind in sorted({*USAGE_KINDS, Kind.HOLD}))

# ruff: noqa: S608 # every part is a constant of the chart

CHECKS = {
    "account": """
        SELECT DISTINCT account_id, 'has transfers but no balance row'
        FROM ledger_transfer t WHERE NOT EXISTS (SELECT FROM ledger_balance b WHERE b.account_id = t.account_id)
        LIMIT :most""",
    "balance": f"""
        SELECT account_id, format('%s is %s, the journal says %s', name, stored, summed)
        FROM (SELECT account_id, {_SUMS} FROM (
            SELECT account_id, debit, credit, sum(amount) AS amount FROM ledger_transfer
            GROUP BY account_id, debit, credit
        ) by_sides GROUP BY account_id) j
        RIGHT JOIN ledger_balance b USING (account_id)
        CROSS JOIN LATERAL (VALUES {_STORED_AND_SUMMED}) AS v (name, stored, summed)
        WHERE stored <> summed ORDER BY account_id LIMIT :most""",
    "sequence": """
        SELECT account_id, format('%s transfers numbered %s to %s, the latest at %s; the balance row says %s and %s',
            n, low, high, latest, seq, posted_at)
        FROM (
            SELECT account_id, count(*) AS n, min(seq) AS low, max(seq) AS high, max(posted_at) AS latest
            FROM ledger_transfer GROUP BY account_id
        ) j
        RIGHT JOIN ledger_balance b USING (account_id)
        WHERE coalesce(n, 0) <> b.seq OR coalesce(high, 0) <> b.seq OR coalesce(low, 1) <> 1
            OR latest IS DISTINCT FROM b.posted_at
        ORDER BY account_id LIMIT :most""",
    "chain": f"""
        SELECT account_id, format('transfer %s: spendable %s, posted %s at %s do not follow from the one before', seq,
            spendable_after, posted_after, posted_at)
        FROM (
            SELECT account_id, seq, posted_at, spendable_after, posted_after,
                credit = {Code.USAGE.value} AND posted_at < lag(posted_at) OVER w AS earlier,
                lag(spendable_after, 1, 0::bigint) OVER w + {_moved({Code.SPENDABLE})} AS spendable,
                lag(posted_after, 1, 0::bigint) OVER w + {_moved(POSTED)} AS posted
            FROM ledger_transfer WINDOW w AS (PARTITION BY account_id ORDER BY seq)
        ) t WHERE spendable_after <> spendable OR posted_after <> posted OR earlier
        ORDER BY account_id, seq LIMIT :most""",
    "operation": """
        SELECT t.account_id, format('transfer %s: leg %s does not belong to the operation before it', t.seq, t.leg)
        FROM ledger_transfer t
        LEFT JOIN ledger_transfer f ON f.account_id = t.account_id AND f.seq = t.seq - 1 AND f.leg = t.leg - 1
            AND f.kind = t.kind AND f.posted_at = t.posted_at
            AND (f.source, f.subaccount_id, f.description)
                IS NOT DISTINCT FROM (t.source, t.subaccount_id, t.description)
        WHERE t.leg <> 0 AND (f.seq IS NULL OR t.key IS NOT NULL) ORDER BY t.account_id, t.seq LIMIT :most""",
    "transfer": f"""
        SELECT account_id, format('transfer %s: %s from %s to %s of kind %s is none', seq, amount, debit, credit, kind)
        FROM ledger_transfer
        WHERE amount <= 0 OR debit = credit OR leg NOT BETWEEN 0 AND 7
            OR debit NOT IN ({_CODES}) OR credit NOT IN ({_CODES}) OR kind NOT IN ({_KINDS})
        LIMIT :most""",
    # Settled usage alone takes spendable below zero, and is captured beyond what was held (rule B4).
    "overdraft": f"""
        SELECT account_id, format('transfer %s: %s of kind %s leaves %s and was not settled', seq, amount, kind,
            spendable_after)
        FROM ledger_transfer
        WHERE NOT settled AND (kind IN ({_SPENDING}) AND spendable_after < 0
            OR kind = {Kind.HOLD_CAPTURED.value} AND debit = {Code.SPENDABLE.value})
        ORDER BY account_id, seq LIMIT :most""",
    # With both unique indexes in place there can be none, and the planner skips the scan.
    "key": """
        SELECT account_id, format('key %s is used %s times', key, count(*)) FROM ledger_transfer
        WHERE key IS NOT NULL AND 2 > (SELECT count(*) FROM pg_index WHERE indisunique AND indisvalid AND indexrelid IN
            (to_regclass('ledger_transfer_reference'), to_regclass('ledger_transfer_key')))
        GROUP BY account_id, CASE WHEN kind >= 10 THEN kind ELSE 0 END, key
        HAVING count(*) > 1 ORDER BY account_id LIMIT :most""",
    "ending": f"""
        SELECT account_id, format('%s: transfer %s ends %s of %s, of %s for %s, %s times', source, seq, ended, opened,
            opener, payer, times)
        FROM (
            SELECT e.account_id, e.source, e.seq, o.amount AS opened, o.subaccount_id AS opener,
                e.subaccount_id AS payer,
                count(*) OVER (PARTITION BY e.account_id, e.source) AS times,
                (SELECT sum(u.amount) FROM ledger_transfer u WHERE u.account_id = e.account_id
                    AND u.seq BETWEEN e.seq AND e.seq + 7 AND u.seq - u.leg = e.seq AND u.debit = o.credit) AS ended
            FROM ledger_transfer e LEFT JOIN ledger_transfer o ON o.account_id = e.account_id AND o.source = e.source
                AND o.leg = 0 AND o.kind = CASE e.kind {_OPENING_OF} END AND o.seq < e.seq
            WHERE e.leg = 0 AND e.kind IN ({_ENDINGS})
        ) t WHERE opened IS NULL OR ended IS DISTINCT FROM opened OR payer IS DISTINCT FROM opener OR times > 1
        ORDER BY account_id, seq LIMIT :most""",
    "open": f"""
        SELECT account_id, format('%s is %s, open under it is %s', name, stored, open)
        FROM (
            SELECT o.account_id, sum(o.amount) FILTER (WHERE o.kind = {Kind.RECHARGE_EXPECTED.value}) AS recharges,
                sum(o.amount) FILTER (WHERE o.kind = {Kind.HOLD.value}) AS holds,
                sum(o.amount) FILTER (WHERE o.kind = {Kind.REFUND_ASKED.value}) AS refunds
            FROM ledger_transfer o WHERE o.leg = 0 AND o.kind IN ({_OPENINGS}) AND NOT EXISTS (
                SELECT FROM ledger_transfer e WHERE e.account_id = o.account_id AND e.source = o.source AND e.leg = 0
                    AND e.kind IN ({_ENDINGS}))
            GROUP BY o.account_id
        ) j RIGHT JOIN ledger_balance b USING (account_id)
        CROSS JOIN LATERAL (VALUES ('pending', b.pending, coalesce(recharges, 0)), ('held', b.held, coalesce(holds, 0)),
            ('refund_due', b.refund_due, coalesce(refunds, 0))) AS v (name, stored, open)
        WHERE stored <> open ORDER BY account_id LIMIT :most""",
    # A month is counted from a seq on: no clock is asked, and a hold's end counts where its opening does.
    "budget": f"""
        SELECT account_id, format('%s has spent %s since transfer %s in the month of %s, the journal says %s of %s',
            subaccount_id, u.spent, since, month, coalesce(j.spent, 0), b.seq)
        FROM ledger_budget u LEFT JOIN ledger_balance b USING (account_id) LEFT JOIN (
            SELECT w.account_id, w.subaccount_id,
                sum(CASE t.debit WHEN {Code.SPENDABLE.value} THEN t.amount ELSE -t.amount END) AS spent
            FROM ledger_budget w JOIN ledger_transfer t
                ON t.account_id = w.account_id AND t.subaccount_id = w.subaccount_id AND t.seq >= w.since
            WHERE (t.debit, t.credit) IN (
                    ({Code.SPENDABLE.value}, {Code.USAGE.value}), ({Code.SPENDABLE.value}, {Code.HELD.value}),
                    ({Code.HELD.value}, {Code.SPENDABLE.value}))
                AND (t.kind IN ({_SPENDING}) OR EXISTS (
                    SELECT FROM ledger_transfer o WHERE o.account_id = t.account_id AND o.source = t.source
                        AND o.leg = 0 AND o.kind = {Kind.HOLD.value} AND o.seq >= w.since))
            GROUP BY w.account_id, w.subaccount_id
        ) j USING (account_id, subaccount_id)
        WHERE u.spent <> coalesce(j.spent, 0) OR u.most < 0 OR extract(day FROM month) <> 1
            OR since NOT BETWEEN 1 AND b.seq + 1 OR b.seq IS NULL
        ORDER BY account_id LIMIT :most""",
    **CROSSING_CHECKS,
    "sign": """
        SELECT account_id, format('pending %s, provisional %s, held %s, at_risk %s, refund_due %s: a sign is wrong',
            pending, provisional, held, at_risk, refund_due)
        FROM ledger_balance
        WHERE pending < 0 OR provisional > 0 OR pending + provisional < 0 OR held < 0 OR at_risk < 0 OR refund_due < 0
        ORDER BY account_id LIMIT :most""",
    "guard": """
        SELECT NULL, format('%s of %s is missing or switched off', name, owner) FROM (VALUES
            ('ledger_transfer_append_only', 'ledger_transfer'), ('ledger_transfer_never_emptied', 'ledger_transfer'),
            ('ledger_balance_kept', 'ledger_balance'), ('ledger_balance_never_emptied', 'ledger_balance'),
            ('account_moves_epoch', 'account'), ('account_token_moves_epoch', 'account_token'),
            ('subaccount_moves_epoch', 'subaccount'), ('subaccount_token_moves_epoch', 'subaccount_token'),
            ('ledger_balance_crosses', 'ledger_balance'), ('ledger_balance_provisional', 'ledger_balance'),
            ('ledger_budget_crosses', 'ledger_budget'),
            ('ledger_crossing_stays', 'ledger_crossing'), ('ledger_crossing_never_emptied', 'ledger_crossing')
        ) AS v (name, owner)
        WHERE NOT EXISTS (SELECT FROM pg_trigger WHERE tgname = name AND tgenabled IN ('O', 'A')
            AND tgrelid = to_regclass(owner))
        UNION ALL
        SELECT NULL, format('%s is missing or not valid', name) FROM (VALUES
            ('ledger_balance_pkey'), ('ledger_transfer_pkey'), ('ledger_transfer_reference'), ('ledger_transfer_key'),
            ('ledger_transfer_opening'), ('ledger_transfer_ending'), ('ledger_budget_pkey'),
            ('ledger_threshold_pkey'), ('ledger_crossing_pkey')) AS v (name)
        WHERE NOT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass(name) AND indisunique AND indisvalid)
        UNION ALL
        SELECT NULL, format('%s is missing or not valid', name) FROM (VALUES
            ('ledger_account_id'), ('ledger_seq'), ('ledger_owed'), ('ledger_lent'), ('ledger_amount'), ('ledger_leg'),
            ('ledger_side'), ('ledger_key'), ('ledger_budget_spent'), ('ledger_crossing_payer'),
            ('ledger_crossing_rising')) AS v (name)
        WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conname = name AND contype = 'c' AND convalidated
            AND (conrelid IN ('ledger_budget'::regclass, 'ledger_crossing'::regclass) OR contypid = to_regtype(name)))
        UNION ALL
        SELECT NULL, format('%s.%s is not of type %s', owner, name, rule) FROM (VALUES
            ('ledger_balance', 'account_id', 'ledger_account_id'), ('ledger_balance', 'seq', 'ledger_seq'),
            ('ledger_balance', 'pending', 'ledger_owed'), ('ledger_balance', 'provisional', 'ledger_lent'),
            ('ledger_balance', 'held', 'ledger_owed'), ('ledger_balance', 'at_risk', 'ledger_owed'),
            ('ledger_balance', 'refund_due', 'ledger_owed'), ('ledger_transfer', 'amount', 'ledger_amount'),
            ('ledger_transfer', 'leg', 'ledger_leg'), ('ledger_transfer', 'debit', 'ledger_side'),
            ('ledger_transfer', 'credit', 'ledger_side'), ('ledger_transfer', 'key', 'ledger_key')
        ) AS v (owner, name, rule)
        WHERE NOT EXISTS (SELECT FROM pg_attribute
            WHERE attrelid = to_regclass(owner) AND attname = name AND atttypid = to_regtype(rule))
        UNION ALL
        SELECT NULL, format('%s is missing, of another owner or finds tables by its caller''s path', name) FROM (VALUES
            ('ledger_open'), ('ledger_lock'), ('ledger_post'), ('ledger_charge_all'), ('ledger_charge_one'),
            ('ledger_charge_lone'), ('ledger_charge_each'), ('ledger_spent'), ('ledger_set_budget'),
            ('ledger_epoch_moves'), ('ledger_watch'), ('ledger_arm'), ('ledger_crosses'), ('ledger_budget_crosses'),
            ('ledger_take_crossings'), ('ledger_crossing_handed'), ('ledger_crossing_put_off')) AS v (name)
        WHERE NOT EXISTS (SELECT FROM pg_proc WHERE proname = name AND prosecdef
            AND pronamespace = 'public'::regnamespace
            AND ('search_path=public, pg_temp' = ANY (proconfig) OR prosqlbody IS NOT NULL)
            AND proowner = (SELECT relowner FROM pg_class WHERE oid = 'ledger_transfer'::regclass))
        UNION ALL
        SELECT NULL, format('%s may write %s', current_user, name) FROM (VALUES
            ('ledger_balance'), ('ledger_transfer'), ('ledger_budget'), ('ledger_threshold'), ('ledger_crossing'))
            AS v (name)
        WHERE has_table_privilege(name, 'INSERT, UPDATE, DELETE, TRUNCATE')
            AND NOT pg_has_role((SELECT relowner FROM pg_class WHERE oid = name::regclass), 'USAGE')
        LIMIT :most""",
}
