"""`make dev` and `make demo`: the whole stack on one machine, with the application's parts given as commands."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import httpx2
from rich.console import Console
from rich.table import Table

from sandbox.health import http_ok
from sandbox.part import Part
from sandbox.ports import HOST, Ports, port_setting
from sandbox.story import Story
from sandbox.supervisor import Stack, StackError, running, until_signal

_KEY = "sk_test_sandbox"


@dataclass(frozen=True, kw_only=True)
class Application:
    """What stands on the stack: how it is migrated, and its processes. The stack knows nothing else of it."""

    migrate: tuple[str, ...]
    api: tuple[str, ...]
    worker: tuple[str, ...]
    proofs: tuple[tuple[str, ...], ...]
    operator_key: str
    mandate_text_version: str


def ports(environ: Mapping[str, str]) -> Ports:
    """The stack's ports: the usual ones, or as ``PREPAY_…_PORT`` sets them.

    Raises StackError for one that is no port number.
    """
    chosen: dict[str, int] = {}
    for field in fields(Ports):
        given = environ.get(port_setting(field.name))
        if given is None:
            continue
        if not (given.isascii() and given.isdigit() and 0 < int(given) < 65536):
            raise StackError(f"{port_setting(field.name)} must be a port number, not {given!r}.")
        chosen[field.name] = int(given)
    return Ports(**chosen)


def environment(ports: Ports) -> dict[str, str]:
    """The application's settings for a stack on ``ports``."""
    return {
        "PREPAY_DATABASE_URL": f"postgresql://prepay_app:prepay@{HOST}:{ports.postgres}/prepay",
        "PREPAY_DATABASE_OWNER_URL": f"postgresql://prepay_owner:prepay@{HOST}:{ports.postgres}/prepay",
        "PREPAY_TEMPORAL_ADDRESS": f"{HOST}:{ports.temporal}",
        "PREPAY_TEMPORAL_UI_URL": f"http://{HOST}:{ports.temporal_ui}",
        "PREPAY_SANDBOX_URL": f"http://{HOST}:{ports.stripe}",
        "PREPAY_PUBLIC_URL": f"http://{HOST}:{ports.api}",
        "PREPAY_API_HOST": HOST,
        "PREPAY_API_PORT": str(ports.api),
        "PREPAY_METRICS_PORT": str(ports.metrics),
        "PREPAY_SMTP_HOST": HOST,
        "PREPAY_SMTP_PORT": str(ports.smtp),
        "PREPAY_POLL_SECONDS": "5",
        "PREPAY_WEBHOOK_ALLOW_PRIVATE": "127.0.0.0/8,::1/128",
    }


@asynccontextmanager
async def stack(
    application: Application, *, data_dir: Path, ports: Ports, day_seconds: float, console: Console
) -> AsyncGenerator[tuple[Stack, Mapping[str, str]]]:
    """The stack with the application on it, all healthy, while the block runs; and the application's settings."""
    env = environment(ports)
    async with Stack(data_dir=data_dir, ports=ports, day_seconds=day_seconds, console=console) as parts:
        env["PREPAY_STRIPE_WEBHOOK_SECRET"] = await _webhook_secret(data_dir, ports)
        await parts.run(name="migrate", command=application.migrate, env=env)
        await parts.add(
            Part(name="api", command=application.api, env=env, healthy=lambda: http_ok(ports.api, "/healthz")),
            Part(name="worker", command=application.worker, env=env, healthy=lambda: _polls(ports.metrics)),
        )
        yield parts, env


async def dev(application: Application, *, data_dir: Path, ports: Ports, day_seconds: float) -> int:
    """Run until a signal; the exit status."""
    console = Console()

    async def run() -> None:
        async with stack(application, data_dir=data_dir, ports=ports, day_seconds=day_seconds, console=console) as (
            parts,
            _,
        ):
            _addresses(console, application, ports, data_dir)
            await parts.run_forever()

    return await _guarded(console, run())


async def demo(application: Application, *, data_dir: Path, ports: Ports) -> int:
    """Tell the story on a stack of its own and prove the books; the exit status."""
    console = Console()
    if (there := running(data_dir)) is not None:
        console.print(
            f"[red]A stack runs already[/] (process {there.pid}, API on port {there.ports['api']}): the demo moves the "
            "sandbox's clock and would disturb it. Stop it with Ctrl-C, then run the demo again."
        )
        return 1

    async def run() -> None:
        async with stack(application, data_dir=data_dir, ports=ports, day_seconds=0, console=console) as (_, env):
            story = Story(
                api_url=env["PREPAY_PUBLIC_URL"],
                sandbox_url=env["PREPAY_SANDBOX_URL"],
                inbox_url=f"http://{HOST}:{ports.inbox}",
                operator_key=application.operator_key,
                mandate_text_version=application.mandate_text_version,
                console=console,
            )
            await story.tell()
            console.print("\n[bold]The books[/]")
            for proof in application.proofs:
                await _prove(proof, env)
        console.print("\n[green]Done.[/] `make dev` keeps the stack up; the Temporal UI then shows these payments.")

    return await _guarded(console, run())


async def _prove(command: tuple[str, ...], env: Mapping[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(*command, env=_whole(env))
    if await process.wait() != 0:
        raise StackError(f"{' '.join(command[-1:])} found something: see above")


async def _polls(metrics_port: int) -> bool:
    """Whether the worker takes tasks: its metrics tell of pollers once it does."""
    try:
        async with httpx2.AsyncClient(timeout=2, trust_env=False) as http:
            return "temporal_num_pollers" in (await http.get(f"http://{HOST}:{metrics_port}/metrics")).text
    except httpx2.TransportError:
        return False


def _whole(env: Mapping[str, str]) -> dict[str, str]:
    import os  # noqa: PLC0415 - only here, so that nothing else reads the environment

    return {**os.environ, **env}


async def _guarded(console: Console, work: object) -> int:
    try:
        await until_signal(work)  # pyright: ignore[reportArgumentType]
    except (StackError, RuntimeError) as error:
        console.print(f"[red]{error}[/]", highlight=False)
        return 1
    return 0


async def _webhook_secret(data_dir: Path, ports: Ports) -> str:
    """Register our webhook endpoint with the sandbox, once for its data; the secret is shown at its making alone."""
    kept = data_dir / "webhook_endpoint.json"
    url = f"http://{HOST}:{ports.api}/webhooks/stripe"
    async with httpx2.AsyncClient(
        base_url=f"http://{HOST}:{ports.stripe}", headers={"Authorization": f"Bearer {_KEY}"}
    ) as http:
        there = {one["id"]: one["url"] for one in (await http.get("/v1/webhook_endpoints?limit=100")).json()["data"]}
        if kept.exists():
            known = json.loads(kept.read_text())
            if there.get(known["id"]) == url:
                return str(known["secret"])
        for stale, at in there.items():
            if at.endswith("/webhooks/stripe"):
                await http.delete(f"/v1/webhook_endpoints/{stale}")
        answer = await http.post("/v1/webhook_endpoints", data={"url": url, "enabled_events[]": "*"})
        made = answer.raise_for_status().json()
    kept.write_text(json.dumps({"id": made["id"], "secret": made["secret"]}))
    kept.chmod(0o600)
    return str(made["secret"])


def _addresses(console: Console, application: Application, ports: Ports, data_dir: Path) -> None:
    table = Table(box=None, show_header=False, padding=(0, 2))
    for what, where in (
        ("API", f"http://{HOST}:{ports.api}   (docs: /docs)"),
        ("Temporal UI", f"http://{HOST}:{ports.temporal_ui}/namespaces/prepay/workflows"),
        ("Mails", f"http://{HOST}:{ports.inbox}"),
        ("Stripe sandbox", f"http://{HOST}:{ports.stripe}   (control: /_sandbox)"),
        ("Postgres", f"postgresql://prepay_app:prepay@{HOST}:{ports.postgres}/prepay"),
        ("Metrics of the worker", f"http://{HOST}:{ports.metrics}/metrics"),
        ("Operator key", application.operator_key),
        ("Data and logs", str(data_dir)),
    ):
        table.add_row(f"[bold]{what}[/]", where)
    console.print()
    console.print(table)
    console.print(
        f"\nTry: curl -H 'Authorization: Bearer {application.operator_key}' http://{HOST}:{ports.api}/v1/accounts\n"
        "Ctrl-C stops everything.",
        highlight=False,
        soft_wrap=True,
    )
    sys.stdout.flush()
