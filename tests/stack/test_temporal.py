"""The Temporal servers that tests use."""

from datetime import timedelta

from temporalio import workflow
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.worker import Worker


@workflow.defn
class Wait:
    @workflow.run
    async def run(self, days: int) -> str:
        await workflow.sleep(timedelta(days=days))
        return "waited"


async def test_the_real_server_answers(temporal_server):
    client = await Client.connect(temporal_server.address)
    answer = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace="default"))
    assert answer.namespace_info.name == "default"


async def test_days_pass_at_once_in_a_time_skipping_server(time_skipping):
    began = await time_skipping.get_current_time()
    async with Worker(time_skipping.client, task_queue="waits", workflows=[Wait]):
        assert await time_skipping.client.execute_workflow(Wait.run, 40, id="wait", task_queue="waits") == "waited"
    assert await time_skipping.get_current_time() - began >= timedelta(days=40)
