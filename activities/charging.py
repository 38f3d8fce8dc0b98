"""The one PaymentIntent of a recharge: created, confirmed, looked at, canceled.

Every step looks at the processor before it acts, because a step may run again after any death (decision 3). Stripe
forgets idempotency keys after a day; what guards here is the intent's id in our row and the charge of each attempt.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from temporalio import activity

from activities import intents
from activities.keys import keyed
from gateways.processor import Intent, Processor, ProcessorRefusedError
from models.recharge import Recharge
from rules.declines import Decline, explain
from rules.outcomes import Outcome, State, state_of
from rules.pay_links import digest, pay_token
from rules.retry_ladder import Trigger
from store import attempts, methods, notices, recharges
from store.database import AsyncSession, Database

#: So soon after its row was made, the first try of a step is known to be the first: no run before it was forgotten.
FIRST_TRY = timedelta(minutes=10)
Said = tuple[Outcome, Decline | None]


@dataclass(frozen=True)
class RechargeRef:
    """Which recharge, and the workflow's time."""

    account_id: str
    recharge_id: str
    now: datetime


@dataclass(frozen=True)
class Confirm:
    """One numbered confirm: by which method (None: the recharge's own), what led to it, at which balance step (D6)."""

    recharge: RechargeRef
    attempt: int
    off_session: bool = True
    method_id: str | None = None
    trigger: Trigger | None = None
    step_percent: int | None = None


class Charging:
    """The hands that move money at the processor. ``link_key`` makes the customers' links."""

    def __init__(self, *, database: Database, processor: Processor, link_key: str, public_url: str) -> None:
        self._database = database
        self._processor = processor
        self._link_key = link_key
        self._public_url = public_url

    @activity.defn
    async def create_intent(self, ref: RechargeRef) -> Outcome:
        """Make the recharge's one PaymentIntent, or find it, and keep its id before anything is confirmed."""
        made = await self._make(ref)
        if isinstance(made, Outcome):
            return made
        if made is not None:
            await self._save(ref, made)
        return Outcome(state=State.UNCONFIRMED, attempt=0)

    @activity.defn
    async def charge(self, request: Confirm) -> Outcome:
        """``create_intent`` and ``confirm`` as one step: nothing is confirmed before its id is kept."""
        made = await self._make(request.recharge)
        return made if isinstance(made, Outcome) else await self._attempt(request, made=made)

    async def _make(self, ref: RechargeRef) -> Intent | Outcome | None:
        """The new intent, or the one that a run left unnamed; None where there is one; the outcome where refused."""
        async with self._database.reading() as session:
            row, customer = await recharges.with_customer(
                session, account_id=ref.account_id, recharge_id=ref.recharge_id
            )
        if row.payment_intent is not None or customer is None:
            return None
        # A first try of a young row has nothing to find, and its key, being remembered for a day, guards it. Any other
        # try looks first: it may be a customer with thousands of payments, so this is not done for nothing.
        looks = activity.info().attempt > 1 or ref.now - row.created_at > FIRST_TRY
        intent = await self._only_intent(row, customer) if looks else None
        if intent is not None:
            return intent
        try:
            create = partial(self._create, row, customer)
            return await (keyed(row.id, create) if looks else create(row.id))
        except ProcessorRefusedError as error:
            return Outcome(state=State.DECLINED, attempt=0, failure_code=error.code)

    async def _create(self, row: Recharge, customer: str, key: str) -> Intent:
        metadata = {"account": row.account_id, "recharge": row.id}
        return await self._processor.create_intent(
            customer=customer, amount_cents=row.amount_cents, metadata=metadata, key=key
        )

    async def _save(self, ref: RechargeRef, intent: Intent) -> None:
        async with self._database.transaction() as session:
            row = await recharges.locked(session, account_id=ref.account_id, recharge_id=ref.recharge_id)
            if row.payment_intent is None:
                await recharges.save_intent(session, row, intent.id, now=ref.now)

    async def _only_intent(self, row: Recharge, customer: str) -> Intent | None:
        """The oldest intent with the recharge's id, as a run that died may have left it; strays are canceled."""
        found = [
            one
            for one in await self._processor.list_intents(customer=customer)
            if one.metadata.get("recharge") == row.id
        ]
        for stray in found[1:]:
            await self._processor.cancel_intent(stray.id)
        return found[0] if found else None

    @activity.defn
    async def confirm(self, request: Confirm) -> Outcome:
        """Confirm the intent for the numbered attempt, unless that has happened already."""
        return await self._attempt(request)

    async def _attempt(self, request: Confirm, *, made: Intent | None = None) -> Outcome:
        """The numbered confirm, of the intent that was just ``made`` or of the one in our row, looked at first."""
        # A try that waited for the processor counts from its own time: the cut-off may have passed since (E9).
        tried_at = max(request.recharge.now, activity.info().current_attempt_scheduled_time)
        ref = replace(request.recharge, now=tried_at)
        async with self._database.transaction() as session:
            row = await recharges.locked(session, account_id=ref.account_id, recharge_id=ref.recharge_id)
            if made is not None and row.payment_intent is None:
                await recharges.save_intent(session, row, made.id, now=ref.now)
            asked = request.method_id or await attempts.method_of(session, row, off_session=request.off_session)
            begun = await attempts.begin(
                session, row, number=request.attempt, method_id=asked, off_session=request.off_session,
                trigger=request.trigger or ("first" if request.off_session else "customer"),
                step_percent=request.step_percent, now=ref.now,
            )  # fmt: skip
            method = await methods.find(session, account_id=row.account_id, method_id=begun.method_id)
        if row.payment_intent is None:
            return Outcome(state=State.DECLINED, attempt=request.attempt, failure_code="payment_not_created")
        intent = made if made is not None and made.id == row.payment_intent else None
        intent = intent or await self._processor.retrieve_intent(row.payment_intent)
        failure = None
        ran = intent.latest_charge != begun.previous_charge or not intents.waits_for_confirm(intent)
        if not ran and not intents.altered(row, intent):
            if isinstance(method, methods.ChargeableMethod):
                intent, failure = await self._confirm(row, intent, method, request)
            else:
                failure = explain(code=method.reason if method else "method_removed")
        return await self._record(row, ref, intent, _said(row, intent, attempt=request.attempt, failure=failure))

    async def _confirm(
        self, row: Recharge, intent: Intent, method: methods.ChargeableMethod, request: Confirm
    ) -> tuple[Intent, Decline | None]:
        async def call(key: str) -> Intent:
            return await self._processor.confirm_intent(
                intent.id,
                payment_method=method.payment_method,
                off_session=request.off_session,
                return_url=self._return_url(row),
                key=key,
            )

        try:
            return await keyed(f"{row.id}/{request.attempt}", call), None
        except ProcessorRefusedError as error:
            return intent, explain(code=await self._out_of_use(row, method.id) or error.code)

    async def _out_of_use(self, row: Recharge, method_id: str) -> str | None:
        """Why the method may not be charged any more: it may have been removed after it was read."""
        async with self._database.transaction() as session:
            method = await methods.find(session, account_id=row.account_id, method_id=method_id)
        if isinstance(method, methods.ChargeableMethod):
            return None
        return method.reason if method else "method_removed"

    @activity.defn
    async def look(self, ref: RechargeRef) -> Outcome:
        """Fetch the intent and keep what it says: a signal, a webhook or a timer is a hint alone."""
        return await self._look(ref, cancel=False)

    @activity.defn
    async def cancel(self, ref: RechargeRef) -> Outcome:
        """Cancel where the processor still lets it be; the answer is how the intent stands afterwards."""
        return await self._look(ref, cancel=True)

    async def _look(self, ref: RechargeRef, *, cancel: bool) -> Outcome:
        async with self._database.transaction() as session:
            row, customer = await recharges.with_customer(
                session, account_id=ref.account_id, recharge_id=ref.recharge_id
            )
            newest = await attempts.newest(session, row)
        intent_id = row.payment_intent
        if intent_id is None and customer is not None and (found := await self._only_intent(row, customer)) is not None:
            await self._save(ref, found)
            intent_id = found.id
        if intent_id is None:
            return Outcome(state=State.CANCELED if cancel else State.UNCONFIRMED, attempt=0)
        intent = await (
            self._processor.cancel_intent(intent_id) if cancel else self._processor.retrieve_intent(intent_id)
        )
        return await self._record(row, ref, intent, _said(row, intent, attempt=newest.number if newest else 0))

    async def _record(self, row: Recharge, ref: RechargeRef, intent: Intent, said: Said) -> Outcome:
        """Keep what the intent says of the newest attempt, and give it as a value for the workflow.

        A success ends the recharge, and is written with its end (``recharge_endings``): one transaction less.
        """
        outcome, failure = said
        if outcome.state is State.SUCCEEDED:
            return replace(outcome, expected_on=row.expected_on)
        token = pay_token(self._link_key, account_id=ref.account_id, recharge_id=ref.recharge_id)
        async with self._database.transaction() as session:
            row = await recharges.locked(session, account_id=ref.account_id, recharge_id=ref.recharge_id)
            outcome = await attempts.record(
                session, row, outcome, action_url=intent.action_url, action_digest=digest(token), failure=failure,
                now=ref.now,
            )  # fmt: skip
            await _tell(session, row, outcome, now=ref.now)
        return outcome

    def _return_url(self, row: Recharge) -> str:
        token = pay_token(self._link_key, account_id=row.account_id, recharge_id=row.id)
        return f"{self._public_url}/pay/{token}/done"


def _said(row: Recharge, intent: Intent, *, attempt: int, failure: Decline | None = None) -> Said:
    """What the intent says of the attempt; ``failure`` is why we did not confirm, where we did not."""
    altered = intents.altered(row, intent)
    failure = explain(code="payment_altered") if altered else failure or intents.decline(intent)
    code = failure.code if failure else None
    state = State.ALTERED if altered else state_of(status=intent.status, failure_code=code, attempted=attempt > 0)
    return Outcome(state=state, attempt=attempt, charge=intent.latest_charge, failure_code=code), failure


async def _tell(session: AsyncSession, row: Recharge, outcome: Outcome, *, now: datetime) -> None:
    """Ask the customer to confirm; tell operators, once a day, of a payment that somebody changed."""
    facts = {"recharge": row.id}
    if outcome.state is State.REQUIRES_ACTION and row.finished_at is None:
        await notices.add(session, account_id=row.account_id, kind="action_needed", cause=row.id, facts=facts, now=now)
    if outcome.state is State.ALTERED:
        cause = f"{row.id}/{now.date()}"
        await notices.add(
            session, account_id=row.account_id, kind="recharge_altered", cause=cause, facts=facts, now=now
        )
