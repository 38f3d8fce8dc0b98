"""A bank account on file: blocked and unblocked as the processor says, and taken off again."""

from temporalio import activity

from activities.banks import BankRef, Following
from gateways.processor import Processor
from models.bank_account import BankAccount
from rules.bank_verification import PLACE_HOLDING, Status, block_reason
from store import bank_accounts, mandates, notices
from store.database import AsyncSession, Database


class BankCare:
    """The hands that keep a bank account in step with the processor."""

    def __init__(self, *, database: Database, processor: Processor) -> None:
        self._database = database
        self._processor = processor
        self._following = Following(database=database, processor=processor)

    @activity.defn
    async def review_bank(self, ref: BankRef) -> str:
        """Read payment method and mandate anew: blocked, verified again, or gone (requirement D8). Gives the status."""
        bank = await self._following.read(ref)
        if not _on_file(bank) or bank.payment_method is None:
            return bank.status
        method = await self._processor.retrieve_method(bank.payment_method)
        async with self._database.transaction() as session:
            known = (await mandates.of_bank(session, bank)).processor_mandate
        there = await self._processor.retrieve_mandate(known) if known else None
        async with self._database.transaction() as session:
            bank = await bank_accounts.locked(session, account_id=ref.account_id, bank_id=ref.bank_account_id)
            if not _on_file(bank):
                return bank.status
            if method.customer is None:
                await self._remove(session, bank, ref, reason="detached")
                return bank.status
            if there is not None:
                await mandates.follow(
                    session, await mandates.of_bank(session, bank), processor_mandate=there.id, status=there.status,
                    reason="mandate_inactive", now=ref.now,
                )  # fmt: skip
            reason = block_reason(
                blocked_code=method.blocked_code, blocked_reason=method.blocked_reason,
                mandate_status=there.status if there else None,
            )  # fmt: skip
            await self._block(session, bank, ref, reason=reason)
            return bank.status

    async def _block(self, session: AsyncSession, bank: BankAccount, ref: BankRef, *, reason: str | None) -> None:
        """Block, unblock, or note another reason; who is blocked or unblocked is told, each time."""
        if bank.status_reason == reason:
            return
        status = Status.VERIFIED if reason is None else Status.BLOCKED
        changed = bank.status != status
        await bank_accounts.move(session, bank, status, reason=reason, now=ref.now)
        if changed:
            kind = "bank_verified" if reason is None else "bank_blocked"
            await notices.add(
                session, account_id=bank.account_id, kind=kind, cause=f"{bank.id}/{ref.now.isoformat()}",
                facts={"bank_account": bank.id}, now=ref.now,
            )  # fmt: skip

    @activity.defn
    async def remove_bank(self, ref: BankRef) -> str:
        """Detach at the processor, then here: the mandate ends, the place is free. Gives the status before."""
        bank = await self._following.read(ref)
        if bank.status == Status.REMOVED:
            return bank.status
        await self._following.clean_up(bank)
        async with self._database.transaction() as session:
            bank = await bank_accounts.locked(session, account_id=ref.account_id, bank_id=ref.bank_account_id)
            before = bank.status
            await self._remove(session, bank, ref, reason="requested")
        return before

    async def _remove(self, session: AsyncSession, bank: BankAccount, ref: BankRef, *, reason: str) -> None:
        before = bank.status
        if before == Status.REMOVED:
            return
        await bank_accounts.move(session, bank, Status.REMOVED, reason=reason, now=ref.now)
        if before in PLACE_HOLDING:
            await notices.add(
                session, account_id=bank.account_id, kind="bank_removed", cause=bank.id,
                facts={"bank_account": bank.id}, now=ref.now,
            )  # fmt: skip


def _on_file(bank: BankAccount) -> bool:
    return bank.status in {Status.VERIFIED, Status.BLOCKED} and bank.removal_requested_at is None
