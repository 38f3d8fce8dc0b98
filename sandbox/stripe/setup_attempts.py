"""Setup attempts, one for each confirm of a setup intent: https://docs.stripe.com/api/setup_attempts."""

from sandbox.stripe import lists
from sandbox.stripe.parameters import Schema
from sandbox.stripe.shapes import CREATED, PAGE, TEXT
from sandbox.stripe.storage import Object
from sandbox.stripe.world import Call, Route, World


def begin(world: World, intent: Object, method: Object, *, three_d_secure: Object | None) -> Object:
    """The attempt that a confirm makes."""
    details: Object = {}
    if method["type"] == "card":
        card = method["card"]
        named = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "wallet")
        details = {**{name: card[name] for name in named}, "network": card["brand"], "three_d_secure": three_d_secure}
    members: Object = {
        "application": None,
        "customer": intent["customer"],
        "customer_account": None,
        "flow_directions": None,
        "on_behalf_of": None,
        "payment_method": method["id"],
        "payment_method_details": {"type": method["type"], method["type"]: details},
        "setup_error": None,
        "setup_intent": intent["id"],
        "status": "processing",
        "usage": intent["usage"],
    }
    attempt = world.add("setup_attempt", members)
    intent["latest_attempt"] = attempt["id"]
    return attempt


def finish(world: World, intent: Object, status: str, *, error: Object | None = None) -> None:
    """Note how an intent's latest attempt stands."""
    attempt = world.store.get(intent["latest_attempt"] or "")
    if attempt is not None:
        world.save({**attempt, "status": status, "setup_error": error})


def index(call: Call) -> Object:
    """GET /v1/setup_attempts of one setup intent."""
    return lists.page(call, "setup_attempt", url="/v1/setup_attempts", filters=("setup_intent",))


_LIST: Schema = {**PAGE, "created": CREATED, "setup_intent": TEXT}
ROUTES = [Route("GET", "/v1/setup_attempts", index, _LIST, ("setup_intent",))]
