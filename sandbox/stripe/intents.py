"""What payment intents and setup intents have in common."""

from typing import Any, cast

from sandbox.stripe import payment_methods
from sandbox.stripe.errors import StripeError, invalid, refused
from sandbox.stripe.ids import letters
from sandbox.stripe.shapes import TYPES
from sandbox.stripe.storage import Object
from sandbox.stripe.world import World, public

_REDIRECTS = (
    "This {name} is configured to accept payment methods enabled in your Dashboard. Because some of these "
    "payment methods might redirect your customer off of your page, you must provide a `return_url`. If you don't want "
    "to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and "
    "`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents."
)
NAMES = {"payment_intent": "PaymentIntent", "setup_intent": "SetupIntent"}


def method_types(params: dict[str, Any]) -> tuple[list[str], Object | None]:
    """``payment_method_types`` and ``automatic_payment_methods`` of a new intent."""
    automatic = cast("Object | None", params.get("automatic_payment_methods"))
    if "payment_method_types" in params:
        if automatic is not None and automatic["enabled"]:
            raise invalid(
                "You may only specify one of these parameters: automatic_payment_methods, payment_method_types.",
                code="parameters_exclusive",
            )
        return check_types(params["payment_method_types"]), None
    if automatic is None:
        return list(TYPES), {"allow_redirects": "always", "enabled": True}
    if not automatic["enabled"]:
        return ["card"], None
    return list(TYPES), {"allow_redirects": "always", **automatic}


def check_types(types: list[str]) -> list[str]:
    """Types that the sandbox has; any other is refused as an account without it would."""
    for kind in types:
        if kind not in TYPES:
            raise invalid(
                f"The payment method type provided: {kind} is invalid. The sandbox has card and us_bank_account.",
                param="payment_method_types",
                code="payment_intent_invalid_parameter",
            )
    if not types or len(set(types)) != len(types):
        raise invalid("Invalid array: payment_method_types", param="payment_method_types")
    return types


def secret(body: Object) -> str:
    """A client secret for an intent."""
    return f"{body['id']}_secret_{letters(25)}"


def check_secret(intent: Object, params: dict[str, Any]) -> None:
    """A client secret, if given, must be the intent's own."""
    if "client_secret" in params and params["client_secret"] != intent["client_secret"]:
        raise refused("The client_secret provided does not match the client_secret associated with this intent.")


def chosen_method(world: World, intent: Object, params: dict[str, Any]) -> Object | None:
    """The payment method that a request names, builds or leaves as it is; it fits the intent or is refused."""
    if "payment_method" in params and "payment_method_data" in params:
        raise invalid(
            "You may only specify one of these parameters: payment_method, payment_method_data.",
            code="parameters_exclusive",
        )
    if "payment_method_data" in params:
        method = payment_methods.build(world, params["payment_method_data"], within="payment_method_data")
    elif params.get("payment_method"):
        method = payment_methods.resolve(world, params["payment_method"])
    elif intent["payment_method"]:
        method = world.get("payment_method", intent["payment_method"])
    else:
        return None
    fits(intent, method)
    return method


def fits(intent: Object, method: Object) -> None:
    """Raise when the intent cannot use this method: another type, another customer, used up."""
    name = NAMES[intent["object"]]
    if method["type"] not in intent["payment_method_types"]:
        allowed = ", ".join(intent["payment_method_types"])
        raise refused(
            f"The PaymentMethod provided ({method['type']}) is not allowed for this {name}. Please attach a "
            f"PaymentMethod of one of the following types: {allowed}",
            code=f"{intent['object']}_incompatible_payment_method",
            param="payment_method",
        )
    payment_methods.usable(method)
    if method["customer"] is not None and method["customer"] != intent["customer"]:
        if intent["customer"] is None:
            message = f"The payment method {method['id']} belongs to a customer: name that customer on the {name}."
        else:
            message = (
                f"The PaymentMethod {method['id']} does not belong to the Customer {intent['customer']} you supplied. "
                "Please use this PaymentMethod with the Customer that it belongs to instead."
            )
        raise refused(message, code="payment_method_unexpected_state", param="payment_method")


def merge_options(intent: Object, given: Any) -> None:
    """Payment method options after a request: per type, ``""`` clears."""
    options = dict(intent["payment_method_options"] or {})
    for kind, chosen in cast("Object", given or {}).items():
        if chosen == "":
            options.pop(kind, None)
            continue
        merged = {**options.get(kind, {}), **chosen}
        options[kind] = {name: value for name, value in merged.items() if value != "" and name not in _SILENT}
    intent["payment_method_options"] = options


def check_redirects(intent: Object, params: dict[str, Any]) -> None:
    """An intent whose methods Stripe chooses might redirect the customer: then a return URL is required."""
    automatic = intent["automatic_payment_methods"]
    if automatic and automatic.get("allow_redirects") != "never" and "return_url" not in params:
        raise refused(_REDIRECTS.format(name=NAMES[intent["object"]]))


def wrong_state(intent: Object, message: str) -> StripeError:
    """``payment_intent_unexpected_state`` with the intent inside."""
    kind = intent["object"]
    return refused(message, code=f"{kind}_unexpected_state", details={kind: public(intent)})


def only_when_confirmed(params: dict[str, Any], names: tuple[str, ...]) -> None:
    """Some parameters of a create make sense only together with ``confirm=true``."""
    for name in names:
        if name in params and not params.get("confirm"):
            raise invalid(f"You can only use {name} when confirm is true.", param=name)


# Accepted and not shown on the intent (cvc_token), or of no effect here (networks).
_SILENT = ("cvc_token", "networks")
