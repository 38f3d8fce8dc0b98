"""README.md, "The API in a minute": its shell commands are run as they stand, against a stack on other ports."""

import asyncio
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
(TOUR,) = (one for one in re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL) if "API=" in one)


def documents(printed: str) -> list[Any]:
    """The JSON documents that were printed one after the other."""
    found, place = [], 0
    while place < len(printed):
        document, place = json.JSONDecoder().raw_decode(printed, place)
        found.append(document)
        place += len(printed[place:]) - len(printed[place:].lstrip())
    return found


@pytest.mark.skipif(shutil.which("curl") is None, reason="the tour is told with curl, which is not installed")
async def test_the_tour(own_stack):
    script = TOUR.replace("http://127.0.0.1:8000", own_stack.api_url)
    script = script.replace(".venv/bin/prepay", f"{sys.executable} -m cli")
    process = await asyncio.create_subprocess_exec(
        "sh", "-eu", "-c", script,
        cwd=ROOT, env={**os.environ, **own_stack.env}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    printed, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    by_card, used, bank, by_bank, clock, balance, listed, automatic = documents(printed.decode())
    assert (by_card["amount"], by_card["status"]) == ("50.00", "succeeded")
    assert (used["amount"], used["available"]) == ("0.0055", "49.9945")
    assert bank["status"] == "verified"
    assert (by_bank["amount"], by_bank["status"]) == ("200.00", "processing")
    assert by_bank["expected_on"]
    assert clock["business_day"]
    assert balance["status"] == "active"
    assert [one["id"] for one in listed["data"]] == [by_bank["id"], by_card["id"]]
    assert (automatic["state"], automatic["effective_payment_method"]) == ("watching", by_card["payment_method"])
    await own_stack.until_status(balance["account"], by_bank["id"], "succeeded")
    assert await own_stack.balance(balance["account"]) == ("249.9945", "0.00")
