"""What the routes need of the world: built once for each process, handed to ``create_app``."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Self

import structlog
from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.client import Client

from ledger.funds import FundsReader
from ledger.group_commit import GroupCommit
from rules.problems import Problem
from settings import DEVELOPMENT_OPERATOR_KEY, Settings
from store import deployment
from store.database import Database, Listener
from store.locks import Locks
from store.operator_keys import OperatorKeys
from store.seals import Seal
from store.spenders import Spenders

CHANNELS = ("prepay_recharge", "prepay_card", "prepay_bank_account")
CONNECT_SECONDS = 3
MODE_SECONDS = 1.0
log = structlog.get_logger(__name__)


def wall_clock() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


class Context:
    """Database, listener, locks, settings and clock of the API. Use it as an async context manager."""

    def __init__(
        self,
        *,
        settings: Settings,
        connect: Callable[[], Awaitable[Client]] | None = None,
        now: Callable[[], datetime] = wall_clock,
    ) -> None:
        url = settings.database_url.get_secret_value()
        self.settings = settings
        self.now = now
        self.database = Database(url, pool_size=settings.database_pool_size)
        self.listener = Listener(url)
        self.locks = Locks(url)
        self.group_commit = GroupCommit(url, now=now)
        self.spenders = Spenders(url)
        self.funds = FundsReader(url)
        self.public_url = str(settings.public_url).rstrip("/")
        self.pepper = settings.token_pepper.get_secret_value()
        self.seals = Seal(settings.seal_key.get_secret_value())
        self.operator_keys = OperatorKeys(self.database, pepper=self.pepper)
        #: Exports read through so many connections of the pool, however many there are and however slow their clients.
        self.exports = asyncio.Semaphore(min(2, settings.database_pool_size))
        #: The one key that is accepted without being stored; production has none.
        self.development_key = DEVELOPMENT_OPERATOR_KEY if settings.environment == "development" else None
        #: Until then (time of the event loop) nothing is handed over by the door itself: Temporal did not answer.
        self.hands_off_until = 0.0
        self._connect = connect
        self._client: Client | None = None
        self._connecting = asyncio.Lock()
        self._livemode: bool | None = None
        self._mode_asked_at = -MODE_SECONDS

    async def __aenter__(self) -> Self:
        await self.listener.start(*CHANNELS)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.listener.stop()
        await self.group_commit.close()
        await self.spenders.close()
        await self.funds.close()
        await self.locks.close()
        await self.database.close()

    async def temporal(self) -> Client:
        """The Temporal client, connected when first asked for. Raises Problem ``unavailable`` while that fails."""
        if self._connect is None:
            raise Problem("unavailable", "Temporal is not configured.", retry_after_seconds=5)
        async with self._connecting:
            if self._client is None:
                try:
                    self._client = await asyncio.wait_for(self._connect(), CONNECT_SECONDS)
                except (OSError, RuntimeError, TimeoutError) as error:
                    log.warning("temporal_unreachable", error=type(error).__name__)
                    raise Problem("unavailable", "Temporal cannot be reached.", retry_after_seconds=5) from error
            return self._client

    @property
    def livemode(self) -> bool:
        """Whether real money moves here: the mode of the processor account that owns the database (I7)."""
        return bool(self._livemode)

    async def learn_mode(self, session: AsyncSession) -> None:
        """Read the mode until a processor account has claimed the database; from then on it never changes."""
        if self._livemode is None:
            row = await deployment.read(session)
            self._livemode = None if row is None else row.livemode

    async def learn_mode_soon(self) -> None:
        """The same for routes that read nothing else: asked once in a while until it is known."""
        if self._livemode is None and time.monotonic() - self._mode_asked_at >= MODE_SECONDS:
            self._mode_asked_at = time.monotonic()
            async with self.database.transaction() as session:
                await self.learn_mode(session)


def get_context(request: Request) -> Context:
    """The context of the application that serves ``request``."""
    context: Context = request.app.state.context
    return context


async def _injected(request: Request) -> Context:
    return get_context(request)  # asynchronous, for FastAPI gives every other dependency a thread


InContext = Annotated[Context, Depends(_injected)]
