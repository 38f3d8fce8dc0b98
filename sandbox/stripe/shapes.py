"""Parameter shapes that several resources share."""

from sandbox.stripe.parameters import (
    Address,
    Boolean,
    Choice,
    Either,
    Hash,
    Integer,
    Kind,
    ListOf,
    Metadata,
    Refused,
    Schema,
    Text,
)

TEXT = Text()
CLEARABLE = Text(clearable=True)
IDENTIFIER = Text()
TYPES = ("card", "us_bank_account")
EXPAND: dict[str, Kind] = {"expand": ListOf(TEXT, maximum=20)}
METADATA = Metadata()
CREATED = Either((Integer(), Hash({name: Integer() for name in ("gt", "gte", "lt", "lte")})))
PAGE: dict[str, Kind] = {
    "limit": Integer(minimum=1, maximum=100),
    "starting_after": TEXT,
    "ending_before": TEXT,
    **EXPAND,
}
NOT_CONNECT = Refused("there is no Connect in it")
NOT_LEGACY = Refused("sources and bank accounts of the old kind are not in it")
NOT_BILLING = Refused("billing, invoices and tax are not in it")
NOT_CLIENT = Refused("payment methods come in by token or by payment_method")
NOT_3DS = Refused("authentication happens on the sandbox's own page")

_PLACE: Schema = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"), CLEARABLE)
ADDRESS = Hash(_PLACE, clearable=True)
SHIPPING_FIELDS: Schema = {"address": Hash(_PLACE), "name": TEXT, "phone": CLEARABLE}
CARRIED_FIELDS: Schema = {**SHIPPING_FIELDS, "carrier": CLEARABLE, "tracking_number": CLEARABLE}
CUSTOMER_SHIPPING = Hash(SHIPPING_FIELDS, required=("address", "name"), clearable=True)
SHIPPING = Hash(CARRIED_FIELDS, required=("address", "name"))
CLEARABLE_SHIPPING = Hash(CARRIED_FIELDS, required=("address", "name"), clearable=True)

BILLING_DETAILS = Hash(
    {"address": ADDRESS, "email": CLEARABLE, "name": CLEARABLE, "phone": CLEARABLE, "tax_id": CLEARABLE}
)
REDISPLAY = Choice(("always", "limited", "unspecified"))
BANK_ACCOUNT = Hash(
    {
        "account_holder_type": Choice(("company", "individual")),
        "account_number": TEXT,
        "account_type": Choice(("checking", "savings")),
        "financial_connections_account": Refused("it has no Financial Connections"),
        "routing_number": TEXT,
    }
)
PAYMENT_METHOD_DATA = Hash(
    {
        "allow_redisplay": REDISPLAY,
        "billing_details": BILLING_DETAILS,
        "link": Refused("only card and us_bank_account are in it"),
        "metadata": METADATA,
        "radar_options": Hash({"session": TEXT}),
        "type": Choice(TYPES),
        "us_bank_account": BANK_ACCOUNT,
    },
    required=("type",),
)

_ONLINE = {"ip_address": TEXT, "user_agent": TEXT}
_ACCEPTANCE: Schema = {
    "accepted_at": Integer(),
    "offline": Hash({}),
    "online": Hash(_ONLINE, required=("ip_address", "user_agent")),
    "type": Choice(("offline", "online")),
}
MANDATE_DATA = Hash(
    {"customer_acceptance": Hash(_ACCEPTANCE, required=("type",))}, required=("customer_acceptance",), clearable=True
)

_WORDS = ListOf(TEXT)
_FINANCIAL_CONNECTIONS = Hash(
    {
        "filters": Hash({"account_subcategories": _WORDS}),
        "permissions": _WORDS,
        "prefetch": _WORDS,
        "return_url": Address(),
    }
)
_BANK_OPTIONS: Schema = {
    "financial_connections": _FINANCIAL_CONNECTIONS,
    "mandate_options": Hash({"collection_method": Choice(("paper",), clearable=True)}),
    "networks": Hash({"requested": ListOf(Choice(("ach", "us_domestic_wire")))}),
    "verification_method": Choice(("automatic", "instant", "microdeposits")),
}
_NETWORK = Choice(("amex", "discover", "diners", "jcb", "mastercard", "unionpay", "unknown", "visa"))
_THREE_D_SECURE = Choice(("any", "automatic", "challenge"))
_MANDATED = Refused("card mandates of the Indian kind are not in it")
SETUP_OPTIONS = Hash(
    {
        "card": Hash(
            {
                "mandate_options": _MANDATED,
                "network": _NETWORK,
                "request_three_d_secure": _THREE_D_SECURE,
                "three_d_secure": NOT_3DS,
            }
        ),
        "link": Refused("only card and us_bank_account are in it"),
        "us_bank_account": Hash(_BANK_OPTIONS),
    }
)
_IF_AVAILABLE = Choice(("if_available", "never"))
_FUTURE_USE = Choice(("none", "off_session", "on_session"), clearable=True)
PAYMENT_OPTIONS = Hash(
    {
        "card": Hash(
            {
                "capture_method": Choice(("manual",), clearable=True),
                "cvc_token": TEXT,
                "installments": Refused("there are no installments in it"),
                "mandate_options": _MANDATED,
                "network": _NETWORK,
                "request_extended_authorization": _IF_AVAILABLE,
                "request_incremental_authorization": _IF_AVAILABLE,
                "request_multicapture": _IF_AVAILABLE,
                "request_overcapture": _IF_AVAILABLE,
                "request_three_d_secure": _THREE_D_SECURE,
                "require_cvc_recollection": Boolean(),
                "setup_future_usage": _FUTURE_USE,
                "statement_descriptor_suffix_kana": Text(22, clearable=True),
                "statement_descriptor_suffix_kanji": Text(17, clearable=True),
                "three_d_secure": NOT_3DS,
            },
            clearable=True,
        ),
        "link": Refused("only card and us_bank_account are in it"),
        "us_bank_account": Hash(
            {
                **_BANK_OPTIONS,
                "setup_future_usage": _FUTURE_USE,
                "target_date": TEXT,
                "transaction_purpose": Choice(("goods", "other", "services", "unspecified"), clearable=True),
            },
            clearable=True,
        ),
    }
)
AUTOMATIC = Hash(
    {"allow_redirects": Choice(("always", "never")), "enabled": Boolean()},
    required=("enabled",),
)
METHOD_TYPES = ListOf(TEXT, maximum=20)
CLEARABLE_METHOD_TYPES = ListOf(TEXT, maximum=20, clearable=True)
