"""Who may call Plivo's routes: a main account with its own credentials, and nobody else."""

from fastapi import APIRouter, Request

from api.access import Access
from api.plivo.errors import PlivoError
from api.routing import Route
from rules.access import Scope
from rules.problems import Problem


class MainAccount(Access):
    """The requirement of a route that Plivo's SDKs call, as a dependency that gives the Caller."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope, owner=True, operators=False)

    async def admit(self, request: Request) -> None:
        """Let the main account through that the path names.

        Raises Problem ``unauthenticated``, ``not_found``, or ``forbidden`` to operators and subaccounts: an SDK with a
        subaccount's credentials puts their Auth ID into the path, where another tenant's would be not found.
        """
        try:
            await super().admit(request)
        except Problem as problem:
            if problem.code == "not_found" and request.path_params["account_id"].startswith("SA"):
                detail = "A subaccount has no access here: use the Auth ID and Auth Token of its main account."
                raise Problem("forbidden", detail) from None
            raise


def router() -> APIRouter:
    """A router for one resource of Plivo's."""
    error = {"model": PlivoError, "description": "Any error, in Plivo's form"}
    return APIRouter(route_class=Route, tags=["Plivo SDK"], responses={"default": error})
