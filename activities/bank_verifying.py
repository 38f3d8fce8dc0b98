"""The verification of a bank account: one SetupIntent, its micro-deposit, reminders, and the end after ten days."""

from dataclasses import dataclass

from temporalio import activity

from activities.banks import BankRef, Following, Verification, as_value, is_open, is_unwanted
from activities.customers import ensure_customer
from activities.keys import keyed
from gateways.processor import Acceptance, Failure, Method, Processor, ProcessorRefusedError, Setup
from models.bank_account import BankAccount
from rules.bank_verification import NOT_SUPPORTED, REFUSED, Status, judge
from store import bank_accounts, mandates, notices
from store.database import Database


@dataclass(frozen=True)
class Reminder:
    """Which bank account, and how many days after the deposit was sent."""

    bank: BankRef
    day: int


class BankVerifying:
    """The hands that have a bank account verified."""

    def __init__(self, *, database: Database, processor: Processor) -> None:
        self._database = database
        self._processor = processor
        self._following = Following(database=database, processor=processor)

    @activity.defn
    async def begin_verification(self, ref: BankRef) -> Verification:
        """Make the bank account's one SetupIntent, or find it, keep its id, and keep what it says."""
        bank = await self._following.read(ref)
        if is_unwanted(bank):
            # Removed before anything was there, perhaps while an earlier run of this step made it.
            await self._following.clean_up(bank)
        if not is_open(bank):
            return as_value(bank)
        if bank.payment_method is None:
            method = await self._method(bank.token)
            if isinstance(method, str):
                return await self._following.give_up(ref, Status.FAILED, reason=method)
            bank = await self._keep_method(ref, method)
        setup = await self._one_setup(ref, bank)
        if isinstance(setup, str):
            return await self._following.give_up(ref, Status.FAILED, reason=setup)
        async with self._database.transaction() as session:
            bank = await bank_accounts.locked(session, account_id=ref.account_id, bank_id=ref.bank_account_id)
            await bank_accounts.keep(session, bank, {"setup_intent": setup.id})
        if is_unwanted(bank):
            await self._following.clean_up(bank)
        return await self._following.follow(ref, setup)

    @activity.defn
    async def look_at_verification(self, ref: BankRef) -> Verification:
        """Fetch the SetupIntent and keep what it says: a signal, an event or a timer is a hint alone."""
        bank = await self._following.read(ref)
        if not is_open(bank) or bank.setup_intent is None:
            return as_value(bank)
        return await self._following.follow(ref, await self._processor.retrieve_setup(bank.setup_intent))

    @activity.defn
    async def remind(self, reminder: Reminder) -> None:
        """Remind the customer of the deposit, once for each day (requirement E6)."""
        ref = reminder.bank
        async with self._database.transaction() as session:
            bank = await bank_accounts.locked(session, account_id=ref.account_id, bank_id=ref.bank_account_id)
            if is_open(bank) and bank.microdeposit_type is not None:
                await notices.add(
                    session, account_id=bank.account_id, kind="bank_reminder", cause=f"{bank.id}/day-{reminder.day}",
                    facts={"bank_account": bank.id}, now=ref.now,
                )  # fmt: skip

    @activity.defn
    async def expire_verification(self, ref: BankRef) -> Verification:
        """Ask the processor a last time, then end the verification (requirement E6)."""
        found = await self.look_at_verification(ref)
        return await self._following.give_up(ref, Status.EXPIRED, reason="timed_out") if found.pending else found

    async def _method(self, token: str) -> Method | str:
        """The payment method behind the token, or the reason why it is none for us (requirement E1)."""
        try:
            method = await self._processor.retrieve_method(token)
        except ProcessorRefusedError:
            return REFUSED
        return method if method.kind == "us_bank_account" else NOT_SUPPORTED

    async def _keep_method(self, ref: BankRef, method: Method) -> BankAccount:
        """Keep what may be kept of it (requirement E13)."""
        async with self._database.transaction() as session:
            bank = await bank_accounts.locked(session, account_id=ref.account_id, bank_id=ref.bank_account_id)
            await bank_accounts.keep(
                session, bank,
                {
                    "payment_method": method.id,
                    "bank_name": method.bank_name,
                    "last4": method.last4,
                    "routing_last4": method.routing_last4,
                    "holder_name": method.holder_name,
                    "fingerprint": method.fingerprint,
                },
            )  # fmt: skip
            return bank

    async def _one_setup(self, ref: BankRef, bank: BankAccount) -> Setup | str:
        """The SetupIntent, found or made, or the reason for which there is none; strays are canceled."""
        customer = await ensure_customer(self._database, self._processor, ref.account_id)
        found = await self._following.setups(bank)
        if not found:
            answer = await self._create(bank, customer=customer)
            if isinstance(answer, Setup):
                return answer
            found = await self._following.setups(bank)
            if not found:
                return judge(setup_status="requires_payment_method", failure_code=answer.code).reason or REFUSED
        for stray in found[1:]:
            await self._processor.cancel_setup(stray.id)
        return found[0]

    async def _create(self, bank: BankAccount, *, customer: str) -> Setup | Failure:
        async with self._database.transaction() as session:
            mandate = await mandates.of_bank(session, bank)
        acceptance = Acceptance(
            accepted_at=mandate.accepted_at, ip_address=mandate.ip_address, user_agent=mandate.user_agent
        )
        try:
            return await keyed(
                bank.id,
                lambda key: self._processor.create_setup(
                    customer=customer,
                    payment_method=bank.payment_method or bank.token,
                    acceptance=acceptance,
                    metadata={"account": bank.account_id, "bank_account": bank.id},
                    key=key,
                ),
            )
        except ProcessorRefusedError as error:
            return Failure(code=REFUSED, message=error.code)
