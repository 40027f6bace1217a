"""Secrets of owners: made once, told once, rotated without a gap, and kept nowhere."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from services.notifier.domain.signature import WebhookSecret
from services.notifier.domain.webhook_secrets import MOST_SIGNING, SecretId, derived_secret
from shared.events import rfc3339
from shared.ids import LOCAL_OWNER, Owner
from tests.callers import MemoryKeys, keyed
from tests.unit.notifier.api import Api
from tests.unit.notifier.fakes import MASTER_KEY, NOON, SECRET, SECRET_TEXT
from tests.unit.notifier.memory import SecretsInMemory, keyring

SHOP, OTHER = Owner("shop"), Owner("other")
DAY = timedelta(days=1)
FIRST = SecretId("00000000-0000-4000-8000-000000000001")
SECOND = SecretId("00000000-0000-4000-8000-000000000002")


def test_a_secret_depends_on_the_master_key_the_owner_and_the_id_and_is_as_long_as_it_can_be() -> None:
    made = {
        derived_secret(master, owner, name).key
        for master in (b"k" * 32, b"l" * 32)
        for owner in (SHOP, OTHER)
        for name in (FIRST, SECOND)
    }
    assert len(made) == 8
    assert {len(key) for key in made} == {32}
    assert derived_secret(b"k" * 32, SHOP, FIRST) == derived_secret(b"k" * 32, SHOP, FIRST)


@pytest.mark.checklist("N3")
async def test_while_secrets_change_two_sign_newest_first_and_after_the_overlap_one() -> None:
    secrets = SecretsInMemory()
    ring = keyring(secrets)
    old = ring.secret(SHOP, (await secrets.make(SHOP, DAY)).secret_id)
    new = ring.secret(SHOP, (await secrets.make(SHOP, DAY)).secret_id)
    assert await ring.signing(SHOP, NOON) == [new, old]
    assert await ring.signing(SHOP, NOON + DAY - timedelta(seconds=1)) == [new, old]
    assert await ring.signing(SHOP, NOON + DAY) == [new]


async def test_owner_local_has_the_operators_secret_until_the_overlap_of_its_first_own_one_has_passed() -> None:
    secrets = SecretsInMemory()
    ring = keyring(secrets)
    assert await ring.signing(LOCAL_OWNER, NOON) == [SECRET]
    made = await secrets.make(LOCAL_OWNER, DAY)
    own = ring.secret(LOCAL_OWNER, made.secret_id)
    assert await ring.signing(LOCAL_OWNER, NOON) == [own, SECRET]
    assert await ring.signing(LOCAL_OWNER, NOON + DAY) == [own]
    await secrets.end(LOCAL_OWNER, made.secret_id)
    assert await ring.signing(LOCAL_OWNER, NOON) == [SECRET]
    assert await ring.signing(LOCAL_OWNER, NOON + DAY) == []


@pytest.mark.checklist("N3")
async def test_an_operators_secret_that_has_ended_signs_no_more_whatever_becomes_of_those_after_it() -> None:
    secrets = SecretsInMemory()
    ring = keyring(secrets)
    leaked = await secrets.make(LOCAL_OWNER, timedelta(0))
    await secrets.end(LOCAL_OWNER, leaked.secret_id)
    assert await ring.signing(LOCAL_OWNER, NOON) == []
    made = await secrets.make(LOCAL_OWNER, DAY)
    assert await ring.signing(LOCAL_OWNER, NOON) == [ring.secret(LOCAL_OWNER, made.secret_id)]


async def test_nobody_else_has_the_operators_secret_or_that_of_another() -> None:
    secrets = SecretsInMemory()
    await secrets.make(OTHER, DAY)
    assert await keyring(secrets).signing(SHOP, NOON) == []


@pytest.mark.checklist("N4")
async def test_a_secret_is_told_once_and_stands_in_no_list_record_or_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    api = Api()
    async with api.client() as client:
        made = await client.post("/v1/webhook-secrets", json={"overlap_seconds": 60})
        listed = await client.get("/v1/webhook-secrets")
    await api.deliver()
    secret = made.json()["secret"]
    key = WebhookSecret.parse(secret).key
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    assert len(key) == 32
    assert "secret" not in listed.json()["items"][0]
    told = [listed.text, str(api.secrets.kept), caplog.text, *(str(vars(record)) for record in caplog.records)]
    written = secret.removeprefix("whsec_")
    assert caplog.records
    assert not [text for text in told for spelled in (written, key.hex(), MASTER_KEY) if spelled in text]


@pytest.mark.checklist("N1", "N3")
async def test_a_webhook_is_verified_with_the_secret_that_was_told_and_while_it_rotates_with_the_one_before() -> None:
    api = Api()
    api.now = datetime.now(UTC)
    async with api.client() as client:
        told = [(await client.post("/v1/webhook-secrets")).json()["secret"] for _ in range(2)]
    await api.deliver()
    (posted,) = api.receiver.posted
    # Owner local has the operator's secret beside its own until the first overlap has passed.
    assert posted.headers["webhook-signature"].count("v1,") == 3
    for secret in (*told, SECRET_TEXT):
        assert Webhook(secret).verify(posted.body, dict(posted.headers))["type"] == "request.completed"


async def test_without_a_secret_nothing_is_posted_and_the_schedule_goes_on_until_there_is_one() -> None:
    api = Api()
    await api.deliver(owner=SHOP)
    ((attempt,),) = api.deliveries.attempts.values()
    assert attempt.attempt.error is not None
    assert attempt.attempt.error.code == "no_webhook_secret"
    assert "POST /v1/webhook-secrets" in attempt.attempt.error.message
    assert (api.receiver.posted, api.endpoints.kept[next(iter(api.endpoints.kept))][2].failing_since) == ([], None)
    (scheduled,) = api.later.scheduled
    assert scheduled.after == timedelta(seconds=5)


async def test_the_list_says_when_each_secret_ends() -> None:
    api = Api()
    async with api.client() as client:
        old = (await client.post("/v1/webhook-secrets")).json()
        new = (await client.post("/v1/webhook-secrets", json={"overlap_seconds": 3600})).json()
        listed = (await client.get("/v1/webhook-secrets")).json()["items"]
    assert [item["secret_id"] for item in listed] == [new["secret_id"], old["secret_id"]]
    assert [item["expires_at"] for item in listed] == [None, rfc3339(NOON + timedelta(hours=1))]
    assert {item["created_at"] for item in listed} == {rfc3339(NOON)} == {old["created_at"]}


async def test_a_secret_that_leaked_ends_at_once() -> None:
    api = Api()
    async with api.client() as client:
        leaked = (await client.post("/v1/webhook-secrets")).json()["secret_id"]
        new = (await client.post("/v1/webhook-secrets")).json()["secret_id"]
        gone = await client.delete(f"/v1/webhook-secrets/{leaked}")
        again = await client.delete(f"/v1/webhook-secrets/{leaked}")
        odd = await client.delete("/v1/webhook-secrets/not-an-id")
        listed = (await client.get("/v1/webhook-secrets")).json()["items"]
    assert (gone.status_code, again.status_code, odd.status_code) == (204, 404, 404)
    assert again.json()["type"] == "urn:pixelmill:problem:unknown-webhook-secret"
    assert [item["secret_id"] for item in listed] == [new]


async def test_only_a_few_secrets_sign_at_once_but_one_without_an_overlap_can_always_be_made() -> None:
    api = Api()
    async with api.client() as client:
        made = [await client.post("/v1/webhook-secrets") for _ in range(MOST_SIGNING + 1)]
        fresh = await client.post("/v1/webhook-secrets", json={"overlap_seconds": 0})
        listed = (await client.get("/v1/webhook-secrets")).json()["items"]
    assert [answer.status_code for answer in made] == [201] * MOST_SIGNING + [409]
    assert made[-1].json()["type"] == "urn:pixelmill:problem:too-many-webhook-secrets"
    assert fresh.status_code == 201
    assert [item["secret_id"] for item in listed] == [fresh.json()["secret_id"]]


@pytest.mark.parametrize("body", ['{"overlap_seconds": -1}', '{"overlap_seconds": 604801}', '{"overlap": 1}', "[]"])
async def test_an_overlap_that_is_none_is_refused(body: str) -> None:
    async with Api().client() as client:
        answer = await client.post(
            "/v1/webhook-secrets", content=body, headers={"Content-Type": "application/json"}
        )  # fmt: skip
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:pixelmill:problem:invalid-parameters")


async def test_secrets_of_another_owner_are_neither_listed_nor_ended() -> None:
    keys = MemoryKeys()
    api = Api(callers=keyed(keys))
    async with api.client(keys.make(SHOP)) as shop, api.client(keys.make(OTHER)) as other, api.client() as nobody:
        name = (await shop.post("/v1/webhook-secrets")).json()["secret_id"]
        assert (await other.get("/v1/webhook-secrets")).json() == {"items": []}
        assert (await other.delete(f"/v1/webhook-secrets/{name}")).status_code == 404
        assert (await nobody.post("/v1/webhook-secrets")).status_code == 401
        assert len((await shop.get("/v1/webhook-secrets")).json()["items"]) == 1
