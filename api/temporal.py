"""The way to Temporal: any cluster or Temporal Cloud, as the settings say."""

from pathlib import Path

from temporalio.client import Client
from temporalio.service import TLSConfig

from settings import Settings


async def connect(settings: Settings) -> Client:
    """Connect to Temporal. Raises RuntimeError when it cannot be reached, OSError when a TLS file cannot be read."""
    key = settings.temporal_api_key
    return await Client.connect(
        settings.temporal_address,
        namespace=settings.temporal_namespace,
        api_key=None if key is None else key.get_secret_value(),
        tls=tls(settings),
    )


def tls(settings: Settings) -> TLSConfig | bool:
    """The TLS settings: those of the files, else plain TLS with an API key, else none."""
    if not (settings.temporal_tls_cert or settings.temporal_tls_ca):
        return settings.temporal_api_key is not None
    return TLSConfig(
        client_cert=_read(settings.temporal_tls_cert),
        client_private_key=_read(settings.temporal_tls_key),
        server_root_ca_cert=_read(settings.temporal_tls_ca),
    )


def _read(path: str | None) -> bytes | None:
    return None if path is None else Path(path).read_bytes()
