"""How log lines leave the process: in order, a turn of the event loop at a time, and what warns at once."""

import asyncio
import io
import json
import logging

import pytest
import structlog

from telemetry import logs


class Stream(io.StringIO):
    """Counts the calls that a system would be asked."""

    def __init__(self):
        super().__init__()
        self.writes = 0

    def write(self, text):
        self.writes += 1
        return super().write(text)

    @property
    def lines(self):
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def stream(monkeypatch):
    """Where JSON lines go, in place of standard error; afterwards everything is as it was."""
    root, configured, straight = logging.getLogger(), structlog.get_config(), logs.handler.straight
    handlers, level = root.handlers[:], root.level
    made = Stream()
    monkeypatch.setattr("sys.stderr", made)
    logs.configure(level="INFO", style="json")
    yield made
    structlog.configure(**configured)
    root.handlers[:], logs.handler.straight = handlers, straight
    root.setLevel(level)


async def turn():
    await asyncio.sleep(0)


async def test_lines_of_one_turn_are_one_write(stream):
    log = structlog.get_logger("probe")
    for n in range(5):
        log.info("told", count=n)
    assert stream.writes == 0
    await turn()
    assert stream.writes == 1
    assert [line["count"] for line in stream.lines] == [0, 1, 2, 3, 4]


async def test_what_warns_is_written_at_once_and_in_order(stream):
    log = structlog.get_logger("probe")
    log.info("before")
    log.warning("now")
    assert [line["event"] for line in stream.lines] == ["before", "now"]
    await turn()
    assert len(stream.lines) == 2


async def test_a_librarys_line_does_not_overtake_ours(stream):
    structlog.get_logger("probe").info("ours")
    logging.getLogger("library").info("theirs")
    assert [line["event"] for line in stream.lines] == ["ours", "theirs"]


def test_without_a_loop_nothing_waits(stream):
    structlog.get_logger("probe").info("told")
    assert len(stream.lines) == 1


def test_a_loop_that_ended_too_soon_keeps_nothing_back(stream):
    log = structlog.get_logger("probe")
    loop = asyncio.new_event_loop()
    loop.call_soon(lambda: (log.info("first"), loop.stop()))
    loop.run_forever()
    loop.close()

    async def told():
        log.info("second")
        await turn()

    asyncio.run(told())
    assert [line["event"] for line in stream.lines] == ["first", "second"]


async def test_a_request_is_told_as_any_other_line(stream):
    fields = {"method": "GET", "route": "/x", "status": 200, "code": None, "actor": "operator:a", "milliseconds": 3}
    logs.request_id.set("req_1")
    logs.Requests("api").told(**fields)
    structlog.get_logger("api").info("request", **fields)
    await turn()
    straight, usual = stream.lines
    assert straight.pop("timestamp")[:10] == usual.pop("timestamp")[:10]
    assert straight == usual


async def test_requests_are_not_told_where_only_warnings_are_wanted(stream):
    logs.configure(level="WARNING", style="json")
    logs.Requests("api").told(method="GET", route="/x", status=200)
    await turn()
    assert stream.lines == []
