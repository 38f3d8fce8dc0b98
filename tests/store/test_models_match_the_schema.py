"""The models say what the migrations made: same tables, columns and nullability, same primary keys."""

import importlib
import pkgutil

import pytest
from sqlalchemy import Connection, inspect
from sqlmodel import SQLModel

import models
from store.database import Database

for _module in pkgutil.iter_modules(models.__path__):
    importlib.import_module(f"models.{_module.name}")
TABLES = dict(SQLModel.metadata.tables)


@pytest.fixture
async def schema(database):
    def read(connection: Connection):
        found = inspect(connection)
        return {
            name: (
                {column["name"]: column["nullable"] for column in found.get_columns(name)},
                set(found.get_pk_constraint(name)["constrained_columns"]),
            )
            for name in found.get_table_names()
        }

    async with Database(database.owner_url) as opened, opened.engine.connect() as connection:
        return await connection.run_sync(read)


async def test_every_model_is_its_table(schema):
    for name, table in TABLES.items():
        columns, key = schema[name]
        assert {column.name: column.nullable for column in table.columns} == columns, name
        assert {column.name for column in table.primary_key} == key, name


async def test_every_table_has_a_model(schema):
    lists = {"ledger_code", "ledger_kind"}  # the enumerations of rules/chart.py, for views and people
    assert set(schema) - set(TABLES) == {"alembic_version"} | lists
