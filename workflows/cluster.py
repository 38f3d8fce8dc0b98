"""The Temporal cluster: how a process reaches it, and what must be there before the first workflow."""

import asyncio
import logging
import os
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NoReturn, Protocol

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import DataConverter
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode, TLSConfig

from workflows.attributes import ACCOUNT, AMOUNT, EXPECTED_ON, KIND, STATE

RETENTION = timedelta(days=90)
NAMESPACE_SECONDS = 60
_TYPES = {
    ACCOUNT.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    KIND.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    STATE.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    AMOUNT.name: IndexedValueType.INDEXED_VALUE_TYPE_INT,
    EXPECTED_ON.name: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
}


class ClusterError(RuntimeError):
    """The cluster lacks something that we cannot make there; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Where Temporal is, and how we are known there."""

    address: str
    namespace: str
    api_key: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_ca: str | None = None

    @property
    def tls(self) -> bool | TLSConfig:
        """TLS with our files where some are set; plain TLS with an API key; none otherwise."""
        if self.tls_cert or self.tls_ca:
            return TLSConfig(
                server_root_ca_cert=_read(self.tls_ca),
                client_cert=_read(self.tls_cert),
                client_private_key=_read(self.tls_key),
            )
        return self.api_key is not None


class Secret(Protocol):
    """A value that is not shown by accident."""

    def get_secret_value(self) -> str:
        """The value."""
        ...


class ClusterSettings(Protocol):
    """The settings that say where Temporal is."""

    temporal_address: str
    temporal_namespace: str
    temporal_tls_cert: str | None
    temporal_tls_key: str | None
    temporal_tls_ca: str | None

    @property
    def temporal_api_key(self) -> Secret | None:
        """API key of Temporal Cloud."""
        ...


def cluster_of(settings: ClusterSettings) -> Cluster:
    """Where Temporal is, as the settings say."""
    api_key = settings.temporal_api_key
    return Cluster(
        address=settings.temporal_address,
        namespace=settings.temporal_namespace,
        api_key=api_key.get_secret_value() if api_key else None,
        tls_cert=settings.temporal_tls_cert,
        tls_key=settings.temporal_tls_key,
        tls_ca=settings.temporal_tls_ca,
    )


def _read(path: str | None) -> bytes | None:
    return Path(path).read_bytes() if path else None


#: What a converter knows of the types that it has met.
_LEARNED = vars(PydanticPayloadConverter())


class SharedConverter(PydanticPayloadConverter):
    """The SDK makes a converter for each workflow run; the types are looked into once for all of them."""

    def __init__(self) -> None:
        vars(self).update(_LEARNED)


DATA = DataConverter(payload_converter_class=SharedConverter)


async def connect(cluster: Cluster, *, runtime: Runtime | None = None, lazy: bool = False) -> Client:
    """A client of our namespace. Raises RuntimeError at once when nobody answers, unless ``lazy``."""
    return await Client.connect(
        cluster.address,
        namespace=cluster.namespace,
        api_key=cluster.api_key,
        tls=cluster.tls,
        data_converter=DATA,
        runtime=runtime,
        lazy=lazy,
    )


async def prepare(cluster: Cluster) -> None:
    """Make the namespace and its search attributes on a self-hosted cluster; what is there already stays.

    Raises ClusterError where an attribute exists with another type, which the server would keep silently.
    """
    client = await connect(cluster)
    await _register_namespace(client, cluster.namespace)
    known = await _known_attributes(client, cluster.namespace)
    for name, kind in _TYPES.items():
        if name in known and known[name] != kind:
            raise ClusterError(
                f"search attribute {name} of namespace {cluster.namespace} has another type than we need: remove it "
                f"with `temporal operator search-attribute remove --name {name}` and run `prepay migrate` again"
            )
    missing = {name: kind for name, kind in _TYPES.items() if name not in known}
    if missing:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=cluster.namespace, search_attributes=missing)
        )


def commands(namespace: str) -> list[str]:
    """What to run by hand where we may not do it ourselves, as on Temporal Cloud."""
    words = {
        IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD: "Keyword",
        IndexedValueType.INDEXED_VALUE_TYPE_INT: "Int",
        IndexedValueType.INDEXED_VALUE_TYPE_DATETIME: "Datetime",
    }
    return [
        f"tcld namespace search-attributes add --namespace {namespace} --search-attribute {name}={words[kind]}"
        for name, kind in _TYPES.items()
    ]


async def missing_attributes(client: Client, namespace: str) -> list[str]:
    """Search attributes that the namespace does not have yet."""
    known = await _known_attributes(client, namespace)
    return [name for name in _TYPES if name not in known]


async def _known_attributes(client: Client, namespace: str) -> dict[str, IndexedValueType.ValueType]:
    """A namespace just registered is not known everywhere in the cluster at once: its caches are waited for."""
    async with asyncio.timeout(NAMESPACE_SECONDS):
        while True:
            try:
                return await _list_attributes(client, namespace)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
            await asyncio.sleep(0.2)


async def _list_attributes(client: Client, namespace: str) -> dict[str, IndexedValueType.ValueType]:
    found = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=namespace))
    return dict(found.custom_attributes)


async def _register_namespace(client: Client, namespace: str) -> None:
    try:
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=namespace))
        return
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    retention = Duration()
    retention.FromTimedelta(RETENTION)
    try:
        await client.workflow_service.register_namespace(
            RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=retention)
        )
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise


def leave(code: int) -> NoReturn:
    """End the process at once, with everything written: for programs that spoke to Temporal.

    The SDK's threads may call into an interpreter that is being torn down, which aborts it (sdk-python#300).
    """
    sys.stdout.flush()
    sys.stderr.flush()
    logging.shutdown()
    os._exit(code)
