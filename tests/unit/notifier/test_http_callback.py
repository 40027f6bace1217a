"""What an attempt reaches, what it sends and what it reads: the gate of sources holds for callbacks too."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web

from services.notifier.adapters.http_callback import MAX_RESPONSE_BYTES, HttpCallback
from services.notifier.courier import Answer, Courier
from services.notifier.domain.delivery import delivery_owed
from services.notifier.domain.progress import Tried
from services.notifier.settings import NotifierSettings
from shared.errors import Instruction, Permanent, Transient
from shared.safe_http import SafeClient
from tests.unit.notifier.fakes import NOON, CalmProcess, completed
from tests.unit.notifier.memory import clearance
from tests.unit.safe_http.address_table import (
    FORBIDDEN_NETWORKS,
    SPELLINGS_OF_LOOPBACK,
    as_host,
    first_middle_and_last,
)
from tests.unit.safe_http.outside import SHOP_ADDRESS, Names, outside

SHOP = (SHOP_ADDRESS, 80)
HOOK = "http://shop.example/hook"
HOUR = timedelta(hours=1)

Handler = Callable[[web.BaseRequest], Coroutine[Any, Any, web.StreamResponse]]


def callback(client: SafeClient, seconds: float = 5.0) -> HttpCallback:
    return HttpCallback(client, timeout_seconds=seconds, now=lambda: NOON)


async def posted(client: SafeClient, url: str = HOOK, *, seconds: float = 5.0) -> Answer:
    return await callback(client, seconds).post(url, body=b"{}", headers={"webhook-id": "m1"})


async def refused(client: SafeClient, url: str, *, seconds: float = 5.0) -> Instruction:
    with pytest.raises((Permanent, Transient)) as raised:
        await posted(client, url, seconds=seconds)
    assert isinstance(raised.value, Instruction)
    return raised.value


async def attempted(client: SafeClient, url: str = HOOK) -> Tried:
    courier = Courier(callback(client), clearance(), CalmProcess(), now=lambda: NOON)
    return await courier.attempt(delivery_owed(completed(), url), trigger="t/0/1")


def answering(status: int = 200, body: bytes = b"thanks", **headers: str) -> Handler:
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers=named)

    return answer


@pytest.mark.checklist("N5")
@pytest.mark.parametrize("network", FORBIDDEN_NETWORKS)
async def test_an_attempt_at_a_forbidden_address_is_not_made_by_literal_or_by_name(network: str) -> None:
    names = Names()
    async with outside(answering(), names) as (client, world):
        for number, address in enumerate(first_middle_and_last(network)):
            names.answer(f"inside{number}.example", [address])
            for url in (f"http://{as_host(address)}/hook", f"http://inside{number}.example/hook"):
                error = (await attempted(client, url)).attempt.error
                assert error is not None
                assert error.code == "blocked_address", url
    assert world.asked == []


@pytest.mark.checklist("N5")
@pytest.mark.parametrize("host", SPELLINGS_OF_LOOPBACK, ids=ascii)
async def test_no_spelling_of_loopback_is_called(host: str) -> None:
    async with outside(answering(), Names({"localhost": [["127.0.0.1"]]})) as (client, world):
        assert (await refused(client, f"http://{host}/")).code == "blocked_address"
    assert world.asked == []


@pytest.mark.checklist("N5")
@pytest.mark.parametrize(
    ("url", "answers", "code"),
    [
        ("http://mixed.example/", ["8.8.8.8", "10.0.0.1"], "blocked_address"),
        ("http://public.example:22/", ["8.8.8.8"], "blocked_port"),
        ("http://user:pw@public.example/", ["8.8.8.8"], "invalid_url"),
        ("ftp://public.example/", ["8.8.8.8"], "invalid_url"),
        ("http://public.example\n.evil/", ["8.8.8.8"], "invalid_url"),
    ],
    ids=["mixed answer", "port", "credentials", "scheme", "control character"],
)
async def test_what_a_source_may_not_be_a_callback_may_not_be(url: str, answers: Sequence[str], code: str) -> None:
    host = url.partition("//")[2].split("/")[0].split(":")[0]
    async with outside(answering(), Names({host: [answers]})) as (client, world):
        error = await refused(client, url)
    assert (type(error), error.code) == (Permanent, code)
    assert world.asked == []


@pytest.mark.checklist("N5")
async def test_a_name_that_changes_its_answer_is_judged_at_every_attempt_anew_and_looked_up_once_for_each() -> None:
    names = Names({"rebinding.example": [[SHOP_ADDRESS], ["169.254.169.254"]]})
    async with outside(answering(Connection="close"), names) as (client, world):
        assert (await attempted(client, "http://rebinding.example/")).attempt.succeeded
        second = (await attempted(client, "http://rebinding.example/")).attempt
    assert second.error is not None
    assert second.error.code == "blocked_address"
    assert world.asked == [SHOP]
    assert len(names.asked) == 2


@pytest.mark.checklist("N5")
async def test_the_certificate_must_be_that_of_the_host_and_the_host_is_told() -> None:
    asked: list[str] = []

    async def note(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(request.headers["Host"])
        return web.Response(body=b"ok")

    async with outside(note, tls=True) as (client, _):
        assert (await posted(client, "https://shop.example/hook")).status == 200
        error = await refused(client, "https://other.example/hook")
    assert (type(error), error.code) == (Permanent, "tls_error")
    assert asked == ["shop.example"]


@pytest.mark.checklist("N5", "N6")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["http://169.254.169.254/", "/hook2", "https://other.example/"])
async def test_a_redirect_is_a_failure_and_is_not_followed(status: int, location: str) -> None:
    async with outside(answering(status, Location=location)) as (client, world):
        attempt = (await attempted(client)).attempt
    assert attempt.error is not None
    assert (attempt.succeeded, attempt.status, attempt.error.code) == (False, status, f"http_{status}")
    assert world.asked == [SHOP]


@pytest.mark.checklist("N5")
async def test_no_proxy_of_the_environment_is_used_and_no_cookie_or_credential_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    seen: list[set[str]] = []

    async def note(request: web.BaseRequest) -> web.StreamResponse:
        seen.append({name.lower() for name in request.headers})
        return web.Response(body=b"x", headers={"Set-Cookie": "a=b"})

    async with outside(note) as (client, world):
        await attempted(client)
        await attempted(client)
    signed = {"webhook-id", "webhook-timestamp", "webhook-signature", "content-type"}
    assert seen == [{"host", "user-agent", "accept", "accept-encoding", "content-length", *signed}] * 2
    assert {*world.asked} == {SHOP}


@pytest.mark.checklist("N5", "N10")
@pytest.mark.parametrize("part", ["headers", "body"])
async def test_one_deadline_ends_an_answer_that_trickles(part: str) -> None:
    released = asyncio.Event()

    async def trickle(request: web.BaseRequest) -> web.StreamResponse:
        if part == "headers":
            await released.wait()
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.02)

    async with outside(trickle) as (client, _):
        error = await refused(client, HOOK, seconds=0.2)
        released.set()
    assert (type(error), error.code) == (Transient, "timeout")


@pytest.mark.checklist("N5", "N10")
async def test_a_name_server_that_hangs_is_within_the_deadline() -> None:
    async def hang(_host: str, _port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    async with outside(answering(), hang) as (client, world):
        assert (await refused(client, HOOK, seconds=0.1)).code == "timeout"
    assert world.asked == []


@pytest.mark.checklist("N10")
@pytest.mark.parametrize("status", [200, 500])
async def test_of_an_endless_answer_sixteen_kilobytes_are_read_and_one_is_kept(status: int) -> None:
    async def endless(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        while True:
            await response.write(b"x" * 1000)

    async with outside(endless) as (client, _):
        answer = await posted(client)
        attempt = (await attempted(client)).attempt
    assert (answer.status, len(answer.body), MAX_RESPONSE_BYTES) == (status, 16_384, 16_384)
    assert attempt.response == "x" * 1024


@pytest.mark.checklist("N10")
def test_an_attempt_may_take_twenty_seconds_and_never_more_than_thirty() -> None:
    field = NotifierSettings.model_fields["webhook_timeout_seconds"]
    assert field.default == 20
    assert "le=30" in str(field.metadata).lower()


@pytest.mark.checklist("N8")
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (format_datetime(NOON + HOUR, usegmt=True), 3600.0),
        (format_datetime(NOON - HOUR, usegmt=True), 0.0),
        ("-5", None),
        ("soon", None),
        ("1e9", None),
        ("9" * 400, None),
        ("", None),
    ],
    ids=["seconds", "date", "past", "negative", "word", "exponent", "too long", "empty"],
)
async def test_the_time_that_a_busy_receiver_names_is_read_and_nonsense_is_not(
    value: str, seconds: float | None
) -> None:
    async with outside(answering(503, Retry_After=value)) as (client, _):
        assert (await posted(client)).retry_after_seconds == seconds
