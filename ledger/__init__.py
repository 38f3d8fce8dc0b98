"""The book: double entry, one wide balance row per account, written by its functions in the database alone."""

from ledger.adjustments import adjust
from ledger.balance import AccountNotOpenError, Balances, balances, lock, open_account
from ledger.budgets import Budget, MonthSpent, budgets, count_month, set_budget
from ledger.crossings import Crossing, crossed, crossed_again
from ledger.ids import parse_transaction_id, transaction_id
from ledger.posting import AlreadyEndedError, KeyReusedError, Posted, Posting, Refused, post
from ledger.recharges import recharge_expected, recharge_settled, recharge_voided
from ledger.spending import Held, OpenHold, capture, hold, release, release_all
from ledger.thresholds import watch, watched
from ledger.transactions import MAIN, Page, Stretch, Transaction, history, read_on, stretch
from ledger.usage_totals import TooManyTotalsError, UsageTotal, sum_usage, used
from ledger.verification import Finding, verify
from ledger.zero import Exhaustion, exhaustion, risen_after

__all__ = [
    "MAIN",
    "AccountNotOpenError",
    "AlreadyEndedError",
    "Balances",
    "Budget",
    "Crossing",
    "Exhaustion",
    "Finding",
    "Held",
    "KeyReusedError",
    "MonthSpent",
    "OpenHold",
    "Page",
    "Posted",
    "Posting",
    "Refused",
    "Stretch",
    "TooManyTotalsError",
    "Transaction",
    "UsageTotal",
    "adjust",
    "balances",
    "budgets",
    "capture",
    "count_month",
    "crossed",
    "crossed_again",
    "exhaustion",
    "history",
    "hold",
    "lock",
    "open_account",
    "parse_transaction_id",
    "post",
    "read_on",
    "recharge_expected",
    "recharge_settled",
    "recharge_voided",
    "release",
    "release_all",
    "risen_after",
    "set_budget",
    "stretch",
    "sum_usage",
    "transaction_id",
    "used",
    "verify",
    "watch",
    "watched",
]
