"""The pages a customer's browser sees: 3-D Secure, and entering a microdeposit code."""

from collections.abc import Callable
from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.stripe import bank_debits, forms, microdeposits, setup_confirm
from sandbox.stripe.control import is_local
from sandbox.stripe.control_acts import authenticate
from sandbox.stripe.errors import StripeError
from sandbox.stripe.storage import Object, dig
from sandbox.stripe.transactions import perform
from sandbox.stripe.world import World

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:28rem;margin:4rem auto;padding:0 1rem;color:#1a1a1a}"
    "button,input{font:inherit;padding:.5rem 1rem;margin:.25rem .5rem .25rem 0}"
)
_KINDS = {"pi": "payment_intent", "seti": "setup_intent"}


class Pages:
    """The sandbox's pages on one world."""

    def __init__(self, world: World, wake: Callable[[], None]) -> None:
        self._world = world
        self._wake = wake

    def routes(self) -> list[Route]:
        """The routes, for a Starlette application."""
        return [
            Route("/_sandbox/3ds/{id}", self._ask, methods=["GET"]),
            Route("/_sandbox/3ds/{id}", self._decide, methods=["POST"]),
            Route("/_sandbox/microdeposits/{id}", self._statement, methods=["GET"]),
            Route("/_sandbox/microdeposits/{id}", self._verify, methods=["POST"]),
        ]

    def _intent(self, request: Request) -> Object | None:
        identifier = str(request.path_params["id"])
        found = self._world.store.get(identifier) if is_local(request) else None
        return found if found is not None and found["object"] == _KINDS.get(identifier.partition("_")[0]) else None

    async def _ask(self, request: Request) -> Response:
        intent = self._intent(request)
        if intent is None:
            return _page("Not found", "<p>There is nothing here.</p>", status=404)
        if intent["status"] != "requires_action":
            return _page("3-D Secure", f"<p>Nothing to do: the status is {escape(intent['status'])}.</p>")
        about = f"{intent['amount'] / 100:.2f} USD" if "amount" in intent else "saving your card"
        return _page(
            "3-D Secure test page",
            f"<p>Your bank asks you to approve {about}.</p><form method='post'>"
            "<button name='outcome' value='succeed'>Complete authentication</button>"
            "<button name='outcome' value='fail'>Fail authentication</button></form>",
        )

    async def _decide(self, request: Request) -> Response:
        intent = self._intent(request)
        if intent is None:
            return _page("Not found", "<p>There is nothing here.</p>", status=404)
        succeeds = forms.decode((await request.body()).decode("utf-8", "replace")).get("outcome") == "succeed"
        back = str(dig(intent, "next_action", "redirect_to_url", "return_url") or "")
        try:
            intent = self._act(intent["id"], lambda found: authenticate(self._world, found, succeeds=succeeds))
        except StripeError as error:
            return _page("3-D Secure", f"<p>{escape(error.message)}</p>", status=error.status)
        if not back:
            return _page(
                "3-D Secure", f"<p>Done: the status is {escape(intent['status'])}. You can close this page.</p>"
            )
        passed = intent["status"] not in {"requires_payment_method", "requires_action"}
        added = {
            intent["object"]: intent["id"],
            f"{intent['object']}_client_secret": intent["client_secret"],
            "redirect_status": "succeeded" if passed else "failed",
        }
        parts = urlsplit(back)
        query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *added.items()])
        return RedirectResponse(urlunsplit(parts._replace(query=query)), status_code=303)

    async def _statement(self, request: Request) -> Response:
        intent = self._intent(request)
        action = dig(intent, "next_action", "verify_with_microdeposits")
        if action is None:
            return _page("Microdeposits", "<p>This intent does not wait for microdeposits.</p>", status=404)
        if action["microdeposit_type"] == "amounts":
            seen, asked = "ACCTVERIFY $0.32, ACCTVERIFY $0.45", "amounts[0]' placeholder='32'><input name='amounts[1]"
        else:
            seen, asked = "SM11AA $0.01", "descriptor_code"
        return _page(
            "Verify your bank account",
            f"<p>Your bank statement shows: <b>{seen}</b></p>"
            f"<form method='post'><input name='{asked}'><button>Verify</button></form>",
        )

    async def _verify(self, request: Request) -> Response:
        intent = self._intent(request)
        if intent is None:
            return _page("Not found", "<p>There is nothing here.</p>", status=404)
        form = forms.decode((await request.body()).decode("utf-8", "replace"))
        params: Object = {}
        if form.get("descriptor_code"):
            params["descriptor_code"] = str(form["descriptor_code"]).strip()
        if isinstance(form.get("amounts"), dict):
            digits = [str(value) for value in form["amounts"].values()]
            params["amounts"] = [int(value) if value.isdecimal() else 0 for value in digits]
        outcome = bank_debits.MICRODEPOSITS if intent["object"] == "payment_intent" else setup_confirm.MICRODEPOSITS
        try:
            self._act(intent["id"], lambda found: microdeposits.verify(self._world, found, params, outcome))
        except StripeError as error:
            return _page("Verify your bank account", f"<p>{escape(error.message)}</p>", status=error.status)
        return _page("Verify your bank account", "<p>Your bank account is verified.</p>")

    def _act(self, identifier: str, act: Callable[[Object], None]) -> Object:
        def on_intent() -> Object:
            found = self._world.get(_KINDS[identifier.partition("_")[0]], identifier)
            act(found)
            return found

        try:
            return perform(self._world, on_intent)
        finally:
            self._wake()


def _page(title: str, inner: str, *, status: int = 200) -> HTMLResponse:
    return HTMLResponse(
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title>"
        f"<style>{_STYLE}</style></head>"
        f"<body><h1>{title}</h1>{inner}</body></html>",
        status_code=status,
    )
