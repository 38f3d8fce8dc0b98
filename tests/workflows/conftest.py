"""The whole house for each test, with a Temporal server that skips time.

That server now and then loses a workflow task, and then skips no time any more: the test hangs, whatever it is about. A
test that hung is run once more, in a house of its own; one that fails, or hangs again, has failed.
"""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol
from pydantic import SecretStr

from sandbox.stripe.server import Server
from settings import Settings
from tests.workflows.house import House, open_house

HERE = Path(__file__).parent
HANGS_AFTER_SECONDS = 75


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(HANGS_AFTER_SECONDS, func_only=True))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    if HERE not in item.path.parents:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    if any(report.failed and _hung(report.longreprtext) for report in reports):
        item.config.pluginmanager.get_plugin("terminalreporter").write_line(f"\n{item.nodeid} hung: once more")
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _hung(failure: str) -> bool:
    """By this file's clock; or the server did not skip the time of a sleep within the half minute of the call."""
    return "Timeout (>" in failure or ("unlock_time_skipping_with_sleep" in failure and "Timeout expired" in failure)


@pytest.fixture
async def house(database, time_skipping) -> AsyncGenerator[House]:
    """Nobody works in it yet: see ``House.working``."""
    async with Server() as sandbox:
        settings = Settings(
            database_url=SecretStr(database.app_url), sandbox_url=sandbox.url, public_url="http://prepay.test"
        )
        async with open_house(settings=settings, environment=time_skipping, sandbox=sandbox) as house:
            yield house
