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
    pace = float(os.environ.get("PREPAY_SANDBOX_DAY_SECONDS") or 10)
    parser.add_argument("--day-seconds", type=float, default=pace, help="seconds a business day takes; 0 stands still")
    given = parser.parse_args()
    try:
        asyncio.run(_serve(given.host, given.port, data_dir=given.data_dir, day_seconds=given.day_seconds))
    except OSError as error:
        sys.stderr.write(f"The sandbox cannot listen on {given.host}:{given.port}: {error.strerror}.\n")
        return 1
    except sqlite3.OperationalError as error:
        sys.stderr.write(f"The sandbox cannot use {given.data_dir}: {error}. Is another one running on it?\n")
        return 1
    return 0


async def _serve(host: str, port: int, *, data_dir: Path | None, day_seconds: float) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with Server(data_dir=data_dir, host=host, port=port, day_seconds=day_seconds) as server:
        sys.stdout.write(f"Stripe sandbox on {server.url}\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    raise SystemExit(main())
