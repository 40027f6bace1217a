"""When each request reached its end, as a consumer of the completion events learns it."""

import json
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

from confluent_kafka import OFFSET_END, Consumer, TopicPartition

TOPIC: Final = "requests.completed.v1"
POLL_SECONDS: Final = 0.2
METADATA_SECONDS: Final = 10.0


class Completions:
    """Reads committed events in a thread, from the moment that it is entered."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings["KAFKA_BOOTSTRAP_SERVERS"],
                "group.id": "bench",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                # Events are handed over at once; only asking in vain costs the broker that is measured.
                "fetch.wait.max.ms": 5000,
            }
        )
        self._topic = settings.get("KAFKA_TOPIC_PREFIX", "") + TOPIC
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._changed = threading.Condition()
        self.at: dict[str, float] = {}
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        partitions = self._consumer.list_topics(self._topic, METADATA_SECONDS).topics[self._topic].partitions
        self._consumer.assign([TopicPartition(self._topic, number, OFFSET_END) for number in partitions])
        # The end is looked up at the first poll.
        self._consumer.poll(POLL_SECONDS)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def wait_for(self, requests: int, *, seconds: float) -> bool:
        """Wait until so many requests have ended; False when they have not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.at) >= requests, seconds)

    def forget(self) -> None:
        """Begin to count anew."""
        with self._changed:
            self.at.clear()
            self.events.clear()

    def _read(self) -> None:
        while not self._stop.is_set():
            message = self._consumer.poll(POLL_SECONDS)
            if message is None or message.error() is not None:
                continue
            event = json.loads(message.value() or b"{}")
            with self._changed:
                self.at[event["request_id"]] = time.monotonic()
                self.events.append(event)
                self._changed.notify_all()
