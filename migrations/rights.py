"""What the application's role may do: the only place that says so, applied after every upgrade.

Records may be read and written, the audit log only read and added to, the ledger only read: it is written by its
functions alone, which run with the owner's rights (SECURITY DEFINER).
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

APP_ROLE = "prepay_app"
RECORDS = "SELECT, INSERT, UPDATE, DELETE"
APPEND_ONLY = {"audit_entry": "SELECT, INSERT"}
READ_ONLY = {"alembic_version": "SELECT"}
LEDGER = "ledger_"

_RELATIONS = """
SELECT quote_ident(relname) AS name FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') ORDER BY relname
"""
_LEDGER_FUNCTIONS = """
SELECT oid::regprocedure::text AS signature, prosecdef AND prorettype <> 'trigger'::regtype AS callable FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'ledger\\_%' ORDER BY 1
"""


async def grant(connection: AsyncConnection, app_role: str) -> None:
    """Take every right in schema public from `app_role` and give it those listed here.

    Raises LookupError if there is no such role.
    """
    found = await connection.execute(
        text("SELECT quote_ident(rolname) FROM pg_roles WHERE rolname = :role"), {"role": app_role}
    )
    role = found.scalar_one_or_none()
    if role is None:
        raise LookupError(f'The database has no role "{app_role}": CREATE ROLE "{app_role}" LOGIN PASSWORD …')
    statements = [
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        f"REVOKE ALL ON SCHEMA public FROM {role}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}",
        f"REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM {role}",
        f"GRANT USAGE ON SCHEMA public TO {role}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
    ]
    for (name,) in await connection.execute(text(_RELATIONS)):
        statements.append(f"GRANT {_rights_on(name)} ON {name} TO {role}")
    for signature, callable_by_app in await connection.execute(text(_LEDGER_FUNCTIONS)):
        statements.append(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        if callable_by_app:
            statements.append(f"GRANT EXECUTE ON FUNCTION {signature} TO {role}")
    for statement in statements:
        await connection.exec_driver_sql(statement)


def _rights_on(relation: str) -> str:
    if relation.startswith(LEDGER):
        return "SELECT"
    return READ_ONLY.get(relation) or APPEND_ONLY.get(relation) or RECORDS
