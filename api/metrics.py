"""Figures about requests, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)


class Metrics:
    """Counters of one application, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "prepay_http_requests", "Requests answered", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "prepay_http_request_seconds",
            "Time to answer",
            ["method", "route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )

        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def request(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request. ``route`` is the template, so that no identifier is a label; ``method`` a known one."""
        key = (method, route, status)
        children = self._children.get(key)
        if children is None:  # looking one up by its labels takes the metric's lock
            children = self._requests.labels(method, route, str(status)), self._seconds.labels(method, route)
            self._children[key] = children
        children[0].inc()
        children[1].observe(seconds)

    def exposition(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self.registry)
