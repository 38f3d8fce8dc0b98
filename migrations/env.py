"""Alembic's entry point: runs the revisions on the connection, and in the transaction, that migrations.run opened."""

from alembic import context
from sqlalchemy import Connection

connection: Connection = context.config.attributes["connection"]
context.configure(connection=connection)
context.run_migrations()
