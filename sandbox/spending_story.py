"""The chapter of the demo in which money is spent: a subaccount calls, holds, and is stopped."""

import httpx2

from sandbox.telling import JSON, Teller


async def spend(story: Teller) -> None:
    """Usage, a hold, a batch and an authorisation, on the 315.00 that the chapters before brought in."""
    subaccount = await _subaccount(story)
    await _call(story, subaccount)
    await _hold(story)
    await _batch(story, subaccount)
    await _refusal(story, subaccount)


async def _subaccount(story: Teller) -> JSON:
    story.say("A subaccount with credentials and a monthly budget of its own; the main account pays")
    fields = {"name": "Branch office", "enabled": True, "monthly_budget": "20.00", "sender_ids": ["+14155550100"]}
    made = await story.own("POST", "/subaccounts", fields)
    story.note(f"Auth ID {made['auth_id']}, budget ${made['monthly_budget']}, may send as {made['sender_ids'][0]}")
    return made


async def _call(story: Teller, subaccount: JSON) -> None:
    story.say("May this call go out? One question before it, one charge after it")
    asked = {
        "auth_id": subaccount["auth_id"],
        "auth_token": subaccount["auth_token"],
        "sender_id": "+14155550100",
        "amount": "0.0055",
    }
    answer = await story.call("POST", "/v1/authorize", asked)
    story.expect(answer["allowed"], "the call may go out", answer)
    auth = httpx2.BasicAuth(subaccount["auth_id"], subaccount["auth_token"])
    charge = {"amount": "0.0055", "reference": "call-1", "sender_id": "+14155550100"}
    first = await story.http.post(story.own_url("/usage"), json=charge, auth=auth)
    again = await story.http.post(story.own_url("/usage"), json=charge, auth=auth)
    story.expect(first.status_code == 201 and first.json() == again.json(), "charged once", again.text)
    story.note(f"$0.0055 charged once, under the reference call-1; available after it ${first.json()['available']}")


async def _hold(story: Teller) -> None:
    story.say("A long call reserves $12.00 first, uses $8.40 of it, and the rest is free again")
    hold = await story.own("POST", "/holds", {"amount": "12.00", "reference": "call-2", "expires_in": 3600})
    await story.balance(available="302.9945", pending="0.00")
    await story.own("POST", f"/holds/{hold['id']}/capture", {"amount": "8.40"})
    await story.balance(available="306.5945", pending="0.00")


async def _batch(story: Teller, subaccount: JSON) -> None:
    story.say("The platform charges a thousand messages in one request; each has its own answer")
    charges = [
        {
            "account": story.account["id"],
            "subaccount": subaccount["auth_id"],
            "amount": "0.0075",
            "reference": f"sms-{n}",
        }
        for n in range(1_000)
    ]
    results = (await story.call("POST", "/v1/usage/batch", {"charges": charges}))["results"]
    posted = sum(result["status"] == "posted" for result in results)
    story.expect(posted == len(charges), "all are posted", results[0])
    again = (await story.call("POST", "/v1/usage/batch", {"charges": charges}))["results"]
    story.expect({result["status"] for result in again} == {"replayed"}, "sent again, nothing is charged", again[0])
    story.note(f"{posted} posted; sent again, {len(again)} replayed and nothing charged")
    await story.balance(available="299.0945", pending="0.00")


async def _refusal(story: Teller, subaccount: JSON) -> None:
    story.say("Its budget is spent before its main account's money is: usage is refused, with the reason")
    charge = {"amount": "15.00", "reference": "call-3", "subaccount": subaccount["auth_id"]}
    refused = await story.http.post(story.own_url("/usage"), json=charge, auth=story.auth)
    story.expect(refused.status_code == 402, "it is refused", refused.text)
    story.note(f"402 {refused.json()['code']}: {refused.json()['detail']}")
