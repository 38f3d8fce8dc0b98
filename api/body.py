"""Reading a request's body: bounded, strict JSON, and never a card or bank number."""

import asyncio
import json
import math
import re
from itertools import chain
from typing import Any, NoReturn, cast

from fastapi import Request

from rules import raw_numbers
from rules.problems import Problem

MAX_BYTES = 1 << 20
MAX_BATCH_BYTES = 8 << 20
MAX_DEPTH = 16
LARGE_BYTES = 1 << 16
"""From here on a body is looked through in a thread, so that others are served meanwhile."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_HOLDERS = frozenset({dict, list})
_CONTENT_TYPE = "application/json"


class JsonRequest(Request):
    """A request whose body has been read and checked."""

    def __init__(self, request: Request, *, raw: bytes, fields: dict[str, Any]) -> None:
        super().__init__(request.scope, request.receive)
        self._raw = raw
        self.fields = fields
        self.state.fields = fields

    async def body(self) -> bytes:
        """The bytes as sent."""
        return self._raw

    async def json(self) -> dict[str, Any]:
        """The object that they are."""
        return self.fields


async def read_raw(request: Request, *, limit: int = MAX_BYTES) -> bytes:
    """The body as sent. Raises Problem ``body_too_large``; what counts is what arrives, not what was announced."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
    return b"".join(parts)


async def read_json(request: Request, *, limit: int = MAX_BYTES) -> JsonRequest:
    """The body as one JSON object; no body is an empty object.

    Raises Problem ``body_too_large``, ``unsupported_media_type``, ``invalid_request`` or ``raw_number_refused``.
    """
    raw = await read_raw(request, limit=limit)
    if not raw:
        return JsonRequest(request, raw=raw, fields={})
    _check_media_type(request)
    fields = parse(raw) if len(raw) < LARGE_BYTES else await asyncio.to_thread(parse, raw)
    return JsonRequest(request, raw=raw, fields=fields)


async def read_spending(request: Request, *, limit: int) -> dict[str, Any]:
    """The body of a request to spend. Its fields are ids, amounts and the integrator's text: only names are tested.

    Raises what ``read_json`` raises.
    """
    raw = await read_raw(request, limit=limit)
    if not raw:
        return {}
    _check_media_type(request)
    fields = load(raw) if len(raw) < LARGE_BYTES else await asyncio.to_thread(load, raw)
    for name in fields:
        if name.lower() in raw_numbers.FORBIDDEN_NAMES:
            raise _raw_number(name)
    return fields


def parse(raw: bytes) -> dict[str, Any]:
    """Read one JSON object of UTF-8, each key once, without a card or bank number.

    Raises Problem; what was sent is never in its text.
    """
    fields = load(raw)
    if (path := raw_numbers.find(fields, test_values=True)) is not None:
        raise _raw_number(path)
    return fields


def load(raw: bytes) -> dict[str, Any]:
    """Read one JSON object of UTF-8, each key once. Raises Problem."""
    try:
        found: object = _DECODER.decode(raw.decode())
    except UnicodeDecodeError:
        _refuse("is not UTF-8")
    except RecursionError:
        _refuse("is nested too deep")
    except ValueError:
        _refuse("is not JSON")
    if not isinstance(found, dict):
        _refuse("is not a JSON object")
    fields = cast("dict[str, Any]", found)
    # Only an escape can smuggle in what is no text, and depth needs brackets.
    if b"\\u" in raw:
        _check_text(fields)
    elif raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:
        _check_depth(fields)
    return fields


def _check_media_type(request: Request) -> None:
    given = request.headers.get("content-type", "")
    if given != _CONTENT_TYPE and given.partition(";")[0].strip().lower() != _CONTENT_TYPE:
        raise Problem("unsupported_media_type", f"The body's Content-Type must be {_CONTENT_TYPE}.")


def _raw_number(path: str) -> Problem:
    detail = "A field carries a card or bank number, or has the name of one."
    return Problem("raw_number_refused", detail, param=path)


def _check_text(body: object) -> None:
    """Refuse depth beyond MAX_DEPTH, and text that no database column takes: U+0000 and lone surrogates."""
    level: list[object] = [body]
    for _ in range(MAX_DEPTH):
        below: list[object] = []
        for node in level:
            if isinstance(node, dict):
                mapping = cast("dict[str, object]", node)
                below += [*mapping.keys(), *mapping.values()]
            elif isinstance(node, list):
                below += cast("list[object]", node)
            elif isinstance(node, str) and not storable(node):
                _refuse("holds a character that is not text")
        level = below
        if not level:
            return
    _refuse("is nested too deep")


def _check_depth(body: dict[str, Any]) -> None:
    """Refuse depth beyond MAX_DEPTH alone: a batch has many texts, and only what holds others can be deep."""
    level: list[Any] = [body]
    for _ in range(MAX_DEPTH - 1):
        values: Any = (node.values() if type(node) is dict else node for node in level)  # pyright: ignore[reportUnknownVariableType]
        below: list[Any] = list(chain.from_iterable(values))
        if _HOLDERS.isdisjoint(map(type, below)):
            return
        level = [node for node in below if type(node) in _HOLDERS]
    if any(level):
        _refuse("is nested too deep")


def storable(text: str) -> bool:
    """Whether Postgres can keep ``text``: no U+0000, no half of a surrogate pair."""
    return "\0" not in text and (text.isascii() or not _SURROGATE.search(text))


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        _refuse("gives a key twice")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _refuse("holds a number that is out of range")
    return number


def _no_constant(_: str) -> NoReturn:
    _refuse("holds NaN or Infinity, which JSON does not have")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_finite)


def _refuse(what: str) -> NoReturn:
    raise Problem("invalid_request", f"The body {what}.") from None


def _too_large(limit: int) -> Problem:
    return Problem("body_too_large", f"The body is larger than {limit} bytes.")
