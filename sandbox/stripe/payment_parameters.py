"""What the requests of payment intents may carry."""

from sandbox.stripe.parameters import (
    Address,
    Boolean,
    Choice,
    Either,
    Hash,
    Integer,
    Kind,
    ListOf,
    Refused,
    Schema,
    Text,
)
from sandbox.stripe.shapes import (
    AUTOMATIC,
    CLEARABLE,
    CLEARABLE_METHOD_TYPES,
    CLEARABLE_SHIPPING,
    CREATED,
    EXPAND,
    MANDATE_DATA,
    METADATA,
    METHOD_TYPES,
    NOT_BILLING,
    NOT_CLIENT,
    NOT_CONNECT,
    PAGE,
    PAYMENT_METHOD_DATA,
    PAYMENT_OPTIONS,
    SHIPPING,
    TEXT,
)

_DETAILS = Refused("line items and their taxes are not in it")
AMOUNT = Integer(minimum=1)
_CAPTURE = Choice(("automatic", "automatic_async", "manual"))
_FUTURE = ("off_session", "on_session")
_OFF_SESSION = Either((Choice(("one_off", "recurring")), Boolean()))
_RADAR = Hash({"referrer": CLEARABLE, "session": TEXT})
_ALWAYS: dict[str, Kind] = {
    "allowed_payment_method_types": METHOD_TYPES,
    "amount_details": _DETAILS,
    "hooks": NOT_BILLING,
    "payment_details": _DETAILS,
    "payment_method": TEXT,
    "payment_method_data": PAYMENT_METHOD_DATA,
    "payment_method_options": PAYMENT_OPTIONS,
    "payment_method_types": METHOD_TYPES,
    **EXPAND,
}
_WHEN_CONFIRMING: dict[str, Kind] = {
    "confirmation_token": NOT_CLIENT,
    "error_on_requires_action": Boolean(),
    "mandate": TEXT,
    "mandate_data": MANDATE_DATA,
    "off_session": _OFF_SESSION,
    "radar_options": _RADAR,
    "return_url": Address(),
    "use_stripe_sdk": Boolean(),
}
CREATE: Schema = {
    **_ALWAYS,
    **_WHEN_CONFIRMING,
    "amount": AMOUNT,
    "application_fee_amount": NOT_CONNECT,
    "automatic_payment_methods": AUTOMATIC,
    "capture_method": _CAPTURE,
    "confirm": Boolean(),
    "confirmation_method": Choice(("automatic", "manual")),
    "currency": Text(3),
    "customer": TEXT,
    "customer_account": NOT_CONNECT,
    "description": Text(1000),
    "excluded_payment_method_types": METHOD_TYPES,
    "metadata": METADATA,
    "on_behalf_of": NOT_CONNECT,
    "payment_method_configuration": NOT_BILLING,
    "receipt_email": TEXT,
    "setup_future_usage": Choice(_FUTURE),
    "shipping": SHIPPING,
    "statement_descriptor": Text(22),
    "statement_descriptor_suffix": Text(22),
    "transfer_data": NOT_CONNECT,
    "transfer_group": TEXT,
}
UPDATE: Schema = {
    **_ALWAYS,
    "amount": AMOUNT,
    "application_fee_amount": NOT_CONNECT,
    "capture_method": _CAPTURE,
    "currency": Text(3),
    "customer": TEXT,
    "customer_account": NOT_CONNECT,
    "description": Text(1000, clearable=True),
    "excluded_payment_method_types": CLEARABLE_METHOD_TYPES,
    "metadata": METADATA,
    "payment_method_configuration": NOT_BILLING,
    "receipt_email": CLEARABLE,
    "setup_future_usage": Choice(_FUTURE, clearable=True),
    "shipping": CLEARABLE_SHIPPING,
    "statement_descriptor": Text(22, clearable=True),
    "statement_descriptor_suffix": Text(22, clearable=True),
    "transfer_data": NOT_CONNECT,
    "transfer_group": CLEARABLE,
}
CONFIRM: Schema = {
    **_ALWAYS,
    **_WHEN_CONFIRMING,
    "amount_to_confirm": AMOUNT,
    "capture_method": _CAPTURE,
    "client_secret": TEXT,
    "excluded_payment_method_types": CLEARABLE_METHOD_TYPES,
    "receipt_email": CLEARABLE,
    "setup_future_usage": Choice(_FUTURE, clearable=True),
    "shipping": CLEARABLE_SHIPPING,
}
CANCEL: Schema = {
    "cancellation_reason": Choice(("abandoned", "duplicate", "fraudulent", "requested_by_customer")),
    **EXPAND,
}
CAPTURE: Schema = {
    "amount_details": _DETAILS,
    "amount_to_capture": AMOUNT,
    "application_fee_amount": NOT_CONNECT,
    "final_capture": Boolean(),
    "hooks": NOT_BILLING,
    "metadata": METADATA,
    "payment_details": _DETAILS,
    "statement_descriptor": Text(22),
    "statement_descriptor_suffix": Text(22),
    "transfer_data": NOT_CONNECT,
    **EXPAND,
}
VERIFY: Schema = {
    "amounts": ListOf(Integer()),
    "client_secret": TEXT,
    "descriptor_code": TEXT,
    **EXPAND,
}
LIST: Schema = {**PAGE, "created": CREATED, "customer": TEXT, "customer_account": NOT_CONNECT}
RETRIEVE: Schema = {"client_secret": TEXT, **EXPAND}
