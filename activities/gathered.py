"""The activities of a worker's hands, found by their decorator: none can be written and forgotten."""

import inspect
from collections.abc import Callable
from typing import Any

_MARK = "__temporal_activity_definition"


def activities_of(*hands: object) -> list[Callable[..., Any]]:
    """Every method of ``hands`` under ``@activity.defn``, in the order of the hands, those of one by name."""
    return [
        method for hand in hands for _, method in inspect.getmembers(hand, inspect.ismethod) if hasattr(method, _MARK)
    ]
