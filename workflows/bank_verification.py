"""The verification of one bank account: the deposit is sent, the customer reads a code off the statement and enters it.

Signals and timers are hints to look again; the processor's own state decides (E3-E6). What was entered never comes
here: an update carries the entry's number alone.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.bank_entries import BankEntries, EntryRef
    from activities.bank_verifying import BankVerifying, Reminder
    from activities.banks import BankRef, Verification
    from rules.bank_verification import EXPIRY, REMINDERS, Status
    from workflows import attributes
    from workflows.options import book_entry, processor_call


@dataclass(frozen=True)
class BankRequest:
    """Which bank account a workflow is about."""

    account_id: str
    bank_account_id: str


@workflow.defn(name="BankVerification")
class BankVerification:
    """From the committed row to verified, verification_failed, expired or removed."""

    @workflow.init
    def __init__(self, request: BankRequest) -> None:
        self._request = request
        self._known = Verification(status=Status.PENDING)
        self._woken = False
        self._reminders = list(REMINDERS)
        self._one_at_a_time = asyncio.Lock()

    @workflow.run
    async def run(self, request: BankRequest) -> str:
        """Gives the bank account's status."""
        workflow.set_current_details("The processor is asked to send the micro-deposit.")
        async with self._one_at_a_time:
            self._take(await self._ask(BankVerifying.begin_verification, "Create the SetupIntent, send the deposit"))
        while self._known.pending:
            timed_out = await self._wait()
            async with self._one_at_a_time:
                if self._known.pending:
                    await self._step(timed_out=timed_out)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._known.status

    # What may come from outside

    @workflow.signal
    def look(self) -> None:
        """Something may have changed, at the processor or in the record: look again."""
        self._woken = True

    @workflow.update
    async def enter_code(self, number: int) -> str:
        """Try entry ``number`` of the record; gives what it came to. The same number again gives the same answer."""
        async with self._one_at_a_time:
            answer = await workflow.execute_activity_method(
                BankEntries.try_entry, EntryRef(self._ref(), number), **processor_call(f"Try entry {number}")
            )
            self._take(answer.verification)
        return answer.answer

    # What happens in between

    async def _wait(self) -> bool:
        """Until something may have changed; whether it was the clock."""
        until, summary = self._waits_until()
        try:
            await workflow.wait_condition(
                lambda: self._woken or not self._known.pending,
                timeout=max(until - workflow.now(), timedelta(minutes=1)),
                timeout_summary=summary,
            )
        except TimeoutError:
            return True
        return False

    def _waits_until(self) -> tuple[datetime, str]:
        if self._reminders:
            return self._sent_at() + self._reminders[0], f"Reminder on day {self._reminders[0].days}"
        return self._sent_at() + EXPIRY, f"Expiry on day {EXPIRY.days}: ask the processor, then end"

    async def _step(self, *, timed_out: bool) -> None:
        self._woken = False
        passed = workflow.now() - self._sent_at()
        if timed_out and passed >= EXPIRY:
            self._take(await self._ask(BankVerifying.expire_verification, "Ask a last time, then let it expire"))
            return
        self._take(await self._ask(BankVerifying.look_at_verification, "Look at the verification"))
        due = [after for after in self._reminders if after <= passed]
        if timed_out and due:
            self._reminders = [after for after in self._reminders if after > passed]
            if self._known.pending:
                # After an outage over several of them the newest alone is sent.
                await workflow.execute_activity_method(
                    BankVerifying.remind,
                    Reminder(self._ref(), due[-1].days),
                    **book_entry(f"Remind, day {due[-1].days}"),
                )

    async def _ask(
        self, step: Callable[[BankVerifying, BankRef], Awaitable[Verification]], summary: str
    ) -> Verification:
        return await workflow.execute_activity_method(step, self._ref(), **processor_call(summary))

    def _ref(self) -> BankRef:
        return BankRef(self._request.account_id, self._request.bank_account_id, workflow.now())

    def _sent_at(self) -> datetime:
        return self._known.expires_at - EXPIRY if self._known.expires_at else workflow.info().start_time

    def _take(self, known: Verification) -> None:
        """Make ``known`` what we know, and show it."""
        news = (known.status, known.deposit_expected_on) != (self._known.status, self._known.deposit_expected_on)
        self._known = known
        if news:
            attributes.show(state=known.status, expected_on=known.deposit_expected_on)
        workflow.set_current_details(self._story())

    def _story(self) -> str:
        known = self._known
        if not known.pending:
            return f"The bank account is **{known.status}**."
        entered = "two amounts" if known.microdeposit_type == "amounts" else "the 6-character code"
        until = f"{known.expires_at:%Y-%m-%d %H:%M} UTC" if known.expires_at else "ten days from now"
        arrives = known.deposit_expected_on or "a day not known yet"
        return (
            f"Waiting for {entered} of the deposit, expected on **{arrives}**."
            f"\n\nTries left: **{known.attempts_left}**. Expires **{until}**."
        )
