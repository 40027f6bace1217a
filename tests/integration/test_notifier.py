"""The notifier's process on a real Kafka, Postgres and S3, with a receiver on loopback."""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from standardwebhooks import Webhook

from deploy.migrate import migrate
from services.notifier.settings import NotifierSettings
from services.notifier.wiring import TOPICS
from shared.events import RequestCompleted, RequestDeleted
from shared.ids import RequestId
from shared.kafka.admin import create_topics
from shared.kafka.connection import KafkaConnection
from shared.kafka.producer import EventProducer
from shared.object_keys import request_object
from shared.object_store import ObjectStore, open_object_store
from shared.request_files import RequestFile
from shared.topics import REQUESTS_COMPLETED, REQUESTS_DELETED, UNDECODABLE_DLT, WEBHOOKS_DLT, partitioned
from tests.ports import free_port
from tests.scripted_server import Asked, Reply, ScriptedServer, scripted_server
from tests.stack import StackForTests
from tests.unit.notifier.fakes import NOON, SECRET_TEXT, completed
from tests.waiting import until

pytestmark = pytest.mark.stack

HOOK = "POST /hook"


@dataclass
class Place:
    """Where the notifier runs: its environment, what others write there, and the receiver of its webhooks."""

    environment: Mapping[str, str]
    store: ObjectStore
    producer: EventProducer
    receiver: ScriptedServer
    settings: NotifierSettings
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.http_port}"

    async def start(self) -> None:
        """Start the notifier; return when it is ready."""
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "services.notifier", env=self.environment)
        self.processes.append(process)
        await until(self._is_ready, seconds=60, what="the notifier is ready")

    async def kill(self) -> None:
        self.processes[-1].kill()
        await self.processes.pop().wait()

    async def stop(self) -> int:
        """Stop the notifier as its supervisor would, and return its exit code."""
        self.processes[-1].terminate()
        return await asyncio.wait_for(self.processes.pop().wait(), 40)

    async def complete(self, callback_url: str | None) -> RequestCompleted:
        """A request that ends, as ingest and aggregator leave it."""
        event = completed(RequestId(str(uuid4())))
        await self.store.put(
            self.settings.s3_bucket_requests,
            request_object(event.request_id),
            request_file(event, callback_url).model_dump_json().encode(),
            content_type="application/json",
        )
        await self.publish(event)
        return event

    async def publish(self, event: RequestCompleted) -> None:
        await self.producer.publish(REQUESTS_COMPLETED, event)

    async def deliveries(self, event: RequestCompleted) -> list[dict[str, Any]]:
        answer = await self.get(f"/v1/requests/{event.request_id}/deliveries")
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def get(self, path: str) -> httpx2.Response:
        async with httpx2.AsyncClient(base_url=self.url, trust_env=False) as client:
            return await client.get(path)

    async def settled(self, event: RequestCompleted) -> dict[str, Any]:
        """The one delivery of a request, once an attempt at it is on record."""

        async def found() -> object:
            return [one for one in await self.deliveries(event) if one["state"] != "pending"]

        await until(found, seconds=30, what="a delivery is settled")
        (delivery,) = await self.deliveries(event)
        return delivery

    async def attempted(self, event: RequestCompleted, times: int = 1) -> dict[str, Any]:
        """The one delivery of a request, once so many attempts at it are on record."""

        async def found() -> object:
            return [one for one in await self.deliveries(event) if len(one["attempts"]) >= times]

        await until(found, seconds=30, what="a webhook is attempted")
        (delivery,) = await self.deliveries(event)
        return delivery

    async def _is_ready(self) -> bool:
        assert self.processes[-1].returncode is None, "the notifier has ended"
        try:
            return (await self.get("/readyz")).status_code == 200
        except httpx2.TransportError:
            return False


def request_file(event: RequestCompleted, callback_url: str | None) -> RequestFile:
    return RequestFile.model_validate(
        {
            "request_id": event.request_id,
            "owner": event.owner,
            "rows": 3,
            "images_total": 3,
            "chunks_total": 1,
            "chunk_size": 250,
            "window": 16,
            "lane": "express",
            "accepted_at": NOON,
            "deadline_at": NOON,
            "recipe": {"name": "default", "renditions": [{"name": "compressed"}]},
            "csv": {"columns": ["a"], "serial_column": 0, "name_column": 0, "urls_column": 0},
            "callback_url": callback_url,
        }
    )


def environment_for(stack: StackForTests) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        **stack.environment(),
        "KAFKA_TOPIC_PREFIX": f"notifier-{uuid4().hex[:8]}.",
        "KAFKA_SESSION_TIMEOUT_SECONDS": "6",
        "HTTP_PORT": str(free_port()),
        "WEBHOOK_SECRET": SECRET_TEXT,
        "AUTH": "off",
        "FETCH_ALLOW_NETWORKS": "127.0.0.0/8",
    }


@asynccontextmanager
async def place_on(stack: StackForTests) -> AsyncIterator[Place]:
    environment = environment_for(stack)
    settings = NotifierSettings.model_validate({name.lower(): value for name, value in environment.items()})
    await migrate(environment["DATABASE_URL"])
    connection = KafkaConnection(settings)
    wanted = {topic.name for topic in (*TOPICS, WEBHOOKS_DLT, UNDECODABLE_DLT)}
    await create_topics(connection, [one for one in partitioned(connection.partitioning) if one.name in wanted])
    store = open_object_store(settings)
    await store.create_bucket(settings.s3_bucket_requests)
    producer = EventProducer(connection, "pixelmill/aggregator")
    with scripted_server() as receiver:
        place = Place(environment, store, producer, receiver, settings)
        try:
            yield place
        finally:
            while place.processes:
                await place.kill()
            await producer.stop()
            store.close()


@pytest.fixture
async def place(stack: StackForTests) -> AsyncIterator[Place]:
    async with place_on(stack) as place:
        await place.start()
        yield place


async def test_a_completion_becomes_one_signed_webhook_with_its_attempt_on_record(place: Place) -> None:
    place.receiver.on(HOOK, Reply(200, {"thanks": True}))
    event = await place.complete(f"{place.receiver.url}/hook")
    delivery = await place.settled(event)
    (posted,) = place.receiver.asked
    body = Webhook(SECRET_TEXT).verify(posted.body, dict(posted.headers))
    assert body == {
        "type": "request.completed",
        "timestamp": event.model_dump(mode="json")["completed_at"],
        "data": event.model_dump(mode="json"),
    }
    assert posted.headers["webhook-id"] == delivery["delivery_id"]
    assert delivery["state"] == "delivered"
    (attempt,) = delivery["attempts"]
    assert (attempt["status"], attempt["error"], attempt["response"]) == (200, None, '{"thanks": true}')
    assert attempt["trigger"].startswith(place.settings.kafka_topic_prefix + "requests.completed.v1/")


async def test_failures_of_every_kind_are_visible_and_an_event_published_twice_is_posted_once(place: Place) -> None:
    place.receiver.on(HOOK, Reply(500, "broken"))
    place.receiver.on("POST /moved", Reply(307, "", headers={"Location": f"{place.receiver.url}/hook"}))
    events = {
        "http_500": await place.complete(f"{place.receiver.url}/hook"),
        "http_307": await place.complete(f"{place.receiver.url}/moved"),
        "blocked_address": await place.complete("http://10.1.2.3/hook"),
        "connect_error": await place.complete(f"http://127.0.0.1:{free_port()}/hook"),
    }
    for event in events.values():
        await place.publish(event)
    for code, event in events.items():
        delivery = await place.attempted(event)
        # What may never be called is given up; all else is tried for three days.
        expected = "failed" if code == "blocked_address" else "pending"
        assert (delivery["state"], delivery["attempts"][0]["error"]["code"]) == (expected, code)
        assert (delivery["next_attempt_at"] is None) == (expected == "failed")
    place.receiver.on("POST /end", Reply(200))
    last = await place.complete(f"{place.receiver.url}/end")
    await place.settled(last)
    first = [asked.path for asked in place.receiver.asked[: place.receiver.asked.index(_at(place, "/end"))]]
    assert sorted(first) == ["/hook", "/moved"]


def _at(place: Place, path: str) -> Asked:
    return next(asked for asked in place.receiver.asked if asked.path == path)


async def test_without_a_callback_nothing_is_owed_and_a_deleted_request_is_404(place: Place) -> None:
    silent = await place.complete(None)
    deleted = completed(RequestId(str(uuid4())))
    await place.publish(deleted)
    place.receiver.on(HOOK, Reply(204, b""))
    await place.settled(await place.complete(f"{place.receiver.url}/hook"))
    assert await place.deliveries(silent) == []
    assert (await place.get(f"/v1/requests/{deleted.request_id}/deliveries")).status_code == 404


async def test_the_deliveries_of_a_deleted_request_go_with_it(place: Place) -> None:
    place.receiver.on(HOOK, Reply(204, b""))
    event = await place.complete(f"{place.receiver.url}/hook")
    await place.settled(event)
    await place.store.delete_all(place.settings.s3_bucket_requests, f"{event.request_id}/")
    deleted = RequestDeleted(request_id=event.request_id, owner=event.owner)
    await place.producer.publish(REQUESTS_DELETED, deleted, deleted)
    path = f"/v1/requests/{event.request_id}/deliveries"

    async def is_gone() -> bool:
        return (await place.get(path)).status_code == 404

    await until(is_gone, seconds=30, what="the deliveries are gone")
    await place.publish(event)
    await place.settled(await place.complete(f"{place.receiver.url}/hook"))
    assert await is_gone()
    assert len(place.receiver.asked) == 2


async def test_a_kill_between_post_and_record_posts_again_under_the_same_webhook_id(place: Place) -> None:
    released = threading.Event()
    place.receiver.on(HOOK, Reply(200, "", after=released), Reply(200, ""))
    event = await place.complete(f"{place.receiver.url}/hook")
    await until(lambda: place.receiver.asked, what="the webhook is under way")
    await place.kill()
    released.set()
    await place.start()
    delivery = await place.settled(event)
    assert delivery["state"] == "delivered"
    assert len(place.receiver.asked) == 2
    assert {asked.headers["webhook-id"] for asked in place.receiver.asked} == {delivery["delivery_id"]}
    assert {asked.body for asked in place.receiver.asked} == {place.receiver.asked[0].body}


async def test_sigterm_ends_the_process_cleanly(place: Place) -> None:
    assert await place.stop() == 0
