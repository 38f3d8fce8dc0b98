"""Every error that this API answers: its code, status, meaning and the way out. docs/errors is made from it.

A ``Problem`` is raised anywhere below the door and becomes an RFC 9457 document there.
"""

from dataclasses import dataclass, field
from typing import Any

from rules.payment_problems import PAYMENTS
from rules.problem_kind import Kind
from rules.spending_problems import SPENDING
from rules.webhook_problems import WEBHOOKS


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """A request that cannot be done as asked. ``param`` names the field, ``extra`` adds members to the document."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        param: str | None = None,
        retry_after_seconds: int | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.kind = KINDS[code]
        self.detail = detail
        self.param = param
        self.retry_after_seconds = retry_after_seconds
        self.extra = extra


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that breaks a rule."""

    param: str
    message: str
    extra: dict[str, Any] = field(default_factory=dict[str, Any])


KINDS: dict[str, Kind] = {
    # who is asking
    "unauthenticated": Kind(
        401,
        "No valid credentials",
        "The request carries no credentials, or they are unknown, expired or revoked.",
        "Send `Authorization: Bearer op_…` as an operator, or HTTP Basic with Auth ID and Auth Token as an account.",
    ),
    "forbidden": Kind(
        403,
        "Not allowed with these credentials",
        "The credentials are valid but may not do this: a key without the scope, or a route not meant for accounts.",
        "Use a key whose scope includes what the detail names.",
    ),
    # what is asked
    "not_found": Kind(
        404,
        "No such object",
        "There is no such object, or it belongs to somebody else.",
        "Check the identifier and the account in the path.",
    ),
    "method_not_allowed": Kind(
        405, "Method not allowed", "The route exists, but not for this HTTP method.", "See `/docs` for the methods."
    ),
    "invalid_request": Kind(
        400,
        "The request cannot be read",
        "The body is not a JSON object, is nested too deep, or gives a key twice.",
        "Send one JSON object in UTF-8 with `Content-Type: application/json` and each key once.",
    ),
    "invalid_field": Kind(
        422,
        "A field breaks its rule",
        "A field is missing, unknown, or of another form than the rule in the detail says.",
        "Correct the field named by `param`; `errors` lists every one of them.",
    ),
    "body_too_large": Kind(413, "The body is too large", "Bodies may have up to 1 MiB.", "Send less in one request."),
    "unsupported_media_type": Kind(
        415, "Not JSON", "The body's content type is not JSON.", "Send `Content-Type: application/json`."
    ),
    "raw_number_refused": Kind(
        422,
        "Card and bank numbers are refused",
        "A field carries a card or bank account number, or has the name of one. It was neither stored nor logged.",
        "Send a payment method token of the processor; numbers belong on the processor's own pages.",
    ),
    "amount_invalid": Kind(
        422,
        "Not an amount",
        "The amount is no decimal string of dollars, or has a form that is not taken.",
        'Send a string such as "25.00": digits, a point, whole cents for payments.',
    ),
    "amount_too_small": Kind(
        422, "Below the minimum", "A recharge is at least 25.00.", "Send at least the `minimum` in the answer."
    ),
    "amount_too_large": Kind(
        422,
        "Above the maximum",
        "A recharge is at most `max_recharge`, a setting of this installation; all else at most a billion dollars.",
        "Send at most the `maximum` in the answer, or several times.",
    ),
    "currency_not_supported": Kind(
        422, "US dollars only", "All amounts are US dollars.", 'Leave `currency` out or send "usd".'
    ),
    "signature_invalid": Kind(
        400,
        "The webhook's signature is not valid",
        "The Stripe-Signature header is missing, forged, over five minutes off, or of another endpoint or mode.",
        "Set `PREPAY_STRIPE_WEBHOOK_SECRET` to the secret of this endpoint, and check the clocks.",
    ),
    # keys
    "idempotency_key_required": Kind(
        400,
        "An Idempotency-Key is required",
        "This route moves money, and a repeated request must be recognisable.",
        "Send an `Idempotency-Key` header of 1-255 characters, new for each intention, the same for each retry.",
    ),
    "idempotency_key_in_use": Kind(
        409,
        "The first request still runs",
        "Another request with the same Idempotency-Key is being worked on.",
        "Wait for its answer, or send the same request again a little later.",
    ),
    "idempotency_key_reused": Kind(
        422,
        "The key was used for another request",
        "The same Idempotency-Key came before with another body.",
        "Use a new key for a new intention.",
    ),
    **SPENDING,
    # state
    "account_closed": Kind(409, "The account is closed", "A closed account takes no new acts.", "Open a new account."),
    "account_suspended": Kind(
        403, "The account is suspended", "An operator has suspended the account.", "Ask the operator; see the reason."
    ),
    "external_id_taken": Kind(
        409,
        "The external_id is taken",
        "Another account has this external_id.",
        "Use another one, or find that account.",
    ),
    **PAYMENTS,
    **WEBHOOKS,
    # us
    "too_many_requests": Kind(
        429, "Too many requests", "More requests came than are taken.", "Wait as long as `Retry-After` says."
    ),
    "unavailable": Kind(
        503,
        "Not available right now",
        "A part that this needs cannot be reached. Nothing was committed.",
        "Send the same request again after `Retry-After` seconds.",
    ),
    "internal_error": Kind(
        500,
        "Our fault",
        "Something failed that we did not foresee. It is logged under the `request_id`.",
        "Send the same request again with the same key; report the `request_id` if it stays.",
    ),
}
