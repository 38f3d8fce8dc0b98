"""The one account that every ``sk_test_`` key belongs to: https://docs.stripe.com/api/accounts."""

from sandbox.stripe.shapes import EXPAND
from sandbox.stripe.storage import Object
from sandbox.stripe.world import Call, Route


def retrieve(call: Call) -> Object:
    """GET /v1/account."""
    return {
        "id": call.world.account,
        "object": "account",
        "business_profile": {"name": "Sandbox", "support_email": None, "url": None},
        "business_type": "company",
        "capabilities": {"card_payments": "active", "us_bank_account_ach_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": "US",
        "default_currency": "usd",
        "details_submitted": True,
        "email": "sandbox@example.com",
        "metadata": {},
        "payouts_enabled": True,
        "settings": {"dashboard": {"display_name": "Sandbox", "timezone": "America/New_York"}},
        "type": "standard",
    }


ROUTES = [Route("GET", "/v1/account", retrieve, EXPAND)]
