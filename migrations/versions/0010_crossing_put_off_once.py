"""Two that fail with the same crossing at the same time count as one try (requirement H4)."""

from alembic import op

revision = "0010_crossing_put_off_once"
down_revision = "0009_payment_schedule"
branch_labels = None
depends_on = None

# A relay of the version before gives no p_tries, and counts as it did.
PUT_OFF = """
CREATE FUNCTION ledger_crossing_put_off(
    p_account text, p_seq bigint, p_kind smallint, p_below bigint, p_until timestamptz, p_error text,
    p_tries integer DEFAULT NULL
) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS
$body$
    UPDATE ledger_crossing SET tries = tries + 1, next_try_at = p_until, last_error = left(p_error, 500)
    WHERE account_id = p_account AND seq = p_seq AND kind = p_kind AND below = p_below AND handed_at IS NULL
        AND (p_tries IS NULL OR tries = p_tries)
$body$
"""


def upgrade() -> None:
    op.execute("DROP FUNCTION ledger_crossing_put_off(text, bigint, smallint, bigint, timestamptz, text)")
    op.execute(PUT_OFF)


def downgrade() -> None:
    raise RuntimeError("The book only grows: restore a backup instead")
