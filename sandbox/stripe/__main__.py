"""``python -m sandbox.stripe``: the sandbox as a process of its own."""

import argparse
import asyncio
import os
import signal
import sqlite3
import sys
from pathlib import Path

from sandbox.stripe.server import Server


def main() -> int:
    """Serve until SIGINT or SIGTERM; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.stripe", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, default=12111, help="port to listen on (12111); 0 takes a free one")
    parser.add_argument("--data-dir", type=Path, default=None, help="where to keep the data; in memory by default")
    pace = os.environ.get("PREPAY_SANDBOX_DAY_SECONDS") or "10"
    parser.add_argument("--day-seconds", type=float, default=pace, help="seconds a business day takes; 0 stands still")
    given = parser.parse_args()
    if not 0 <= given.day_seconds <= 86400:
        parser.error("--day-seconds (PREPAY_SANDBOX_DAY_SECONDS) must be between 0 and 86400")
    try:
        server = Server(data_dir=given.data_dir, host=given.host, port=given.port, day_seconds=given.day_seconds)
    except (OSError, sqlite3.Error) as error:
        sys.stderr.write(f"The sandbox cannot use {given.data_dir}: {error}. Is another one running on it?\n")
        return 1
    try:
        asyncio.run(_serve(server))
    except OSError as error:
        sys.stderr.write(f"The sandbox cannot listen on {given.host}:{given.port}: {error.strerror}.\n")
        return 1
    return 0


async def _serve(server: Server) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with server:
        sys.stdout.write(f"Stripe sandbox on {server.url}\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    raise SystemExit(main())
