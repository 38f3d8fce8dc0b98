"""Form decoding with brackets: ``a[b]=1``, ``a[]=x``, ``a[0][b]=x``, in bodies and query strings."""

from typing import Any, cast
from urllib.parse import parse_qsl

from sandbox.stripe.errors import invalid

Form = dict[str, Any]
_DEEPEST = 12


def decode(text: str) -> Form:
    """The nested values of a form: leaves are strings, and a list is a hash whose keys are its positions.

    Raises the 400 that Stripe answers to what cannot be read.
    """
    root: Form = {}
    for name, value in parse_qsl(text, keep_blank_values=True, encoding="utf-8", errors="replace"):
        _place(root, _path(name), name=name, value=value)
    return root


def pairs(form: Form) -> str:
    """A form in one canonical text, for comparing the parameters of two requests."""
    return "&".join(sorted(_flat(form, "")))


def _path(name: str) -> list[str]:
    head, bracket, rest = name.partition("[")
    if not bracket:
        return [name]
    if not head or not rest.endswith("]"):
        raise invalid(f"Invalid parameter name: {name}", param=name)
    path = [head, *rest[:-1].split("][")]
    if len(path) > _DEEPEST:
        raise invalid(f"Parameter is nested too deeply: {name[:100]}", param=name[:100])
    return path


def _place(root: Form, path: list[str], *, name: str, value: str) -> None:
    here = root
    for step in path[:-1]:
        inner = here.setdefault(_step(here, step), {})
        if not isinstance(inner, dict):
            raise invalid(f"Invalid object: {name}", param=name)
        here = cast("Form", inner)
    last = _step(here, path[-1])
    if isinstance(here.get(last), dict):
        raise invalid(f"Invalid string: {name}", param=name)
    here[last] = value


def _step(here: Form, step: str) -> str:
    # ``a[]`` appends at the next free position.
    return step or str(len(here))


def _flat(value: Any, name: str) -> list[str]:
    if isinstance(value, dict):
        items = cast("Form", value).items()
        return [text for key, item in items for text in _flat(item, f"{name}[{key}]" if name else key)]
    return [f"{name}={value!r}"]
