"""What customers and operators are told by mail: the facts of a notice, when it comes too late, when it has ended."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from rules.notice_kinds import KINDS

#: A notice that is older is listed as superseded and not mailed (requirement A9).
LATEST = timedelta(hours=6)
TOO_OLD = "too_old"


class NoticeFactsError(ValueError):
    """A notice lacks a fact that its kind needs, or has one that it has no use for."""


def complete(kind: str, facts: Mapping[str, object]) -> dict[str, object]:
    """The facts of a notice of ``kind``, chosen from ``facts``; those that may be missing are None then.

    Raises NoticeFactsError when one that is needed is missing or None.
    """
    wanted = KINDS[kind]
    missing = sorted(name for name in wanted.needs if facts.get(name) is None)
    if missing:
        raise NoticeFactsError(f"{kind} needs {', '.join(missing)}")
    return {name: facts.get(name) for name in sorted(wanted.needs | wanted.may)}


def superseded(kind: str, *, made_at: datetime, status: str | None, now: datetime) -> str | None:
    """Why a notice is not mailed any more: ``too_old``, or what its subject has become; None when it is to be mailed.

    ``status`` is that of the subject now; None when it has none, or is gone.
    """
    if now - made_at > LATEST:
        return TOO_OLD
    only_while = KINDS[kind].only_while
    if only_while and status not in only_while:
        return f"{KINDS[kind].subject}_{status or 'gone'}"
    return None


def ended(recipients: Iterable[str]) -> str | None:
    """The state of a notice whose recipients have these states: ``sent`` when one has it; None while one is pending."""
    states = set(recipients)
    if "pending" in states:
        return None
    return "sent" if "sent" in states else "failed"
