"""docs/sandbox.md names every test value, control route and kind of fault that there is."""

from pathlib import Path

import pytest

from sandbox.stripe.faults import KINDS
from sandbox.stripe.server import Server
from sandbox.stripe.test_values import BANK_TOKENS, CARD_TOKENS

PAGE = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()
CARDS = {token.removeprefix("pm_card_").removeprefix("visa_charge") for token in CARD_TOKENS}


@pytest.mark.parametrize("token", sorted(CARDS))
def test_every_card_is_named(token: str):
    assert f"`{token}`" in PAGE or f"`charge{token}`" in PAGE


@pytest.mark.parametrize("token", BANK_TOKENS)
def test_every_bank_account_is_named_with_its_number(token: str):
    row = next(line for line in PAGE.splitlines() if f"`{token.removeprefix('pm_usBankAccount_')}`" in line)
    assert BANK_TOKENS[token].number in row


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_fault_is_named(kind: str):
    assert f"`{kind}`" in PAGE


async def test_every_control_route_is_named():
    async with Server() as server:
        paths = [route.path for route in server._application().routes if route.path.startswith("/_sandbox/")]
    pages = {"/_sandbox/3ds/{id}", "/_sandbox/microdeposits/{id}"}
    known = PAGE.replace("{pi}", "{id}").replace("{seti}", "{id}").replace("{ch}", "{id}").replace("{dp}", "{id}")
    known = known.replace("{re}", "{id}").replace("{pm}", "{id}").replace("…/", "/_sandbox/")
    known = known.replace("/_sandbox/return", "/_sandbox/payment_intents/{id}/return")
    missing = [path for path in paths if path not in known and path not in pages]
    assert missing == []
