"""Signatures are those of Standard Webhooks."""

import base64
import json
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from services.notifier.domain.signature import InvalidSecret, WebhookSecret, signature, signed_headers
from tests.unit.notifier.fakes import SECRET, SECRET_TEXT


@pytest.mark.checklist("N1")
def test_the_published_vector_is_reproduced() -> None:
    signed = signature(
        SECRET, message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330, body=b'{"test": 2432232314}'
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.checklist("N1")
def test_an_independent_verifier_accepts_the_headers() -> None:
    body = '{"name": "Ø"}'.encode()
    now = int(datetime.now(UTC).timestamp())
    headers = signed_headers([SECRET], message_id="m1", timestamp=now, body=body)
    assert Webhook(SECRET_TEXT).verify(body, dict(headers)) == json.loads(body)


@pytest.mark.checklist("N4")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_",
        "whsec_not*base64",
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
    ],
)
def test_a_secret_of_another_shape_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InvalidSecret) as refused:
        WebhookSecret.parse(text)
    assert not text or text not in str(refused.value).replace("whsec_", "", 1)


@pytest.mark.checklist("N4")
def test_a_secret_does_not_show_itself() -> None:
    assert repr(SECRET) == "WebhookSecret()"


@pytest.mark.checklist("N3")
def test_two_secrets_give_two_signatures_in_their_order_and_whoever_has_either_accepts() -> None:
    other = WebhookSecret(bytes(range(32)))
    now = int(datetime.now(UTC).timestamp())
    headers = signed_headers([other, SECRET], message_id="m1", timestamp=now, body=b"{}")
    first, second = headers["webhook-signature"].split(" ")
    assert [first, second] == [
        signature(secret, message_id="m1", timestamp=now, body=b"{}") for secret in (other, SECRET)
    ]
    for secret in (other, SECRET):
        assert Webhook(secret.text).verify(b"{}", dict(headers)) == {}


def test_a_secret_is_read_as_it_is_written() -> None:
    assert SECRET.text == SECRET_TEXT
