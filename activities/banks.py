"""What every step with a bank account shares: its values, and how its record follows the SetupIntent."""

from dataclasses import dataclass
from datetime import date, datetime

from gateways.processor import Processor, Setup
from models.bank_account import BankAccount
from rules.bank_verification import (
    EXPIRY,
    NOT_SUPPORTED,
    REFUSED,
    Answer,
    Status,
    attempts_allowed,
    attempts_left,
    judge,
)
from store import bank_accounts, bank_attempts, customers, mandates, notices
from store.database import AsyncSession, Database


@dataclass(frozen=True)
class BankRef:
    """Which bank account, and the workflow's time."""

    account_id: str
    bank_account_id: str
    now: datetime


@dataclass(frozen=True)
class Verification:
    """How the verification stands: enumerations, numbers and dates alone, for this stands in Temporal's history."""

    status: str
    attempts_left: int = 0
    microdeposit_type: str | None = None
    deposit_expected_on: date | None = None
    expires_at: datetime | None = None

    @property
    def pending(self) -> bool:
        """Whether the code or the amounts are still waited for."""
        return self.status == Status.PENDING


@dataclass(frozen=True, slots=True)
class Tried:
    """The entry whose answer is written with what it changed; a wrong one costs a try."""

    number: int
    answer: Answer
    wrong: bool = False


def as_value(bank: BankAccount) -> Verification:
    """The record as a value for workflows."""
    left = attempts_left(status=bank.status, allowed=bank.attempts_allowed, failed=bank.attempts_failed)
    return Verification(
        status=bank.status,
        attempts_left=left,
        microdeposit_type=bank.microdeposit_type,
        deposit_expected_on=bank.deposit_expected_on,
        expires_at=bank.expires_at,
    )


def is_open(bank: BankAccount) -> bool:
    """Whether the bank account is being verified and nobody wants it removed."""
    return bank.status == Status.PENDING and bank.removal_requested_at is None


def is_unwanted(bank: BankAccount) -> bool:
    """Whether somebody wants the bank account removed, or has removed it."""
    return bank.status == Status.REMOVED or bank.removal_requested_at is not None


class Following:
    """Makes the record follow the processor. The processor's own state wins over ours (requirement E4)."""

    def __init__(self, *, database: Database, processor: Processor) -> None:
        self.database = database
        self.processor = processor

    async def read(self, ref: BankRef) -> BankAccount:
        """The record now."""
        async with self.database.transaction() as session:
            return await bank_accounts.get(session, account_id=ref.account_id, bank_id=ref.bank_account_id)

    async def follow(self, ref: BankRef, setup: Setup, *, tried: Tried | None = None) -> Verification:
        """Keep what the SetupIntent says; gives how the verification stands then."""
        found = judge(setup_status=setup.status, failure_code=setup.failure.code if setup.failure else None)
        if found.status is Status.VERIFIED:
            return await self._verified(ref, setup, tried=tried)
        if found.status is Status.PENDING:
            return await self._pending(ref, setup)
        return await self.give_up(ref, found.status, reason=found.reason, tried=tried)

    async def give_up(
        self, ref: BankRef, status: Status, *, reason: str | None, tried: Tried | None = None
    ) -> Verification:
        """End the verification at the processor, then here; one that succeeded there a moment ago is verified."""
        bank = await self.read(ref)
        if not is_open(bank):
            return as_value(bank)
        if bank.setup_intent is not None:
            await self.processor.cancel_setup(bank.setup_intent)
            setup = await self.processor.retrieve_setup(bank.setup_intent)
            if setup.status == "succeeded":
                return await self._verified(ref, setup, tried=tried)
            if bank.payment_method is not None:
                await self.processor.detach_method(bank.payment_method)
        async with self.database.transaction() as session:
            bank = await self._locked(session, ref)
            if is_open(bank):
                await self.write_answer(session, bank, tried, now=ref.now)
                await bank_accounts.move(session, bank, status, reason=reason, now=ref.now)
                # A token that is none is the caller's mistake, who is told by the answer.
                if reason not in {NOT_SUPPORTED, REFUSED}:
                    kind = "bank_expired" if status is Status.EXPIRED else "bank_verification_failed"
                    await self._tell(session, bank, kind, cause=bank.id, now=ref.now)
        return as_value(bank)

    async def clean_up(self, bank: BankAccount) -> None:
        """End at the processor whatever would verify or keep the bank account."""
        found = await self.setups(bank)
        for setup in found:
            await self.processor.cancel_setup(setup.id)
        # A method that was never set up here may be another customer's.
        if found and bank.payment_method is not None:
            await self.processor.detach_method(bank.payment_method)

    async def setups(self, bank: BankAccount) -> list[Setup]:
        """The bank account's SetupIntents, oldest first: by the stored id, else by our id in their metadata."""
        if bank.setup_intent is not None:
            return [await self.processor.retrieve_setup(bank.setup_intent)]
        async with self.database.transaction() as session:
            customer = await customers.find(session, bank.account_id)
        if customer is None:
            return []
        found = await self.processor.list_setups(customer=customer)
        return [one for one in found if one.metadata.get("bank_account") == bank.id][::-1]

    async def _pending(self, ref: BankRef, setup: Setup) -> Verification:
        async with self.database.transaction() as session:
            bank = await self._locked(session, ref)
            if not is_open(bank):
                return as_value(bank)
            await bank_accounts.keep(session, bank, {"expires_at": bank.expires_at or ref.now + EXPIRY})
            kind = setup.microdeposit_type
            if kind is not None and kind != bank.microdeposit_type:
                # The processor may fall back from the code to two amounts: other tries begin (requirement E5).
                allowed = attempts_allowed(kind, setting=bank.attempts_allowed)
                await bank_accounts.keep(
                    session, bank,
                    {
                        "microdeposit_type": kind,
                        "deposit_expected_on": setup.deposit_arrives_on,
                        "attempts_allowed": allowed,
                        "attempts_failed": 0,
                    },
                )  # fmt: skip
                await self._tell(session, bank, "bank_deposit_sent", cause=f"{bank.id}/{kind}", now=ref.now)
                await self._give_copy(session, bank, now=ref.now)
            return as_value(bank)

    async def _verified(self, ref: BankRef, setup: Setup, *, tried: Tried | None) -> Verification:
        there = await self.processor.retrieve_mandate(setup.mandate) if setup.mandate else None
        async with self.database.transaction() as session:
            bank = await self._locked(session, ref)
            if not is_open(bank):
                return as_value(bank)
            mandate = await mandates.of_bank(session, bank)
            await mandates.follow(
                session, mandate, processor_mandate=setup.mandate, status=there.status if there else mandate.status,
                reason="mandate_inactive", now=ref.now,
            )  # fmt: skip
            await self.write_answer(session, bank, tried, now=ref.now)
            await bank_accounts.move(session, bank, Status.VERIFIED, now=ref.now)
            await self._tell(session, bank, "bank_verified", cause=bank.id, now=ref.now)
            await self._give_copy(session, bank, now=ref.now)
        return as_value(bank)

    async def write_answer(
        self, session: AsyncSession, bank: BankAccount, tried: Tried | None, *, now: datetime
    ) -> None:
        """Answer the entry of the locked bank account, once; a wrong one is counted with its answer."""
        if tried is None:
            return
        attempt = await bank_attempts.get(session, bank, tried.number)
        if attempt.answer is None:
            if tried.wrong:
                failed = min(bank.attempts_failed + 1, bank.attempts_allowed)
                await bank_accounts.keep(session, bank, {"attempts_failed": failed})
            await bank_attempts.answer(session, attempt, tried.answer, now=now)

    async def _locked(self, session: AsyncSession, ref: BankRef) -> BankAccount:
        return await bank_accounts.locked(session, account_id=ref.account_id, bank_id=ref.bank_account_id)

    @staticmethod
    async def _tell(session: AsyncSession, bank: BankAccount, kind: str, *, cause: str, now: datetime) -> None:
        await notices.add(
            session, account_id=bank.account_id, kind=kind, cause=cause, facts={"bank_account": bank.id}, now=now
        )

    @staticmethod
    async def _give_copy(session: AsyncSession, bank: BankAccount, *, now: datetime) -> None:
        """The copy of the mandate that must reach the customer (requirement E13), once."""
        mandate = await mandates.of_bank(session, bank)
        await notices.add(
            session, account_id=bank.account_id, kind="mandate_copy", cause=mandate.id, facts={"mandate": mandate.id},
            now=now,
        )  # fmt: skip
