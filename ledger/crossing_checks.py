"""The checks of `verify` about thresholds and crossings (requirement H4): as those in `checks`."""

from rules.thresholds import ZERO_BELOW, Threshold

# ruff: noqa: S608 # every part is a constant of the rules

CROSSING_CHECKS = {
    "threshold": f"""
        SELECT coalesce(b.account_id, t.account_id),
            format('at %s of transfer %s: next_below %s and next_above %s, thresholds since %s say %s and %s; zero: %s',
                b.spendable, b.seq, b.next_below, b.next_above, t.since, t.low, t.high, coalesce(t.zero, false))
        FROM ledger_balance b FULL JOIN (
            SELECT h.account_id, max(h.since) AS since, max(h.below) FILTER (WHERE h.below <= o.spendable) AS low,
                min(h.below) FILTER (WHERE h.below > o.spendable) AS high,
                bool_or(h.kind = {Threshold.ZERO.value} AND h.below = {ZERO_BELOW}) AS zero
            FROM ledger_threshold h LEFT JOIN ledger_balance o USING (account_id) GROUP BY h.account_id
        ) t USING (account_id)
        WHERE (b.next_below, b.next_above) IS DISTINCT FROM (t.low, t.high) OR t.zero IS NOT TRUE OR b.seq IS NULL
            OR t.since > b.seq
        ORDER BY 1 LIMIT :most""",
    # An operation has at most eight legs: its last one says what it left, the one before its first what it found.
    "crossing": f"""
        SELECT account_id, format('%s at transfer %s, past %s to %s: the journal says from %s to %s at %s, for %s',
            kind, seq, below, spendable_after, before, after, posted_at, payer)
        FROM (
            SELECT c.*, f.posted_at, f.subaccount_id AS payer,
                coalesce((SELECT p.spendable_after FROM ledger_transfer p
                    WHERE p.account_id = c.account_id AND p.seq = c.seq - 1), 0) AS before,
                (SELECT l.spendable_after FROM ledger_transfer l WHERE l.account_id = c.account_id AND l.seq >= c.seq
                    AND l.seq <= c.seq + 7 AND l.seq - l.leg = c.seq ORDER BY l.seq DESC LIMIT 1) AS after
            FROM ledger_crossing c
            LEFT JOIN ledger_transfer f ON f.account_id = c.account_id AND f.seq = c.seq AND f.leg = 0
        ) j
        WHERE (spendable_after, crossed_at) IS DISTINCT FROM (after, posted_at)
            OR kind = {Threshold.BUDGET.value} AND subaccount_id IS DISTINCT FROM payer
            OR kind <> {Threshold.BUDGET.value} AND (below <= after) = (below <= before)
            OR kind <> {Threshold.BUDGET.value} AND rising <> (after > before)
        ORDER BY account_id, seq LIMIT :most""",
    # The other way round: nothing was crossed while it was watched that nobody is told.
    "uncrossed": f"""
        SELECT t.account_id, format('transfer %s went from %s to %s past %s of kind %s, and no crossing says so',
            t.seq, t.before, t.after, h.below, h.kind)
        FROM (
            SELECT account_id, seq - leg AS seq, spendable_after AS after,
                lag(spendable_after, leg + 1, 0::bigint) OVER w AS before,
                coalesce(lead(leg) OVER w = 0, true) AS ends
            FROM ledger_transfer WINDOW w AS (PARTITION BY account_id ORDER BY seq)
        ) t JOIN ledger_threshold h ON h.account_id = t.account_id AND t.seq > h.since
            AND (t.after < h.below AND h.below <= t.before
                OR h.kind = {Threshold.ZERO.value} AND t.before < h.below AND h.below <= t.after)
        WHERE t.ends AND NOT EXISTS (
            SELECT FROM ledger_crossing c WHERE c.account_id = t.account_id AND c.seq = t.seq AND c.kind = h.kind
                AND c.below = h.below AND c.rising = (t.after > t.before))
        ORDER BY t.account_id, t.seq LIMIT :most""",
}
