"""The chapter of the demo in which money comes by itself: auto-recharge, a card that declines, the back-up, a pause."""

from rich.markup import escape

from sandbox.telling import JSON, Teller, until_done
from sandbox.warning_story import read, told

MINIMUM, AMOUNT = "50.00", "75.00"
LOST = {"kind": "decline", "payment_method": "*", "decline_code": "lost_card", "advice_code": "do_not_try_again"}


async def recharge_by_itself(story: Teller, *, card: JSON, declining: JSON) -> None:
    """From the 100.00 that the chapter before left to 145.00, by two cards."""
    await _at_the_minimum(story, card)
    await _declined(story, declining)
    await _back_up(story, card)
    await _paused(story)
    await _lifted(story, card)


async def _at_the_minimum(story: Teller, card: JSON) -> None:
    story.say(f"Auto-recharge: at ${MINIMUM} or less, ${AMOUNT} more, without anyone acting")
    shown = await _settings(story, payment_method=card["id"])
    story.note(shown["why"])
    await _use(story, "55.00")
    await _until_available(story, "120.00")
    await story.balance(available="120.00", pending="0.00")
    made = await _newest(story)
    story.timeline(made)
    story.note(f"[dim]{made['workflow']['url']}[/]")


async def _declined(story: Teller, declining: JSON) -> None:
    story.say("A card that declines is asked once, and the next try has its time")
    await _settings(story, payment_method=declining["id"])
    await _use(story, "75.00")
    shown = await _until_state(story, "retrying")
    story.note(f"next try {_moment(shown['next_attempt_at'])}: {shown['why']}")
    (notice,) = await told(story, "auto_recharge_declined", 1)
    await read(story, notice)
    await _use(story, "10.00")
    sooner = await until_done(
        lambda: _shown(story), lambda found: found["next_attempt_at"] not in {None, shown["next_attempt_at"]}
    )
    story.expect(sooner["next_attempt_at"] < shown["next_attempt_at"], "it is tried sooner", sooner)
    story.note(f"the balance falls on: tried {_moment(sooner['next_attempt_at'])}. {sooner['why']}")
    made = await _newest(story)
    declines = [one["what"] for one in made["timeline"]].count("declined")
    story.expect(declines == 1, "the card was asked once", made["timeline"])


async def _back_up(story: Teller, card: JSON) -> None:
    story.say("Another card, whose bank says that it is lost: asked once, and the back-up pays the same payment")
    await _settings(story, payment_method=await _lost_card(story, "mastercard"), backup_payment_method=card["id"])
    await _until_available(story, "110.00")
    await story.balance(available="110.00", pending="0.00")
    made = await _newest(story)
    story.expect(made["payment_method"] == card["id"], "the back-up paid", made)
    story.timeline(made)


async def _paused(story: Teller) -> None:
    story.say("Without a back-up auto-recharge pauses, and says why")
    await _settings(story, payment_method=await _lost_card(story, "amex"))
    await _use(story, "65.00")
    shown = await _until_state(story, "paused")
    story.note(f"{shown['paused_reason']}: {shown['why']}")
    (notice,) = await told(story, "auto_recharge_paused", 1)
    await read(story, notice)
    await story.balance(available="45.00", pending="0.00")


async def _lifted(story: Teller, card: JSON) -> None:
    story.say("A recharge of the owner's own lifts the pause; every decision is kept with its reason")
    made = await story.recharge("100.00", card["id"])
    story.expect(made["status"] == "succeeded", "the recharge succeeded", made)
    shown = await _until_state(story, "watching")
    for one in reversed(shown["decisions"]):
        story.note(f"[dim]{_moment(one['at'])}[/] {one['what']} [dim]· {escape(one['why'])}[/]")
    await story.balance(available="145.00", pending="0.00")


async def _lost_card(story: Teller, brand: str) -> str:
    """A card that is declined at its next charge, by the issuer's word for good."""
    card = await story.own("POST", "/cards", {"payment_method": f"pm_card_{brand}"})
    await story.control("/faults", LOST)
    return card["id"]


async def _settings(story: Teller, **methods: str) -> JSON:
    return await story.own("PUT", "/auto_recharge", {"minimum": MINIMUM, "amount": AMOUNT, **methods})


async def _shown(story: Teller) -> JSON:
    return await story.own("GET", "/auto_recharge")


async def _until_state(story: Teller, state: str) -> JSON:
    shown = await until_done(lambda: _shown(story), lambda found: found["state"] == state)
    story.expect(shown["state"] == state, f"auto-recharge is {state}", shown)
    return shown


async def _until_available(story: Teller, amount: str) -> None:
    await until_done(
        lambda: story.own("GET", "/balance"), lambda found: (found["available"], found["pending"]) == (amount, "0.00")
    )


async def _newest(story: Teller) -> JSON:
    (made,) = (await story.own("GET", "/recharges?limit=1"))["data"]
    story.expect(made["kind"] == "auto", "it came by itself", made)
    return made


async def _use(story: Teller, amount: str) -> None:
    story.used += 1
    await story.own("POST", "/usage", {"amount": amount, "reference": f"traffic-{story.used}"})


def _moment(at: str) -> str:
    return at[:16].replace("T", " ")
