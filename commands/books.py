"""``prepay verify`` and ``prepay reconcile``: the proofs (requirement H5). Both only read, and exit 1 on a finding."""

from dataclasses import asdict

import typer
from rich.table import Table

import ledger
from activities.reconciling import Report
from activities.reconciling import reconcile as compare
from commands.running import AsJson, database, out, print_json, progress, run, settings
from rules.money import Money
from store.proof import prove as prove_books
from worker import processor_of


def verify(as_json: AsJson = False) -> None:
    """Prove the ledger: balances are the sums of their transfers, the chains are whole."""
    given = settings()

    async def prove() -> list[ledger.Finding]:
        async with database(given) as opened:
            with progress() as bar:
                task = bar.add_task("Verifying")
                async with opened.transaction() as session:
                    return await prove_books(
                        session,
                        lambda name, done, count: bar.update(
                            task, description=f"Verifying: {name}", completed=done, total=count
                        ),
                    )

    findings = run(prove())
    if as_json:
        print_json([asdict(one) for one in findings])
    elif findings:
        table = Table("check", "account", "finding", title="The ledger is not whole")
        for one in findings:
            table.add_row(one.check, one.account_id or "", one.detail)
        out.print(table)
    else:
        out.print("[green]✓[/] Ledger: every balance is the sum of its transfers, every chain is whole.")
    raise typer.Exit(1 if findings else 0)


def reconcile(as_json: AsJson = False) -> None:
    """Compare ledger and processor item by item, in both directions."""
    given = settings()

    async def prove() -> Report:
        async with database(given) as opened:
            with progress() as bar:
                task = bar.add_task("Reconciling", total=None)
                return await compare(
                    opened,
                    processor_of(given),
                    tell=lambda what, count: bar.update(task, description=f"Reconciling: {what}", completed=count),
                )

    report = run(prove())
    if as_json:
        print_json(asdict(report))
    elif report.found:
        table = Table("recharge", "payment", "difference", "what to do", title="Ledger and processor differ")
        for one in report.found:
            table.add_row(one.recharge_id, one.payment_intent, one.difference.what, one.difference.fix)
        out.print(table)
    else:
        out.print(
            f"[green]✓[/] Processor: {report.recharges} recharges, {report.payments} payments, "
            f"${Money.from_cents(report.credited_cents)} credited, no difference."
        )
    raise typer.Exit(1 if report.found else 0)
