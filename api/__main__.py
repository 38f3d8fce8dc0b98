"""Run the API: ``python -m api``, with the settings of the environment."""

import gc
import os

import structlog
import uvicorn
from starlette.types import ASGIApp

from api.app import create_app
from api.context import Context
from settings import Settings
from telemetry import logs
from workflows.cluster import cluster_of, connect, leave

STOP_SECONDS = 15
"""Longest wait for open requests at a stop: a payment is answered within ten."""
KEEP_ALIVE_SECONDS = 75
"""How long an idle connection is kept: longer than clients and load balancers do (mostly a minute), because a request
that comes while we close is reset."""


def main() -> None:
    """Serve until SIGINT or SIGTERM; open requests are finished first."""
    settings = Settings()
    logs.configure(level=settings.log_level, style=settings.log_format)
    context = Context(settings=settings, connect=lambda: connect(cluster_of(settings)))
    structlog.get_logger("api").info(
        "api_starting",
        host=settings.api_host,
        port=settings.api_port,
        environment=settings.environment,
        pid=os.getpid(),
    )
    serve(create_app(context), settings)


def serve(app: ASGIApp, settings: Settings) -> None:
    """Serve ``app`` by the process's server, which the benchmarks use as well."""
    # What lives as long as the process is not looked through again at each collection: a batch makes many objects.
    gc.collect()
    gc.freeze()
    # Hardly anything here refers to itself, and what a batch makes lives until its answer: looking through it every 700
    # objects took a sixth of its time.
    gc.set_threshold(50_000, 20, 20)
    uvicorn.run(
        app,
        host=settings.api_host,
        port=settings.api_port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )


if __name__ == "__main__":
    main()
    leave(0)
