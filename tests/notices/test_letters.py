"""Every kind of notice in text and HTML, with all its facts."""

import html
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from gateways.letters import Reader, Story, compose
from gateways.mail_samples import ACCOUNT, facts_of, preview
from rules import mandate_text, wording
from rules.notice_kinds import KINDS
from rules.notices import NoticeFactsError, complete

# Facts that choose the words instead of standing among them.
STEERING = {
    "bank_account",
    "declined_kind",
    "declined_retry",
    "failure_retry",
    "method_kind",
    "microdeposit_type",
    "reason",
    "recharge_kind",
}
BANK_KINDS = sorted(kind for kind in KINDS if kind.startswith("bank_"))
AMOUNTS_KINDS = ["bank_deposit_sent", "bank_reminder"]


def words(body: str) -> str:
    """A body as it is read: no tags, no line breaks."""
    without_tags = re.sub(r"<(style|title).*?</\1>|<[^>]+>", " ", body, flags=re.DOTALL)
    return " ".join(html.unescape(without_tags).split())


def shown(name: str, value) -> str:
    if name.endswith("_cents"):
        return wording.dollars(value)
    if name.endswith("_micros"):
        return wording.amount(value)
    if name.endswith("_on"):
        return wording.day(date.fromisoformat(value))
    if name.endswith("_at"):
        return wording.moment(datetime.fromisoformat(value), ACCOUNT.timezone)
    return "Visa" if value == "visa" else str(value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["text", "html"])
def test_every_fact_is_told(kind, form):
    body = words(getattr(preview(kind), form))
    for name, value in facts_of(kind).items():
        if name not in STEERING and value is not None:
            assert " ".join(shown(name, value).split()) in body, name


@pytest.mark.parametrize("kind", KINDS)
def test_a_letter_is_whole(kind):
    letter = preview(kind)
    assert letter.subject
    assert "\n" not in letter.subject
    assert len(letter.subject) <= 100
    for body in (letter.text, letter.html):
        assert "digit" not in body.lower()
        assert not re.search(r"undefined|\bNone\b|\{\{|\{%", words(body))
        assert words(body).count("Ada's Calls & Co") == 1
    assert all(len(line) <= 80 or "://" in line for line in letter.text.splitlines())
    assert "<" not in letter.text
    assert letter.subject in html.unescape(letter.html)


@pytest.mark.parametrize("kind", KINDS)
def test_html_needs_nothing_from_elsewhere_and_runs_nothing(kind):
    body = preview(kind).html
    assert not re.search(r"<(img|link|script|style|iframe|form|input|svg)\b|\bsrc=|url\(|@import|\bon\w+=", body)
    assert set(re.findall(r'href="([^"]*)"', body)) <= {f"https://pay.example.com/pay/{'Zm9yIGV4YW1wbGU' * 3}"}
    assert body.count("<table") == body.count("</table>")
    assert body.count("<tr") == body.count("</tr>")
    assert body.count("<td") == body.count("</td>")


@pytest.mark.parametrize("kind", KINDS)
def test_what_may_be_missing_may_be_missing(kind):
    letter = preview(kind, **dict.fromkeys(KINDS[kind].may))
    for body in (letter.text, letter.html):
        assert not re.search(r"undefined|\bNone\b", words(body))
        assert not re.search(r" [.,]|  |ending in\s*[.<]", words(body))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_needed_is_needed(kind):
    for name in KINDS[kind].needs:
        with pytest.raises(NoticeFactsError, match=name):
            complete(kind, facts_of(kind) | {name: None})


@pytest.mark.parametrize("kind", AMOUNTS_KINDS)
def test_a_deposit_with_a_code_asks_for_the_code_alone(kind):
    body = words(preview(kind, microdeposit_type="descriptor_code").text)
    assert "6-character code" in body
    assert "SM" in body
    assert "two amounts" not in body.lower()


@pytest.mark.parametrize("kind", AMOUNTS_KINDS)
def test_two_deposits_ask_for_amounts_alone(kind):
    letter = preview(kind, microdeposit_type="amounts", attempts_left=3)
    for body in (words(letter.subject), words(letter.text), words(letter.html)):
        assert "code" not in body
        assert "two" in body.lower()
    assert "Tries left: 3" in words(letter.text)


def test_times_are_those_of_the_account_with_the_weekday():
    facts = {"action_expires_at": datetime(2026, 12, 1, 3, 30, tzinfo=UTC).isoformat()}
    west = Reader(account_id="MA", account_name="West", timezone="America/Los_Angeles")
    east = Reader(account_id="MA", account_name="East", timezone="America/New_York")
    assert "Monday, November 30, 2026, 7:30 PM PST" in words(preview("action_needed", reader=west, **facts).text)
    assert "Monday, November 30, 2026, 10:30 PM EST" in words(preview("action_needed", reader=east, **facts).text)


def test_names_are_text_and_never_markup():
    reader = Reader(account_id="MA1", account_name="<b>Bold</b> & {{ 7 * 7 }}", timezone="UTC")
    letter = preview("bank_verified", reader=reader, bank_name='"><img src=x>')
    assert "<b>" not in letter.html
    assert "<img" not in letter.html
    assert "<b>Bold</b> & {{ 7 * 7 }}" in words(letter.text.replace("<b>", "&lt;b>").replace("</b>", "&lt;/b>"))
    assert "49" not in letter.html


def test_a_line_break_in_a_name_stays_out_of_the_subject():
    assert "\n" not in preview("bank_verified", last4="67\r\nBcc: x@example.com").subject


def test_the_mandate_copy_carries_the_text_of_its_version():
    letter = preview("mandate_copy")
    rule = facts_of("mandate_copy")["amount_rule"]
    for body in (words(letter.text), words(letter.html)):
        for paragraph in mandate_text.paragraphs(mandate_text.CURRENT, company="Example Calls", amount_rule=rule):
            assert paragraph in body
        assert "To revoke it" in body


def test_the_mandate_copy_of_a_text_of_the_platforms_own_says_its_version_and_amounts():
    body = words(preview("mandate_copy", text_version="terms-7", amount_rule="At most $50.00 a month.").text)
    assert "Text version: terms-7" in body
    assert "At most $50.00 a month." in body
    assert "I authorize" not in body


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("R02", "The reason: the bank account is closed (R02)."),
        ("bank_account_frozen", "The bank account is frozen."),
        ("mandate_inactive", "The authorization for debits is not in force any more."),
        ("moon_phase", "The reason given: moon phase."),
        (None, None),
    ],
)
def test_a_blocked_bank_account_says_why(reason, sentence):
    body = words(preview("bank_blocked", reason=reason).text)
    assert sentence in body if sentence else "reason" not in body


@pytest.mark.parametrize(
    ("recharge_kind", "retry", "sentence"),
    [
        ("manual", "later", "This recharge is not tried again by itself."),
        ("manual", "other_method", "Start a new recharge with another payment method."),
        ("manual", "with_customer", "confirm it when your bank asks you to"),
        ("auto", "later", "Until automatic recharges work again"),
        ("scheduled", "later", "Until scheduled recharges work again"),
    ],
)
def test_a_failed_recharge_says_what_happens_next(recharge_kind, retry, sentence):
    letter = preview("recharge_failed", recharge_kind=recharge_kind, failure_retry=retry)
    assert sentence in words(letter.text)
    assert "insufficient funds in the bank account (R01)" in words(letter.text)


def test_a_missing_fact_is_an_error_and_no_gap():
    story = Story(notice_id="ntc_1", kind="recharge_settled", facts={"amount_cents": "many"})
    with pytest.raises((UndefinedError, TypeError)):
        compose(story, reader=ACCOUNT, company="Example", contact="x@example.com")


def test_the_page_about_notices_lists_every_kind():
    page = (Path(__file__).parents[2] / "docs" / "notices.md").read_text()
    for kind, about in KINDS.items():
        assert f"| `{kind}` | {about.when} |" in page


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("insufficient_funds", "Insufficient funds."),
        ("R01", "The bank returned the debit: insufficient funds in the bank account (R01)."),
        ("lost_card", "The card was reported lost."),
        ("canceled", "The automatic recharge was canceled."),
        ("action_expired", "The payment had to be confirmed with the bank, and the time for it is over."),
        ("no_payment_method", "There is no payment method that can be charged."),
    ],
)
def test_a_pause_says_why_and_what_lifts_it(reason: str, sentence: str) -> None:
    body = words(preview("auto_recharge_paused", reason=reason).text)
    assert body.count(sentence) == 1
    assert "Any of these starts them again" in body


def test_a_declined_bank_debit_says_how_often_it_is_sent() -> None:
    card = words(preview("auto_recharge_declined").text)
    bank = words(preview("auto_recharge_declined", method_kind="bank").text)
    assert "five declines" in card
    assert "sent again twice at most" not in card
    assert "sent again twice at most" in bank
    assert "five declines" not in bank


def test_a_recharge_paid_by_the_back_up_says_whether_the_first_method_is_asked_again() -> None:
    gone = words(preview("recharge_settled").text)
    assert "passed over from now on" in gone
    assert "asked again" not in gone
    may_pass = words(preview("recharge_settled", declined_retry="later").text)
    assert "Next time the first one is asked again" in may_pass
    assert "passed over" not in may_pass
    assert "asked first" not in words(preview("recharge_settled", declined_kind=None).text)
