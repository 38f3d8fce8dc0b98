"""New identifiers: the randomness that ``rules/ids.py`` does not draw itself."""

import secrets
from datetime import datetime

from rules.ids import ENTROPY_BYTES, make, make_auth_id


def new_id(prefix: str, now: datetime) -> str:
    """An identifier such as ``rchg_…`` for a record made at ``now``."""
    return make(prefix, now=now, entropy=secrets.token_bytes(ENTROPY_BYTES))


def new_auth_id(prefix: str, now: datetime) -> str:
    """An Auth ID of 20 characters, ``MA…`` or ``SA…``."""
    return make_auth_id(prefix, now=now, entropy=secrets.token_bytes(ENTROPY_BYTES))
