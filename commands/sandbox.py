"""``prepay sandbox …``: the Stripe sandbox's control routes, from the shell."""

from typing import Annotated, Any

import httpx
import typer

from commands.running import out, refuse, run, settings

app = typer.Typer(no_args_is_help=True, help="The Stripe sandbox: its clock, its banks, its faults.")
Intent = Annotated[str, typer.Argument(help="the PaymentIntent, pi_…")]


@app.command()
def clock() -> None:
    """Show the banking clock."""
    _call("GET", "clock")


@app.command()
def advance(
    business_days: Annotated[int, typer.Argument(min=1, max=500, help="how many business days, as ACH counts them")],
) -> None:
    """Move the banking clock; what falls due happens before this returns."""
    _call("POST", "clock", {"advance_business_days": business_days})


@app.command()
def settle(payment_intent: Intent) -> None:
    """Let the bank pay a debit now."""
    _call("POST", f"payment_intents/{payment_intent}/settle")


@app.command("return")
def return_(payment_intent: Intent, code: Annotated[str, typer.Option(help="return reason code")] = "R01") -> None:
    """Let the bank return a debit now; after success it arrives as a dispute, as at Stripe."""
    _call("POST", f"payment_intents/{payment_intent}/return", {"code": code})


@app.command()
def authenticate(
    payment_intent: Intent, outcome: Annotated[str, typer.Option(help="succeed or fail")] = "succeed"
) -> None:
    """Do what the customer does on the 3-D Secure page."""
    _call("POST", f"payment_intents/{payment_intent}/authenticate", {"outcome": outcome})


@app.command()
def counts() -> None:
    """Count objects by state, and webhooks."""
    _call("GET", "counts")


@app.command()
def forget_keys() -> None:
    """Forget all idempotency keys, as Stripe does after 24 hours."""
    _call("POST", "idempotency_keys/forget")


@app.command()
def reset() -> None:
    """Empty the sandbox's world; webhook endpoints stay."""
    _call("POST", "reset")


def _call(method: str, path: str, body: dict[str, Any] | None = None) -> None:
    url = str(settings().sandbox_url).rstrip("/")

    async def speak() -> httpx.Response:
        async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
            try:
                return await http.request(method, f"{url}/_sandbox/{path}", json=body)
            except httpx.TransportError as error:
                raise ConnectionError(f"no sandbox answers at {url}: is `make dev` running?") from error

    answer = run(speak())
    if not answer.is_success:
        refuse(f"{answer.status_code}: {answer.text}")
    out.print_json(answer.text or "{}")
