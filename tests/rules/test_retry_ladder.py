"""D6, D7, D8: what an automatic recharge does after a decline, case by case."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rules.declines import ACH_PRESENT_AGAIN, ACH_RETURNS, RATE_LIMITED, explain
from rules.retry_ladder import (
    LADDER,
    STEPS,
    AwaitCustomer,
    Confirm,
    Drop,
    Episode,
    GiveUp,
    Stop,
    Tried,
    Wait,
    decide,
    reached,
    steps_left,
)

START = datetime(2026, 11, 24, 15, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
DOLLAR = 1_000_000
CARD, OTHER, BANK = "card_primary", "card_backup", "bank_primary"
EPISODE = Episode(
    primary=CARD,
    primary_kind="card",
    backup=None,
    tried=(),
    minimum_micros=100 * DOLLAR,
    available_micros=100 * DOLLAR,
    total_without_micros=100 * DOLLAR,
)


def tried(
    at=START, *, code="insufficient_funds", method=CARD, trigger="first", step=None, ended=True, number=1
) -> Tried:
    """A confirm made at ``at`` that failed a second later."""
    decline = explain(code=code, network_decline_code=code if code in ACH_RETURNS else None)
    return Tried(
        number=number,
        method_id=method,
        trigger=trigger,
        step_percent=step,
        created_at=at - timedelta(seconds=1),
        ended_at=at if ended else None,
        failure_code=decline.code if ended else None,
        retry=decline.retry if ended else None,
    )


def after(*confirms: Tried, at: datetime, available: int = 100, **changes):
    """What is decided at ``at`` after these, with so many dollars available."""
    balance = {"available_micros": available * DOLLAR, "total_without_micros": available * DOLLAR}
    return decide(replace(EPISODE, tried=confirms, **balance | changes), now=at)


def test_the_first_confirm_is_of_the_primary():
    assert decide(EPISODE, now=START) == Confirm(CARD, "first", None, "The balance has reached the minimum.")


def test_two_are_never_in_flight():
    with pytest.raises(ValueError, match="has not ended"):
        after(tried(ended=False), at=START + DAY)


def test_the_ladder_by_time_then_it_is_over():
    """A full minimum, so that no step is reached: 1 hour, 1 day, 3 days after each decline; four confirms."""
    confirms, now = [tried()], START
    for rung in LADDER:
        waits = after(*confirms, at=now)
        assert isinstance(waits, Wait)
        assert (waits.until, waits.trigger, waits.watched) == (now + rung, "rung", STEPS)
        assert isinstance(after(*confirms, at=waits.until - timedelta(microseconds=1)), Wait)
        now = waits.until
        again = after(*confirms, at=now)
        assert isinstance(again, Confirm)
        assert (again.method_id, again.trigger) == (CARD, "rung")
        confirms.append(tried(now, trigger="rung"))
    over = after(*confirms, at=now)
    assert over == GiveUp("insufficient_funds", "The last rung of the ladder was declined. No other method is left.")


def test_steps_each_once_and_five_confirms_at_most():
    confirms, now = [tried()], START
    for step in STEPS:
        now += HOUR / 2
        again = after(*confirms, at=now, available=step)
        assert isinstance(again, Confirm)
        assert (again.trigger, again.step_percent) == ("step", step)
        confirms.append(tried(now, trigger="step", step=step))
    over = after(*confirms, at=now + 9 * DAY, available=0)
    assert over == GiveUp("insufficient_funds", "The method has been tried five times. No other method is left.")


def test_a_step_uses_up_those_above_it():
    """One charge falls past three steps: one try, and the last step is the only one left."""
    confirms = (tried(), tried(START + 20 * MINUTE, trigger="step", step=25))
    waits = after(*confirms, at=START + 40 * MINUTE, available=75)
    assert isinstance(waits, Wait)
    assert waits.watched == (0,)
    assert isinstance(after(*confirms, at=START + 40 * MINUTE, available=0), Confirm)


def test_steps_reached_at_the_first_confirm_are_used_up():
    confirm = after(at=START, available=50)
    assert isinstance(confirm, Confirm)
    assert confirm.step_percent == 50
    waits = after(tried(step=50), at=START + 20 * MINUTE, available=50)
    assert isinstance(waits, Wait)
    assert waits.watched == (25, 0)


def test_a_try_by_step_uses_up_no_rung_and_the_rung_counts_from_it():
    step_at = START + 30 * MINUTE
    waits = after(tried(), tried(step_at, trigger="step", step=75), at=step_at, available=75)
    assert isinstance(waits, Wait)
    assert waits.until == step_at + HOUR


def test_a_rung_that_is_due_comes_before_a_step():
    again = after(tried(), at=START + HOUR, available=50)
    assert again == Confirm(CARD, "rung", 50, "The ladder's next try, 1 hour after the last decline.")


def test_never_sooner_than_fifteen_minutes():
    early = START + 15 * MINUTE - timedelta(microseconds=1)
    waits = after(tried(), at=early, available=0)
    assert isinstance(waits, Wait)
    assert (waits.until, waits.trigger) == (START + 15 * MINUTE, "step")
    assert isinstance(after(tried(), at=START + 15 * MINUTE, available=0), Confirm)


def test_a_rung_is_never_sooner_than_fifteen_minutes_either():
    waits = after(tried(), at=START, ladder=(MINUTE,))
    assert isinstance(waits, Wait)
    assert waits.until == START + 15 * MINUTE


def test_after_too_many_declines_the_card_rests_for_a_day():
    waits = after(tried(code=RATE_LIMITED), at=START + 2 * HOUR, available=0)
    assert isinstance(waits, Wait)
    assert waits.until == START + DAY
    assert isinstance(after(tried(code=RATE_LIMITED), at=START + DAY, available=0), Confirm)


@pytest.mark.parametrize("code", ["lost_card", "stolen_card", "expired_card", "fraudulent", "transaction_not_allowed"])
def test_what_cannot_pass_ends_the_primary_at_once(code):
    assert after(tried(code=code), at=START + DAY) == GiveUp(
        code, f"A decline such as this one ({code}) does not pass. No other method is left."
    )
    backup = after(tried(code=code), at=START, backup=OTHER)
    assert isinstance(backup, Confirm)
    assert (backup.method_id, backup.trigger) == (OTHER, "backup")


@pytest.mark.parametrize("advice", ["do_not_try_again", "confirm_card_data"])
def test_never_against_the_issuers_advice(advice):
    refused = explain(code="card_declined", decline_code="insufficient_funds", advice_code=advice)
    assert isinstance(after(replace(tried(), retry=refused.retry), at=START + DAY), GiveUp)
    assert isinstance(after(tried(), at=START + DAY), Confirm)


def test_the_backup_comes_at_once_once_and_last():
    confirms = (tried(code="lost_card"), tried(START + MINUTE, method=OTHER, trigger="backup"))
    assert isinstance(after(*confirms, at=START + 2 * MINUTE, backup=OTHER), GiveUp)
    assert isinstance(after(*confirms, at=START + 9 * DAY, backup=OTHER, available=0), GiveUp)


def test_another_backup_named_meanwhile_is_not_a_second_one():
    confirms = (tried(code="lost_card"), tried(START + MINUTE, method=OTHER, trigger="backup"))
    assert isinstance(after(*confirms, at=START + HOUR, backup="card_third"), GiveUp)


def test_a_backup_that_is_the_primary_is_none():
    assert isinstance(after(tried(code="lost_card"), at=START, backup=CARD), GiveUp)


def test_another_primary_meanwhile_begins_its_own_tries():
    """The default card that is followed has changed: the new one is confirmed at once on the same payment."""
    new = after(tried(code="lost_card"), at=START, primary="card_new")
    assert isinstance(new, Confirm)
    assert (new.method_id, new.trigger) == ("card_new", "first")


def test_changing_back_gives_no_more_than_five():
    confirms = [tried(START + n * HOUR, trigger="step" if n else "first") for n in range(5)]
    confirms.append(tried(START + 6 * HOUR, method="card_new"))
    assert isinstance(after(*confirms, at=START + 9 * DAY), GiveUp)


def test_a_method_refused_for_good_in_an_earlier_episode_is_passed_over():
    """D6: never against the issuer's advice, however often the back-up pays and an episode begins anew."""
    backup = after(at=START, refused="lost_card", backup=OTHER)
    assert backup == Confirm(
        OTHER, "backup", None,
        "The first method was refused for good (lost_card): it is asked when it or the settings change."
        " The back-up method is tried, once.",
    )  # fmt: skip
    assert isinstance(after(at=START, refused="lost_card"), GiveUp)
    declined = tried(method=OTHER, trigger="backup", code="expired_card")
    over = after(declined, at=START, refused="lost_card", backup=OTHER)
    assert isinstance(over, GiveUp)
    assert over.reason == "expired_card"


def test_another_method_is_not_passed_over_for_it():
    assert isinstance(after(at=START, refused=None, backup=OTHER), Confirm)


# Authentication required


ASKED = tried(code="authentication_required")


def test_the_customer_is_awaited_and_the_primary_never_tried_without_them():
    until = START + DAY
    for at in (START, START + HOUR, until - timedelta(microseconds=1)):
        assert after(ASKED, at=at, available=0, action_expires_at=until) == AwaitCustomer(
            until, "Only the customer can finish this payment. They have a link until then."
        )
    assert after(ASKED, at=until, action_expires_at=until) == GiveUp(
        "action_expired", "The customer did not confirm the payment in time."
    )


def test_the_backup_is_tried_at_once_beside_the_link():
    backup = after(ASKED, at=START, backup=OTHER, action_expires_at=START + DAY)
    assert isinstance(backup, Confirm)
    assert backup.method_id == OTHER
    declined = tried(START + MINUTE, method=OTHER, trigger="backup")
    awaited = after(ASKED, declined, at=START + 2 * MINUTE, backup=OTHER, action_expires_at=START + DAY)
    assert isinstance(awaited, AwaitCustomer)


def test_while_the_customer_is_on_the_banks_page_nothing_is_tried():
    on_page = tried(START + HOUR, trigger="customer", ended=False)
    assert isinstance(
        after(ASKED, on_page, at=START + HOUR, backup=OTHER, action_expires_at=START + DAY), AwaitCustomer
    )
    assert isinstance(after(ASKED, on_page, at=START + DAY, backup=OTHER, action_expires_at=START + DAY), GiveUp)


def test_a_customers_try_that_is_declined_leaves_them_the_link():
    failed = tried(START + HOUR, trigger="customer")
    assert isinstance(after(ASKED, failed, at=START + 2 * HOUR, action_expires_at=START + DAY), AwaitCustomer)


def test_a_backup_that_wants_the_customer_is_awaited_too():
    confirms = (
        tried(code="lost_card"),
        tried(START + MINUTE, code="authentication_required", method=OTHER, trigger="backup"),
    )
    assert isinstance(after(*confirms, at=START + HOUR, backup=OTHER, action_expires_at=START + DAY), AwaitCustomer)


# What ends it without a pause


@pytest.mark.parametrize("stop", ["off", "suspended", "closed", "settings_changed"])
@pytest.mark.parametrize("confirms", [(), (tried(),), (ASKED,)], ids=["none", "declined", "asked"])
def test_what_is_not_wanted_any_more_is_dropped(stop: Stop, confirms):
    dropped = after(*confirms, at=START + HOUR, stop=stop, action_expires_at=START + DAY)
    assert isinstance(dropped, Drop)
    assert dropped.reason == stop


def test_enough_without_it_drops_it():
    above = after(tried(), at=START + HOUR, total_without_micros=100 * DOLLAR + 1)
    assert isinstance(above, Drop)
    assert above.reason == "above_minimum"
    assert isinstance(after(tried(), at=START + HOUR, total_without_micros=100 * DOLLAR), Confirm)


def test_a_dropped_recharge_is_remembered_within_its_episode():
    """A hold around the minimum, placed and released, is no fresh start: the same wait goes on."""
    waits = after(tried(), at=START + MINUTE)
    assert isinstance(waits, Wait)
    assert waits.until == START + HOUR


# Bank debits


def bank(*codes: str, at: datetime, **changes):
    confirms = [
        tried(START + n * DAY, code=code, method=BANK, trigger="rung" if n else "first") for n, code in enumerate(codes)
    ]
    return after(*confirms, at=at, primary=BANK, primary_kind="bank", **changes)


def test_a_returned_debit_is_sent_again_twice_by_rungs_alone():
    assert bank("R01", at=START, available=0) == Wait(
        START + HOUR, "rung", (), "The same method is tried again 1 hour after its decline."
    )
    assert isinstance(bank("R01", at=START + HOUR), Confirm)
    assert isinstance(bank("R01", "R09", at=START + 2 * DAY), Confirm)
    assert bank("R01", "R09", "R01", at=START + 9 * DAY) == GiveUp(
        "R01", "A returned bank debit is sent again twice at most. No other method is left."
    )


@pytest.mark.parametrize("code", sorted(set(ACH_RETURNS) - ACH_PRESENT_AGAIN))
def test_no_other_return_is_sent_again(code):
    backup = bank(code, at=START, backup=OTHER)
    assert isinstance(backup, Confirm)
    assert (backup.method_id, backup.trigger) == (OTHER, "backup")


@pytest.mark.parametrize("code", ["processing_error", "generic_decline", "charge_exceeds_weekly_limit", "brand_new"])
def test_a_bank_failure_that_is_no_return_is_not_sent_again(code):
    assert isinstance(bank(code, at=START + DAY), GiveUp)
    assert isinstance(after(tried(code=code), at=START + DAY), Confirm)


def test_insufficient_funds_without_a_return_code_is_one():
    assert isinstance(bank("insufficient_funds", at=START + HOUR), Confirm)


def test_not_later_than_180_days_after_the_original():
    ladder = (timedelta(days=100), timedelta(days=100))
    assert isinstance(bank("R01", at=START, ladder=ladder), Wait)
    last = tried(START + timedelta(days=100), code="R01", method=BANK, trigger="rung")
    first = tried(code="R01", method=BANK)
    late = after(first, last, at=last.created_at, primary=BANK, primary_kind="bank", ladder=ladder)
    assert late == GiveUp("R01", "A returned bank debit is sent again within 180 days alone. No other method is left.")
    asleep = after(first, at=START + timedelta(days=180), primary=BANK, primary_kind="bank")
    assert isinstance(asleep, GiveUp)
    assert isinstance(after(first, at=START + timedelta(days=179), primary=BANK, primary_kind="bank"), Confirm)


# Steps


@pytest.mark.parametrize(
    ("available", "step"),
    [
        (75_000_001, None),
        (75_000_000, 75),
        (50_000_001, 75),
        (50_000_000, 50),
        (25_000_000, 25),
        (1, 25),
        (0, 0),
        (-1, 0),
    ],
)
def test_a_step_is_reached_at_or_below(available, step):
    assert reached(available, 100_000_000) == step


def test_steps_of_a_minimum_that_is_no_multiple():
    """75 % of a hundredth of a cent and a bit: decided without rounding."""
    assert reached(75, 101) == 75
    assert reached(76, 101) is None
    assert reached(0, 0) == 0


def test_steps_left():
    assert steps_left([]) == STEPS
    assert steps_left([tried(step=75), tried(step=None)]) == (50, 25, 0)
    assert steps_left([tried(step=0)]) == ()
