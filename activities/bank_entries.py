"""A code or two amounts that the customer entered: opened, tried at the processor once, erased with the answer."""

from dataclasses import dataclass

from temporalio import activity

from activities.banks import BankRef, Following, Tried, Verification, as_value, is_open
from activities.keys import keyed
from gateways.processor import Failure, Processor, ProcessorRefusedError, Setup
from models.bank_account import BankAccount
from models.bank_attempt import BankAttempt
from rules.bank_codes import Entry
from rules.bank_verification import EXCEEDED, MISMATCHES, Answer, Status
from store import bank_accounts, bank_attempts
from store.database import Database
from store.seals import Seal, SealBrokenError


@dataclass(frozen=True)
class EntryRef:
    """Which entry: its number alone, never what was entered."""

    bank: BankRef
    number: int


@dataclass(frozen=True)
class EntryAnswer:
    """What the entry came to (``rules.bank_verification.Answer``), and how the verification stands then."""

    answer: str
    verification: Verification


class BankEntries:
    """The hands that try what was entered."""

    def __init__(self, *, database: Database, processor: Processor, seal: Seal) -> None:
        self._database = database
        self._processor = processor
        self._seal = seal
        self._following = Following(database=database, processor=processor)

    @activity.defn
    async def try_entry(self, request: EntryRef) -> EntryAnswer:
        """Try entry ``number`` unless it is answered. The processor is asked first how the verification stands."""
        ref = request.bank
        bank, attempt = await self._read(request)
        if attempt.answer is not None or not is_open(bank):
            return await self._answered(request, Tried(request.number, Answer.NOT_PENDING))
        if bank.setup_intent is None:
            return await self._answered(request, Tried(request.number, Answer.NOT_TAKEN))
        setup = await self._processor.retrieve_setup(bank.setup_intent)
        met = Answer.VERIFIED if setup.status == "succeeded" else Answer.ENDED
        found = await self._following.follow(ref, setup, tried=Tried(request.number, met))
        if not found.pending:
            return await self._now(request)
        bank, attempt = await self._read(request)  # following may have begun the tries anew
        entry = self._open(attempt)
        if entry is None:
            return await self._answered(request, Tried(request.number, Answer.NOT_TAKEN))
        if entry.kind != setup.microdeposit_type:
            return await self._answered(request, Tried(request.number, Answer.OTHER_KIND))
        return await self._try(request, bank, entry)

    async def _try(self, request: EntryRef, bank: BankAccount, entry: Entry) -> EntryAnswer:
        setup_intent = bank.setup_intent or ""
        try:
            answer = await keyed(
                f"{bank.id}/{request.number}",
                lambda key: self._processor.verify_setup(setup_intent, code=entry.code, amounts=entry.amounts, key=key),
            )
        except ProcessorRefusedError as error:
            answer = Failure(code=error.code)
        if isinstance(answer, Failure) and answer.code in MISMATCHES:
            return await self._answered(request, self._wrong(bank, request.number, Answer.MISMATCH))
        if isinstance(answer, Setup):
            tried = Tried(request.number, Answer.VERIFIED)
        elif answer.code == EXCEEDED:
            tried = self._wrong(bank, request.number, Answer.ENDED)
        else:
            tried = Tried(request.number, Answer.ENDED)
        setup = answer if isinstance(answer, Setup) else await self._processor.retrieve_setup(setup_intent)
        if setup.status == "succeeded":
            tried = Tried(request.number, Answer.VERIFIED)
        found = await self._following.follow(request.bank, setup, tried=tried)
        if found.pending:
            return await self._answered(request, Tried(request.number, Answer.NOT_TAKEN))
        return await self._now(request)

    @staticmethod
    def _wrong(bank: BankAccount, number: int, answer: Answer) -> Tried:
        last = bank.attempts_failed + 1 >= bank.attempts_allowed
        return Tried(number, Answer.EXHAUSTED if last else answer, wrong=True)

    async def _answered(self, request: EntryRef, tried: Tried) -> EntryAnswer:
        """Write the answer where none is yet; after the last wrong one the verification ends (requirement E4)."""
        ref = request.bank
        async with self._database.transaction() as session:
            bank = await bank_accounts.locked(session, account_id=ref.account_id, bank_id=ref.bank_account_id)
            await self._following.write_answer(session, bank, tried, now=ref.now)
        if is_open(bank) and as_value(bank).attempts_left == 0:
            await self._following.give_up(ref, Status.FAILED, reason="attempts_exceeded")
        return await self._now(request)

    async def _now(self, request: EntryRef) -> EntryAnswer:
        bank, attempt = await self._read(request)
        return EntryAnswer(answer=attempt.answer or Answer.NOT_TAKEN, verification=as_value(bank))

    async def _read(self, request: EntryRef) -> tuple[BankAccount, BankAttempt]:
        ref = request.bank
        async with self._database.transaction() as session:
            bank = await bank_accounts.get(session, account_id=ref.account_id, bank_id=ref.bank_account_id)
            return bank, await bank_attempts.get(session, bank, request.number)

    def _open(self, attempt: BankAttempt) -> Entry | None:
        """What was entered; None when the sealing key has changed since."""
        parts = (attempt.account_id, attempt.bank_account_id, str(attempt.number))
        try:
            return Entry.of_text(self._seal.open(attempt.sealed or b"", *parts))
        except SealBrokenError:
            return None
