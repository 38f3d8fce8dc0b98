"""Receivers that misbehave: each gives an answer within the time allowed, and none more memory than it may."""

import asyncio
import ssl
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateways.webhooks import Answer, WebhookSender
from tests.webhooks.receiver import answer, dribble, hang_up, never_answer, receiving

LOOPBACK = (ip_network("127.0.0.0/8"),)
NAME = "platform.example"


async def to_loopback(host, port):
    return ["127.0.0.1"]


@pytest.fixture
def sender() -> WebhookSender:
    return WebhookSender(allowed=LOOPBACK, timeout_seconds=1.5)


async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A gigabyte."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
    for _ in range(1024):
        writer.write(bytes(1 << 20))
        await writer.drain()


async def flood_of_headers(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(1 << 20):
        writer.write(b"X-%d: %s\r\n" % (number, b"z" * 1000))
        await writer.drain()


async def dribbled_body(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b"z")
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("behave", "expected"),
    [
        (answer(200), Answer(200, None)),
        (answer(204, body=b""), Answer(204, None)),
        (answer(500), Answer(500, "status")),
        (answer(429), Answer(429, "status")),
        (answer(404), Answer(404, "status")),
        (answer(301, Location="http://127.0.0.1:1/"), Answer(301, "redirect")),
        (answer(410), Answer(410, "gone")),
        (hang_up, Answer(None, "connection")),
        (never_answer, Answer(None, "timeout")),
        (dribble, Answer(None, "timeout")),
        (dribbled_body, Answer(200, None)),
        (flood, Answer(200, None)),
        (flood_of_headers, Answer(None, "connection")),
        (answer(200, Content_Encoding="gzip", body=b"no gzip at all"), Answer(200, None)),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
async def test_what_comes_of_it(sender, behave, expected):
    async with receiving() as receiver:
        receiver.always = behave
        tracemalloc.start()
        began = time.monotonic()
        found = await sender.send(f"http://127.0.0.1:{receiver.port}/", b'{"a":1}', {"webhook-id": "evt_1"})
        took, (_, peak) = time.monotonic() - began, tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert found == expected
    assert took < 5
    assert peak < 8 << 20
    (request,) = receiver.requests
    assert (request.body, request.headers["content-type"]) == (b'{"a":1}', "application/json")


async def test_of_a_gigabyte_hardly_anything_is_taken(sender):
    sent = []

    async def counting(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
        while True:
            writer.write(bytes(1 << 18))
            await writer.drain()
            sent.append(1 << 18)

    async with receiving() as receiver:
        receiver.always = counting
        assert await sender.send(f"http://127.0.0.1:{receiver.port}/", b"{}", {}) == Answer(200, None)
    assert sum(sent) < 32 << 20  # what the sockets' buffers hold


async def test_nobody_listens(sender):
    async with receiving() as receiver:
        port = receiver.port
    assert await sender.send(f"http://127.0.0.1:{port}/", b"{}", {}) == Answer(None, "connection")


async def test_a_name_without_an_address():
    async def resolve(host, port):
        return []

    sender = WebhookSender(allowed=LOOPBACK, resolve=resolve)
    assert await sender.send("https://platform.example/", b"{}", {}) == Answer(None, "unresolved")


@pytest.mark.allow_hosts(["127.0.0.1", "127.0.0.3"])
async def test_the_next_address_is_tried_where_one_takes_no_connection():
    async def resolve(host, port):
        return ["127.0.0.3", "127.0.0.1"]

    async with receiving() as receiver:
        sender = WebhookSender(allowed=LOOPBACK, resolve=resolve)
        assert await sender.send(f"http://{NAME}:{receiver.port}/", b"{}", {}) == Answer(200, None)


def certificate(folder, name):
    """A certificate for ``name`` that signs itself: a context that serves it, and one that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(file)
    return serving, ssl.create_default_context(cafile=file)


@pytest.mark.parametrize(
    ("of", "trusted", "expected"),
    [
        (NAME, True, Answer(200, None)),
        ("another.example", True, Answer(None, "tls")),
        (NAME, False, Answer(None, "tls")),
    ],
)
async def test_tls_verifies_the_name_though_the_connection_goes_to_the_address(tmp_path, of, trusted, expected):
    serving, trusting = certificate(tmp_path, of)
    async with receiving(tls=serving) as receiver:
        sender = WebhookSender(allowed=LOOPBACK, resolve=to_loopback, tls=trusting if trusted else None)
        assert await sender.send(f"https://{NAME}:{receiver.port}/", b"{}", {}) == expected
        assert len(receiver.requests) == (expected.error is None)
