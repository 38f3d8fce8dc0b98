"""A notice in words: subject, text and HTML, made from the facts by one template for each kind.

A template is written once. ``say`` puts its paragraphs, rows and links into plain text or into HTML that mail clients
show alike: tables, inline styles, nothing fetched from elsewhere.
"""

import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from rules import mandate_text, monthly_words, wording
from rules.notice_kinds import KINDS

_TEMPLATES = Path(__file__).parent / "templates" / "mail"
_WIDTH = 72


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A notice as it is read."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """For whom a notice is written: the account that it concerns, and the zone in which its times are given."""

    account_id: str | None = None
    account_name: str | None = None
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What a notice tells. ``pay_url`` is the link of ``action_needed``, ``""`` for all other kinds."""

    notice_id: str
    kind: str
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    pay_url: str = ""


def compose(story: Story, *, reader: Reader, company: str, contact: str) -> Letter:
    """Write ``story`` as ``company``, which answers questions at the address ``contact``.

    Raises jinja2.UndefinedError when a fact is missing.
    """
    wanted = KINDS[story.kind]
    values = {
        **{name: _read(name, story.facts.get(name)) for name in wanted.needs | wanted.may},
        "kind": story.kind,
        "audience": wanted.audience,
        "notice_id": story.notice_id,
        "account_id": reader.account_id,
        "account_name": reader.account_name,
        "timezone": reader.timezone,
        "company": company,
        "contact": contact,
        "pay_url": story.pay_url,
    }
    text = _environment("text").get_template(f"{story.kind}.j2")
    html = _environment("html").get_template(f"{story.kind}.j2")
    subject = " ".join("".join(text.blocks["subject"](text.new_context(values))).split())
    values["subject"] = subject
    return Letter(
        subject=subject,
        text=re.sub(r"\n{3,}", "\n\n", text.render(values)).strip() + "\n",
        html=re.sub(r"\n\s*\n", "\n", html.render(values)).strip() + "\n",
    )


def _read(name: str, value: Any) -> Any:
    """A fact as a value: its name tells its type (rules/notice_kinds.py)."""
    if value is None:
        return None
    if name.endswith("_on"):
        return date.fromisoformat(value)
    return datetime.fromisoformat(value) if name.endswith("_at") else value


@cache
def _environment(form: str) -> Environment:
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=form == "html",  # noqa: S701 - plain text is not HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = made.filters
    filters |= {
        "money": wording.dollars,
        "amount": wording.amount,
        "day": wording.day,
        "moment": _moment,
        "fill": _fill,
    }
    names: dict[str, Any] = made.globals
    names |= {
        "layout": f"layout.{form}.j2",
        "card": wording.card,
        "bank": wording.bank_account,
        "count": wording.count,
        "authorization": _authorization,
        "explained": wording.bank_trouble,
        "not_debited": monthly_words.trouble,
        "paused_because": wording.pause_trouble,
    }
    names["say"] = made.get_template(f"say.{form}.j2").module
    return made


@pass_context
def _moment(context: Context, when: datetime) -> str:
    return wording.moment(when, context["timezone"])


def _authorization(version: str, *, company: str, amount_rule: str) -> Iterable[str]:
    """The paragraphs of a version that is ours; of another, which the platform showed itself, the amount rule."""
    if version in mandate_text.VERSIONS:
        return mandate_text.paragraphs(version, company=company, amount_rule=amount_rule)
    return (f"Amount of each debit: {amount_rule}",)


def _fill(text: str, *, indent: str = "", first: str | None = None) -> str:
    """Wrap one paragraph for plain text; links stay whole."""
    return textwrap.fill(
        " ".join(text.split()),
        width=_WIDTH,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
