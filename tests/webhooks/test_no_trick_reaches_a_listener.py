"""Outgoing webhooks reach no address that is not public, however its URL is written and whatever its name leads to."""

import asyncio
import socket
from ipaddress import ip_address, ip_network

import httpx
import pytest

from gateways.webhooks import Answer, WebhookSender
from rules.webhook_urls import WebhookUrlError, parse, reachable
from tests.webhooks.receiver import answer, receiving

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

OTHER_LOOPBACK = pytest.mark.allow_hosts(["127.0.0.1", "127.0.0.2"])
#: PORT stands for the listener's port.
URLS = (
    "https://127.0.0.1:PORT/",
    "http://127.0.0.1:PORT/",
    "HTTPS://127.0.0.1:PORT/",
    "https://127.0.0.2:PORT/",
    "https://localhost:PORT/",
    "https://LocalHost:PORT/",
    "https://localhost.:PORT/",
    "https://sub.localhost:PORT/",
    "https://2130706433:PORT/",
    "https://0x7f000001:PORT/",
    "https://0X7F.0.0.1:PORT/",
    "https://017700000001:PORT/",
    "https://0177.0.0.1:PORT/",
    "https://127.0.0.010:PORT/",
    "https://127.1:PORT/",
    "https://127.0.1:PORT/",
    "https://0:PORT/",
    "https://0.0.0.0:PORT/",
    "https://127.0.0.1.:PORT/",
    "https://[::1]:PORT/",
    "https://[::]:PORT/",
    "https://[0:0:0:0:0:0:0:1]:PORT/",
    "https://[::ffff:127.0.0.1]:PORT/",
    "https://[::ffff:7f00:1]:PORT/",
    "https://[::127.0.0.1]:PORT/",
    "https://[::ffff:0:127.0.0.1]:PORT/",
    "https://[64:ff9b::7f00:1]:PORT/",
    "https://[64:ff9b:1::7f00:1]:PORT/",
    "https://[2002:7f00:1::]:PORT/",
    "https://[2001:0:7f00:1::1]:PORT/",
    "https://[fe80::1]:PORT/",
    "https://[fe80::1%25lo]:PORT/",
    "https://[fd00:ec2::254]:PORT/",
    "https://[ff02::1]:PORT/",
    "https://169.254.169.254:PORT/latest/meta-data/",
    "https://100.100.100.200:PORT/",
    "https://168.63.129.16:PORT/",
    "https://10.0.0.1:PORT/",
    "https://172.31.255.255:PORT/",
    "https://192.168.1.1:PORT/",
    "https://224.0.0.1:PORT/",
    "https://255.255.255.255:PORT/",
    "https://somebody@127.0.0.1:PORT/",
    "https://platform.example@127.0.0.1:PORT/",
    "https://platform.example:443@127.0.0.1:PORT/",
    "https://127.0.0.1:PORT#@platform.example/",
    "https://127.0.0.1:PORT\\@platform.example/",
    "https://platform.example\\@127.0.0.1:PORT/",
    "https://\uff11\uff12\uff17.0.0.1:PORT/",
    "https://127\u30020\u30020\u30021:PORT/",
    "https://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3:PORT/",
    "https://%31%32%37.0.0.1:PORT/",
    "https://127.0.0.1:PORT/\r\nHost: platform.example",
    "https://127.0.0.1:PORT/ ",
    " https://127.0.0.1:PORT/",
    "https:127.0.0.1:PORT/",
    "https:///127.0.0.1:PORT/",
    "//127.0.0.1:PORT/",
    "gopher://127.0.0.1:PORT/",
    "ftp://127.0.0.1:PORT/",
    "file:///etc/passwd",
    "https://platform.example:22/",
    "https://platform.example:25/",
    "https://platform.example:0/",
    "https://platform.example:65536/",
    "https://platform.example:80/",
)
#: What a name may lead to, that looks harmless itself.
RESOLVED = (
    ("127.0.0.1",),
    ("127.255.255.254",),
    ("::1",),
    ("::ffff:127.0.0.1",),
    ("0.0.0.0",),
    ("::",),
    ("169.254.169.254",),
    ("10.1.2.3",),
    ("fe80::1",),
    ("fd12:3456::1",),
    ("64:ff9b::7f00:1",),
    ("2002:7f00:1::1",),
    ("93.184.215.14", "127.0.0.1"),
    ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::1"),
    ("127.0.0.1", "93.184.215.14"),
)


def leads_to(*addresses):
    """A resolver that keeps how often it was asked."""

    async def resolve(host, port):
        resolve.asked.append(host)
        return addresses

    resolve.asked = []
    return resolve


@pytest.mark.parametrize("url", URLS)
async def test_by_its_url(url):
    async with receiving() as listener, receiving(host="127.0.0.2") as other:
        sender = WebhookSender(resolve=leads_to("127.0.0.1"))
        for target in (listener, other):
            assert await sender.send(url.replace("PORT", str(target.port)), b"{}", {}) == Answer(
                None, "refused_address"
            )
        assert (listener.connections, other.connections) == (0, 0)


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("addresses", RESOLVED)
async def test_by_what_its_name_leads_to(addresses, scheme):
    async with receiving() as listener:
        sender = WebhookSender(resolve=leads_to(*addresses))
        url = f"{scheme}://platform.example:{listener.port}/"
        assert await sender.send(url, b"{}", {}) == Answer(None, "refused_address")
        assert listener.connections == 0


async def test_by_a_name_that_is_looked_up_in_earnest():
    async with receiving() as listener:
        # Every resolver knows this one; as an operator who opened another network would meet it.
        sender = WebhookSender(allowed=[ip_network("10.0.0.0/8")])
        assert await sender.send(f"http://localhost:{listener.port}/", b"{}", {}) == Answer(None, "refused_address")
        assert listener.connections == 0


@OTHER_LOOPBACK
async def test_by_a_name_that_leads_elsewhere_the_second_time():
    """The address that was checked is the one that is spoken to: the name is looked up once."""
    async with receiving() as listener, receiving(host="127.0.0.2") as checked:
        answers = [["127.0.0.2"], ["127.0.0.1"], ["127.0.0.1"]]

        async def resolve(host, port):
            return answers.pop(0)

        sender = WebhookSender(allowed=[ip_network("127.0.0.2/32")], resolve=resolve)
        for _ in range(1):
            assert await sender.send(f"http://rebind.example:{checked.port}/", b"{}", {}) == Answer(200, None)
        assert checked.requests[0].headers["host"] == f"rebind.example:{checked.port}"
        assert (listener.connections, len(answers)) == (0, 2)


@OTHER_LOOPBACK
async def test_by_a_redirect():
    async with receiving() as listener, receiving(host="127.0.0.2") as open_door:
        sender = WebhookSender(allowed=[ip_network("127.0.0.2/32")])
        for status in (301, 302, 303, 307, 308):
            open_door.behaviours = [answer(status, Location=f"http://127.0.0.1:{listener.port}/")]
            assert await sender.send(f"http://127.0.0.2:{open_door.port}/", b"{}", {}) == Answer(status, "redirect")
        assert listener.connections == 0


@OTHER_LOOPBACK
async def test_by_a_proxy_of_the_environment(monkeypatch):
    async with receiving() as listener, receiving(host="127.0.0.2") as open_door:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{listener.port}")
        sender = WebhookSender(allowed=[ip_network("127.0.0.2/32")])
        assert await sender.send(f"http://127.0.0.2:{open_door.port}/", b"{}", {}) == Answer(200, None)
        assert (listener.connections, open_door.connections) == (0, 1)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1"])
async def test_whoever_does_not_look_does_reach_it(host):
    """So that the tests above can fail."""
    async with receiving() as listener:
        _, writer = await asyncio.open_connection(host, listener.port, family=socket.AF_INET)
        writer.write(b"POST / HTTP/1.1\r\n\r\n")
        async with asyncio.timeout(5):
            await listener.arrived.wait()
        writer.close()
        assert listener.connections == 1


async def test_an_opened_network_is_reached():
    async with receiving() as listener:
        sender = WebhookSender(allowed=LOOPBACK, resolve=leads_to("127.0.0.1"))
        for host in ("127.0.0.1", "receiver", "platform.example"):
            assert await sender.send(f"http://{host}:{listener.port}/hooks?a=1", b"{}", {}) == Answer(200, None)
        assert [request.path for request in listener.requests] == ["/hooks?a=1"] * 3


async def test_plain_http_goes_to_opened_networks_alone():
    """A name that leads to the public network is not spoken to without TLS, though another network was opened."""
    sender = WebhookSender(allowed=LOOPBACK, resolve=leads_to("93.184.215.14"))
    assert await sender.send("http://platform.example/", b"{}", {}) == Answer(None, "refused_address")


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "8.8.8.8", "93.184.215.14", "223.255.255.254", "2606:4700::1111", "2a00:1450::1"]
)
def test_public_addresses_are_reachable(address):
    assert reachable(ip_address(address))


@pytest.mark.parametrize("port", [0, 1, 22, 25, 80, 444, 993, 1023, 65536, 99999])
def test_odd_ports_are_refused_on_public_hosts_too(port):
    for allowed in ((), LOOPBACK):
        with pytest.raises(WebhookUrlError, match="port"):
            parse(f"https://platform.example:{port}/", allowed=allowed)


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("https://platform.example", "platform.example", "/"),
        ("https://Platform.Example/Hooks?key=A%20b", "platform.example", "/Hooks?key=A%20b"),
        ("https://platform.example:443/", "platform.example", "/"),
        ("https://platform.example:8443/a", "platform.example:8443", "/a"),
        ("https://platform.example?x=1", "platform.example", "/?x=1"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", "/"),
        ("https://8.8.8.8/", "8.8.8.8", "/"),
        ("https://[2606:4700::1111]:8443/", "[2606:4700::1111]:8443", "/"),
    ],
)
def test_honest_urls_are_taken(url, authority, path):
    target = parse(url)
    assert (target.authority, target.path) == (authority, path)
    assert httpx.URL(url).raw_path.decode() == path
