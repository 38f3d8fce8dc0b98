"""The link by which a customer finishes a payment that needs them: for one recharge only (requirement C4)."""

import base64
import hashlib
import hmac


def pay_token(key: str, *, account_id: str, recharge_id: str) -> str:
    """The secret part of ``GET /pay/{token}``: 256 bits in 43 URL-safe characters.

    Derived, so that whoever holds ``key`` can make the link again and nobody has to keep it.
    """
    code = hmac.digest(key.encode(), f"pay:{account_id}:{recharge_id}".encode(), "sha256")
    return base64.urlsafe_b64encode(code).rstrip(b"=").decode()


def digest(token: str) -> str:
    """SHA-256 in hex: what is stored of a token, and looked for when somebody comes with one."""
    return hashlib.sha256(token.encode()).hexdigest()
