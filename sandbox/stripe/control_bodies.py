"""The JSON bodies of control routes, read strictly."""

import json
import re
from typing import Any, cast

from sandbox.stripe.faults import KINDS
from sandbox.stripe.storage import Object


class BodyError(ValueError):
    """A body that cannot be read; the text says why."""


class Body:
    """A JSON object whose members are taken one by one; what is left over is refused."""

    def __init__(self, raw: bytes) -> None:
        try:
            value: Any = json.loads(raw) if raw.strip() else {}
        except ValueError as error:
            raise BodyError("the body is not JSON") from error
        if not isinstance(value, dict):
            raise BodyError("the body must be a JSON object")
        self._left = dict(cast("Object", value))

    def integer(self, name: str, *, at_least: int, at_most: int) -> int | None:
        """A whole number, or None where it is absent."""
        value = self._left.pop(name, None)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise BodyError(f"{name} must be a whole number")
        return None if value is None else int(_within(name, value, at_least, at_most))

    def number(self, name: str, *, at_least: float, at_most: float) -> float | None:
        """A number, or None where it is absent."""
        value = self._left.pop(name, None)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise BodyError(f"{name} must be a number")
        return None if value is None else _within(name, value, at_least, at_most)

    def boolean(self, name: str) -> bool | None:
        """A truth value, or None where it is absent."""
        value = self._left.pop(name, None)
        if value is not None and not isinstance(value, bool):
            raise BodyError(f"{name} must be true or false")
        return value

    def text(self, name: str) -> str | None:
        """A string of at most 200 characters, or None where it is absent."""
        value = self._left.pop(name, None)
        if value is not None and (not isinstance(value, str) or not 0 < len(value) <= 200):
            raise BodyError(f"{name} must be a short text")
        return value

    def choice(self, name: str, options: tuple[str, ...], *, required: bool = False) -> str | None:
        """One of a few words."""
        value = self.text(name)
        if value is None and not required:
            return None
        if value not in options:
            raise BodyError(f"{name} must be one of {', '.join(options)}")
        return value

    def pattern(self, name: str, pattern: str, *, required: bool = False) -> str:
        """A string that matches; empty where it is absent."""
        value = self.text(name)
        if value is None and not required:
            return ""
        if value is None or not re.fullmatch(pattern, value):
            raise BodyError(f"{name} must match {pattern}")
        return value

    def end(self) -> None:
        """Refuse what was not asked for."""
        if self._left:
            raise BodyError(f"unknown: {', '.join(sorted(self._left))}")

    def fault(self) -> Object:
        """The body of ``POST /_sandbox/faults``."""
        kind = self.choice("kind", KINDS, required=True)
        spec: Object = {
            "kind": kind,
            "method": self.text("method"),
            "path": self.text("path"),
            "times": self.integer("times", at_least=1, at_most=1_000_000),
            "rate": self.number("rate", at_least=0, at_most=1),
            "seed": self.integer("seed", at_least=0, at_most=2**53),
        }
        if kind == "error":
            spec["status"] = self.integer("status", at_least=400, at_most=599) or 500
            spec["effect"] = self.boolean("effect")
        if kind == "slow":
            spec["seconds"] = self.number("seconds", at_least=0, at_most=120) or 1.0
        if kind == "decline":
            names = ("payment_method", "decline_code", "network_decline_code", "advice_code")
            spec |= {name: self.text(name) for name in names}
        self.end()
        if spec["times"] is None and spec["rate"] is None:
            spec["times"] = 1
        return {name: value for name, value in spec.items() if value is not None}

    def webhooks(self) -> Object:
        """The body of ``POST /_sandbox/webhooks``."""
        settings: Object = {
            "drop": self.number("drop", at_least=0, at_most=1),
            "duplicate": self.integer("duplicate", at_least=1, at_most=100),
            "reorder": self.boolean("reorder"),
            "delay_seconds": self.number("delay_seconds", at_least=0, at_most=3600),
            "seed": self.integer("seed", at_least=0, at_most=2**53),
        }
        self.end()
        return {name: value for name, value in settings.items() if value is not None}


def _within(name: str, value: float, at_least: float, at_most: float) -> float:
    if not at_least <= value <= at_most:
        raise BodyError(f"{name} must be between {at_least} and {at_most}")
    return value
