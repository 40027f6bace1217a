"""From a record to its handler; what cannot be decoded is set aside."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Protocol

from shared.events import Event
from shared.kafka.cloudevents import Undecodable, decode
from shared.kafka.records import Record, Rest
from shared.kafka.undecodable import UndecodableShare
from shared.stopping import dropped_calls_are_away
from shared.topics import Topic
from shared.trace_context import enter_trace

log = logging.getLogger(__name__)

Handlers = Mapping[type[Event] | type[Record], Callable[[Any], Awaitable[Rest | None]]]
"""By event type, called with `Received`. A handler of `Record` gets every record as it came, whatever is in it."""


class DeadLetters(Protocol):
    """Where undecodable records go."""

    async def dead_letter(self, record: Record, *, reason: str) -> None: ...


class Hops(Protocol):
    """What sends on a record that left a retry tier before its time."""

    async def hop(self, record: Record) -> bool:
        """Return False when the time has come."""
        ...


class Dispatcher:
    """Decodes records and calls the handler of their event. An event without a handler is passed over."""

    def __init__(
        self, topics: Mapping[str, Topic], handlers: Handlers, dead_letters: DeadLetters, hops: Hops | None = None
    ) -> None:
        self._topics = topics
        self._handlers = handlers
        self._dead_letters = dead_letters
        self._hops = hops
        self._share = UndecodableShare()

    async def dispatch(self, record: Record) -> Rest | None:
        """Return what the handler leaves to do.

        Raise what it raises, and `TooManyUndecodable` when a flood of bad records comes in.
        """
        with dropped_calls_are_away("a library"):
            rest = await self._dispatch(record)
        return None if rest is None else partial(_done, rest)

    async def _dispatch(self, record: Record) -> Rest | None:
        if self._hops is not None and self._topics[record.topic].delay and await self._hops.hop(record):
            return None
        takes_all = self._handlers.get(Record)
        if takes_all is not None:
            return await takes_all(record)
        try:
            received = decode(record, self._topics[record.topic].events)
        except Undecodable as error:
            await self._set_aside(record, str(error))
            return None
        self._share.decoded()
        handler = self._handlers.get(type(received.event))
        if handler is None:
            return None
        enter_trace(received.headers.get("traceparent"))
        return await handler(received)

    async def _set_aside(self, record: Record, reason: str) -> None:
        await self._dead_letters.dead_letter(record, reason=reason)
        log.warning("undecodable record set aside", extra={"trigger": str(record.trigger), "reason": reason})
        self._share.undecodable()


async def _done(rest: Rest) -> None:
    with dropped_calls_are_away("a library"):
        await rest()
