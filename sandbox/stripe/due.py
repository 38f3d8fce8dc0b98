"""What happens by itself when the banking clock reaches its time: debits settle, deposits expire, money arrives."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from sandbox.stripe.world import World

Action = Callable[[World, str], None]
_log = logging.getLogger(__name__)
_ACTIONS: dict[str, Action] = {}


def when_due(name: str) -> Callable[[Action], Action]:
    """Register the function that does what ``World.schedule`` named, with the identifier of its object."""

    def register(action: Action) -> Action:
        _ACTIONS[name] = action
        return action

    return register


def catch_up(world: World) -> int:
    """Do everything that is due by now, each at its own time and in its own transaction; how much that was."""
    now, done = world.clock.read(), 0
    while (row := _next(world, now.timestamp())) is not None:
        seq, at, name, subject = row
        stored = world.store.fact("clock", 0)
        world.hold(datetime.fromtimestamp(max(at, stored), UTC))
        try:
            with world.store.transaction():
                world.store.db.execute("DELETE FROM due WHERE seq = ?", (seq,))
                _ACTIONS[name](world, subject)
                world.keep_clock()
        except Exception:  # noqa: BLE001 - one change that fails must not stop all others for ever
            _log.exception("The sandbox could not do %s with %s", name, subject)
            world.store.db.execute("DELETE FROM due WHERE seq = ?", (seq,))
        finally:
            world.hold(None)
        done += 1
    return done


def next_moment(world: World) -> datetime | None:
    """When the next thing is due."""
    row = world.store.db.execute("SELECT min(at) FROM due").fetchone()
    return None if row[0] is None else datetime.fromtimestamp(row[0], UTC)


def _next(world: World, until: float) -> tuple[int, float, str, str] | None:
    sql = "SELECT seq, at, action, subject FROM due WHERE at <= ? ORDER BY at, seq LIMIT 1"
    return world.store.db.execute(sql, (until,)).fetchone()
