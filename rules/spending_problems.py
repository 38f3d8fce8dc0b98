"""Errors of usage, holds and subaccounts."""

from rules.problem_kind import Kind

SPENDING: dict[str, Kind] = {
    "reference_reused": Kind(
        422,
        "The reference was used for other content",
        "Usage or a hold of this account was posted under the same reference with other content.",
        "Use a new reference for a new charge; to repeat one, send exactly the same content.",
    ),
    "balance_exhausted": Kind(
        402,
        "Not enough balance",
        "What is available is less than the amount. Money that is arriving, held or at risk does not count.",
        "Recharge the account; `available` in the answer says what it has.",
    ),
    "budget_exhausted": Kind(
        402,
        "The subaccount's monthly budget is spent",
        "Usage and holds of this month, with this one, are more than the subaccount's monthly budget.",
        "Raise the budget, or wait for the next month in the account's time zone.",
    ),
    "sender_not_allowed": Kind(
        403,
        "The sender is not on the list",
        "Usage may name only senders that are on the (sub)account's list.",
        "Name a listed sender, or add this one to `sender_ids`.",
    ),
    "subaccount_disabled": Kind(
        403,
        "The subaccount is disabled",
        "A subaccount is unusable unless it is enabled.",
        "Enable it with `PATCH …/subaccounts/{id}`.",
    ),
    "settled_too_late": Kind(
        403,
        "Too late for settled usage",
        "Settled usage is taken for 30 days after an account or subaccount was suspended, disabled, closed or deleted.",
        "Post an adjustment instead.",
    ),
    "subaccount_deleted": Kind(
        409,
        "The subaccount is deleted",
        "A deleted subaccount keeps its history and takes no new acts.",
        "Make a new subaccount.",
    ),
    "credentials_unreadable": Kind(
        409,
        "The credentials cannot be shown",
        "The sealed copy of the Auth Token was made under a sealing key that this installation no longer has.",
        "Rotate the token: the new one can be shown. The one before works on until its overlap ends.",
    ),
    "capture_above_hold": Kind(
        422,
        "More than is held",
        "A capture takes at most what its hold keeps, unless it is settled usage.",
        "Capture at most `held`; as an operator send `settled: true` for what has already happened.",
    ),
    "hold_ended": Kind(
        409,
        "The hold has ended",
        "The hold was captured, released, or has expired; that is final.",
        "See `status_now` and `ended_at`; reserve anew under a new reference, or charge usage.",
    ),
}
