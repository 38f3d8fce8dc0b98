"""What a request may carry, and the words in which Stripe refuses the rest.

A schema is a dict from names to kinds. A kind reads the decoded text of one parameter into a value, or raises the
400 of ``errors.invalid``. The value ``""`` of a clearable parameter means: unset it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from sandbox.stripe.errors import StripeError, invalid


class Kind(Protocol):
    """One kind of parameter."""

    def read(self, value: Any, name: str) -> Any:
        """The value of the parameter ``name``, or the 400 that refuses it."""
        ...


Schema = Mapping[str, Kind]
_UNSET = (
    "You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; however "
    "'{name}' cannot be unset. You should remove '{name}' from your request or supply a non-empty value."
)


def _plain(value: Any, name: str, *, clearable: bool, what: str = "string") -> str:
    if not isinstance(value, str):
        raise invalid(f"Invalid {what}: {name}", param=name)
    if not value and not clearable:
        raise invalid(_UNSET.format(name=name), param=name, code="parameter_invalid_empty")
    return value


@dataclass(frozen=True, slots=True)
class Text:
    """A string of at most ``maximum`` characters."""

    maximum: int = 5000
    clearable: bool = False

    def read(self, value: Any, name: str) -> str:
        """The string."""
        text = _plain(value, name, clearable=self.clearable)
        if len(text) > self.maximum:
            shown = f"{text[:10]}...{text[-10:]}"
            raise invalid(f"Invalid string: {shown}; must be at most {self.maximum} characters", param=name)
        return text


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number between ``minimum`` and ``maximum``."""

    minimum: int | None = None
    maximum: int | None = None
    clearable: bool = False

    def read(self, value: Any, name: str) -> int | str:
        """The number, or ``""``."""
        text = _plain(value, name, clearable=self.clearable, what="integer")
        if not text:
            return text
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
            raise invalid(f"Invalid integer: {text[:40]}", param=name, code="parameter_invalid_integer")
        number = int(text)
        if self.minimum is not None and number < self.minimum:
            message = f"This value must be greater than or equal to {self.minimum}."
            raise invalid(message, param=name, code="parameter_invalid_integer")
        if self.maximum is not None and number > self.maximum:
            message = f"This value must be less than or equal to {self.maximum}."
            raise invalid(message, param=name, code="parameter_invalid_integer")
        return number


@dataclass(frozen=True, slots=True)
class Boolean:
    """``true`` or ``false``."""

    def read(self, value: Any, name: str) -> bool:
        """The truth value."""
        text = _plain(value, name, clearable=False, what="boolean")
        if text not in {"true", "false"}:
            raise invalid(f"Invalid boolean: {text[:40]}", param=name)
        return text == "true"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    options: tuple[str, ...]
    clearable: bool = False

    def read(self, value: Any, name: str) -> str:
        """The word."""
        text = _plain(value, name, clearable=self.clearable)
        if text not in self.options and not (self.clearable and not text):
            *most, last = self.options
            names = f"{', '.join(most)}{',' if len(most) > 1 else ''} or {last}" if most else last
            raise invalid(f"Invalid {name}: must be one of {names}", param=name)
        return text


@dataclass(frozen=True, slots=True)
class Address:
    """An http or https URL."""

    def read(self, value: Any, name: str) -> str:
        """The URL."""
        text = _plain(value, name, clearable=False)
        parts = urlsplit(text)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise invalid(
                "Not a valid URL: an explicit scheme (such as https) must be provided.", param=name, code="url_invalid"
            )
        return text


@dataclass(frozen=True, slots=True)
class Either:
    """Whichever of several kinds reads the value; the last one's refusal is the answer."""

    kinds: tuple[Kind, ...]

    def read(self, value: Any, name: str) -> Any:
        """The value of the first kind that accepts it."""
        *first, last = self.kinds
        for kind in first:
            try:
                return kind.read(value, name)
            except StripeError:
                continue
        return last.read(value, name)


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of at most ``maximum`` values of one kind."""

    item: Kind
    maximum: int = 500
    clearable: bool = False

    def read(self, value: Any, name: str) -> list[Any] | str:
        """The values in order."""
        if self.clearable and value == "":
            return ""
        positions = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        if not positions or not all(key.isascii() and key.isdigit() for key in positions):
            raise invalid(f"Invalid array: {name}", param=name)
        if len(positions) > self.maximum:
            raise invalid(f"Array {name} exceeded maximum {self.maximum} allowed elements.", param=name)
        return [self.item.read(positions[key], f"{name}[{key}]") for key in sorted(positions, key=int)]


@dataclass(frozen=True, slots=True)
class Hash:
    """A nested object."""

    fields: Schema
    required: tuple[str, ...] = ()
    clearable: bool = False

    def read(self, value: Any, name: str) -> dict[str, Any] | str:
        """The object's values by name."""
        if self.clearable and value == "":
            return ""
        if value == "" and not self.required:
            return {}
        if not isinstance(value, dict):
            raise invalid("Invalid object", param=name)
        return read(cast("dict[str, Any]", value), self.fields, required=self.required, within=name)


@dataclass(frozen=True, slots=True)
class Metadata:
    """Up to 50 pairs of text: 40 and 500 characters. An empty value removes its key, an empty hash all of them."""

    def read(self, value: Any, name: str) -> dict[str, str] | str:
        """The pairs."""
        if value == "":
            return ""
        if not isinstance(value, dict):
            raise invalid("Invalid object", param=name)
        pairs: dict[str, str] = {}
        for key, text in cast("dict[str, Any]", value).items():
            within = f"{name}[{key}]"
            if len(key) > 40:
                raise invalid(f"Metadata keys can have up to 40 characters, but this one has {len(key)}.", param=within)
            pairs[key] = Text(maximum=500, clearable=True).read(text, within)
        if len(pairs) > 50:
            raise invalid(f"You can have up to 50 metadata keys, but you passed {len(pairs)}.", param=name)
        return pairs


@dataclass(frozen=True, slots=True)
class Refused:
    """A parameter that Stripe has and this sandbox deliberately does not: refused, never ignored."""

    why: str = field(default="it is outside of what this sandbox models")

    def read(self, value: Any, name: str) -> Any:
        """Always the 400."""
        del value
        raise invalid(f"The sandbox does not support the parameter {name}: {self.why}.", param=name)


def read(
    given: Mapping[str, Any], schema: Schema, *, required: tuple[str, ...] = (), within: str = ""
) -> dict[str, Any]:
    """The values of a whole request or of one nested object; raises the first refusal found."""
    named = {key: f"{within}[{key}]" if within else key for key in given}
    unknown = [named[key] for key in given if key not in schema]
    if unknown:
        noun = "parameter" if len(unknown) == 1 else "parameters"
        raise invalid(f"Received unknown {noun}: {', '.join(unknown)}", param=unknown[0], code="parameter_unknown")
    for key in required:
        if key not in given:
            name = f"{within}[{key}]" if within else key
            raise invalid(f"Missing required param: {name}.", param=name, code="parameter_missing")
    return {key: schema[key].read(value, named[key]) for key, value in given.items()}
