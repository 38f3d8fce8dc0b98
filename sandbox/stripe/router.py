"""Which endpoint answers a method and a path of ``/v1``."""

import re
from collections.abc import Iterable

from sandbox.stripe import (
    account,
    balance_transactions,
    charges,
    customers,
    disputes,
    events,
    mandates,
    payment_intents,
    payment_methods,
    refunds,
    setup_attempts,
    setup_intents,
    webhook_endpoints,
)
from sandbox.stripe.errors import StripeError
from sandbox.stripe.world import Route

ROUTES: tuple[Route, ...] = tuple(
    route
    for resource in (
        account,
        balance_transactions,
        charges,
        customers,
        disputes,
        events,
        mandates,
        payment_intents,
        payment_methods,
        refunds,
        setup_attempts,
        setup_intents,
        webhook_endpoints,
    )
    for route in resource.ROUTES
)


class Router:
    """Finds routes by method and path."""

    def __init__(self, routes: Iterable[Route] = ROUTES) -> None:
        self._fixed: dict[tuple[str, str], Route] = {}
        self._patterns: list[tuple[re.Pattern[str], Route]] = []
        for route in routes:
            if "{" in route.path:
                pattern = re.sub(r"\{\w+\}", "([^/]+)", route.path)
                self._patterns.append((re.compile(f"{route.method} {pattern}"), route))
            else:
                self._fixed[route.method, route.path] = route

    def find(self, method: str, path: str) -> tuple[Route, tuple[str, ...]]:
        """The route and the identifiers in the path; Stripe's 404 when there is none."""
        path = path.rstrip("/")
        if (method, path) in self._fixed:
            return self._fixed[method, path], ()
        for pattern, route in self._patterns:
            match = pattern.fullmatch(f"{method} {path}")
            if match is not None:
                return route, match.groups()
        raise StripeError(
            f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at "
            "https://support.stripe.com/.",
            status=404,
            stored=False,
        )
