"""From an outbox row to Temporal: which workflow each kind starts or signals, under which id.

The id comes from our row, so that handing a row over twice has one effect.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Any

from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from rules.money import Money
from workflows import attributes
from workflows.auto_recharge import AutoRecharge, AutoRechargeRequest
from workflows.bank_removal import BankRemoval
from workflows.bank_review import BankReview
from workflows.bank_verification import BankRequest, BankVerification
from workflows.notice import Notice, NoticeRequest
from workflows.payment_method import PaymentMethod, PaymentMethodRequest
from workflows.recharge import Recharge, RechargeRequest
from workflows.retention import Retention, RetentionRequest
from workflows.webhook import Webhook, WebhookRequest

Arguments = Mapping[str, Any]
HandOver = Callable[[Client, str, Arguments, str], Awaitable[None]]


async def hand_over(client: Client, *, kind: str, workflow_id: str, arguments: Arguments, task_queue: str) -> None:
    """Make Temporal hear of one outbox row; a row that it has heard of before is no error.

    Raises KeyError for an unknown kind, RPCError or RuntimeError while Temporal cannot be reached.
    """
    await _KINDS[kind](client, workflow_id, arguments, task_queue)


async def _start_once(client: Client, workflow: Any, argument: Any, *, workflow_id: str, **options: Any) -> None:
    try:
        await client.start_workflow(
            workflow,
            argument,
            id=workflow_id,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            **options,
        )
    except WorkflowAlreadyStartedError:
        return


async def _recharge(client: Client, workflow_id: str, arguments: Arguments, task_queue: str) -> None:
    given = dict(arguments)
    given["expected_on"] = date.fromisoformat(given["expected_on"]) if given["expected_on"] else None
    request = RechargeRequest(**given)
    method = "card" if request.method_kind == "card" else "bank debit (ACH)"
    await _start_once(
        client,
        Recharge.run,
        request,
        workflow_id=workflow_id,
        task_queue=task_queue,
        static_summary=f"${Money.from_cents(request.amount_cents)} by {method}",
        static_details=f"Recharge `{request.recharge_id}` of account `{request.account_id}`, {request.kind}.",
        search_attributes=attributes.initial(
            account_id=request.account_id,
            kind=f"recharge_{request.method_kind}",
            state="processing",
            amount_cents=request.amount_cents,
            expected_on=request.expected_on,
        ),
    )


async def _payment_method(client: Client, workflow_id: str, arguments: Arguments, task_queue: str) -> None:
    request = PaymentMethodRequest(**arguments)
    await _start_once(
        client,
        PaymentMethod.run,
        request,
        workflow_id=workflow_id,
        task_queue=task_queue,
        static_summary=f"{request.act.title()} card",
        static_details=f"Card `{request.card_id}` of account `{request.account_id}`.",
        search_attributes=attributes.initial(
            account_id=request.account_id, kind=f"card_{request.act}", state="processing"
        ),
    )


async def _notice(client: Client, workflow_id: str, arguments: Arguments, task_queue: str) -> None:
    notice = NoticeRequest(**arguments)
    of_account = f" to account `{notice.account_id}`" if notice.account_id else ""
    await _start_once(
        client,
        Notice.run,
        notice,
        workflow_id=workflow_id,
        task_queue=task_queue,
        static_summary=f"Mail {notice.kind}",
        static_details=f"Notice `{notice.notice_id}`{of_account}.",
        search_attributes=attributes.initial(account_id=notice.account_id or "", kind="notice", state="pending"),
    )


async def _webhook(client: Client, workflow_id: str, arguments: Arguments, task_queue: str) -> None:
    """A first time is started once; asked for again it is signalled with start: a delivery under way begins anew."""
    request = WebhookRequest(**arguments)
    of_account = f" of account `{request.account_id}`" if request.account_id else ""
    options: dict[str, Any] = {
        "task_queue": task_queue,
        "static_summary": f"Webhook {request.event_type}",
        "static_details": f"Event `{request.event_id}`{of_account} for endpoint `{request.endpoint_id}`.",
        "search_attributes": attributes.initial(account_id=request.account_id or "", kind="webhook", state="pending"),
    }
    if request.round == 1:
        await _start_once(client, Webhook.run, request, workflow_id=workflow_id, **options)
        return
    await client.start_workflow(
        Webhook.run, request, id=workflow_id, start_signal="again", start_signal_args=[request.round], **options
    )


async def _bank_verification(client: Client, workflow_id: str, arguments: Arguments, task_queue: str) -> None:
    await _start_once(
        client,
        BankVerification.run,
        _bank(arguments),
        workflow_id=workflow_id,
        task_queue=task_queue,
        static_summary="Verify a bank account by micro-deposit",
        **_about_bank(arguments, kind="bank_verification", state="verification_pending"),
    )


async def _bank_removal(client: Client, workflow_id: str, arguments: Arguments, task_queue: str) -> None:
    await _start_once(
        client,
        BankRemoval.run,
        _bank(arguments),
        workflow_id=workflow_id,
        task_queue=task_queue,
        static_summary="Remove a bank account",
        **_about_bank(arguments, kind="bank_removal", state="removing"),
    )


async def _bank_review(client: Client, workflow_id: str, arguments: Arguments, task_queue: str) -> None:
    """Signal with start: news that comes while a review runs is looked at too (decision 6)."""
    await client.start_workflow(
        BankReview.run,
        _bank(arguments),
        id=workflow_id,
        task_queue=task_queue,
        start_signal="look",
        static_summary="Read a bank account anew",
        **_about_bank(arguments, kind="bank_review", state="reading"),
    )


async def _retention(client: Client, workflow_id: str, arguments: Arguments, task_queue: str) -> None:
    """Signal with start: a clock that is set or stopped while one runs is looked at too."""
    request = RetentionRequest(account_id=arguments["account_id"])
    await client.start_workflow(
        Retention.run,
        request,
        id=workflow_id,
        task_queue=task_queue,
        start_signal="look",
        static_summary="Balance used up: what the account has is kept for a while",
        static_details=f"Retention clock of account `{request.account_id}`.",
        search_attributes=attributes.initial(account_id=request.account_id, kind="retention", state="running"),
    )


async def _auto_recharge(client: Client, workflow_id: str, arguments: Arguments, task_queue: str) -> None:
    """Signal with start: a wake that comes while an episode runs is looked at too (decision 6)."""
    request = AutoRechargeRequest(account_id=arguments["account_id"])
    await client.start_workflow(
        AutoRecharge.run,
        request,
        id=workflow_id,
        task_queue=task_queue,
        start_signal="wake",
        static_summary="Auto-recharge",
        static_details=f"Auto-recharge of account `{request.account_id}`.",
        search_attributes=attributes.initial(account_id=request.account_id, kind="auto_recharge", state="charging"),
    )


def _bank(arguments: Arguments) -> BankRequest:
    return BankRequest(account_id=arguments["account_id"], bank_account_id=arguments["bank_account_id"])


def _about_bank(arguments: Arguments, *, kind: str, state: str) -> dict[str, Any]:
    request = _bank(arguments)
    return {
        "static_details": f"Bank account `{request.bank_account_id}` of account `{request.account_id}`.",
        "search_attributes": attributes.initial(account_id=request.account_id, kind=kind, state=state),
    }


_KINDS: dict[str, HandOver] = {
    "recharge": _recharge,
    "payment_method": _payment_method,
    "bank_verification": _bank_verification,
    "bank_removal": _bank_removal,
    "bank_review": _bank_review,
    "notice": _notice,
    "webhook": _webhook,
    "retention": _retention,
    "auto_recharge": _auto_recharge,
}
