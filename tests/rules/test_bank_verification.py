"""What is read off a statement, and what a SetupIntent means (E3-E6, D8)."""

from datetime import UTC, datetime, timedelta

import pytest

from rules.bank_codes import Entry, MalformedEntryError
from rules.bank_verification import (
    Status,
    acceptance_fault,
    attempts_allowed,
    attempts_left,
    block_reason,
    judge,
    words,
)

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
PREFIX = "payment_method_microdeposit_"


@pytest.mark.parametrize("text", ["SM11AA", "sm11aa", " 11AA ", "11aa", "\tSm11Aa\n"])
def test_a_code_in_any_of_its_forms(text):
    entry = Entry.of_code(text)
    assert (entry.code, entry.kind, entry.text) == ("SM11AA", "descriptor_code", "SM11AA")
    assert Entry.of_text(entry.text) == entry


def test_four_characters_that_begin_with_sm_are_the_end_of_a_code():
    assert Entry.of_code("smxy").code == "SMSMXY"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "SM",
        "SM1",
        "SM111",
        "SM11AAA",
        "XX11AA",
        "11A",
        "SM11A!",
        "SM 11AA",
        "SM11ÄA",
        "SM\uff11\uff11AA",
        "\ufb00\ufb00",
        "0.32",
        "SM11AA" * 9,
    ],
)
def test_what_cannot_be_a_code(text):
    with pytest.raises(MalformedEntryError):
        Entry.of_code(text)


def test_two_amounts_in_the_order_in_which_they_were_given():
    entry = Entry.of_amounts([45, 32])
    assert (entry.amounts, entry.kind, entry.text) == ((45, 32), "amounts", "45,32")
    assert Entry.of_text(entry.text) == entry


@pytest.mark.parametrize("cents", [[], [32], [32, 45, 1], [0, 45], [-32, 45], [32, 100]])
def test_what_cannot_be_two_deposits(cents):
    with pytest.raises(MalformedEntryError):
        Entry.of_amounts(cents)


@pytest.mark.parametrize(
    ("setup_status", "failure_code", "status", "reason"),
    [
        ("requires_action", None, Status.PENDING, None),
        ("requires_confirmation", None, Status.PENDING, None),
        ("processing", None, Status.PENDING, None),
        ("succeeded", None, Status.VERIFIED, None),
        ("succeeded", f"{PREFIX}verification_timeout", Status.VERIFIED, None),
        ("canceled", None, Status.FAILED, "canceled"),
        ("requires_payment_method", f"{PREFIX}verification_timeout", Status.EXPIRED, "timed_out"),
        ("requires_payment_method", f"{PREFIX}verification_attempts_exceeded", Status.FAILED, "attempts_exceeded"),
        ("requires_payment_method", f"{PREFIX}failed", Status.FAILED, "microdeposit_failed"),
        ("requires_payment_method", "bank_account_unusable", Status.FAILED, "bank_account_unusable"),
        ("requires_payment_method", None, Status.FAILED, "payment_method_refused"),
    ],
)
def test_the_status_behind_a_setup_intent(setup_status, failure_code, status, reason):
    found = judge(setup_status=setup_status, failure_code=failure_code)
    assert (found.status, found.reason) == (status, reason)


@pytest.mark.parametrize(
    ("code", "reason", "mandate", "expected"),
    [
        (None, None, "active", None),
        (None, None, "pending", None),
        (None, None, None, None),
        ("R02", "bank_account_closed", "inactive", "R02"),
        ("unknown", "tokenized_account_number_deactivated", "active", "tokenized_account_number_deactivated"),
        ("unknown", None, "active", "bank_account_unusable"),
        (None, None, "inactive", "mandate_inactive"),
    ],
)
def test_why_a_bank_account_is_blocked(code, reason, mandate, expected):
    assert block_reason(blocked_code=code, blocked_reason=reason, mandate_status=mandate) == expected


@pytest.mark.parametrize(
    ("kind", "setting", "allowed"),
    [("descriptor_code", 5, 5), ("descriptor_code", 10, 10), ("amounts", 5, 3), ("amounts", 2, 2)],
)
def test_how_many_tries_there_are(kind, setting, allowed):
    assert attempts_allowed(kind, setting=setting) == allowed


def test_no_tries_are_left_once_it_failed():
    assert attempts_left(status="verification_pending", allowed=5, failed=2) == 3
    assert attempts_left(status="verification_failed", allowed=5, failed=1) == 0
    assert attempts_left(status="verification_pending", allowed=3, failed=4) == 0


@pytest.mark.parametrize(
    ("ago", "sound"),
    [
        (timedelta(0), True),
        (timedelta(minutes=-5), True),
        (timedelta(minutes=-5, seconds=-1), False),
        (timedelta(hours=24), True),
        (timedelta(hours=24, seconds=1), False),
    ],
)
def test_when_a_mandate_may_have_been_accepted(ago, sound):
    assert (acceptance_fault(NOW - ago, now=NOW) is None) == sound


def test_every_reason_has_words():
    assert "in time" in words("timed_out")
    assert "(some_new_code)" in words("some_new_code")
