"""The processor's process on a real Kafka and S3: trouble of sources, of its codec, of itself."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from shared.events import ImageProcessed, ImageRequested
from shared.ids import RequestId
from tests.integration.processor_place import Place, place_on
from tests.stack import StackForTests
from tests.unit.processor.codec_children import killed_at_work
from tests.waiting import until

pytestmark = pytest.mark.stack

POISONED = "tests.integration.poisoned_processor"
ALONE = 3
"""So many processors die of one image alone before it is given up."""


@pytest_asyncio.fixture
async def place(stack: StackForTests, tmp_path: Path) -> AsyncIterator[Place]:
    async with place_on(stack, tmp_path) as found:
        yield found


async def one_answer(place: Place, path: str) -> ImageProcessed:
    return (await place.answers(await place.request(path), 1))[0]


@pytest.mark.checklist("P21")
async def test_a_source_that_recovers_is_tried_until_it_has(place: Place) -> None:
    await place.start()
    answer = await one_answer(place, "/broken-twice.jpg")
    assert (answer.outcome, answer.attempts) == ("succeeded", 3)
    assert place.letters == []


async def test_a_host_that_fails_twice_for_each_of_its_pictures_gives_all_of_them(place: Place) -> None:
    await place.start()
    request_id = await place.request(*(f"/broken-twice-{number}.jpg" for number in range(100)), lane="bulk")
    answers = await place.answers(request_id, 100)
    assert {(answer.outcome, answer.attempts) for answer in answers.values()} == {("succeeded", 3)}


async def test_a_busy_host_gives_all_of_its_pictures(place: Place) -> None:
    await place.start()
    request_id = await place.request(*["/cup.jpg", "/busy-once-too.jpg", "/cup.jpg"] * 10, lane="bulk")
    answers = await place.answers(request_id, 30)
    assert {(answer.outcome, answer.attempts) for answer in answers.values()} == {("succeeded", 1)}


@pytest.mark.checklist("P21")
async def test_a_source_that_stays_broken_is_given_up_with_a_dead_letter(place: Place) -> None:
    await place.start()
    answer = await one_answer(place, "/broken.jpg")
    assert (answer.outcome, answer.attempts) == ("failed", 4)
    assert answer.error is not None
    assert answer.error.code == "http_5xx"
    (letter,) = place.letters
    assert letter.event.request_id == answer.request_id
    headers = letter.headers
    assert (headers["error-code"], headers["attempt"]) == ("http_5xx", "4")
    assert headers["origin-topic"] == f"{place.settings.kafka_topic_prefix}images.requested.express.v1"
    assert {"origin-partition", "origin-offset", "first-failed-at", "error-message"} <= headers.keys()
    assert place.asked["/broken.jpg"] == 4


@pytest.mark.checklist("P21")
async def test_a_busy_source_is_left_alone_for_as_long_as_it_asks_and_no_attempt_is_counted(place: Place) -> None:
    await place.start()
    began = time.monotonic()
    answer = await one_answer(place, "/busy-once.jpg")
    assert (answer.outcome, answer.attempts) == ("succeeded", 1)
    assert time.monotonic() - began >= 2
    assert place.asked["/busy-once.jpg"] == 2


async def test_a_codec_process_that_is_killed_costs_no_picture(place: Place) -> None:
    await place.start()
    request_id = await place.request("/laborious.jpg", "/cup.jpg")
    await killed_at_work(place.processes[-1].pid)
    answers = await place.answers(request_id, 2)
    assert [answers[index].outcome for index in (0, 1)] == ["succeeded", "succeeded"]


async def test_downloads_across_a_suspension_cost_no_attempt(stack: StackForTests, tmp_path: Path) -> None:
    async with place_on(stack, tmp_path, FETCH_TIMEOUT_SECONDS="2", KAFKA_SESSION_TIMEOUT_SECONDS="30") as place:
        await place.start()
        request_id = await place.request("/slow.jpg")
        await until(lambda: place.asked["/slow.jpg"], what="the download has begun")
        process = place.processes[-1].pid
        os.kill(process, signal.SIGSTOP)
        began = time.monotonic()
        try:
            await until(lambda: time.monotonic() > began + 4, what="the processor was stopped for long")
        finally:
            os.kill(process, signal.SIGCONT)
        answer = (await place.answers(request_id, 1))[0]
        assert (answer.outcome, answer.attempts) == ("succeeded", 1)


def left_in(home: Path) -> list[str]:
    return [path.name for path in home.rglob("*") if path.is_file()]


async def supervised(place: Place, request_id: RequestId, count: int) -> int:
    """Start the processor again whenever it dies, until there are so many results; return how often it died."""
    deaths = 0
    while True:
        process = await place.begin(POISONED)
        done = asyncio.create_task(place.answers(request_id, count))
        died = asyncio.create_task(process.wait())
        await asyncio.wait({done, died}, return_when=asyncio.FIRST_COMPLETED)
        for task in (done, died):
            task.cancel()
        if done.done() and not done.cancelled():
            done.result()
            return deaths
        deaths += 1
        place.processes.remove(process)


@pytest.mark.checklist("P21", "P22")
async def test_records_that_kill_processors_are_given_up_and_their_neighbours_succeed(
    stack: StackForTests, tmp_path: Path
) -> None:
    async with place_on(stack, tmp_path, KAFKA_GROUP_INSTANCE_ID="poisoned") as place:
        paths = [*["/cup.jpg"] * 8, "/poison.jpg", *["/cup.jpg"] * 4, "/poison.jpg", *["/cup.jpg"] * 8]
        request_id = await place.request(*paths)
        deaths = await supervised(place, request_id, len(paths))
        assert deaths - 2 * ALONE in {1, 2}, "in company, both at once or one after the other"
        answers = await place.answers(request_id, len(paths))
        poisons = [answers.pop(index) for index, path in enumerate(paths) if path == "/poison.jpg"]
        assert {answer.outcome for answer in answers.values()} == {"succeeded"}
        assert [poison.error and poison.error.code for poison in poisons] == ["internal_error"] * 2
        letters = [letter.event for letter in place.letters if isinstance(letter.event, ImageRequested)]
        assert {letter.indexes for letter in letters} == {poison.indexes for poison in poisons}
        assert {letter.headers["error-code"] for letter in place.letters} == {"internal_error"}
        assert await place.stop() == 0
        assert [name.partition("@")[0] for name in sorted(left_in(tmp_path))] == [
            "adopting.lock",
            *[f"{place.settings.kafka_topic_prefix}images.requested.express.v1"] * 2,
        ]


async def test_a_killed_processor_costs_its_images_nothing_but_a_second_try(place: Place) -> None:
    await place.start()
    request_id = await place.request(*(f"/slow-{number}.jpg" for number in range(6)))
    await until(lambda: place.asked, what="downloads have begun")
    await place.kill()
    await place.start()
    answers = await place.answers(request_id, 6)
    assert {(answer.outcome, answer.attempts) for answer in answers.values()} == {("succeeded", 1)}
