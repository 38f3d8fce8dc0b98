"""C4: the link leads to the bank's page and back; it confirms the one payment, once for all tabs."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest

SHOP = "https://shop.example/thanks?order=7#top"


@pytest.fixture
async def asked(stack):
    """A payment that waits for its customer."""
    return await ask(stack, return_url=SHOP)


async def test_the_first_answer_again_has_the_link_too(stack):
    account = await stack.account()
    card = await stack.card(account, "pm_card_authenticationRequired")
    first, again = [await stack.ask(account, card, key="the same") for _ in range(2)]
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert first.json()["action_url"]
    assert again.content == first.content


async def ask(stack, **more):
    account = await stack.account()
    made = await stack.recharge(account, await stack.card(account, "pm_card_authenticationRequired"), **more)
    assert made["status"] == "requires_action"
    assert made["action_url"].startswith(f"{stack.api_url}/pay/")
    return account, made


async def attempts(stack, made):
    query = "SELECT number, off_session FROM charge_attempt WHERE recharge_id = $1 ORDER BY number"
    return [tuple(row) for row in await stack.rows(query, made["id"])]


async def at_the_bank(stack, link, outcome):
    """What the customer does: follow the link, decide, come back. Gives the address of the way back."""
    to_bank = await stack.http.get(link)
    assert to_bank.status_code == 303
    page = await stack.http.get(to_bank.headers["Location"])
    assert "approve 50.00 USD" in page.text
    back = await stack.http.post(to_bank.headers["Location"], data={"outcome": outcome})
    assert back.status_code == 303
    return back.headers["Location"]


@pytest.mark.parametrize(("outcome", "status"), [("succeed", "succeeded"), ("fail", "failed")])
async def test_there_and_back(stack, asked, outcome, status):
    account, made = asked
    back = await at_the_bank(stack, made["action_url"], outcome)
    assert back.startswith(f"{made['action_url']}/done?")
    home = await stack.http.get(back)
    assert home.status_code == 303
    place = urlsplit(home.headers["Location"])
    assert (place.hostname, place.path, place.fragment) == ("shop.example", "/thanks", "top")
    assert parse_qs(place.query) == {"order": ["7"], "recharge": [made["id"]], "status": [status]}
    done = await stack.until_status(account, made["id"], status)
    assert done["action_url"] is None
    assert await attempts(stack, made) == [(1, True), (2, False)]
    assert await stack.credits(account) == (1 if status == "succeeded" else 0)
    assert await stack.balance(account) == ("50.00" if status == "succeeded" else "0.00", "0.00")
    page = await stack.http.get(made["action_url"])
    assert page.status_code == 200
    assert ("Paid: $50.00" if status == "succeeded" else "Nothing was charged") in page.text


async def test_five_tabs_at_once_are_one_confirm(stack, asked):
    _, made = asked
    tabs = await asyncio.gather(*(stack.http.get(made["action_url"]) for _ in range(5)))
    assert {tab.status_code for tab in tabs} == {303}
    assert len({tab.headers["Location"] for tab in tabs}) == 1
    assert (await stack.http.get(made["action_url"])).headers["Location"] == tabs[0].headers["Location"]
    assert await attempts(stack, made) == [(1, True), (2, False)]


async def test_without_a_return_url_there_is_a_page(stack):
    account, made = await ask(stack)
    link = made["action_url"]
    await stack.http.get(link)
    left = await stack.http.get(f"{link}/done")
    assert left.status_code == 200
    assert "waits for you" in left.text
    assert f'href="{link}"' in left.text
    home = await stack.http.get(await at_the_bank(stack, link, "succeed"))
    assert "Paid: $50.00" in home.text
    assert home.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert home.headers["Referrer-Policy"] == "no-referrer"
    assert await stack.credits(account) == 1


@pytest.mark.parametrize("opened_before", [False, True])
async def test_after_24_hours_it_leads_nowhere(stack, asked, opened_before):
    _, made = asked
    if opened_before:
        await stack.http.get(made["action_url"])
    had = await attempts(stack, made)
    await stack.rows("UPDATE recharge SET action_expires_at = now() - interval '1 s' WHERE id = $1", made["id"])
    page = await stack.http.get(made["action_url"])
    assert page.status_code == 200
    assert "is over" in page.text
    assert await attempts(stack, made) == had


async def test_a_customer_who_confirms_after_the_cancel_pays_nothing(stack, asked):
    account, made = asked
    to_bank = (await stack.http.get(made["action_url"])).headers["Location"]
    canceled = await stack.ok("POST", f"/v1/accounts/{account}/recharges/{made['id']}/cancel")
    assert canceled["status"] == "canceled"
    late = await stack.http.post(to_bank, data={"outcome": "succeed"})
    assert late.status_code == 400
    home = await stack.http.get(f"{made['action_url']}/done")
    assert parse_qs(urlsplit(home.headers["Location"]).query)["status"] == ["canceled"]
    assert "was canceled" in (await stack.http.get(made["action_url"])).text
    assert await stack.charges(made["id"]) == []
    assert await stack.balance(account) == ("0.00", "0.00")


@pytest.mark.parametrize("token", ["x" * 43, "x", "x" * 3000, "%C3%A9", "%00", "%20", "a.b"])
@pytest.mark.parametrize("suffix", ["", "/done"])
async def test_another_token_is_a_page_that_says_so(stack, token, suffix):
    page = await stack.http.get(f"{stack.api_url}/pay/{token}{suffix}")
    assert page.status_code == 404
    assert "This link is not valid" in page.text
