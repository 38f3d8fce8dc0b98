"""The sandbox's data: one SQLite file, so that a kill -9 loses nothing that was answered.

Write-ahead logging without a sync per commit: safe against the death of the process, not of the machine.
"""

import json
import sqlite3
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

Object = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS objects_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS objects_customer ON objects (kind, json_extract(body, '$.customer'), seq);
CREATE INDEX IF NOT EXISTS objects_intent ON objects (kind, json_extract(body, '$.payment_intent'), seq);
CREATE INDEX IF NOT EXISTS objects_charge ON objects (kind, json_extract(body, '$.charge'), seq);
CREATE INDEX IF NOT EXISTS objects_source ON objects (kind, json_extract(body, '$.source'), seq);
CREATE INDEX IF NOT EXISTS objects_method ON objects (kind, json_extract(body, '$.payment_method'), seq);
CREATE TABLE IF NOT EXISTS due (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS due_at ON due (at, seq);
CREATE TABLE IF NOT EXISTS keys (
  key TEXT PRIMARY KEY, route TEXT NOT NULL, parameters TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
  request TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, endpoint TEXT NOT NULL, state TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0, next_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (state, next_at);
CREATE INDEX IF NOT EXISTS deliveries_event ON deliveries (event);
CREATE TABLE IF NOT EXISTS faults (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, drawn INTEGER NOT NULL DEFAULT 0,
  fired INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_VERSION = 1
_EMPTIED = ("due", "keys", "deliveries", "faults")


def dig(body: Object | None, *path: str) -> Any:
    """A nested member, or None where anything on the way is absent or null."""
    here: Any = body
    for name in path:
        here = cast("Object", here).get(name) if isinstance(here, dict) else None
    return here


class Store:
    """One connection, used from one thread; every write happens inside ``transaction``."""

    def __init__(self, directory: Path | None) -> None:
        """Open ``directory/stripe.sqlite3``, made if need be, or a database in memory for None."""
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
        path = ":memory:" if directory is None else str(directory / "stripe.sqlite3")
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1)
        # Exclusive: a second sandbox on the same data is told so at once, not when it is too late.
        self.db.executescript("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;")
        (version,) = self.db.execute("PRAGMA user_version").fetchone()
        if version not in {0, _VERSION}:
            raise sqlite3.OperationalError(f"{path} was written by another version of the sandbox")
        self.db.executescript(f"{_SCHEMA} PRAGMA user_version = {_VERSION};")

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    @contextmanager
    def transaction(self) -> Generator[None]:
        """All or nothing; an exception rolls back."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def insert(self, body: Object) -> None:
        """Add an object."""
        row = (body["id"], body["object"], json.dumps(body))
        self.db.execute("INSERT INTO objects (id, kind, body) VALUES (?, ?, ?)", row)

    def update(self, body: Object) -> None:
        """Store an object's new state."""
        self.db.execute("UPDATE objects SET body = ? WHERE id = ?", (json.dumps(body), body["id"]))

    def delete(self, identifier: str) -> None:
        """Remove an object."""
        self.db.execute("DELETE FROM objects WHERE id = ?", (identifier,))

    def get(self, identifier: str) -> Object | None:
        """An object by its identifier."""
        row = self.db.execute("SELECT body FROM objects WHERE id = ?", (identifier,)).fetchone()
        return None if row is None else json.loads(row[0])

    def find(self, kind: str, **where: Any) -> list[Object]:
        """All objects of a kind whose members equal the given values, oldest first."""
        clauses = "".join(f" AND json_extract(body, '$.{name}') = ?" for name in where)
        sql = f"SELECT body FROM objects WHERE kind = ?{clauses} ORDER BY seq"  # noqa: S608 - names come from our code
        return [json.loads(body) for (body,) in self.db.execute(sql, (kind, *where.values()))]

    def page(self, kind: str, *, conditions: Iterable[tuple[str, Any]], limit: int, newest_first: bool) -> list[Object]:
        """At most ``limit`` objects of a kind that meet the SQL conditions, each with its one value."""
        chosen = list(conditions)
        clauses = "".join(f" AND {sql}" for sql, _ in chosen)
        order = "DESC" if newest_first else "ASC"
        sql = f"SELECT body FROM objects WHERE kind = ?{clauses} ORDER BY seq {order} LIMIT ?"  # noqa: S608 - our own SQL
        values = (kind, *(value for _, value in chosen), limit)
        return [json.loads(body) for (body,) in self.db.execute(sql, values)]

    def position(self, kind: str, identifier: str) -> int | None:
        """The place of an object among all, for cursors."""
        sql = "SELECT seq FROM objects WHERE id = ? AND kind = ?"
        row = self.db.execute(sql, (identifier, kind)).fetchone()
        return None if row is None else cast("int", row[0])

    def counts(self) -> dict[str, dict[str, int]]:
        """How many objects of each kind there are, in total and by status."""
        sql = "SELECT kind, json_extract(body, '$.status'), count(*) FROM objects GROUP BY 1, 2"
        found: dict[str, dict[str, int]] = {}
        for kind, status, count in self.db.execute(sql):
            states = found.setdefault(kind, {"total": 0})
            states["total"] += count
            if status is not None:
                states[status] = count
        return found

    def fact(self, name: str, default: Any = None) -> Any:
        """A stored setting."""
        row = self.db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return default if row is None else json.loads(row[0])

    def set_fact(self, name: str, value: Any) -> None:
        """Store a setting."""
        self.db.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", (name, json.dumps(value)))

    def empty(self) -> None:
        """Remove everything but webhook endpoints, the clock and the account."""
        self.db.execute("DELETE FROM objects WHERE kind != 'webhook_endpoint'")
        for table in _EMPTIED:
            self.db.execute(f"DELETE FROM {table}")  # noqa: S608 - a name from the tuple above
        self.db.execute("DELETE FROM facts WHERE name NOT IN ('clock', 'account')")
