"""Group commit: concurrent charges are posted together, on many accounts and on one (facts: 3 to 40 times the rate).

One group at a time in each process, no timer: whoever comes first goes at once. Several processes stay right because
the database decides, under the accounts' locks.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import asyncpg

from ledger.charge import Charge, Charged
from ledger.charging import charge_all
from ledger.driver import Line, is_outage
from ledger.gathering import Gathering

COMMAND_SECONDS = 5
#: A group does not wait longer for one account that somebody else has locked; that account is then tried by itself.
LOCK_MILLISECONDS = 1_000
BATCH_SIZE = 1_000
MOST_BATCHES_WAITING = 16


class GroupCommit:
    """The way in for usage. ``now`` is the clock that times what is posted. Close it at the end."""

    def __init__(self, url: str, *, now: Callable[[], datetime]) -> None:
        self._now = now
        self._line = Line(url, command_seconds=COMMAND_SECONDS, lock_milliseconds=LOCK_MILLISECONDS)
        self._batch_line = Line(url, command_seconds=COMMAND_SECONDS, lock_milliseconds=LOCK_MILLISECONDS)
        self._singles: Gathering[Charge, Charged] = Gathering(lambda charges: self._post(self._line, charges))
        # Batches take turns among themselves and leave the singles' connection alone.
        self._batches: Gathering[Sequence[Charge], list[Charged | BaseException]] = Gathering(
            self._post_batch, most=1, most_waiting=MOST_BATCHES_WAITING
        )

    @property
    def waiting(self) -> int:
        """How many single charges wait for the next group."""
        return self._singles.waiting

    @property
    def groups(self) -> int:
        """How many groups of single charges were posted."""
        return self._singles.batches

    async def charge(self, charge: Charge) -> Charged:
        """Post one charge, together with whatever else has come.

        Raises OverloadedError when nothing was begun; or the driver's error when its outcome is unknown: the same
        charge may be sent again.
        """
        return await self._singles.ask(charge)

    async def charge_batch(self, charges: Sequence[Charge]) -> list[Charged | BaseException]:
        """Post many charges, an account's in the order given, and answer each. Raises OverloadedError."""
        return await self._batches.ask(charges)

    async def close(self) -> None:
        """Post what is waiting and close the connections."""
        await self._singles.close()
        await self._batches.close()
        await self._line.close()
        await self._batch_line.close()

    async def _post_batch(self, batches: Sequence[Sequence[Charge]]) -> list[list[Charged | BaseException]]:
        return [
            [
                answer
                for start in range(0, len(charges), BATCH_SIZE)
                for answer in await self._post(self._batch_line, charges[start : start + BATCH_SIZE])
            ]
            for charges in batches
        ]

    async def _post(self, line: Line, charges: Sequence[Charge]) -> Sequence[Charged | BaseException]:
        """Post a group. What fails as a group is posted account by account, so that only the faulty one is not."""
        try:
            return await self._send(line, charges)
        except asyncpg.LockNotAvailableError:
            pass
        except Exception as error:  # noqa: BLE001 - given to the callers, unless a second try helps
            if is_outage(error):
                return await self._send_again(line, charges)
            if len(charges) == 1:
                return [error]
        by_account: dict[str, list[int]] = {}
        for place, charge in enumerate(charges):
            by_account.setdefault(charge.account_id, []).append(place)
        answers: list[Charged | BaseException] = [ConnectionError("not tried")] * len(charges)
        for places in by_account.values():
            try:
                found: Sequence[Charged | BaseException] = await self._send(line, [charges[place] for place in places])
            except Exception as error:  # noqa: BLE001 - given to the callers of this account
                found = [error] * len(places)
            for place, answer in zip(places, found, strict=True):
                answers[place] = answer
        return answers

    async def _send_again(self, line: Line, charges: Sequence[Charge]) -> Sequence[Charged | BaseException]:
        """After an outage it is unknown what was posted; the references make it safe to ask again, once."""
        line.drop()
        try:
            return await self._send(line, charges)
        except Exception as error:  # noqa: BLE001 - given to the callers
            line.drop()
            return [error] * len(charges)

    async def _send(self, line: Line, charges: Sequence[Charge]) -> list[Charged]:
        return await charge_all(await line.connection(), charges, now=self._now())
