"""``prepay migrate`` and ``prepay operator-key``: what an installation needs before its first request."""

from typing import Annotated

import typer
from sqlalchemy.engine import make_url

from commands.running import database, out, run, settings
from migrations.run import upgrade
from rules.access import Scope
from store import operators
from worker import utc_now
from workflows.cluster import cluster_of, prepare


def migrate() -> None:
    """Bring the database to the newest schema; make Temporal's namespace and search attributes."""
    given = settings()

    async def prepare_all() -> None:
        app_role = make_url(given.database_url.get_secret_value()).username or "prepay_app"
        await upgrade(given.database_owner_url.get_secret_value(), app_role=app_role)
        out.print(f"Database: newest schema; the rights of {app_role} are set.")
        await prepare(cluster_of(given))
        out.print(f"Temporal: namespace {given.temporal_namespace} with its search attributes.")

    run(prepare_all())


def operator_key(
    name: Annotated[str, typer.Argument(help="who or what will use it")],
    scope: Annotated[Scope, typer.Option(help="what it may do")] = "admin",
) -> None:
    """Make an operator key, the first one of an installation for example. It is shown this once."""
    given = settings()

    async def make() -> str:
        pepper = given.token_pepper.get_secret_value()
        async with database(given) as opened, opened.transaction() as session:
            _, secret = await operators.create_operator_key(
                session, name=name, scope=scope, pepper=pepper, now=utc_now()
            )
        return secret

    out.print(run(make()), soft_wrap=True, highlight=False)
