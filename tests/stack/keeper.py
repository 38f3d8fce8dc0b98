"""Runs a stack in the foreground as `make dev` does, for tests that kill it: `keeper.py DATA_DIR PORTS_AS_JSON`."""

import asyncio
import json
import sys
from pathlib import Path

from rich.console import Console

from sandbox.ports import Ports
from sandbox.supervisor import Stack, until_signal


async def main() -> None:
    console = Console(force_terminal=False)
    ports = Ports(**json.loads(sys.argv[2]))
    async with Stack(data_dir=Path(sys.argv[1]), ports=ports, durable=False, console=console) as stack:
        console.print("up")
        await stack.run_forever()


if __name__ == "__main__":
    asyncio.run(until_signal(main()))
