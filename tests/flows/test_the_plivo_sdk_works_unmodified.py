"""Requirement F8: the official plivo SDK, pointed here by the adapter of the README, against a real API process."""

import re
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import plivo
import pytest
from plivo.base import ListResponseObject
from plivo.exceptions import (
    AuthenticationError,
    ForbiddenError,
    InvalidRequestError,
    PlivoServerError,
    ResourceNotFoundError,
    ValidationError,
)
from plivo.resources.accounts import Subaccount

from sandbox.ports import free_ports

ROOT = Path(__file__).parents[2]
README, PAGE = ((ROOT / name).read_text() for name in ("README.md", "docs/plivo.md"))
(ADAPTER,) = (one for one in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "HTTPAdapter" in one)
PLIVO = "https://api.plivo.com"
UNKNOWN = "SA00000000000000000X"


class Wire:
    """What a client of the SDK has sent, and where to."""

    def __init__(self, client):
        self.answers = []
        for session in (client.session, client.multipart_session):
            session.hooks["response"].append(lambda answer, **_: self.answers.append(answer))

    @property
    def requests(self):
        return [(one.request.method, one.request.path_url, one.status_code) for one in self.answers]


@pytest.fixture
def sdk(stack):
    """Makes clients of the SDK by the README's own lines."""
    with ExitStack() as opened:

        def make(auth_id, auth_token, *, at="api"):
            names = {"auth_id": auth_id, "auth_token": auth_token}
            exec(ADAPTER.replace("http://127.0.0.1:8000", stack.url(at)), names)
            client = opened.enter_context(names["client"])
            client.timeout = 30  # two shared cores
            client.wire = Wire(client)
            return client

        yield make


@pytest.fixture
async def account(stack):
    """A new account with ten dollars: its Auth ID and Auth Token."""
    made = await stack.ok("POST", "/v1/accounts", {"name": "Ada", "email": "ada@example.com", "city": "Albany"})
    body = {"amount": "10.00", "kind": "goodwill", "reason": "to begin with"}
    await stack.ok("POST", f"/v1/accounts/{made['id']}/adjustments", body, Idempotency_Key="first")
    return made["id"], made["auth_token"]


@pytest.fixture
def client(sdk, account):
    return sdk(*account)


@pytest.fixture
async def closed(stack, account, client):
    """A closed account's client, and the subaccount that it had."""
    made = client.subaccounts.create("Berlin")
    await stack.rows("UPDATE account SET status = 'closed' WHERE id = $1", account[0])
    return client, made.auth_id


async def use(stack, account, credentials):
    """The status and code of a charge with a subaccount's credentials."""
    answer = await stack.http.post(
        f"{stack.api_url}/v1/accounts/{account[0]}/usage",
        json={"amount": "0.01", "reference": uuid4().hex},
        auth=credentials,
    )
    return answer.status_code, answer.json().get("code")


def test_the_readme_and_the_page_show_the_same_six_lines():
    assert ADAPTER in PAGE
    added = ADAPTER.partition("class ")[2].replace(next(one for one in ADAPTER.splitlines() if "RestClient" in one), "")
    assert len([line for line in added.splitlines() if line.strip()]) == 6


def test_account_get(client, account):
    got = client.account.get()
    assert (got.auth_id, got.id, got.name, got.city) == (account[0], account[0], "Ada", "Albany")
    assert (got.account_type, got.billing_mode, got.auto_recharge) == ("standard", "prepaid", False)
    assert (got.cash_credits, got.resource_uri) == ("10.00000", f"/v1/Account/{account[0]}/")
    assert got.get().cash_credits == "10.00000"
    assert client.wire.requests == [("GET", f"/v1/Account/{account[0]}/", 200)] * 2


@pytest.mark.parametrize("field", ["name", "city", "address"])
def test_account_update_changes_what_is_given(client, field):
    before = vars(client.account.get())
    changed = client.account.update(**{field: "Zed"})
    assert changed.message == "changed"
    after = vars(client.account.get())
    assert {name for name in before if name != "client" and before[name] != after[name]} == {field, "api_id"}
    assert after[field] == "Zed"
    assert client.wire.requests[1][2] == 202


def test_an_accounts_own_update_sends_the_names_of_its_arguments(client):
    """A bug of the SDK, of which docs/plivo.md warns."""
    client.account.get().update(city="Rome")
    got = client.account.get()
    assert (got.name, got.city) == ("city", "Albany")


def test_a_subaccount_from_its_making_to_its_end(client, account):
    made = client.subaccounts.create("Berlin")
    assert (made.message, made.id) == ("created", made.auth_id)
    got = client.subaccounts.get(made.auth_id)
    assert isinstance(got, Subaccount)
    assert (got.auth_id, got.auth_token, got.name) == (made.auth_id, made.auth_token, "Berlin")
    assert (got.enabled, got.modified) == (False, None)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", got.created)
    home = f"/v1/Account/{account[0]}/"
    assert (got.account, got.resource_uri) == (home, f"{home}Subaccount/{made.auth_id}/")
    (listed,) = client.subaccounts.list()
    assert isinstance(listed, Subaccount)
    assert (listed.id, listed.auth_token, listed.name) == (made.auth_id, made.auth_token, "Berlin")

    assert client.subaccounts.update(made.auth_id, "Paris", True).message == "changed"
    got = client.subaccounts.get(made.auth_id)
    assert (got.name, got.enabled, got.modified) == ("Paris", True, got.created)
    assert got.update("Rome", True).message == "changed"
    assert client.subaccounts.get(made.auth_id).name == "Rome"

    assert client.subaccounts.delete(made.auth_id) is None
    with pytest.raises(ResourceNotFoundError, match="no such subaccount"):
        client.subaccounts.get(made.auth_id)
    assert list(client.subaccounts) == []
    statuses = [status for _, _, status in client.wire.requests]
    assert statuses == [201, 200, 200, 202, 200, 202, 200, 204, 404, 200]


def test_an_update_without_enabled_disables(client):
    """The SDK sends false then; docs/plivo.md warns of it, and names the way out."""
    made = client.subaccounts.create("Berlin", True)
    client.subaccounts.update(made.auth_id, "Bonn", enabled=None)
    assert client.subaccounts.get(made.auth_id).enabled is True
    client.subaccounts.update(made.auth_id, "Bonn")
    assert client.subaccounts.get(made.auth_id).enabled is False


@pytest.mark.parametrize("cascade", [None, True, False])
def test_delete_with_cascade(client, cascade):
    made = client.subaccounts.create("Berlin")
    assert client.subaccounts.get(made.auth_id).delete(cascade) is None
    assert len(client.subaccounts.list()) == 0


def test_45_subaccounts_are_walked_in_three_requests(client):
    made = [client.subaccounts.create(f"number {n}").auth_id for n in range(45)]
    client.wire.answers.clear()
    assert [one.auth_id for one in client.subaccounts] == made[::-1]
    assert [urlsplit(url).query for _, url, _ in client.wire.requests] == [
        "limit=20&offset=0", "limit=20&offset=20", "limit=20&offset=40",
    ]  # fmt: skip
    page = client.subaccounts.list(limit=3, offset=43)
    assert [one.auth_id for one in page] == made[1::-1]
    assert (page.meta.total_count, page.meta.limit, page.meta.offset, page.meta.next) == (45, 3, 43, None)
    assert page.meta.previous.endswith("/Subaccount/?limit=3&offset=40")


async def test_credentials_work_while_the_subaccount_is_enabled(stack, client, account):
    made = client.subaccounts.create("Berlin", True)
    credentials = (made.auth_id, made.auth_token)
    assert await use(stack, account, credentials) == (201, None)
    assert client.account.get().cash_credits == "9.99000"
    client.subaccounts.update(made.auth_id, "Berlin")
    assert await use(stack, account, credentials) == (403, "subaccount_disabled")
    client.subaccounts.update(made.auth_id, "Berlin", True)
    assert await use(stack, account, credentials) == (201, None)
    client.subaccounts.delete(made.auth_id)
    # Who calls may be known from memory for half a second; whether it may spend never is.
    assert (await use(stack, account, credentials)) in {(401, "unauthenticated"), (409, "subaccount_deleted")}

    async def unknown():
        return await use(stack, account, credentials) == (401, "unauthenticated")

    await stack.until(unknown, "the credentials to be unknown")


async def test_a_rotated_token_is_the_one_shown(stack, client, account):
    made = client.subaccounts.create("Berlin", True)
    path = f"/v1/accounts/{account[0]}/subaccounts/{made.auth_id}/rotate_token"
    rotated = await stack.ok("POST", path, {"overlap_days": 1})
    assert rotated["auth_token"] != made.auth_token
    assert client.subaccounts.get(made.auth_id).auth_token == rotated["auth_token"]
    for token in (made.auth_token, rotated["auth_token"]):
        assert await use(stack, account, (made.auth_id, token)) == (201, None)


def get(client, subaccount=UNKNOWN, **query):
    """``subaccounts.get`` without the SDK's own checks of its arguments."""
    return client.request("GET", ("Subaccount", subaccount), query, response_type=Subaccount)


def listed(client, method="GET", **query):
    """``subaccounts.list`` without the SDK's own checks of its arguments."""
    return client.request(
        method, ("Subaccount",), query, response_type=ListResponseObject, objects_type=Subaccount
    )  # fmt: skip


def test_400_is_a_validation_error(client):
    with pytest.raises(ValidationError, match="name: "):
        client.subaccounts.create("")
    with pytest.raises(ValidationError, match="name: "):
        client.subaccounts.create("x" * 101)
    with pytest.raises(ValidationError, match="city: "):
        client.account.update(city="x" * 201)
    with pytest.raises(ValidationError, match="page: This request takes no query"):
        get(client, page=1)
    with pytest.raises(ValidationError, match="limit: "):
        listed(client, limit=21)
    assert {status for _, _, status in client.wire.requests} == {400}


def test_401_is_an_authentication_error(sdk, account):
    stranger = sdk(account[0], "x" * 43)
    for call in (
        stranger.account.get,
        lambda: stranger.subaccounts.get(UNKNOWN),
        stranger.subaccounts.list,
        lambda: list(stranger.subaccounts),
        lambda: stranger.subaccounts.create("Berlin"),
    ):
        with pytest.raises(AuthenticationError):
            call()


def test_403_is_what_subaccounts_get(sdk, client):
    made = client.subaccounts.create("Berlin", True)
    subaccount = sdk(made.auth_id, made.auth_token)
    for call in (
        subaccount.account.get,
        lambda: subaccount.account.update(name="mine"),
        lambda: subaccount.subaccounts.get(made.auth_id),
        subaccount.subaccounts.list,
        lambda: list(subaccount.subaccounts),
        lambda: subaccount.subaccounts.create("Berlin"),
    ):
        with pytest.raises(ForbiddenError):
            call()
    with pytest.raises(ForbiddenError, match="use the Auth ID and Auth Token of its main account"):
        subaccount.account.get()


def test_404_is_not_found_on_get_and_list(client):
    with pytest.raises(ResourceNotFoundError, match="no such subaccount"):
        client.subaccounts.get(UNKNOWN)
    with pytest.raises(ResourceNotFoundError, match="no such subaccount"):
        client.subaccounts.update(UNKNOWN, "Berlin")
    with pytest.raises(ResourceNotFoundError, match="no such subaccount"):
        client.subaccounts.delete(UNKNOWN)
    with pytest.raises(ResourceNotFoundError):
        client.applications.list()
    with pytest.raises(ResourceNotFoundError):
        list(client.endpoints)


def test_405_is_an_invalid_request(client):
    with pytest.raises(InvalidRequestError):
        listed(client, method="PUT")


async def test_409_is_an_invalid_request(closed):
    client, subaccount = closed
    with pytest.raises(InvalidRequestError, match="The account is closed"):
        client.account.update(name="Eve")
    with pytest.raises(InvalidRequestError, match="The account is closed"):
        client.subaccounts.create("Rome")
    with pytest.raises(InvalidRequestError, match="The account is closed"):
        client.subaccounts.update(subaccount, "Rome")
    with pytest.raises(InvalidRequestError, match="The account is closed"):
        client.subaccounts.delete(subaccount)
    with pytest.raises(InvalidRequestError):  # as an answer to a list would be read
        listed(client, method="POST", name="Rome")


async def test_500_is_a_server_error_also_while_the_database_is_away(stack, sdk, account):
    (port,) = free_ports(1)
    name = "api-without-database"
    await stack.start(name, PREPAY_DATABASE_URL=f"postgresql://prepay_app:prepay@127.0.0.1:{port}/prepay")
    try:
        client = sdk(*account, at=name)
        for call in (client.account.get, lambda: client.subaccounts.create("Berlin")):
            with pytest.raises(PlivoServerError, match="The database cannot be reached"):
                call()
        with pytest.raises(PlivoServerError):
            client.subaccounts.list()
    finally:
        await stack.kill(name)


def test_what_is_not_offered_is_not_found(client):
    for call in (
        lambda: client.messages.create(src="14150000000", dst="14150000001", text="hello"),
        lambda: client.calls.create("14150000000", "14150000001", "https://answer.example/"),
        lambda: client.numbers.get("14150000000"),
        lambda: client.pricing.get("US"),
        lambda: client.media.get("media"),
    ):
        with pytest.raises(ResourceNotFoundError, match=r"^not offered by this service$"):
            call()
    for listing in (client.messages, client.calls, client.numbers, client.recordings):
        with pytest.raises(ResourceNotFoundError):
            listing.list()


def test_nothing_is_sent_elsewhere(stack, client):
    """Whatever the SDK addresses at Plivo meets the adapter, and what the adapter sends comes here."""
    from plivo.rest import client as module

    hosts = {name: one for name, one in vars(module).items() if isinstance(one, str) and one.startswith("http")}
    apart = {"CALLINSIGHTS_BASE_URL"}  # a host of its own, of which docs/plivo.md warns
    for session in (client.session, client.multipart_session):
        adapters = {name for name, url in hosts.items() if type(session.get_adapter(f"{url}/")).__name__ == "Prepay"}
        assert adapters == hosts.keys() - apart
        assert not [one for one in hosts.keys() - apart if not hosts[one].startswith(PLIVO)]

    made = client.subaccounts.create("Berlin")
    client.account.get()
    client.account.update(name="Ada")
    client.subaccounts.get(made.auth_id)
    client.subaccounts.list()
    client.subaccounts.update(made.auth_id, "Bonn")
    client.subaccounts.delete(made.auth_id)
    for call in (
        client.calls.list,  # voice: a base of its own
        lambda: client.media.upload([str(ROOT / "docs" / "index.md")]),  # multipart: a session of its own
    ):
        with pytest.raises((ResourceNotFoundError, ValidationError)):
            call()
    assert len(client.wire.answers) >= 8
    for answer in client.wire.answers:
        assert answer.request.url.startswith(f"{stack.api_url}/v1/Account/")
        assert answer.url == answer.request.url
        assert not answer.history
        assert answer.request.headers["User-Agent"].startswith("plivo-python/4.63.0 ")
    assert plivo.RestClient(*client.session.auth).session.get_adapter(PLIVO) is not client.session.get_adapter(PLIVO)
