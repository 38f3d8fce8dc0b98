"""Metadata: pairs of the integrator's own, changed key by key."""

from collections.abc import Mapping

from api.shapes import METADATA_KEYS
from rules.problems import Problem


def merged_metadata(stored: Mapping[str, str], sent: Mapping[str, str | None] | None) -> dict[str, str]:
    """What is kept: null or "" takes a key out, and null for the whole takes out all of them.

    Raises Problem ``invalid_field`` when too many are left.
    """
    merged = {} if sent is None else {**stored, **sent}
    kept = {key: value for key, value in merged.items() if value}
    if len(kept) > METADATA_KEYS:
        raise Problem("invalid_field", f"An object has at most {METADATA_KEYS} metadata keys.", param="metadata")
    return kept
