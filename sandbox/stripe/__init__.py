"""A server that speaks Stripe's HTTP API, with a banking clock that moves ACH: see docs/sandbox.md."""
