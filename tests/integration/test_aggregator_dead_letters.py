"""Dead letters of every kind on the real stack: shown as they are, replayed once and only when asked."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio

from services.aggregator.adapters.postgres_dead_letters import ROWS_AT_ONCE, SHOWN_BYTES, PostgresDeadLetters
from services.aggregator.adapters.postgres_deletion import PostgresDeletion
from services.aggregator.domain.dead_letter import DEAD_LETTER_TOPICS, DeadLetter, DeadLetterKind, LetterId
from services.aggregator.domain.dead_letter_list import NEWEST, OLDEST, Wanted
from shared.events import DeliveryDue, RetryRequested
from shared.ids import RequestId
from shared.kafka.cloudevents import decode
from shared.topics import IMAGES_DLT, REQUESTS_PROGRESS, UNDECODABLE_DLT, WEBHOOKS_RETRY
from tests.integration.aggregator_place import Place, place_on
from tests.integration.dead_letter_place import (
    STRANGE_HEADERS,
    Operator,
    end,
    give_up_delivery,
    give_up_images,
    now,
    set_aside,
)
from tests.stack import StackForTests

pytestmark = pytest.mark.stack


@pytest_asyncio.fixture
async def place(stack: StackForTests) -> AsyncIterator[Place]:
    async with place_on(stack) as found:
        yield found


@pytest_asyncio.fixture
async def operator(place: Place) -> Operator:
    return Operator(place, await place.start("finisher", "api"))


async def test_a_letter_of_each_kind_is_shown_with_its_origin_and_payload(place: Place, operator: Operator) -> None:
    request_id = RequestId(str(uuid4()))
    await give_up_images(place, request_id, 3)
    delivery_id = await give_up_delivery(place, request_id)
    record = await set_aside(place, b"\xff not JSON")
    letters = {letter["kind"]: letter for letter in await operator.sees(3)}
    image, delivery, undecodable = (letters[kind] for kind in ("image", "delivery", "undecodable"))
    assert (image["code"], image["message"]) == ("http_404", "The source answered 404.")
    assert image["request_id"] == delivery["request_id"] == request_id
    assert image["origin"]["topic"].endswith("images.requested.bulk.v1")
    assert image["payload"]["text"].startswith(f'{{"request_id":"{request_id}"')
    assert (delivery["code"], delivery["key"]["text"]) == ("http_500", delivery_id)
    assert undecodable["origin"] == {"topic": record.topic, "partition": 0, "offset": 4711}
    assert (undecodable["payload"]["text"], undecodable["payload"]["base64"]) == ("/yBub3QgSlNPTg==", True)
    groups = (await operator.listed())["groups"]
    assert {(group["kind"], group["code"]): (group["count"], group["replayed"]) for group in groups} == {
        ("image", "http_404"): (1, 0),
        ("delivery", "http_500"): (1, 0),
        ("undecodable", "undecodable"): (1, 0),
    }
    assert [item["kind"] for item in (await operator.listed(kind="delivery"))["items"]] == ["delivery"]
    assert (await operator.listed(request_id=request_id, code="http_404"))["items"] == [image]


async def test_letters_of_one_request_become_one_retry_request(place: Place, operator: Operator) -> None:
    request = await place.submit(4, accepted=False)
    await give_up_images(place, request.request_id, 0, 1, 2)
    letters = await operator.sees(3)
    refused = (await operator.replay(code="http_404"))["items"]
    assert {(item["outcome"], item["code"]) for item in refused} == {("refused", "request_not_ended")}
    await end(place, request)
    assert await operator.outcomes(code="http_404", dry_run=True) == ["would_replay"] * 3
    assert await place.records(REQUESTS_PROGRESS) == []
    assert await operator.listed() == {**await operator.listed(), "items": letters}
    # One letter stands for all: what is tried again is the request.
    assert await operator.outcomes(ids=[letters[0]["id"]]) == ["replayed"]
    assert await operator.outcomes(code="http_404") == []
    assert await operator.outcomes(ids=[letter["id"] for letter in letters]) == ["already_replayed"] * 3
    [retry] = await place.read(REQUESTS_PROGRESS)
    assert isinstance(retry.event, RetryRequested)
    assert retry.event.request_id == request.request_id
    assert [letter["replays"] for letter in (await operator.listed())["items"]] == [1, 1, 1]


async def test_letters_that_come_after_the_replay_of_their_request_are_replayed_already(
    place: Place, operator: Operator
) -> None:
    request = await place.submit(4, accepted=False)
    await end(place, request)
    await give_up_images(place, request.request_id, 0)
    await operator.sees(1)
    assert await operator.outcomes(request_id=request.request_id) == ["replayed"]
    await give_up_images(place, request.request_id, 1, 2)
    late = (await operator.sees(3))[0]
    assert (late["replays"], (await operator.listed())["groups"][0]["replayed"]) == (1, 3)
    assert await operator.outcomes(code="http_404") == []
    assert await operator.outcomes(ids=[late["id"]]) == ["already_replayed"]
    assert await operator.outcomes(ids=[late["id"]], again=True) == ["replayed"]
    first, again = await place.read(REQUESTS_PROGRESS)
    assert isinstance(first.event, RetryRequested)
    assert isinstance(again.event, RetryRequested)
    assert first.event.retry_id != again.event.retry_id


async def test_a_letter_that_does_not_hold_all_of_its_record_says_so_and_is_not_replayed(
    place: Place, operator: Operator
) -> None:
    await set_aside(place, b"x" * 3_000_000)
    [letter] = await operator.sees(1)
    assert letter["lacks"] == "value=3000000"
    [item] = (await operator.replay(code="undecodable"))["items"]
    assert (item["outcome"], item["code"]) == ("refused", "cut")
    assert await place.records(REQUESTS_PROGRESS) == []


async def test_a_letter_of_a_deleted_request_is_refused(place: Place, operator: Operator) -> None:
    await give_up_images(place, RequestId(str(uuid4())), 0)
    [letter] = await operator.sees(1)
    [item] = (await operator.replay(ids=[letter["id"]]))["items"]
    assert (item["outcome"], item["code"]) == ("refused", "request_gone")
    assert await place.records(REQUESTS_PROGRESS) == []


async def test_a_delivery_is_due_again_from_its_first_attempt(place: Place, operator: Operator) -> None:
    request_id = RequestId(str(uuid4()))
    delivery_id = await give_up_delivery(place, request_id)
    [letter] = await operator.sees(1)
    assert await operator.outcomes(request_id=request_id, dry_run=True) == ["would_replay"]
    assert await place.records(WEBHOOKS_RETRY[0]) == []
    assert await operator.outcomes(request_id=request_id) == ["replayed"]
    assert await operator.outcomes(request_id=request_id) == []
    [record] = await place.records(WEBHOOKS_RETRY[0])
    due = decode(record, [DeliveryDue]).event
    assert isinstance(due, DeliveryDue)
    assert (due.delivery_id, due.attempt, record.key) == (delivery_id, 0, delivery_id.encode())
    headers = dict(record.headers)
    assert headers["replayed-from"].decode() == letter["id"].replace(":", "/")
    assert not {"attempt", "not-before", "first-failed-at", "origin-topic", "error-code"} & headers.keys()


async def test_an_undecodable_record_goes_back_to_its_topic_byte_for_byte(place: Place, operator: Operator) -> None:
    value = b"\xff" * 3 * SHOWN_BYTES
    record = await set_aside(place, value)
    [letter] = await operator.sees(1)
    assert (letter["payload"]["cut"], letter["payload"]["bytes"]) == (True, len(value))
    assert await operator.outcomes(ids=[letter["id"]], dry_run=True) == ["would_replay"]
    assert await operator.outcomes(ids=[letter["id"]]) == ["replayed"]
    [back] = await place.records(REQUESTS_PROGRESS)
    replayed_from = ("replayed-from", letter["id"].replace(":", "/").encode())
    assert (back.key, back.value) == (record.key, value)
    assert back.headers == (*STRANGE_HEADERS, replayed_from)
    # Its reader still cannot read it: a new letter, and nothing goes on by itself.
    letters = await operator.sees(2)
    assert await operator.outcomes(code="undecodable", kind="undecodable", dry_run=True) == ["would_replay"]
    assert len(await place.records(UNDECODABLE_DLT)) == 2
    assert await operator.outcomes(ids=[letter["id"]], again=True) == ["replayed"]
    assert len(letters) == 2


async def test_a_whole_letter_is_shown_by_its_id(place: Place, operator: Operator) -> None:
    await set_aside(place, b"x" * 3 * SHOWN_BYTES)
    [letter] = await operator.sees(1)
    whole = (await operator.ask("GET", f"/{letter['id']}")).json()
    assert (len(whole["payload"]["text"]), whole["payload"]["cut"]) == (3 * SHOWN_BYTES, False)
    assert (await operator.ask("GET", "/undecodable.dlt.v1:0:0")).status_code == 404


async def test_only_one_call_replays_at_a_time(place: Place, operator: Operator) -> None:
    await set_aside(place, b"first")
    [letter] = await operator.sees(1)
    async with rows(place).replaying() as own:
        assert own is not None
        answer = await operator.ask("POST", "/replay", json={"ids": [letter["id"]]})
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:pixelmill:problem:replay-running")
        assert await operator.outcomes(ids=[letter["id"]], dry_run=True) == ["would_replay"]
    answers = await asyncio.gather(*(operator.ask("POST", "/replay", json={"code": "undecodable"}) for _ in range(4)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len(await place.records(REQUESTS_PROGRESS)) == 1


def kinds(place: Place) -> dict[str, DeadLetterKind]:
    return {place.connection.topic(topic): kind for kind, topic in DEAD_LETTER_TOPICS.items()}


def rows(place: Place) -> PostgresDeadLetters:
    return PostgresDeadLetters(place.database, kinds(place))


def letter_at(place: Place, offset: int, **changes: object) -> DeadLetter:
    fields: dict[str, object] = {
        "id": LetterId(place.connection.topic(UNDECODABLE_DLT), 0, offset),
        "kind": "undecodable", "at": now().replace(microsecond=0), "code": "undecodable", "message": "",
        "request_id": None, "subject": None, "origin": None, "key": b"", "value": b"", "headers": (),
        "key_bytes": 0, "value_bytes": 0,
    }  # fmt: skip
    return DeadLetter(**(fields | changes))  # type: ignore[arg-type]  # fields of a letter


async def test_a_letter_recorded_twice_is_one_row_and_keeps_what_became_of_it(place: Place) -> None:
    letter = letter_at(place, 0)
    assert await rows(place).insert(letter)
    async with rows(place).reading() as letters:
        await letters.mark([letter], at=now())
    assert not await rows(place).insert(letter)
    [found] = await rows(place).page(Wanted(), before=NEWEST, limit=10)
    assert found.replays == 1


@pytest.mark.parametrize("kind", ["image", "delivery"])
async def test_more_letters_of_one_subject_than_a_step_takes_are_all_marked(place: Place, kind: DeadLetterKind) -> None:
    count = 2 * ROWS_AT_ONCE + 1
    topic, subject = place.connection.topic(DEAD_LETTER_TOPICS[kind]), str(uuid4())
    letter = letter_at(place, 0, id=LetterId(topic, 0, 0), kind=kind, subject=subject)
    await rows(place).insert(letter)
    await place.execute(
        """INSERT INTO aggregator.dead_letters
               (topic, partition, "offset", at, code, message, subject, key, value, headers)
           SELECT topic, 0, number, at, code, message, subject, key, value, headers
           FROM aggregator.dead_letters, generate_series(1, $2) number WHERE topic = $1""",
        topic,
        count - 1,
    )
    async with rows(place).replaying() as own:
        assert own is not None
        await own.mark([letter], at=now())
        assert (await own.fitting(Wanted(kind=kind), after=OLDEST, limit=10)) == ([], 0)
    [group] = await rows(place).groups(Wanted(kind=kind))
    assert (group.count, group.replayed) == (count, count)


async def test_that_a_request_was_replayed_is_known_as_long_as_it_has_letters(place: Place) -> None:
    topic, subject, old = place.connection.topic(IMAGES_DLT), str(uuid4()), now() - 2 * IMAGES_DLT.kept
    first = letter_at(place, 0, id=LetterId(topic, 0, 0), kind="image", subject=subject, at=old)
    late = letter_at(place, 0, id=LetterId(topic, 0, 1), kind="image", subject=subject)
    for letter in (first, late):
        await rows(place).insert(letter)
    async with rows(place).reading() as letters:
        await letters.mark([first], at=old)
    await rows(place).remove_older("image", now() - IMAGES_DLT.kept)
    [left] = await rows(place).page(Wanted(), before=NEWEST, limit=10)
    assert (left.id, left.replays) == (late.id, 1)
    await rows(place).remove_older("image", now() + IMAGES_DLT.kept)
    assert await rows(place).insert(late)
    [anew] = await rows(place).page(Wanted(), before=NEWEST, limit=10)
    assert anew.replays == 0


async def test_a_deleted_request_leaves_no_letter_and_no_mark(place: Place) -> None:
    topic, request_id = place.connection.topic(IMAGES_DLT), RequestId(str(uuid4()))
    letter = letter_at(place, 0, id=LetterId(topic, 0, 0), kind="image", request_id=request_id, subject=str(request_id))
    await rows(place).insert(letter)
    async with rows(place).reading() as letters:
        await letters.mark([letter], at=now())
    await PostgresDeletion(place.database).delete(request_id)
    assert await rows(place).insert(letter)
    [anew] = await rows(place).page(Wanted(), before=NEWEST, limit=10)
    assert anew.replays == 0


async def test_a_topic_that_was_made_anew_has_new_letters(place: Place) -> None:
    await rows(place).insert(letter_at(place, 0, message="old"))
    assert await rows(place).insert(letter_at(place, 0, message="new", at=now()))
    [found] = await rows(place).page(Wanted(), before=NEWEST, limit=10)
    assert found.message == "new"


async def test_pages_go_back_in_time_and_miss_nothing(place: Place) -> None:
    at = now()
    for offset in range(7):
        await rows(place).insert(letter_at(place, offset, at=at))
    operator = Operator(place, await place.start("api"))
    seen, cursor = [], None
    while True:
        page = await operator.listed(limit=3, **({"cursor": cursor} if cursor else {}))
        seen += [item["id"].rpartition(":")[2] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ["6", "5", "4", "3", "2", "1", "0"]


async def test_old_letters_are_forgotten(place: Place) -> None:
    await rows(place).insert(letter_at(place, 0, at=now() - UNDECODABLE_DLT.kept))
    await rows(place).insert(letter_at(place, 1))
    await rows(place).remove_older("undecodable", now() - UNDECODABLE_DLT.kept)
    assert [letter.id.offset for letter in await rows(place).page(Wanted(), before=NEWEST, limit=10)] == [1]
