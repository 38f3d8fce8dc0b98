"""The book: double entry, one wide balance row per account, written by its functions in the database alone."""

from ledger.adjustments import adjust
from ledger.balance import AccountNotOpenError, Balances, balances, lock, open_account
from ledger.budgets import Budget, budgets, set_budget
from ledger.ids import parse_transaction_id, transaction_id
from ledger.posting import AlreadyEndedError, KeyReusedError, Posted, Posting, Refused, post
from ledger.recharges import recharge_expected, recharge_settled, recharge_voided
from ledger.spending import Held, OpenHold, capture, charge, hold, release, release_all
from ledger.transactions import Page, Transaction, history
from ledger.verification import Finding, verify

__all__ = [
    "AccountNotOpenError",
    "AlreadyEndedError",
    "Balances",
    "Budget",
    "Finding",
    "Held",
    "KeyReusedError",
    "OpenHold",
    "Page",
    "Posted",
    "Posting",
    "Refused",
    "Transaction",
    "adjust",
    "balances",
    "budgets",
    "capture",
    "charge",
    "history",
    "hold",
    "lock",
    "open_account",
    "parse_transaction_id",
    "post",
    "recharge_expected",
    "recharge_settled",
    "recharge_voided",
    "release",
    "release_all",
    "set_budget",
    "transaction_id",
    "verify",
]
