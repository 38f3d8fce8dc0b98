"""An account owner to be told about things, a mail server, and a worker that mails.

- `owner`: an account with a card and a bank account; its methods write more records.
- `post_office`: an SMTP server that keeps every mail, and can be told to refuse; it is down until `open`.
- `mailroom`: time-skipping Temporal with a worker of the notice workflow.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP
from sqlalchemy import text
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.notifying import Notifying
from gateways.mail import Mailer, MailServer
from models.account import Account
from models.bank_account import BankAccount
from models.card import Card
from models.mandate import Mandate
from models.recharge import Recharge
from sandbox.mail.messages import Mailbox
from sandbox.ports import HOST, free_ports
from store import notices
from store.database import Database
from store.ids import new_auth_id, new_id
from workflows.attributes import ACCOUNT, KIND, STATE
from workflows.notice import Notice
from workflows.starting import hand_over

OPERATORS = "operators@calls.example"
NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)


@pytest.fixture
async def store(database) -> AsyncGenerator[Database]:
    async with Database(database.app_url) as opened:
        yield opened


@dataclass
class Owner:
    """One account; each method writes a record of it and gives its id."""

    store: Database
    account_id: str
    card_id: str
    bank_id: str
    email: str = "ada@customer.example"

    async def _save(self, *records):
        async with self.store.transaction() as session:
            for record in records:
                session.add(record)
                await session.flush()

    async def recharge(self, *, amount_cents=2500, status="processing", method="card", **more) -> str:
        recharge_id = new_id("rchg", NOW)
        final = status not in {"processing", "requires_action"}
        await self._save(
            Recharge(
                account_id=self.account_id,
                id=recharge_id,
                amount_cents=amount_cents,
                status=status,
                method_kind=method,
                method_id=self.card_id if method == "card" else self.bank_id,
                idempotency_key=recharge_id,
                request_digest="-",
                finished_at=NOW if final else None,
                created_at=NOW,
                **more,
            )
        )
        return recharge_id

    async def mandate(self) -> str:
        mandate_id = new_id("mndt", NOW)
        await self._save(
            Mandate(
                account_id=self.account_id,
                id=mandate_id,
                bank_account_id=self.bank_id,
                status="active",
                accepted_at=NOW,
                ip_address="192.0.2.7",
                user_agent="Browser/1",
                text_version="2026-11",
                amount_rule="At most $10,000.00 for each debit.",
                created_at=NOW,
            )
        )
        return mandate_id


@pytest.fixture
async def owner(store) -> Owner:
    account_id, card_id, bank_id = new_auth_id("MA", NOW), new_id("card", NOW), new_id("bank", NOW)
    made = Owner(store, account_id, card_id, bank_id)
    await made._save(
        Account(id=account_id, name="Ada's Calls", email=made.email, timezone="America/Los_Angeles", created_at=NOW),
        Card(
            account_id=account_id,
            id=card_id,
            token="pm_card_visa",
            brand="visa",
            last4="4242",
            is_default=True,
            status="active",
            created_at=NOW,
        ),
        BankAccount(
            account_id=account_id,
            id=bank_id,
            token="pm_usBankAccount",
            bank_name="STRIPE TEST BANK",
            last4="6789",
            routing_last4="0000",
            holder_name="Ada Lovelace",
            status="verification_pending",
            microdeposit_type="descriptor_code",
            deposit_expected_on=NOW.date() + timedelta(days=1),
            expires_at=NOW + timedelta(days=10),
            created_at=NOW,
        ),
    )
    return made


class PostOffice:
    """An SMTP server on a port of its own. ``answers`` gives recipients' next answers, one for each try."""

    def __init__(self, folder: Path) -> None:
        self.mailbox = Mailbox(folder)
        self.port = free_ports(1)[0]
        self.answers: dict[str, list[str]] = defaultdict(list)
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.get_running_loop().create_server(
            lambda: SMTP(self, hostname="localhost", enable_SMTPUTF8=True), HOST, self.port
        )

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - aiosmtpd's name
        if self.answers[address]:
            return self.answers[address].pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's name
        self.mailbox.store(sender=envelope.mail_from, recipients=envelope.rcpt_tos, raw=envelope.original_content)
        return "250 OK"

    @property
    def mails(self):
        """Every mail as the sandbox's inbox shows it, oldest first."""
        return [mail.as_json() for mail in reversed(self.mailbox.all())]

    def mailer(self, kind: type[Mailer] = Mailer, **server) -> Mailer:
        return kind(
            MailServer(host=HOST, port=self.port, timeout_seconds=5, **server),
            sender="Example Calls <pay@calls.example>",
        )


@pytest.fixture
async def post_office(tmp_path) -> AsyncGenerator[PostOffice]:
    office = PostOffice(tmp_path / "mail")
    yield office
    await office.close()


@dataclass
class Mailroom:
    """Writes notices, hands them over as the relay does, and waits for their workflows."""

    environment: WorkflowEnvironment
    owner: Owner
    queue: str = "notices"

    @property
    def client(self) -> Client:
        return self.environment.client

    @asynccontextmanager
    async def staffed(self, mailer: Mailer) -> AsyncGenerator[None]:
        """A worker that mails by ``mailer``."""
        hands = Notifying(
            database=self.owner.store,
            mailer=mailer,
            operator_email=OPERATORS,
            link_key="key",
            public_url="https://pay.calls.example/",
        )
        async with Worker(
            self.client,
            task_queue=self.queue,
            workflows=[Notice],
            activities=[hands.deliver],
            workflow_failure_exception_types=[Exception],
        ):
            yield

    async def now(self) -> datetime:
        return await self.environment.get_current_time()

    async def write(self, kind: str, *, age=timedelta(), cause="cause", **facts) -> str:
        now = await self.now() - age
        async with self.owner.store.transaction() as session:
            notice_id = await notices.add(
                session, account_id=self.owner.account_id, kind=kind, cause=cause, facts=facts, now=now
            )
        assert notice_id
        return notice_id

    async def start(self, notice_id: str):
        async with self.owner.store.transaction() as session:
            row = (
                await session.execute(
                    text("SELECT kind, workflow_id, arguments FROM outbox WHERE workflow_id = :id"),
                    {"id": f"notice/{notice_id}"},
                )
            ).one()
        await hand_over(
            self.client, kind=row.kind, workflow_id=row.workflow_id, arguments=row.arguments, task_queue=self.queue
        )
        return self.client.get_workflow_handle(row.workflow_id)

    async def deliver(self, notice_id: str) -> str:
        return await self.result(await self.start(notice_id))

    async def result(self, handle) -> str:
        """What the workflow gives in the end, its waits skipped."""
        async with self.environment.time_skipping_unlocked():
            return await handle.result()

    async def stored(self, notice_id: str) -> tuple[str, str | None, dict[str, str]]:
        """State, why superseded, and the recipients' states."""
        async with self.owner.store.transaction() as session:
            notice = await notices.get(session, notice_id)
            rows = await notices.recipients(session, [notice_id])
        assert all((row.sent_at is not None) == (row.state == "sent") for row in rows)
        return notice.state, notice.superseded_reason, {row.email: row.state for row in rows}


@pytest.fixture
async def mailroom(time_skipping, owner) -> Mailroom:
    keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    client = time_skipping.client
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace=client.namespace,
            search_attributes={key.name: keyword for key in (ACCOUNT, KIND, STATE)},
        )
    )
    return Mailroom(time_skipping, owner)
