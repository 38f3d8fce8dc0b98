"""A worker for the bare episode, in a process as the product's is: ``python -m benchmarks.bare_working``."""

import asyncio
import signal
import sys

from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from benchmarks.bare_episode import BareEpisode, step
from workflows.cluster import Cluster, connect


async def work(address: str, task_queue: str) -> None:
    """Work off the queue until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client = await connect(Cluster(address=address, namespace="prepay"))
    runner = UnsandboxedWorkflowRunner()  # as the product's worker
    async with Worker(
        client, task_queue=task_queue, workflows=[BareEpisode], activities=[step], workflow_runner=runner
    ):
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:3]))
