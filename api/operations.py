"""What those who run it ask: is it alive, is it ready, how is it doing."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from api.context import InContext
from api.metrics import Metrics
from rules.problems import Problem
from store import deployment

router = APIRouter(tags=["Operations"])


class Health(BaseModel):
    """A sign of life."""

    status: str


@router.get("/healthz")
async def check_health() -> Health:
    """Whether the process runs: always ``ok``. Restart it when this does not answer."""
    return Health(status="ok")


@router.get("/readyz")
async def check_readiness(context: InContext) -> Health:
    """Whether requests can be served: the database answers and is migrated.

    Temporal may be away: what is committed starts later.
    """
    async with context.database.transaction() as session:
        if await deployment.schema_revision(session) is None:
            raise Problem("unavailable", "The database is not migrated: run `prepay migrate`.", retry_after_seconds=5)
    return Health(status="ok")


@router.get("/metrics", response_class=Response)
async def get_metrics(request: Request) -> Response:
    """Figures for Prometheus."""
    figures: Metrics = request.app.state.metrics
    return Response(figures.exposition(), media_type=CONTENT_TYPE_LATEST)
