"""Structured logs without secrets: only the keys listed here, and of an error its kind and place, never its text.

An exception's message may quote a row, a parameter or a request; its type and stack say where to look.
"""

import asyncio
import atexit
import logging
import sys
import traceback
from collections.abc import MutableMapping
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TextIO, cast

import structlog
from pydantic_core import to_json

#: Keys that a log line may carry. What is not listed is dropped: add a key here when it can hold nothing personal.
ALLOWED = frozenset(
    {
        *("timestamp", "level", "logger", "event", "request_id", "error", "frames", "host", "port", "pid", "version"),
        *("method", "route", "status", "code", "milliseconds", "actor", "account_id", "object_id", "kind", "state"),
        *("recharge_id", "card_id", "bank_account_id", "notice_id", "outbox_id", "event_id", "workflow_id", "run_id"),
        *("activity", "attempt", "count", "seconds", "environment", "address", "namespace", "task_queue", "channel"),
    }
)
_ROOT = Path(__file__).parent.parent
_DEEPEST = 30
#: Libraries that tell of every request at INFO; what matters of it stands in the timeline and in Temporal.
_TALKATIVE = ("httpx", "httpcore", "stripe")
Line = MutableMapping[str, Any]
#: The request that is being answered, if any: on every line that tells of it.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


class _WayOut(logging.StreamHandler[TextIO]):
    """Writes the libraries' lines and ours in the order in which they came."""

    def __init__(self) -> None:
        super().__init__()
        self.straight = False
        """Whether lines of INFO are wanted, as JSON."""
        self._waiting: list[str] = []
        self._awaited: asyncio.AbstractEventLoop | None = None

    def emit(self, record: logging.LogRecord) -> None:
        self.write_waiting()
        super().emit(record)

    def write(self, line: str) -> None:
        """Write one line now."""
        self._waiting.append(line)
        self.write_waiting()

    def write_soon(self, line: str) -> None:
        """Write one line together with what else is told in this turn of the event loop: one call of the system."""
        self._waiting.append(line)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # nobody would come by
            self.write_waiting()
            return
        if self._awaited is not loop:
            self._awaited = loop
            loop.call_soon(self.write_waiting)

    def write_waiting(self) -> None:
        """Write what waits."""
        self._awaited = None
        lines, self._waiting = self._waiting, []
        if lines:
            self.stream.write("\n".join(lines) + "\n")
            self.stream.flush()


#: The one way out.
handler = _WayOut()
atexit.register(handler.write_waiting)


class _Lines:
    """Our own lines, without the standard library's records. What warns is written at once."""

    def __init__(self, name: str = "prepay") -> None:
        self.name = name

    def msg(self, line: str) -> None:
        """Write one line with the others of this turn."""
        handler.write_soon(line)

    def urgent(self, line: str) -> None:
        """Write one line now."""
        handler.write(line)

    debug = info = msg
    warning = error = critical = urgent


class Requests:
    """Tells of every request that was answered, as ``logger``'s line ``request`` does, without its detours."""

    def __init__(self, logger: str) -> None:
        self._log = structlog.get_logger(logger)
        self._name = logger

    def told(self, **fields: Any) -> None:
        """Write the line; ``fields`` are in ALLOWED, and those without a value are left out."""
        if not handler.straight:
            self._log.info("request", **fields)
            return
        line: Line = {name: value for name, value in fields.items() if value is not None}
        moment = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        line |= {"event": "request", "request_id": request_id.get(), "level": "info", "logger": self._name}
        handler.write_soon(_json(line | {"timestamp": moment}))


def configure(*, level: str, style: Literal["json", "console"]) -> None:
    """Send every log line of this process, the libraries' too, to standard error in one shape."""
    shared: list[Any] = [
        with_request,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        place_of_error,
        only_allowed,
    ]
    last: Any = (
        structlog.processors.JSONRenderer(serializer=_json) if style == "json" else structlog.dev.ConsoleRenderer()
    )
    handler.setStream(sys.stderr)
    handler.straight = style == "json" and logging.getLevelNamesMapping()[level.upper()] <= logging.INFO
    structlog.configure(
        processors=[*shared, last],
        logger_factory=_Lines,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))


def with_request(_: Any, __: str, line: Line) -> Line:
    """Add the request's id."""
    line["request_id"] = request_id.get()
    return line


def _json(line: Line, **_: Any) -> str:
    return to_json(line, fallback=repr).decode()


def place_of_error(_: Any, __: str, line: Line) -> Line:
    """Replace ``exc_info`` by the error's types, outermost first, and the stack's places."""
    info: Any = line.pop("exc_info", None)
    if isinstance(info, tuple):
        info = cast("tuple[Any, ...]", info)[1]  # (type, value, traceback), as sys.exc_info gives them
    elif info is True:
        info = sys.exception()
    error: BaseException | None = info if isinstance(info, BaseException) else None
    if error is not None:
        line["error"] = " < ".join(_names(error))
        line["frames"] = [
            f"{_short(frame.filename)}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)[-_DEEPEST:]
        ]
    return line


def only_allowed(_: Any, __: str, line: Line) -> Line:
    """Drop every key that is not in ALLOWED, and those without a value."""
    for name in list(line):
        if not name.startswith("_") and (name not in ALLOWED or line[name] is None):
            del line[name]
    return line


def _names(error: BaseException) -> list[str]:
    names: list[str] = []
    current: BaseException | None = error
    while current is not None and len(names) < _DEEPEST:
        state = getattr(current, "sqlstate", None)
        names.append(f"{type(current).__module__}.{type(current).__qualname__}" + (f"({state})" if state else ""))
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return names


def _short(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(_ROOT)) if path.is_relative_to(_ROOT) else "/".join(path.parts[-3:])
