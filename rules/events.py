"""What is told to a platform by webhook: the types of events, what each means, and what its data carries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

#: An endpoint that names this hears of every event, of types to come too.
EVERY = "*"

_RECHARGE = frozenset({"recharge", "amount", "currency", "kind", "payment_method", "status"})
_BANK = frozenset({"bank_account", "status"})
_REASON = frozenset({"reason"})
_CARD = frozenset({"card", "status"})
_SUBACCOUNT = frozenset({"subaccount", "enabled"})
_AVAILABLE = frozenset({"available", "currency"})
_CROSSED = _AVAILABLE | {"crossed_at"}
_SCHEDULE = frozenset({"amount", "currency", "bank_account"})
_CLOCK = frozenset({"started_at", "ends_at"})


class EventError(ValueError):
    """An event is of an unknown type, or its data is not what the type carries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """``needs`` is what its data always carries, ``may`` what may be missing and is null then.

    Names tell the type: ``…_at`` an RFC 3339 time in UTC, ``…_on`` a date; ``amount``, ``available``, ``threshold`` and
    ``budget`` are decimal strings of dollars; the others are ids and enumerations.
    """

    means: str
    needs: frozenset[str]
    may: frozenset[str] = frozenset()


TYPES: dict[str, EventType] = {
    "account.created": EventType(
        means="An account was opened.", needs=frozenset({"status"}), may=frozenset({"external_id"})
    ),
    "account.updated": EventType(
        means="Fields of an account were changed; `changed` lists their names.",
        needs=frozenset({"changed", "status"}),
        may=frozenset({"external_id"}),
    ),
    "account.suspended": EventType(
        means="An operator suspended the account: its usage is refused.",
        needs=frozenset({"status"}),
        may=frozenset({"reason"}),
    ),
    "account.activated": EventType(
        means="A suspension was lifted.", needs=frozenset({"status"}), may=frozenset({"reason"})
    ),
    "account.retention_started": EventType(
        means="Available reached zero and the retention clock began: keep the account's numbers until `ends_at`.",
        needs=_CLOCK,
        may=_AVAILABLE,
    ),
    "account.retention_ending": EventType(
        means="The retention clock ends soon: seven days, then one day before.",
        needs=_CLOCK | {"days_left"},
        may=_AVAILABLE,
    ),
    "account.retention_canceled": EventType(
        means="Money lifted available above zero, or the account was closed: the retention clock is over.",
        needs=_CLOCK | {"ended_at"},
        may=_AVAILABLE | {"reason"},
    ),
    "account.retention_ended": EventType(
        means="The retention clock ran out. Prepay deletes nothing; the platform decides about its numbers.",
        needs=_CLOCK | {"ended_at"},
        may=_AVAILABLE,
    ),
    "auto_recharge.updated": EventType(
        means="Auto-recharge was switched on or off, or its settings were changed.",
        needs=frozenset({"enabled", "minimum", "amount", "currency"}),
        may=frozenset({"payment_method", "backup_payment_method"}),
    ),
    "auto_recharge.limited": EventType(
        means="A limit stands in the way of an automatic recharge: it is tried again at `until_at`. Once per window.",
        needs=frozenset({"limit", "until_at", "amount", "currency"}),
    ),
    "auto_recharge.paused": EventType(
        means="Nothing is recharged by itself any more until the owner acts.",
        needs=_REASON,
        may=frozenset({"recharge"}),
    ),
    "auto_recharge.resumed": EventType(
        means="A pause of auto-recharge was lifted.", needs=frozenset({"paused_reason"})
    ),
    "balance.alert": EventType(
        means="Available went below a threshold that is watched: built-in, recommended or the owner's own.",
        needs=_CROSSED | {"threshold"},
        may=frozenset({"transaction", "notice"}),
    ),
    "balance.exhausted": EventType(
        means="Available reached zero: usage is refused from here on.", needs=_CROSSED, may=frozenset({"transaction"})
    ),
    "balance.restored": EventType(
        means="Available is above zero again: usage is accepted.",
        needs=_AVAILABLE,
        may=frozenset({"crossed_at", "transaction"}),
    ),
    "bank_account.added": EventType(
        means="A bank account was added; it pays once it is verified.", needs=_BANK, may=_REASON
    ),
    "bank_account.verified": EventType(means="The bank account can pay.", needs=_BANK, may=_REASON),
    "bank_account.verification_failed": EventType(
        means="The last try was wrong, or the micro-deposit could not be sent.", needs=_BANK, may=_REASON
    ),
    "bank_account.expired": EventType(
        means="Ten days have passed without the code or amounts.", needs=_BANK, may=_REASON
    ),
    "bank_account.blocked": EventType(
        means="The bank or the processor refuses further debits.", needs=_BANK, may=_REASON
    ),
    "bank_account.unblocked": EventType(
        means="The processor takes debits from the bank account again.", needs=_BANK, may=_REASON
    ),
    "bank_account.removed": EventType(
        means="The bank account was removed and its authorisation has ended.", needs=_BANK, may=_REASON
    ),
    "card.active": EventType(means="A card was attached and can be charged.", needs=_CARD),
    "card.updated": EventType(means="Its network renewed the card, such as its expiry date.", needs=_CARD),
    "card.failed": EventType(means="The processor refused the card.", needs=_CARD, may=frozenset({"failure_code"})),
    "card.removed": EventType(means="A card was removed.", needs=_CARD),
    "notice.created": EventType(
        means="A notice was written; it goes out by mail too, unless its reason is over by then.",
        needs=frozenset({"notice", "kind", "audience", "cause"}),
    ),
    "payment_schedule.updated": EventType(
        means="The payment schedule was set, paused or changed; where `effective_at` is given, it stands from then on.",
        needs=_SCHEDULE | {"enabled", "day_of_month"},
        may=frozenset({"effective_at", "next_debit_on"}),
    ),
    "payment_schedule.deleted": EventType(
        means="The payment schedule was deleted; a debit that exists (`in_flight`, a recharge) goes on.",
        needs=frozenset(),
        may=frozenset({"in_flight"}),
    ),
    "payment_schedule.skipped": EventType(
        means="A monthly debit was due and nothing was debited; `reason` says why.",
        needs=_SCHEDULE | {"nominal_on", "reason"},
        may=frozenset({"next_debit_on"}),
    ),
    "recharge.created": EventType(
        means="A recharge was accepted; its money is pending.", needs=_RECHARGE, may=frozenset({"expected_on"})
    ),
    "recharge.requires_action": EventType(
        means="The bank of the card asks the customer to confirm the payment.",
        needs=_RECHARGE,
        may=frozenset({"action_expires_at"}),
    ),
    "recharge.processing": EventType(means="The customer confirmed; the payment goes on.", needs=_RECHARGE),
    "recharge.succeeded": EventType(means="The money arrived and can be spent.", needs=_RECHARGE),
    "recharge.failed": EventType(
        means="The recharge failed for good.", needs=_RECHARGE, may=frozenset({"failure_code"})
    ),
    "recharge.canceled": EventType(
        means="The recharge was canceled: on request, or because its action was not taken in time.",
        needs=_RECHARGE,
        may=frozenset({"failure_code"}),
    ),
    "subaccount.created": EventType(means="A subaccount was made.", needs=_SUBACCOUNT),
    "subaccount.updated": EventType(
        means="A subaccount was changed: its name, whether it is enabled, its budget, sender IDs or metadata.",
        needs=_SUBACCOUNT | {"changed"},
    ),
    "subaccount.deleted": EventType(means="A subaccount was deleted; its history is kept.", needs=_SUBACCOUNT),
    "subaccount.budget_exhausted": EventType(
        means="A subaccount spent its monthly budget: its usage is refused until the month ends or the budget grows.",
        needs=frozenset({"subaccount", "budget", "currency", "crossed_at"}),
        may=frozenset({"transaction", "month"}),
    ),
    "webhook_endpoint.disabled": EventType(
        means="An endpoint answered 410 Gone and hears of nothing any more; PATCH enables it again.",
        needs=frozenset({"endpoint", "reason"}),
    ),
}


def complete(event_type: str, data: Mapping[str, object]) -> dict[str, object]:
    """The data of an event of this type; what may be missing is None then. Raises EventError."""
    if event_type not in TYPES:
        raise EventError(f"no event is called {event_type}")
    wanted = TYPES[event_type]
    if missing := sorted(name for name in wanted.needs if data.get(name) is None):
        raise EventError(f"{event_type} needs {', '.join(missing)}")
    if strange := sorted(set(data) - wanted.needs - wanted.may):
        raise EventError(f"{event_type} carries no {', '.join(strange)}")
    return {name: data.get(name) for name in sorted(wanted.needs | wanted.may)}


def wants(events: Iterable[str], event_type: str) -> bool:
    """Whether an endpoint that names ``events`` hears of this type."""
    return any(name in {EVERY, event_type} for name in events)
