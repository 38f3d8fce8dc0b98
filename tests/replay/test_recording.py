"""What must not be in a recorded history is found, also inside a payload (requirement I5)."""

import base64
import json

import pytest

from tests.replay.recording import scrubbed

SECRETS = ["code SM11AA", "Jenny Rosen", "ada@customer.example", "203.0.113.7", "pm_card_visa"]


@pytest.mark.parametrize("secret", SECRETS)
def test_in_plain_text(secret):
    with pytest.raises(AssertionError, match="the history holds"):
        scrubbed(json.dumps({"events": [{"attributes": {"note": secret}}]}))


@pytest.mark.parametrize("secret", SECRETS)
def test_in_a_payload(secret):
    data = base64.b64encode(json.dumps({"note": secret}).encode()).decode()
    with pytest.raises(AssertionError, match="the history holds"):
        scrubbed(json.dumps({"events": [{"input": {"payloads": [{"data": data}]}}]}))


def test_the_machine_is_left_out():
    kept = scrubbed(json.dumps({"events": [{"identity": "1@host", "stackTrace": "/home/somebody", "eventId": "1"}]}))
    assert json.loads(kept) == {"events": [{"eventId": "1"}]}
