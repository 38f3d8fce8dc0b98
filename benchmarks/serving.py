"""The API as it is shipped, with the bare routes beside it in the same process: ``python -m benchmarks.serving``."""

from starlette.types import ASGIApp, Receive, Scope, Send

from api.__main__ import serve
from api.app import create_app
from api.context import Context
from benchmarks.bare import PREFIX, bare_app
from settings import Settings
from telemetry import logs


class Switch:
    """Paths under `PREFIX` go to the bare routes, all else to the product."""

    def __init__(self, product: ASGIApp, bare: ASGIApp) -> None:
        self._product = product
        self._bare = bare

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_bare = scope["type"] == "http" and scope["path"].startswith(PREFIX)
        await (self._bare if is_bare else self._product)(scope, receive, send)


def main() -> None:
    """Serve with the settings of the environment, as ``python -m api`` does."""
    settings = Settings()
    logs.configure(level=settings.log_level, style=settings.log_format)
    serve(Switch(create_app(Context(settings=settings)), bare_app()), settings)


if __name__ == "__main__":
    main()
