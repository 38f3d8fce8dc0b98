"""Errors of payment methods, their verification, and recharges."""

from rules.problem_kind import Kind

PAYMENTS: dict[str, Kind] = {
    "payment_method_not_usable": Kind(
        409,
        "The payment method cannot be charged",
        "The card or bank account was removed, failed, or is not verified.",
        "Use a card that is `active` or a bank account that is `verified`.",
    ),
    "backup_is_primary": Kind(
        422,
        "The back-up is the primary method",
        "A back-up is charged when the first method is declined for good, so it must be another one.",
        "Name another method as `backup_payment_method`, or none.",
    ),
    "payment_method_refused": Kind(
        422,
        "The processor refuses this payment method",
        "The token is unknown, used up, of another kind, or attached elsewhere.",
        "Make a new payment method with the processor and send its token.",
    ),
    "card_required": Kind(
        409,
        "A card must be on file first",
        "A bank account can be added only when the account has an active card.",
        "Add a card, then the bank account.",
    ),
    "bank_account_exists": Kind(
        409,
        "There is a bank account already",
        "An account has one bank account at a time; pending and blocked ones count.",
        "Remove the one named by `bank_account` to free the place.",
    ),
    "bank_account_not_supported": Kind(
        422,
        "US bank accounts only",
        "The token is not that of a US bank account.",
        "Send the token of a `us_bank_account` payment method.",
    ),
    "verification_not_pending": Kind(
        409,
        "Nothing to verify",
        "The bank account does not wait for a code: it is verified, failed, expired or removed.",
        "See its `status`; add the bank account again where it failed or expired.",
    ),
    "code_malformed": Kind(
        422,
        "Not a code",
        "The 6-character code begins with SM, followed by four letters or digits. Nothing was tried.",
        "Copy the 6-character code from the bank statement.",
    ),
    "code_mismatch": Kind(
        422,
        "The code is wrong",
        "The processor compared the 6-character code with the one it sent, and they differ.",
        "Look at the statement again; `attempts_left` says how many tries remain.",
    ),
    "amounts_mismatch": Kind(
        422,
        "The amounts are wrong",
        "The processor compared the two amounts with those it sent, and they differ.",
        "Look at the statement again; `attempts_left` says how many tries remain.",
    ),
    "amounts_required": Kind(
        422,
        "Two amounts are asked for",
        "The processor sent two small deposits instead of one with a code.",
        "Send `amounts`, the two deposits in cents, such as [32, 45].",
    ),
    "code_required": Kind(
        422,
        "A code is asked for",
        "The processor sent one deposit whose statement text carries a 6-character code.",
        "Send `code`, such as SM11AA.",
    ),
    "not_cancelable": Kind(
        409,
        "Too late to cancel",
        "The recharge is final, or the processor no longer lets it be canceled.",
        "Wait for its end; money that has settled can be refunded.",
    ),
}
