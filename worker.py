"""The worker process: builds the real parts, lists workflows and activities, and runs until it is told to stop.

``python worker.py`` or ``prepay worker``. Many can run side by side; stopping one loses nothing (I1).
"""

import asyncio
import gc
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
import uvloop
from temporalio.client import Client
from temporalio.common import MetricMeter
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.auto_recharging import AutoRecharging
from activities.bank_care import BankCare
from activities.bank_entries import BankEntries
from activities.bank_verifying import BankVerifying
from activities.cards import Cards
from activities.charging import Charging
from activities.gathered import activities_of
from activities.heartbeats import Heartbeats
from activities.notifying import Notifying
from activities.recommending import Recommending
from activities.retaining import Retaining
from activities.scheduling import Scheduling
from activities.settling import Settling
from activities.webhooks import Webhooks
from gateways.mail import Mailer, MailServer
from gateways.processor import Processor
from gateways.stripe import StripeProcessor
from gateways.webhooks import WebhookSender
from relay.running import CHANNELS, relaying
from rules.durations import parse_ladder
from rules.money import Money
from settings import Settings
from store import deployment
from store.auto_facts import Terms
from store.database import Database, DatabaseUnavailableError, Listener
from store.seals import Seal
from telemetry import logs
from workflows import schedules
from workflows.auto_recharge import AutoRecharge
from workflows.bank_removal import BankRemoval
from workflows.bank_review import BankReview
from workflows.bank_verification import BankVerification
from workflows.cluster import cluster_of, connect, leave
from workflows.monthly_sweep import MonthlySweep
from workflows.notice import Notice
from workflows.payment_method import PaymentMethod
from workflows.recharge import Recharge
from workflows.recommendation_sweep import RecommendationSweep
from workflows.retention import Retention
from workflows.webhook import Webhook, webhook_queue

log = structlog.get_logger(__name__)
WORKFLOWS: Sequence[type] = (
    *(AutoRecharge, BankRemoval, BankReview, BankVerification, MonthlySweep, Notice),
    *(PaymentMethod, Recharge, RecommendationSweep, Retention, Webhook),
)
GRACE = timedelta(seconds=30)
# How long a workflow's next step waits for the worker that has it cached, should that one have died.
STICKY = timedelta(seconds=5)
AGAIN_SECONDS = 2.0
CONNECT_SECONDS = 10.0


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def activities(settings: Settings, *, database: Database, processor: Processor) -> list[Callable[..., Any]]:
    """Every activity, with its dependencies given."""
    link_key = settings.token_pepper.get_secret_value()
    public_url = str(settings.public_url).rstrip("/")
    password = settings.smtp_password
    mailer = Mailer(
        MailServer(
            host=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_username,
            password=password.get_secret_value() if password else None,
            encryption=settings.smtp_tls,
        ),
        sender=settings.mail_from,
    )
    notifying = Notifying(
        database=database,
        mailer=mailer,
        operator_email=settings.operator_email,
        link_key=link_key,
        public_url=public_url,
    )
    max_recharge = Money.parse(settings.max_recharge).cents
    return activities_of(
        AutoRecharging(
            database=database, terms=Terms(max_recharge_cents=max_recharge, ladder=parse_ladder(settings.retry_ladder))
        ),
        Charging(database=database, processor=processor, link_key=link_key, public_url=public_url),
        Settling(database=database),
        Cards(database=database, processor=processor),
        BankVerifying(database=database, processor=processor),
        BankEntries(database=database, processor=processor, seal=Seal(settings.seal_key.get_secret_value())),
        BankCare(database=database, processor=processor),
        notifying,
        Recommending(database=database),
        Retaining(database=database),
        Scheduling(database=database, largest_cents=max_recharge),
    )


def webhooks(settings: Settings, *, database: Database) -> Webhooks:
    """The hand that sends webhooks; it works off a queue of its own (workflows/webhook.py)."""
    sender = WebhookSender(allowed=settings.webhook_networks)
    return Webhooks(database=database, sender=sender, seal=Seal(settings.seal_key.get_secret_value()), clock=utc_now)


def processor_of(settings: Settings) -> StripeProcessor:
    """Stripe with the key of ``settings``, or the sandbox without one."""
    return StripeProcessor(
        api_key=settings.processor_key,
        base=settings.processor_base,
        timeout_seconds=settings.stripe_timeout_seconds,
    )


@asynccontextmanager
async def working(
    settings: Settings, *, client: Client, database: Database, processor: StripeProcessor, meter: MetricMeter
) -> AsyncGenerator[None]:
    """A worker with its hand-offs while the block runs."""
    listener = Listener(settings.database_url.get_secret_value())
    await listener.start(*CHANNELS)
    worker = Worker(
        client,
        task_queue=settings.task_queue,
        workflows=WORKFLOWS,
        workflow_runner=UnsandboxedWorkflowRunner(),
        activities=activities(settings, database=database, processor=processor),
        interceptors=[Heartbeats()],
        graceful_shutdown_timeout=GRACE,
        sticky_queue_schedule_to_start_timeout=STICKY,
    )
    courier = Worker(
        client,
        task_queue=webhook_queue(settings.task_queue),
        activities=[webhooks(settings, database=database).send],
        interceptors=[Heartbeats()],
        graceful_shutdown_timeout=GRACE,
    )
    try:
        async with (
            worker,
            courier,
            relaying(
                database=database,
                listener=listener,
                client=client,
                task_queue=settings.task_queue,
                events=processor,
                now=utc_now,
                poll_seconds=settings.poll_seconds,
                retention_days=settings.retention_days,
                meter=meter,
            ),
        ):
            yield
    finally:
        await listener.stop()


async def run(settings: Settings) -> None:
    """Run until SIGINT or SIGTERM.

    Raises OtherDeploymentError when the database belongs to another processor account or mode (I7).
    """
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    processor = processor_of(settings)
    metrics = PrometheusConfig(
        bind_address=f"{settings.metrics_host}:{settings.metrics_port}",
        durations_as_seconds=True,
        counters_total_suffix=True,
        unit_suffix=True,
    )
    runtime = Runtime(telemetry=TelemetryConfig(metrics=metrics))
    url = settings.database_url.get_secret_value()
    async with Database(url, pool_size=settings.database_pool_size) as database:
        await _until_reached("processor", lambda: claim(database, processor), stop)
        client = await _until_reached(
            "temporal", lambda: asyncio.wait_for(connect(cluster_of(settings), runtime=runtime), CONNECT_SECONDS), stop
        )
        if client is None:
            return
        async with working(settings, client=client, database=database, processor=processor, meter=runtime.metric_meter):
            log.info("worker_ready", task_queue=settings.task_queue, namespace=settings.temporal_namespace)
            await _until_reached("schedules", lambda: schedules.ensure(client, task_queue=settings.task_queue), stop)
            await stop.wait()
    log.info("worker_stopped")


async def claim(database: Database, processor: Processor) -> None:
    """Make the database that of our processor account and mode, or check that it is."""
    account = await processor.account()
    async with database.transaction() as session:
        await deployment.claim(session, processor_account=account.id, livemode=account.livemode, now=utc_now())


async def _until_reached(what: str, reach: Callable[[], Any], stop: asyncio.Event) -> Any:
    """Call ``reach`` until it succeeds or the process is to stop: a worker may be started before its servers are."""
    while not stop.is_set():
        try:
            return await reach()
        except deployment.OtherDeploymentError:
            raise
        except (ConnectionError, DatabaseUnavailableError, RuntimeError, OSError, RPCError) as error:
            log.warning("worker_waits", kind=what, error=type(error).__name__)
            try:
                await asyncio.wait_for(stop.wait(), AGAIN_SECONDS)
            except TimeoutError:
                continue
    return None


def main() -> None:
    """Entry point of ``python worker.py``."""
    settings = Settings()
    logs.configure(level=settings.log_level, style=settings.log_format)
    gc.freeze()  # what was imported stays: the collector need not walk through it again and again
    gc.set_threshold(50_000, 20, 20)  # nor through the open episodes, every 700 objects
    try:
        uvloop.run(run(settings))
    except deployment.OtherDeploymentError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
    leave(0)
