"""How the process serves HTTP."""

import uvicorn

from api.__main__ import serve
from settings import Settings

MINUTE = 60


def test_idle_connections_are_kept_for_longer_than_a_load_balancer_keeps_them(monkeypatch):
    """Else a request that comes while we close is reset."""
    asked = {}
    monkeypatch.setattr(uvicorn, "run", lambda app, **options: asked.update(options))
    monkeypatch.setattr("gc.freeze", lambda: None)
    monkeypatch.setattr("gc.set_threshold", lambda *_: None)

    async def app(scope, receive, send):
        raise NotImplementedError

    serve(app, Settings())
    assert asked["timeout_keep_alive"] > MINUTE
