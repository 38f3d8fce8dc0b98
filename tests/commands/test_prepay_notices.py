"""``prepay notices`` and ``prepay account show``, as an operator runs them."""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime

import pytest

from store import notices
from store.database import Database
from tests.ledger.accounts import NOW
from tests.store.alerting import open_customer
from tests.store.scheduling import open_payer


@pytest.fixture
async def customer(database):
    """Spent from 120 down to nothing: two alerts and zero."""
    async with Database(database.app_url) as store:
        made = await open_customer(store, now=NOW, dollars=120)
        await made.put(emails=["cfo@[customer].example"])
        await made.spend(100)
        await made.hand_on()
        await made.spend(20)
        await made.hand_on()
        yield made


@pytest.fixture
def prepay(database):
    """Run the command; gives exit code, standard output and standard error."""

    async def run(*words):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cli", *words,
            env={**os.environ, "PREPAY_DATABASE_URL": database.app_url, "COLUMNS": "200"},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    return run


async def test_every_notice_is_listed_newest_first_with_the_state_of_each_copy(prepay, customer):
    async with customer.store.transaction() as session:
        (oldest,) = await customer._rows("SELECT id FROM notice ORDER BY id LIMIT 1")
        await notices.answered(session, oldest.id, email="ada@customer.example", state="sent", now=customer.now())
    code, text, _ = await prepay("notices", customer.account_id, "--json")
    assert code == 0
    listed = json.loads(text)
    assert [(one["kind"], one["threshold"], one["balance"]) for one in listed] == [
        ("balance_exhausted", None, "0.00"),
        ("balance_alert", "10.00", "0.00"),
        ("balance_alert", "100.00", "20.00"),
    ]
    states = {copy["email"]: copy["state"] for copy in listed[-1]["recipients"]}
    assert states == {"ada@customer.example": "sent", "cfo@[customer].example": "pending"}


async def test_people_read_a_table(prepay, customer):
    code, text, _ = await prepay("notices", customer.account_id)
    assert code == 0
    assert "below $100.00, $20.00 left" in text
    assert "cfo@[customer].example pending" in text
    assert "balance_exhausted" in text


async def test_filters(prepay, customer):
    _, text, _ = await prepay("notices", customer.account_id, "--kind", "balance_exhausted", "--json")
    assert [one["kind"] for one in json.loads(text)] == ["balance_exhausted"]
    _, text, _ = await prepay("notices", customer.account_id, "--state", "failed")
    assert text == "No notices.\n"
    _, text, _ = await prepay("notices", customer.account_id, "--limit", "1", "--json")
    assert len(json.loads(text)) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--kind", "love_letter"], "no notice is called love_letter"),
        (["--state", "lost"], "lost is none of pending"),
        (["MA000000000000000000"], "there is no account MA000000000000000000"),
    ],
)
async def test_what_is_wrong_is_said_in_one_line(prepay, customer, words, said):
    account = [] if words[0].startswith("MA") else [customer.account_id]
    code, text, err = await prepay("notices", *account, *words)
    assert (code, text) == (2, "")
    assert said in " ".join(err.split())
    assert "Traceback" not in err


async def test_an_account_shows_its_alerts_and_its_clock(prepay, customer):
    code, text, _ = await prepay("account", "show", customer.account_id, "--json")
    assert code == 0
    shown = json.loads(text)
    assert shown["alerts"] == "250.00, 100.00, 10.00"
    assert shown["retention_ends_at"].startswith("2026-12-24")
    assert (shown["available"], shown["status"]) == ("0.00", "active")
    assert (shown["auto_recharge"], shown["auto_recharge_why"]) == (
        "off", "Off until a minimum and an amount are chosen.",
    )  # fmt: skip
    assert (shown["next_scheduled_debit_on"], shown["payment_schedule_why"]) == (None, "There is no payment schedule.")


async def test_an_account_shows_when_its_next_monthly_debit_is_made(prepay, customer):
    now = datetime.now(UTC)
    payer = await open_payer(customer.store, now=now)
    row = await payer.put(15, now=now)
    code, text, _ = await prepay("account", "show", payer.account_id, "--json")
    assert code == 0
    shown = json.loads(text)
    assert shown["next_scheduled_debit_on"] == str(row.next_debit_on)
    assert "at 09:00 Eastern" in shown["payment_schedule_why"]
