"""Bank accounts: added with a mandate, verified by micro-deposit, shown, removed (requirements E1-E6, E13)."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Query
from sqlalchemy.ext.asyncio import AsyncSession

from api.access import Access, OwnAccount
from api.bank_shapes import BankAccountsQuery, BankAccountView, Entered, NewBankAccount, view
from api.context import Context, InContext
from api.handing import hand_over_now
from api.routing import router as make_router
from api.shapes import Listing
from api.updates import update
from api.waiting import until
from models.bank_account import BankAccount
from models.bank_attempt import BankAttempt
from rules import mandate_text
from rules.access import Caller
from rules.bank_codes import Entry, MalformedEntryError
from rules.bank_verification import NOT_SUPPORTED, Answer, Status, acceptance_fault
from rules.money import Money
from rules.problems import Problem
from store import audit, bank_accounts, bank_attempts, mandates
from store.mandates import Acceptance
from store.seals import Seal

router = make_router("Bank accounts")
RETRY_AFTER_SECONDS = 5
MayChange = Annotated[Caller, Depends(Access("money", owner=True))]


@router.post("/v1/accounts/{account_id}/bank_accounts", status_code=201)
async def add_bank_account(
    body: NewBankAccount, account: OwnAccount, context: InContext, caller: MayChange
) -> BankAccountView:
    """Add a US bank account: the processor sends a micro-deposit whose statement text carries a 6-character code.

    A card must be on file, and there is one bank account at a time. The same token again is the same bank account while
    it waits for its verification.
    """
    if account.status == "closed":
        raise Problem("account_closed", "The account is closed.")
    now = context.now()
    given = body.mandate
    if fault := acceptance_fault(given.accepted_at, now=now):
        raise Problem("invalid_field", f"mandate.accepted_at {fault}.", param="mandate.accepted_at")
    largest = Money.parse(context.settings.max_recharge).cents
    acceptance = Acceptance(**given.model_dump(), amount_rule=mandate_text.amount_rule(largest_cents=largest))
    async with context.database.transaction() as session:
        asked = await bank_accounts.add(
            session, account_id=account.id, token=body.payment_method, acceptance=acceptance,
            attempts_allowed=context.settings.bank_code_attempts, now=now,
        )  # fmt: skip
        if asked.outbox_id is not None:
            await _note(session, caller, "bank_account.added", asked.bank, context)
    await hand_over_now(context, asked.outbox_id)
    bank = await _settled(
        context, asked.bank, done=lambda row: row.microdeposit_type is not None or row.status != Status.PENDING
    )
    _refuse_unsent(bank)
    return await _shown(context, bank)


@router.get("/v1/accounts/{account_id}/bank_accounts", dependencies=[Depends(Access("read", owner=True))])
async def list_bank_accounts(
    query: Annotated[BankAccountsQuery, Query()], account: OwnAccount, context: InContext
) -> Listing[BankAccountView]:
    """List bank accounts, newest first, removed, failed and expired ones too."""
    async with context.database.transaction() as session:
        found, more = await bank_accounts.page(session, query.page, account_id=account.id, status=query.status)
        given = await mandates.of_banks(session, account.id, [bank.id for bank in found])
    data = [view(bank, given[bank.id], livemode=context.livemode) for bank in found]
    return Listing(data=data, has_more=more)


@router.get("/v1/accounts/{account_id}/bank_accounts/{bank_id}", dependencies=[Depends(Access("read", owner=True))])
async def get_bank_account(bank_id: str, account: OwnAccount, context: InContext) -> BankAccountView:
    """Show one bank account."""
    async with context.database.transaction() as session:
        bank = _known(await bank_accounts.find(session, account_id=account.id, bank_id=bank_id))
    return await _shown(context, bank)


@router.delete("/v1/accounts/{account_id}/bank_accounts/{bank_id}")
async def remove_bank_account(
    bank_id: str, account: OwnAccount, context: InContext, caller: MayChange
) -> BankAccountView:
    """Remove a bank account: it is detached at the processor, its mandate ends, the place is free.

    It is not debited any more from the request on; debits in flight stay in flight.
    """
    now = context.now()
    async with context.database.transaction() as session:
        bank = _known(await bank_accounts.find(session, account_id=account.id, bank_id=bank_id))
        bank = await bank_accounts.locked(session, account_id=account.id, bank_id=bank.id)
        asked = await bank_accounts.ask_removal(session, bank, now=now)
        if asked.outbox_id is not None:
            await _note(session, caller, "bank_account.removed", bank, context)
    await hand_over_now(context, asked.outbox_id)
    bank = await _settled(context, asked.bank, done=lambda row: row.status == Status.REMOVED)
    if bank.status != Status.REMOVED:
        raise _later("It is being removed and is not debited any more; the same request again joins this one.")
    return await _shown(context, bank)


@router.post("/v1/accounts/{account_id}/bank_accounts/{bank_id}/verify")
async def verify_bank_account(
    bank_id: str, body: Entered, account: OwnAccount, context: InContext, caller: MayChange
) -> BankAccountView:
    """Enter the 6-character code, or the two amounts, of the micro-deposit.

    A wrong one costs a try; one that cannot be right costs nothing. After a 503 the same request is the same try.
    """
    entry = _entry(body)
    while True:
        bank, attempt, same = await _begin(context, account.id, bank_id, entry)
        if attempt.answer is None:
            await _try(context, bank, attempt)
        if same:
            return await _told(context, bank, attempt.number)
        # Another entry had not been answered yet; now it is, and this one has its turn.


def _entry(body: Entered) -> Entry | None:
    """What was entered; None when neither was. Raises Problem ``code_malformed`` or ``invalid_field``."""
    try:
        if body.code is not None:
            return Entry.of_code(body.code)
        return None if body.amounts is None else Entry.of_amounts(body.amounts)
    except MalformedEntryError as error:
        code, param = ("code_malformed", "code") if body.code is not None else ("invalid_field", "amounts")
        raise Problem(code, f"Nothing was tried: {error}.", param=param) from None


async def _begin(
    context: Context, account_id: str, bank_id: str, entry: Entry | None
) -> tuple[BankAccount, BankAttempt, bool]:
    """The try that is to be answered next, and whether it is of this entry."""
    async with context.database.transaction() as session:
        bank = _known(await bank_accounts.find(session, account_id=account_id, bank_id=bank_id))
        bank = await bank_accounts.locked(session, account_id=account_id, bank_id=bank_id)
        waits = bank.status == Status.PENDING and bank.removal_requested_at is None
        if waits and bank.microdeposit_type is None:
            raise _later("The processor has not sent the deposit yet.")
        if waits and (entry is None or entry.kind != bank.microdeposit_type):
            raise _other_kind(bank)
        begun = None
        if entry is not None:
            seal = Seal(context.settings.seal_key.get_secret_value())
            begun = await bank_attempts.begin(session, bank, entry, seal=seal, now=context.now())
        if begun is None:
            raise _not_pending(bank)
        return bank, begun.attempt, begun.same


async def _try(context: Context, bank: BankAccount, attempt: BankAttempt) -> None:
    """Have the running verification try it. Sent again under the same id it is one try (facts: Temporal updates)."""
    given = await update(
        context,
        workflow_id=f"verify/{bank.id}",
        name="enter_code",
        argument=attempt.number,
        update_id=f"attempt/{bank.id}/{attempt.number}",
    )
    if given is None:
        async with context.database.transaction() as session:
            now = await bank_attempts.get(session, bank, attempt.number)
        if now.answer is None:  # the verification has not been started yet
            raise _later("The verification is not running yet; the same request again is the same try.")


async def _told(context: Context, bank: BankAccount, number: int) -> BankAccountView:
    """The answer to entry ``number``, from the records."""
    async with context.database.transaction() as session:
        bank = await bank_accounts.locked(session, account_id=bank.account_id, bank_id=bank.id)
        attempt = await bank_attempts.get(session, bank, number)
        await bank_attempts.tell(session, attempt, now=context.now())
        shown = view(bank, await mandates.of_bank(session, bank), livemode=context.livemode)
    match attempt.answer:
        case Answer.MISMATCH | Answer.EXHAUSTED:
            amounts = bank.microdeposit_type == "amounts"
            what = "amounts are not those" if amounts else "6-character code is not the one"
            raise Problem(
                "amounts_mismatch" if amounts else "code_mismatch", f"The {what} of the deposit.",
                param="amounts" if amounts else "code", attempts_left=shown.attempts_left,
            )  # fmt: skip
        case Answer.OTHER_KIND:
            raise _other_kind(bank)
        case Answer.NOT_TAKEN:
            raise Problem("code_malformed", "The processor could not compare it; it costs no try.", param="code")
        case Answer.NOT_PENDING if bank.status != Status.VERIFIED:
            raise _not_pending(bank)
        case _:
            return shown


def _refuse_unsent(bank: BankAccount) -> None:
    """Raise where the processor did not even send a deposit, because of what it was given."""
    if bank.status != Status.FAILED or bank.microdeposit_type is not None or bank.failure is None:
        return
    reason, message = bank.failure["code"], bank.failure["message"]
    if reason == NOT_SUPPORTED:
        raise Problem(NOT_SUPPORTED, message, param="payment_method", bank_account=bank.id)
    if reason != "microdeposit_failed":
        raise Problem("payment_method_refused", message, param="payment_method", bank_account=bank.id)


async def _settled(context: Context, bank: BankAccount, *, done: Callable[[BankAccount], bool]) -> BankAccount:
    found = await until(
        context,
        channel="prepay_bank_account",
        record_id=bank.id,
        read=lambda session: bank_accounts.find(session, account_id=bank.account_id, bank_id=bank.id),
        done=lambda row: row is None or done(row),
    )
    return found or bank


async def _shown(context: Context, bank: BankAccount) -> BankAccountView:
    async with context.database.transaction() as session:
        return view(bank, await mandates.of_bank(session, bank), livemode=context.livemode)


async def _note(session: AsyncSession, caller: Caller, action: str, bank: BankAccount, context: Context) -> None:
    """Operators' acts are in the audit log (I6)."""
    if caller.is_operator:
        await audit.record(session, caller, action, now=context.now(), account_id=bank.account_id, object_id=bank.id)


def _known(bank: BankAccount | None) -> BankAccount:
    if bank is None:
        raise Problem("not_found", "The account has no such bank account.")
    return bank


def _other_kind(bank: BankAccount) -> Problem:
    if bank.microdeposit_type == "amounts":
        return Problem("amounts_required", "Send the `amounts` of the two deposits, in cents.", param="amounts")
    return Problem("code_required", "Send the 6-character `code` of the deposit.", param="code")


def _not_pending(bank: BankAccount) -> Problem:
    status = "being removed" if bank.removal_requested_at and bank.status == Status.PENDING else bank.status
    return Problem("verification_not_pending", f"The bank account is {status}.", bank_account_status=bank.status)


def _later(detail: str) -> Problem:
    return Problem("unavailable", detail, retry_after_seconds=RETRY_AFTER_SECONDS)
