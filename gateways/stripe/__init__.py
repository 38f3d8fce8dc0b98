"""Stripe behind the ``Processor`` protocol: the only place that knows its SDK."""

from gateways.stripe.processor import StripeProcessor

__all__ = ["StripeProcessor"]
