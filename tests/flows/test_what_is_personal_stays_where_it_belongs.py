"""I5, C1, decision 8: canaries go through every flow, then logs, Temporal, tables and mails are searched for them."""

import pytest
from installation import OPERATORS, Installation

NAME, EMAIL = "Canary Zwingli-Quux", "canary.zwingli@quux.example"
ADDRESS, AGENT = "198.51.100.213", "CanaryBrowser/77.3"
SHOP = "https://shop.example/canary-basket-1234"
NOTE = "canary-note-in-metadata"
CARD, ACCOUNT, ROUTING = "4000056655665556", "000123456789", "110000000"
WRONG, RIGHT = "SMQX7W", "SM11AA"
KEY = "canary-idempotency-key-0815"
QUERY = "canary-in-a-query"


@pytest.fixture(scope="module")
async def lived(stack) -> tuple[Installation, dict[str, str]]:
    """An account that has been through everything; and what it was told in confidence."""
    made = await stack.ok("POST", "/v1/accounts", {"name": NAME, "email": EMAIL, "address": "Canary Street 12"})
    account, secrets = made["id"], {"auth token": made["auth_token"]}
    card = await stack.card(account)
    secure = await stack.card(account, "pm_card_authenticationRequired")
    await stack.add_card(account, "pm_card_chargeDeclined")
    bank = await stack.add_bank(account, ip_address=ADDRESS, user_agent=AGENT)
    assert (await stack.enter(account, bank, WRONG)).json()["code"] == "code_mismatch"
    assert (await stack.enter(account, bank, RIGHT)).is_success

    paid = await stack.recharge(account, card, key=KEY, return_url=SHOP, metadata={"note": NOTE})
    debit = await stack.recharge(account, bank)
    intent = await stack.until_intent(debit["id"], "processing")
    await stack.control(f"payment_intents/{intent['id']}/settle", {})
    await stack.until_status(account, debit["id"], "succeeded")
    asked = await stack.recharge(account, secure, return_url=SHOP)
    secrets["customer's link"] = asked["action_url"].rpartition("/")[2]
    to_bank = (await stack.http.get(asked["action_url"])).headers["Location"]
    back = await stack.http.post(to_bank, data={"outcome": "succeed"})
    await stack.http.get(back.headers["Location"])
    await stack.until_status(account, asked["id"], "succeeded")
    (charge,) = await stack.charges(paid["id"])
    await stack.control(f"charges/{charge['id']}/dispute", {"reason": "fraudulent"})
    await forbidden(stack, account)
    await stack.ok("DELETE", f"/v1/accounts/{account}/bank_accounts/{bank}")
    await stack.until_row(
        "every mail to be sent", "SELECT bool_and(state <> 'pending') FROM notice WHERE account_id = $1", account
    )
    await stack.until_row("the dispute to be told", "SELECT count(*) > 0 FROM notice WHERE kind = 'event_kept'")
    return stack, secrets


async def forbidden(stack, account) -> None:
    """What must never be sent to us, sent to us."""
    path = f"/v1/accounts/{account}"
    for where, body in (
        (f"{path}/cards", {"payment_method": CARD}),
        (f"{path}/cards", {"payment_method": "pm_card_visa", "number": CARD}),
        (f"{path}/cards", {"payment_method": "pm_card_visa", "card": {"number": CARD, "cvc": "987"}}),
        (f"{path}/bank_accounts", {"account_number": ACCOUNT, "routing_number": ROUTING}),
        (f"{path}/bank_accounts", {"payment_method": "pm_x", "mandate": {"user_agent": f"card {CARD}"}}),
        (f"{path}/recharges", {"amount": "50.00", "payment_method": CARD}),
        (f"{path}/recharges", {"amount": "50.00", "payment_method": "card_1", "metadata": {"account_number": ACCOUNT}}),
        ("/v1/accounts", {"name": f"Ada {CARD}", "email": "ada@example.com"}),
    ):
        answer = await stack.call("POST", where, body, Idempotency_Key="canary-refused")
        assert answer.status_code in {400, 422}, answer.text
        assert CARD not in answer.text
        assert ACCOUNT not in answer.text
    refused = await stack.call("GET", f"/v1/accounts?name={QUERY}")
    assert refused.status_code in {400, 422}
    malformed = await stack.call("POST", f"{path}/cards", {"payment_method": {NAME: [EMAIL, CARD]}})
    assert malformed.status_code in {400, 422}


NUMBERS = {"card number": CARD, "account number": ACCOUNT, "routing number": ROUTING, "wrong code": WRONG}
PERSONAL = {
    "name": NAME, "e-mail": EMAIL, "address": ADDRESS, "user agent": AGENT, "shop": SHOP, "note": NOTE, "query": QUERY,
    "street": "Canary Street",
}  # fmt: skip


def absent(text: str, values: dict[str, str], where: str) -> None:
    assert len(text) > 1000, f"{where} is hardly there"
    assert [what for what, value in values.items() if value in text] == [], f"found in {where}"


async def test_not_in_any_log(lived):
    stack, secrets = lived
    absent(stack.logs(), PERSONAL | NUMBERS | secrets | {"right code": RIGHT, "token": "pm_card_visa"}, "the logs")


async def test_not_in_temporal(lived):
    stack, secrets = lived
    client = await stack.temporal()
    found: list[str] = []
    async for one in client.list_workflows(f"TaskQueue = '{stack.task_queue}'"):
        history = await client.get_workflow_handle(one.id, run_id=one.run_id).fetch_history()
        found += [event.SerializeToString().decode("latin-1") for event in history.events]
    assert any("recharge/" in text for text in found)
    wanted = PERSONAL | NUMBERS | secrets | {"right code": RIGHT, "token": "pm_card_visa", "key": KEY}
    absent("\n".join(found), wanted, "the histories")


async def test_no_number_or_secret_in_any_table(lived):
    stack, secrets = lived
    tables = await stack.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    text = ""
    for (table,) in tables:
        rows = await stack.rows(f"SELECT t::text FROM {table} t")
        text += "".join(f"{table} {row[0]}\n" for row in rows)
    assert NAME in text
    absent(text, NUMBERS | secrets, "the tables")


async def test_the_processors_events_leave_nothing_personal_behind(lived):
    stack, secrets = lived
    rows = await stack.rows("SELECT i::text FROM inbox i")
    absent("\n".join(row[0] for row in rows), PERSONAL | NUMBERS | secrets, "the inbox")


async def test_events_for_the_platform_hold_nothing_personal(lived):
    stack, secrets = lived
    rows = await stack.rows("SELECT e::text FROM event e")
    text = "\n".join(row[0] for row in rows)
    assert "recharge.succeeded" in text
    assert "bank_account.removed" in text
    absent(text, PERSONAL | NUMBERS | secrets | {"right code": RIGHT, "token": "pm_card_visa"}, "the events")


async def test_no_number_in_any_mail_and_nothing_personal_in_those_to_operators(lived):
    stack, _ = lived
    mails = stack.mailbox.all()
    assert any(EMAIL in mail.recipients for mail in mails)
    text = "\n".join(f"{mail.subject}\n{mail.body('plain')}\n{mail.body('html')}" for mail in mails)
    absent(text, NUMBERS | {"right code": RIGHT}, "the mails")
    internal = "\n".join(
        f"{mail.subject}\n{mail.body('plain')}\n{mail.body('html')}" for mail in stack.mails(to=OPERATORS)
    )
    absent(internal, {name: value for name, value in PERSONAL.items() if name != "name"}, "the mails to operators")
