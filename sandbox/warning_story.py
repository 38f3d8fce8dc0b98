"""The chapter of the demo in which money runs out: alerts, zero, the retention clock, and the recharge that ends it."""

from rich.markup import escape

from sandbox.telling import JSON, Teller, until_done

CFO = "cfo@example.com"


async def warn(story: Teller, card: JSON) -> None:
    """From the 299.0945 that the chapter before left down to nothing, and up again."""
    await _alerts(story)
    await _through_all(story)
    await _clock(story)
    await _restored(story, card)


async def _alerts(story: Teller) -> None:
    story.say("The owner adds an alert at $50.00 and an address; 250, 100 and 10 are built in")
    shown = await _put_alerts(story)
    recommended = f"${shown['recommended']}" if shown["recommended"] else "none yet"
    story.note(f"recommended: {recommended}. {shown['recommended_why']}")
    await story.own("POST", "/usage", {"amount": "60.00", "reference": "campaign-1"})
    await story.balance(available="239.0945", pending="0.00")
    (alert,) = await told(story, "balance_alert", 1)
    await read(story, alert)


async def _through_all(story: Teller) -> None:
    story.say("One charge falls through 100, 50 and 10 to zero: each is told once, and service stops at once")
    await story.own("POST", "/usage", {"amount": "239.0945", "reference": "campaign-2"})
    await story.balance(available="0.00", pending="0.00")
    refused = await story.http.post(
        story.own_url("/usage"), json={"amount": "0.0055", "reference": "call-4"}, auth=story.auth
    )
    story.expect(refused.status_code == 402, "the next call is refused", refused.text)
    story.note(f"402 {refused.json()['code']}: {refused.json()['detail']}")
    alerts = await told(story, "balance_alert", 4)
    amounts = {alert["threshold"] for alert in alerts}
    story.expect(amounts == {"250.00", "100.00", "50.00", "10.00"}, "one mail for each amount", amounts)
    (exhausted,) = await told(story, "balance_exhausted", 1)
    await read(story, exhausted)


async def _clock(story: Teller) -> None:
    story.say("Phone numbers are not removed right away: a workflow keeps the time, and a recharge ends it")
    balance = await until_done(
        lambda: story.own("GET", "/balance"), lambda found: found["retention_ends_at"] is not None
    )
    story.expect(balance["retention_ends_at"] is not None, "the retention clock runs", balance)
    story.note(f"status {balance['status']}, numbers kept until {balance['retention_ends_at'][:10]}")
    (recharge,) = (await story.own("GET", "/recharges?limit=1"))["data"]
    ui = recharge["workflow"]["url"].partition("/workflows/")[0]
    story.note(f"{ui}/workflows/retention%2F{story.account['id']}")


async def _restored(story: Teller, card: JSON) -> None:
    made = await story.recharge("100.00", card["id"])
    story.expect(made["status"] == "succeeded", "the recharge succeeded", made)
    await story.balance(available="100.00", pending="0.00")
    events = await until_done(
        lambda: story.call("GET", f"/v1/events?account={story.account['id']}&limit=100"),
        lambda found: "account.retention_canceled" in _types(found),
    )
    types = [name for name in reversed(_types(events)) if name.startswith(("balance.", "account.retention"))]
    story.expect("account.retention_canceled" in types, "the clock is over", types)
    story.note(f"what the platform heard: {', '.join(types)}")


async def _put_alerts(story: Teller) -> JSON:
    body = {"thresholds": ["50.00"], "emails": [CFO]}
    return await story.own("PUT", "/balance_alerts", body)


async def told(story: Teller, kind: str, count: int) -> list[JSON]:
    """The account's notices of this kind, once so many are written and sent, oldest first."""

    def done(found: JSON) -> bool:
        return len(found["data"]) == count and all(one["state"] == "sent" for one in found["data"])

    found = await until_done(lambda: story.own("GET", f"/notices?kind={kind}&limit=100"), done)
    story.expect(done(found), f"{count} times {kind}, sent", found)
    return found["data"][::-1]


async def read(story: Teller, notice: JSON) -> None:
    """The notice's mail as it lies in the inbox."""
    mails = (await story.http.get(f"{story.inbox_url}/messages")).json()
    copies = [mail for mail in mails if notice["id"] in mail["headers"].get("Message-ID", "")]
    wanted = {one["email"] for one in notice["recipients"]}
    story.expect({mail["to"] for mail in copies} == wanted, f"a mail to {wanted}", [mail["to"] for mail in copies])
    story.note(f"[dim]mail to[/] {escape(', '.join(sorted(wanted)))}")
    story.note(f"[bold]{escape(copies[0]['subject'])}[/]")
    first = copies[0]["text"].split("=\n\n", 1)[1].split("\n\n", 1)[0]
    story.note(f"[italic]{escape(' '.join(first.split()))}[/]")
    story.note(f"[dim]{story.inbox_url}/mails/{copies[0]['id']}[/]")


def _types(events: JSON) -> list[str]:
    return [one["type"] for one in events["data"]]
