"""Errors about webhook endpoints and events (a part of rules/problems.py)."""

from rules.problem_kind import Kind

WEBHOOKS: dict[str, Kind] = {
    "too_many_webhook_endpoints": Kind(
        409, "Too many webhook endpoints", "There are 16 endpoints already.", "Delete one that is not needed any more."
    ),
    "webhook_endpoint_disabled": Kind(
        409,
        "No endpoint to send to",
        "The endpoint is disabled, or no enabled endpoint hears of events of this type.",
        "Enable the endpoint with PATCH, or change its `events`.",
    ),
}
